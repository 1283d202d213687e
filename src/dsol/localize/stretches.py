"""What each object does from when to when: the rows of every table, subtitle and annotation tier.

Timeline ──tracks, states──▶ Stretch: violin #1, seen, 0.0 to 4.1 s, score 0.91, its box at the surest moment
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from dsol.data.states import OFF_SCREEN, SILENT, STATES

if TYPE_CHECKING:
    from dsol.localize.localization import Timeline


@dataclass(frozen=True)
class Stretch:
    """One stretch of time in which one object does one thing.

    Attributes:
        track: number of the object, `Track.id`; 0 for what has no place in the picture.
        name: of the object, "violin #2"; its category where there is one of it only.
        category: its name.
        start_s, end_s: seconds from the start of the video.
        score: mean score in it, in [0, 1].
        state: one of `STATES`.
        at_s: its surest moment, seconds.
        xywh: its box then, fractions of the frame; None for what has no place in the picture.
    """

    track: int
    name: str
    category: str
    start_s: float
    end_s: float
    score: float
    state: str
    at_s: float
    xywh: tuple[float, float, float, float] | None

    @property
    def sounding(self) -> bool:
        """False for an object that is only seen."""
        return self.state != STATES[SILENT]

    def to_json(self) -> dict:
        """As it stands in result.json: numbers of four decimals."""
        told = {name: round(value, 4) if isinstance(value, float) else value for name, value in vars(self).items()}
        return told | {"xywh": None if self.xywh is None else [round(v, 4) for v in self.xywh]}


def stretches_of(timeline: Timeline) -> list[Stretch]:
    """All stretches, by start; of a category with several objects each has its own.

    Args:
        timeline: who sounds when, and in which box.
    """
    found = []
    for track in timeline.tracks:
        does = np.where(track.present, timeline.states[:, track.place], -1)
        does = np.where(does == OFF_SCREEN, -1, does)
        found += [
            _stretch(timeline, track.place, run, track.id, track.name, track.xywh) for run in _runs(does)
        ]  # fmt: skip
    for place, category in enumerate(timeline.categories):
        hidden = np.where(timeline.states[:, place] == OFF_SCREEN, OFF_SCREEN, -1)
        found += [_stretch(timeline, place, run, 0, category, None) for run in _runs(hidden)]
    return sorted(found, key=lambda s: (s.start_s, s.name))


def _runs(does: np.ndarray) -> list[tuple[int, int, int]]:
    """(first, end, what) of each run of one value that is not -1."""
    borders = np.flatnonzero(np.diff(does, prepend=-2, append=-2))
    return [(int(a), int(b), int(does[a])) for a, b in pairwise(borders) if does[a] >= 0]


def _stretch(
    timeline: Timeline, place: int, run: tuple[int, int, int], track: int, name: str, xywh: np.ndarray | None
) -> Stretch:
    first, end, what = run
    score = timeline.score[first:end, place]
    surest = first + int(score.argmax())
    x, y, w, h = (float(v) for v in xywh[surest]) if xywh is not None else (0.0, 0.0, 0.0, 0.0)
    return Stretch(
        track=track,
        name=name,
        category=timeline.categories[place],
        start_s=float(timeline.edges_s[first]),
        end_s=float(timeline.edges_s[end]),
        score=float(score.mean()),
        state=STATES[what],
        at_s=float(timeline.times_s[surest]),
        xywh=None if xywh is None else (x, y, w, h),
    )
