"""Objects as annotation tools for video keep them: a box at some frames, and in between it moves along a straight line.

Four boxes a second would be four to correct; only those stay that a straight line does not explain.
"""

import math
from dataclasses import dataclass

import numpy as np

from dsol.data.states import OFF_SCREEN, STATES
from dsol.localize.localization import Timeline
from dsol.localize.tracks import Track

STRAIGHT = 0.015  # of the frame: how far a box may lie off the line between two others and be left out


@dataclass(frozen=True)
class Keyframe:
    """A box at one frame of the video.

    Attributes:
        frame: its number, from 0 on, counted as if frames came in even steps.
        time_s: when it is shown.
        xywh: fractions of the frame.
        state: one of `STATES`, from this frame on.
    """

    frame: int
    time_s: float
    xywh: tuple[float, float, float, float]
    state: str


@dataclass(frozen=True)
class Run:
    """One object from where it appears to where it goes.

    Attributes:
        track: the object.
        keyframes: at least one, by time.
        end: the first frame without it; `frame_count` where it stays to the end.
    """

    track: Track
    keyframes: tuple[Keyframe, ...]
    end: int


def frame_count(timeline: Timeline) -> int:
    """How many frames the video has, by its length and rate."""
    return max(1, round(timeline.duration_s * timeline.fps))


def runs_of(timeline: Timeline) -> list[Run]:
    """Every object of a video, each time that it is there.

    Example:
        >>> [(run.track.name, len(run.keyframes), run.end) for run in runs_of(timeline)]    # doctest: +SKIP
        [('violin #1', 3, 150), ('violin #2', 2, 150)]
    """
    found = []
    for track in timeline.tracks:
        there = track.present & (timeline.states[:, track.place] != OFF_SCREEN)
        borders = np.flatnonzero(np.diff(there, prepend=False, append=False))
        for first, end in borders.reshape(-1, 2).tolist():
            run = Run(track, _keyframes(timeline, track, first, end), _frame(timeline, timeline.edges_s[end]))
            found += [run] if run.end > run.keyframes[0].frame else []
    return found


def _keyframes(timeline: Timeline, track: Track, first: int, end: int) -> tuple[Keyframe, ...]:
    states, times_s = timeline.states[first:end, track.place], timeline.times_s[first:end].copy()
    times_s[0] = timeline.edges_s[first]
    turns = np.flatnonzero(np.diff(states)) + 1
    times_s[turns] = timeline.edges_s[first + turns]
    boxes = track.xywh[first:end].astype(float)
    kept = sorted({0, *turns.tolist(), *_corners(times_s, boxes)})
    last = frame_count(timeline) - 1
    return tuple(
        Keyframe(min(_frame(timeline, times_s[n]), last), float(times_s[n]), tuple(boxes[n].tolist()),
                 STATES[states[n]])
        for n in kept
    )  # fmt: skip


def _frame(timeline: Timeline, time_s: float) -> int:
    """The first frame that is shown at a time or after it."""
    return min(math.ceil(round(float(time_s) * timeline.fps, 6)), frame_count(timeline))


def _corners(times_s: np.ndarray, boxes: np.ndarray) -> list[int]:
    """The places whose boxes (n, 4) tell all others by straight lines, to `STRAIGHT` (Ramer, Douglas and Peucker)."""
    kept, todo = {0, len(boxes) - 1}, [(0, len(boxes) - 1)]
    while todo:
        start, end = todo.pop()
        if end - start < 2:
            continue
        share = ((times_s[start : end + 1] - times_s[start]) / (times_s[end] - times_s[start]))[:, None]
        off = np.abs(boxes[start : end + 1] - (1 - share) * boxes[start] - share * boxes[end]).max(axis=1)
        worst = start + int(off.argmax())
        if off.max() > STRAIGHT:
            kept.add(worst)
            todo += [(start, worst), (worst, end)]
    return sorted(kept)
