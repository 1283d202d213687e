"""timeline.png: who sounds when, as a figure."""

from pathlib import Path

import numpy as np

from dsol.data.states import OFF_SCREEN, SILENT
from dsol.files import whole
from dsol.letters import finalise
from dsol.localize.localization import Timeline
from dsol.localize.palette import colours_of, spoken
from dsol.text import name_of

WIDTH, ROW = 9.0, 0.52  # inches
HIDDEN = 0.4  # height of what sounds off screen: its score says how surely it is seen, too


def draw_timeline(timeline: Timeline, out: str | Path) -> Path:
    """One row a category that ever sounds, hatched where it is off screen, a line at the bottom where it is silent; one
    for the sounding area, one for the sound; x in seconds.

    Args:
        timeline: who sounds when.
        out: the .png to write, whole or not at all.

    Example:
        >>> draw_timeline(localizer("party.mp4").timeline(), "party.png")       # doctest: +SKIP
    """
    from matplotlib.figure import Figure  # takes half a second

    colours = colours_of(timeline.audible)
    rows = len(colours) + 2
    figure = Figure(figsize=(WIDTH, ROW * rows + 1.1), dpi=150, layout="constrained")
    axes = figure.subplots(rows, 1, sharex=True, squeeze=False)[:, 0]
    for axis, (place, colour) in zip(axes, colours.items(), strict=False):
        _category_row(axis, timeline, place, tuple(part / 255 for part in colour))
    _strength_row(axes[-2], timeline)
    _sound_row(axes[-1], timeline)
    axes[0].set_title(_title(timeline, bool(colours)), loc="left", fontsize=11, color="#222", pad=10)
    axes[-1].set_xlim(0, timeline.edges_s[-1])
    axes[-1].set_xlabel("seconds", color="#555")
    finalise(figure)
    with whole(out) as partial:
        figure.savefig(partial, format="png")
    return Path(out)


def _title(timeline: Timeline, any_sounds: bool) -> str:
    name = name_of(Path(timeline.video).name)
    return f"Who sounds when in {name}" if any_sounds else f"Nothing is found to sound in {name}"


def _category_row(axis, timeline: Timeline, place: int, colour) -> None:
    """The score as a pale curve, full colour while the category sounds, and the threshold; what it does otherwise."""
    _bare(axis, spoken(timeline.categories[place]))
    score = timeline.score[:, place]
    axis.fill_between(*_curve(timeline, score), color=colour, alpha=0.25, linewidth=0)
    corners = np.stack([timeline.edges_s[:-1], timeline.times_s, timeline.edges_s[1:]], axis=1).ravel()
    height = np.interp(corners, timeline.times_s, score)
    sounding = np.repeat(timeline.sounding[:, place], 3)
    axis.fill_between(corners, height, where=sounding, color=colour, linewidth=0)
    states = timeline.states[:, place]
    for first, end in _runs(states == OFF_SCREEN):
        axis.axvspan(*timeline.edges_s[[first, end]], 0, HIDDEN, facecolor="none", edgecolor=colour, hatch="////", lw=0)
    for first, end in _runs(states == SILENT):
        axis.plot(timeline.edges_s[[first, end]], (0, 0), color=colour, linewidth=2.5, linestyle=(0, (1.5, 1)))
    axis.axhline(timeline.threshold, color="#999", linewidth=0.6, linestyle=(0, (4, 4)))


def _runs(mask: np.ndarray) -> np.ndarray:
    """(n, 2) first and end of each run of True."""
    return np.flatnonzero(np.diff(mask, prepend=False, append=False)).reshape(-1, 2)


def _strength_row(axis, timeline: Timeline) -> None:
    _bare(axis, "sounding area")
    axis.plot(*_curve(timeline, timeline.strength), color="#444", linewidth=1.2)


def _sound_row(axis, timeline: Timeline) -> None:
    _bare(axis, "sound")
    times_s, height = _curve(timeline, timeline.swell / 2)
    axis.fill_between(times_s, 0.5 - height, 0.5 + height, color="#aab", linewidth=0)
    axis.tick_params(axis="x", length=3, colors="#555")
    axis.spines["bottom"].set_visible(True)


def _curve(timeline: Timeline, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(times, values) of one column, level before its first answer and after its last."""
    times_s = np.concatenate([timeline.edges_s[:1], timeline.times_s, timeline.edges_s[-1:]])
    return times_s, np.interp(times_s, timeline.times_s, values)


def _bare(axis, name: str) -> None:
    """An axis without a frame, its name to the left."""
    axis.set_ylim(0, 1.05)
    axis.set_yticks([])
    axis.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=10, color="#222")
    axis.tick_params(axis="x", length=0)
    axis.spines[["top", "left", "right", "bottom"]].set_visible(False)
    axis.grid(axis="x", color="#e6e6e6", linewidth=0.6)
    axis.set_axisbelow(True)
