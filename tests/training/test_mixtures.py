"""What a scene's picture is matched with: the clusters that truly sound, and sound that is mixed anew."""

import numpy as np
import pytest
import torch
from scipy.io import wavfile

from dsol.data.levels import rms
from dsol.data.scenes import compose
from dsol.data.store import Store
from dsol.errors import DsolError
from dsol.training.mixtures import Remix, Sources, read_distractors, second_of, shares


@pytest.fixture(scope="module")
def composed(shapes, tmp_path_factory):
    """Scenes of three shapes, one of which sounds, their clips and the clips' labels."""
    clips = shapes.select(split="train")
    categories = sorted(set(clips.column("category")))
    labels = {c: categories.index(k) for c, k in zip(clips.column("clip"), clips.column("category"), strict=True)}
    scenes = compose(clips, tmp_path_factory.mktemp("teachers") / "scenes", scenes=12, objects=3, sounding=1)
    return scenes, clips, labels


def test_shares_are_equal_and_no_logarithm_is_infinite():
    p_a = shares([[1], [0, 2]], 4)
    assert torch.isfinite(p_a).all()
    assert p_a.softmax(1)[1].tolist() == pytest.approx([0.4951, 0.0049, 0.4951, 0.0049], abs=1e-3)


def test_the_teacher_names_what_was_mixed_in(composed):
    scenes, _, labels = composed
    teacher = Sources(scenes, labels, 4).teacher(range(len(scenes)))
    categories = sorted({s for row in scenes.rows for s in row.sounding})
    assert [categories[k] for k in teacher.argmax(1)] == [row.sounding[0] for row in scenes.rows]


def test_a_remix_sounds_like_the_source_that_its_teacher_names(composed):
    scenes, clips, labels = composed
    remix, rows = Remix(Sources(scenes, labels, 4), clips), list(range(len(scenes)))
    waveforms, teacher, present = remix(rows, np.random.default_rng(0))
    tones = np.abs(np.fft.rfft(waveforms.numpy())).argmax(1)  # one bin a hertz
    nearest = np.abs(tones[:, None] - np.array([300, 800, 2000, 5000])).argmin(1)  # of bar, disc, ring, square
    assert nearest.tolist() == teacher.argmax(1).tolist() == present.argmax(1).tolist()
    assert present.sum(1).tolist() == [1.0] * len(rows)
    assert (rms(waveforms.numpy()) > 0.05).all()


def test_remixes_differ_and_are_the_same_for_the_same_draws(composed):
    scenes, clips, labels = composed
    remix, rows = Remix(Sources(scenes, labels, 4), clips), list(range(len(scenes)))
    first, teacher, _ = remix(rows, np.random.default_rng(0))
    again, *_ = remix(rows, np.random.default_rng(0))
    other, changed, _ = remix(rows, np.random.default_rng(1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert not torch.equal(teacher, changed)  # other sources sound
    assert ((teacher.softmax(1) > 0.1).sum(1) == (changed.softmax(1) > 0.1).sum(1)).all()  # as many as before


def test_scenes_of_unknown_clips_are_refused(composed):
    scenes, _, labels = composed
    with pytest.raises(DsolError, match="does not say which training clips sound in scene/000000"):
        Sources(scenes, dict.fromkeys(list(labels)[:1], 0), 4)


def test_a_store_that_is_not_composed_is_refused(composed):
    _, clips, labels = composed
    with pytest.raises(DsolError, match=r"use --stage_two\.teacher mixture"):
        Sources(Store.open(clips.path), labels, 4)


def test_a_remix_with_no_source_is_noise_and_nothing_is_present(composed):
    scenes, clips, labels = composed
    remix, rows = Remix(Sources(scenes, labels, 4), clips, any_number=True), list(range(len(scenes)))
    waveforms, teacher, present = remix(rows, np.random.default_rng(0))
    quiet = present.sum(1) == 0
    assert set(present.sum(1).tolist()) == {0.0, 1.0}
    assert torch.allclose(teacher[quiet].softmax(1), torch.full((4,), 0.25))
    assert (rms(waveforms.numpy()) > 0.01).all()


def test_unknown_sounds_join_some_mixtures_and_are_never_present(composed):
    scenes, clips, labels = composed
    tone = np.sin(2 * np.pi * 3333 * np.arange(40_000) / 16_000).astype(np.float32)
    sources, rows = Sources(scenes, labels, 4), list(range(len(scenes))) * 20
    waveforms, _, present = Remix(sources, clips, any_number=True, distractors=[tone])(rows, np.random.default_rng(0))
    spectra = np.abs(np.fft.rfft(waveforms.numpy()))
    joined = spectra[:, 3333] > 0.3 * spectra.max(1)
    known = present.sum(1).numpy() > 0
    assert 0.25 < joined[known].mean() < 0.42  # a third
    assert 0.4 < joined[~known].mean() < 0.6  # half
    assert set(present.sum(1).tolist()) == {0.0, 1.0}


def test_a_second_is_cut_from_a_long_recording_and_a_short_one_is_repeated():
    random = np.random.default_rng(0)
    long, short = np.arange(50_000, dtype=np.float32), np.arange(3_000, dtype=np.float32)
    piece = second_of(long, random)
    assert np.array_equal(piece, long[int(piece[0]) :][:16_000])
    assert len(second_of(short, random)) == 16_000
    assert set(second_of(short, random)) == set(short)


def test_other_recordings_are_read_at_any_depth_and_broken_ones_are_said(tmp_path, capsys):
    (tmp_path / "drum").mkdir()
    wavfile.write(tmp_path / "drum" / "a.wav", 16_000, np.full(8_000, 0.5, np.float32))
    wavfile.write(tmp_path / "silent.wav", 16_000, np.zeros(8_000, np.float32))
    (tmp_path / "broken.ogg").write_text("no sound")
    assert [len(sound) for sound in read_distractors(tmp_path)] == [8_000]
    assert "broken.ogg" in capsys.readouterr().err


def test_a_folder_in_which_nothing_can_be_heard_is_refused(tmp_path):
    wavfile.write(tmp_path / "silent.wav", 16_000, np.zeros(8_000, np.float32))
    with pytest.raises(DsolError, match="holds no recordings that can be heard"):
        read_distractors(tmp_path)
