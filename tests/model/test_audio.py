import os
from pathlib import Path

import numpy as np
import pytest
import torch

from dsol.data.levels import SILENCE_DB, is_silent, mix, rms
from dsol.data.media import find_videos, read_seconds
from dsol.errors import DsolError
from dsol.model.audio import fine_log_mel, log_mel, mel_filters, sound_view
from tests.oracles import log_mel as oracle

TIME_S = np.arange(16_000) / 16_000
NOISE = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)
SOUNDS = {
    "noise": NOISE,
    "tone": np.sin(2 * np.pi * 440 * TIME_S),
    "tone from nothing": np.sin(2 * np.pi * 3000 * TIME_S) * TIME_S**8,
    "click": np.eye(1, 16_000, 8000)[0],
    "low band": np.convolve(NOISE, np.hanning(101), "same"),
    "silence": np.zeros(16_000),
    "full scale": np.sign(np.sin(2 * np.pi * 200 * TIME_S)),
    "whisper": NOISE * 1e-4,
}


def ours(*waveforms: np.ndarray) -> np.ndarray:
    return log_mel(torch.from_numpy(np.stack(waveforms).astype(np.float32))).numpy()


@pytest.mark.parametrize("name", SOUNDS)
def test_log_mel_is_librosas_to_a_thousandth_of_a_decibel(name):
    sound = SOUNDS[name].astype(np.float32)
    np.testing.assert_allclose(ours(sound)[0], oracle.log_mel(sound.astype(np.float64)), atol=1e-3)


@pytest.mark.skipif(not os.environ.get("DSOL_DATA"), reason="real recordings: set DSOL_DATA")
def test_log_mel_is_librosas_on_real_recordings():
    videos = find_videos(Path(os.environ["DSOL_DATA"]) / "music_mini")[::10]
    sounds = [next(read_seconds(path, size=(8, 8))).waveform for path in videos]
    assert sounds
    expected = np.stack([oracle.log_mel(sound.astype(np.float64)) for sound in sounds])
    np.testing.assert_allclose(ours(*sounds), expected, atol=1e-3)


def test_mel_filters_are_librosas_with_two_empty_ones():
    np.testing.assert_allclose(mel_filters(), oracle.mel_filters(), atol=1e-8)
    assert np.flatnonzero(mel_filters().sum(1) == 0).tolist() == [0, 13]


def test_each_clip_of_a_batch_has_its_own_80_db_range():
    loud, soft = ours(SOUNDS["tone"], SOUNDS["tone"] / 4)
    np.testing.assert_allclose(loud - 10 * np.log10(4), soft, atol=1e-3)
    assert loud.max() - loud.min() == pytest.approx(80, abs=1e-3)


def test_log_mel_is_not_harmed_by_mixed_precision():
    sound = torch.from_numpy(NOISE[None])
    with torch.autocast("cpu", torch.bfloat16):
        mixed = log_mel(sound)
    assert torch.equal(mixed, log_mel(sound))
    assert mixed.dtype == torch.float32


def test_a_mixture_without_jitter_is_the_sum():
    sounds = np.random.default_rng(1).uniform(-0.3, 0.3, (4, 3, 16_000)).astype(np.float32)
    mixture = mix(sounds, np.random.default_rng(2), gain_db=0, shift_s=0)
    np.testing.assert_allclose(mixture, sounds.sum(1), atol=1e-6)
    assert mixture.dtype == np.float32


def test_the_same_seed_gives_the_same_mixture_and_another_seed_another():
    sounds = np.stack([SOUNDS["tone"], SOUNDS["low band"]])[None] * 0.1
    first, again, other = (mix(sounds, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.allclose(first, other)


def test_jitter_keeps_within_its_range():
    click = np.zeros((200, 1, 16_000), np.float32)
    click[..., 8000] = 0.1
    mixture = mix(click, np.random.default_rng(0), gain_db=3, shift_s=0.1)
    places, gains_db = mixture.argmax(1) - 8000, 20 * np.log10(mixture.max(1) / 0.1)
    assert -1600 <= places.min() < -1200
    assert 1200 < places.max() <= 1600
    assert -3.001 <= gains_db.min() < -2.5
    assert 2.5 < gains_db.max() <= 3.001


def test_a_shift_loses_no_sound():
    mixture = mix(NOISE[None], np.random.default_rng(0), gain_db=0)
    np.testing.assert_allclose(np.sort(mixture), np.sort(NOISE))


def test_a_mixture_never_clips():
    loud = np.ones((1, 4, 16_000), np.float32)
    assert np.abs(mix(loud, np.random.default_rng(0))).max() == pytest.approx(1)


def test_a_single_mixture_needs_no_batch():
    assert mix([NOISE, NOISE], np.random.default_rng(0)).shape == (16_000,)


def test_rms_of_a_full_scale_sine_is_3_db_down():
    assert rms(SOUNDS["tone"]) == pytest.approx(np.sqrt(0.5))


@pytest.mark.parametrize(("level_db", "silent"), [(SILENCE_DB - 1, True), (SILENCE_DB + 1, False)])
def test_silence_is_a_matter_of_level(level_db, silent):
    square = SOUNDS["full scale"]
    level = 10 ** (level_db / 20) / rms(square)
    assert is_silent(np.stack([square * level, square]))[0] == silent


def test_a_log_mel_stays_what_it_is():
    spectrum = log_mel(torch.from_numpy(np.random.default_rng(0).uniform(-1, 1, (3, 16_000))))
    assert torch.equal(log_mel(spectrum), spectrum)


def test_the_fine_log_mel_is_librosas():
    import librosa

    sound = (NOISE + 0.2 * np.sin(2 * np.pi * 440 * TIME_S)).astype(np.float32)
    found = fine_log_mel(torch.from_numpy(sound[None]))[0].numpy()
    loud = sound * 0.1 / np.sqrt(np.mean(sound**2))
    power = np.abs(librosa.stft(loud, n_fft=512, hop_length=160, win_length=400, pad_mode="constant")) ** 2
    bands = librosa.filters.mel(sr=16_000, n_fft=512, n_mels=64, fmin=60, fmax=7800, norm=None) @ power
    np.testing.assert_allclose(found, ((np.log(bands + 1e-7) + 5) / 4).T, atol=1e-3)


def test_the_fine_log_mel_does_not_depend_on_loudness_and_needs_waveforms():
    sounds = torch.from_numpy(np.stack([NOISE, 0.05 * NOISE]))
    loud, soft = fine_log_mel(sounds)
    assert torch.allclose(loud, soft, atol=1e-4)
    with pytest.raises(DsolError, match="needs waveforms"):
        fine_log_mel(torch.zeros(2, 201, 64))


def test_a_view_of_a_sound_differs_each_time_and_keeps_its_pitch():
    tone = torch.from_numpy(np.stack([SOUNDS["tone"]] * 2)).float()
    views = [sound_view(tone, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)]
    assert torch.equal(views[0], views[1])
    assert not torch.equal(views[0], views[2])
    assert not torch.equal(views[0][0], views[0][1])
    assert (torch.fft.rfft(views[2]).abs().argmax(1) == 440).all()
