"""Tables for spreadsheets, R and pandas, with commas or tabs: one row a stretch, and one row a time step.

Numbers have a point and four decimals, times three.
"""

import csv
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

from dsol.localize.localization import Timeline

STRETCH = ("start_s", "end_s", "category", "object", "track", "state", "score", "at_s", "x", "y", "width", "height")
STEP = ("time_s", "loudness", "strength", "objects")


def write_stretches(timeline: Timeline, path: Path, delimiter: str = ",") -> None:
    """One row a stretch: who, from when to when, how surely, seen or not, and the box at its surest moment.

    Args:
        timeline: who sounds when, and in which box.
        path: the file.
        delimiter: between columns. Boxes are fractions of the frame; empty for what is off screen.
    """
    rows = (
        (_time(s.start_s), _time(s.end_s), s.category, s.name, s.track or "", s.state, _number(s.score), _time(s.at_s),
         *(map(_number, s.xywh) if s.xywh else [""] * 4))
        for s in timeline.stretches()
    )  # fmt: skip
    _write(path, STRETCH, rows, delimiter)


def write_steps(timeline: Timeline, path: Path, delimiter: str = ",") -> None:
    """One row an answer: the sound, what is there (objects with ;), and a column for the score of each category."""
    header = (*STEP, *(f"score {category}" for category in timeline.categories))
    stretches = timeline.stretches()
    rows = []
    for t, time_s in enumerate(timeline.times_s):
        there = [s.name for s in stretches if s.start_s <= time_s < s.end_s and s.sounding]
        scores = map(_number, timeline.score[t])
        rows.append((_time(time_s), _number(timeline.loudness[t]), _number(timeline.strength[t]), ";".join(there),
                     *scores))  # fmt: skip
    _write(path, header, rows, delimiter)


write_stretches_tabs = partial(write_stretches, delimiter="\t")
write_steps_tabs = partial(write_steps, delimiter="\t")


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]], delimiter: str) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def _time(value: float) -> str:
    return f"{value:.3f}"


def _number(value: float) -> str:
    return f"{value:.4f}"
