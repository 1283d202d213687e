"""A model is shown annotated frames with their own sound and, where a protocol asks, with sounds that nothing makes."""

import numpy as np
import pytest
import torch

from dsol.data.levels import is_silent
from dsol.data.store.shards import encode_log_mel
from dsol.evaluation.evaluate import annotated_frames, evaluate, predict_frames, wrong_sounds
from dsol.evaluation.protocols import protocol_named
from dsol.model.audio import log_mel
from dsol.model.system import load_system


def test_robust_shows_the_same_frames_with_silence_noise_and_another_clip(trained, shapes):
    frames = annotated_frames(shapes)
    heard = wrong_sounds(frames, protocol_named("robust"))
    assert set(heard) == {"swapped", "silence", "noise"}
    for n in range(len(frames.places)):
        assert is_silent(heard["silence"](n))
        assert not is_silent(heard["noise"](n))
        assert not np.array_equal(heard["swapped"](n), frames.sound(n))
    assert np.array_equal(heard["noise"](3), heard["noise"](3))
    assert not np.array_equal(heard["noise"](3), heard["noise"](4))
    assert set(wrong_sounds(frames, protocol_named("duet"))) == {"swapped"}


def test_a_models_false_positives_are_those_of_its_maps_with_these_sounds(trained, shapes):
    found = evaluate(trained, shapes.path, "robust")
    frames = annotated_frames(shapes)
    system = load_system(trained, 64)
    heard = {"own": frames.sound} | wrong_sounds(frames, protocol_named("robust"))
    for name, figure in {"own": "predicted_own", "silence": "fpr_silence", "noise": "fpr_noise",
                         "swapped": "fpr_other_sound"}.items():  # fmt: skip
        answers = [one for (one,) in predict_frames(system, frames, [heard[name]], True, "")]
        area = np.concatenate([answer.area for answer in answers])
        pixels = protocol_named("robust").paint(area, 224)
        assert found.metrics[figure] == pytest.approx(pixels.mean(), abs=1e-9), name


def test_where_only_spectrograms_are_kept_silence_and_noise_are_spectrograms_too(shapes, monkeypatch):
    frames = annotated_frames(shapes)
    plain = wrong_sounds(frames, protocol_named("robust"))
    silence, noise = plain["silence"](0), plain["noise"](0)
    as_stored = {name: log_mel(torch.from_numpy(sound)[None])[0].numpy() for name, sound in
                 (("silence", silence), ("noise", noise))}  # fmt: skip
    kept = encode_log_mel(np.zeros((201, 64)))
    monkeypatch.setattr(type(shapes), "extra", lambda store, row, name: kept)
    heard = wrong_sounds(frames, protocol_named("robust"))
    for name, expected in as_stored.items():
        assert np.array_equal(heard[name](0), expected)


def test_avatar_needs_nothing_but_frames_and_boxes(trained, shapes):
    found = evaluate(trained, shapes.path, "avatar")
    assert found.frames == len(annotated_frames(shapes, empty_too=True).places)
    assert found.metrics["single_sound_auc"] == found.metrics["auc"]
    assert found.metrics["off_screen_tn"] is None
