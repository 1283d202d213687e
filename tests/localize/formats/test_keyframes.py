"""Objects as keyframes: few, and every box in between lies on a straight line."""

from dataclasses import replace

import numpy as np
import pytest

from dsol.data.states import SEEN, SILENT
from dsol.localize.formats.keyframes import STRAIGHT, frame_count, runs_of
from tests.localize.formats.found import band, silence, solo
from tests.localize.test_tracks import scene


def boxes_at(run, times_s):
    """(n, 4) as an annotation tool shows them."""
    known = [at.time_s for at in run.keyframes]
    columns = np.array([at.xywh for at in run.keyframes]).T
    return np.stack([np.interp(times_s, known, column) for column in columns], axis=1)


def test_what_stands_still_is_told_by_its_ends():
    (run,) = runs_of(solo())
    assert [(at.frame, at.state) for at in run.keyframes] == [(0, "seen"), (69, "seen")]
    assert run.end == frame_count(solo()) == 75


def test_what_moves_is_told_to_within_the_tolerance():
    wiggle = 0.5 + 0.3 * np.sin(np.arange(60) / 6)
    found = scene([[(x, 0.5)] for x in wiggle]).timeline()
    (run,) = runs_of(found)
    (track,) = found.tracks
    assert 5 < len(run.keyframes) < 40
    assert np.abs(boxes_at(run, found.times_s[1:]) - track.xywh[1:]).max() <= STRAIGHT + 1e-6


def test_a_change_of_state_is_a_keyframe_at_its_moment():
    state = np.array([[SEEN]] * 8 + [[SILENT]] * 8)
    (run,) = runs_of(replace(solo(seconds=4), state=state))
    assert [(at.time_s, at.state) for at in run.keyframes] == [(0, "seen"), (1.875, "silent"), (3.75, "silent")]


def test_one_that_pauses_is_there_twice():
    score = np.array([[0.9]] * 8 + [[0.0]] * 8 + [[0.9]] * 8)
    first, second = runs_of(scene([[(0.5, 0.5)]] * 24, score=score).timeline())
    assert first.track.id == second.track.id == 1
    assert first.end == 47  # 1.875 s at 25 frames a second
    assert second.keyframes[0].frame == 97
    assert second.end == 150


@pytest.mark.parametrize("fps", [1.0, 12.5, 29.97, 60.0])
def test_frames_lie_in_the_video_and_rise(fps):
    found = band(fps=fps)
    for run in runs_of(found):
        frames = [at.frame for at in run.keyframes]
        assert frames == sorted(frames)
        assert 0 <= frames[0] <= frames[-1] < frame_count(found)
        assert frames[0] < run.end <= frame_count(found)


def test_what_is_off_screen_or_not_there_is_no_run():
    assert {run.track.category for run in runs_of(band())} == {"violin", "flute"}
    assert runs_of(silence()) == []
