"""Subtitles that say what sounds: SubRip (.srt) and WebVTT (.vtt).

stretches ──captions_of──▶ one caption from change to change: "[violin #1] [drum, off screen]"
"""

import html
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from dsol.data.states import OFF_SCREEN, STATES
from dsol.localize.localization import Timeline
from dsol.localize.stretches import Stretch


@dataclass(frozen=True)
class Caption:
    """One text of the subtitles.

    Attributes:
        start_s, end_s: when it is shown, seconds; to the millisecond, as subtitles have it.
        words: what it says.
    """

    start_s: float
    end_s: float
    words: str


def captions_of(timeline: Timeline) -> list[Caption]:
    """What sounds, in words: a new caption whenever something begins or ends. Silent objects are not told of.

    Example:
        >>> [caption.words for caption in captions_of(timeline)]                # doctest: +SKIP
        ['[violin]', '[violin] [drum, off screen]']
    """
    heard = [stretch for stretch in timeline.stretches() if stretch.sounding]
    changes = sorted({round(time_s, 3) for s in heard for time_s in (s.start_s, s.end_s)})
    found: list[Caption] = []
    for start_s, end_s in pairwise(changes):
        middle_s = (start_s + end_s) / 2
        words = " ".join(_told(s) for s in heard if s.start_s <= middle_s < s.end_s)
        if words and found and (found[-1].words, found[-1].end_s) == (words, start_s):
            found[-1] = Caption(found[-1].start_s, end_s, words)
        elif words:
            found.append(Caption(start_s, end_s, words))
    return found


def _told(stretch: Stretch) -> str:
    away = ", off screen" if stretch.state == STATES[OFF_SCREEN] else ""
    return f"[{stretch.name.replace('_', ' ')}{away}]"


def write_srt(timeline: Timeline, path: Path) -> None:
    """localized.srt, which players show by themselves where it lies beside localized.mp4."""
    captions = enumerate(captions_of(timeline), start=1)
    blocks = [f"{n}\n{_clock(c.start_s, ',')} --> {_clock(c.end_s, ',')}\n{c.words}\n" for n, c in captions]
    path.write_text("\n".join(blocks), encoding="utf-8")


def write_vtt(timeline: Timeline, path: Path) -> None:
    """localized.vtt, for <track> of a web page."""
    blocks = [
        f"{_clock(c.start_s, '.')} --> {_clock(c.end_s, '.')}\n{html.escape(c.words, quote=False)}\n"
        for c in captions_of(timeline)
    ]
    path.write_text("\n".join(["WEBVTT\n", *blocks]), encoding="utf-8")


def _clock(time_s: float, point: str) -> str:
    """Hours, minutes, seconds and milliseconds."""
    seconds, thousandths = divmod(round(1000 * time_s), 1000)
    minutes, seconds = divmod(seconds, 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}{point}{thousandths:03d}"
