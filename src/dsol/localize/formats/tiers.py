"""Tiers for those who annotate by ear: ELAN (.eaf) and Praat (.TextGrid), written by pympi.

A tier an object, an annotation a stretch. It says which object, and in brackets what it does where that is not to sound
and be seen: "violin", "violin #2 (silent)". `dsol correct` reads them back.
"""

import mimetypes
from pathlib import Path

from dsol.localize.formats.labels import label_of
from dsol.localize.localization import Timeline
from dsol.localize.stretches import Stretch


def write_eaf(timeline: Timeline, path: Path) -> None:
    """sounds.eaf: opens in ELAN beside the video."""
    from pympi.Elan import Eaf

    eaf = Eaf(author="dsol")
    video = Path(timeline.video)
    kind = mimetypes.guess_type(video.name)[0] or "video/mp4"
    eaf.add_linked_file(video.absolute().as_uri(), relpath=f"./{video.name}", mimetype=kind)
    eaf.add_linguistic_type("sounding")
    for tier, stretches in by_object(timeline.stretches()).items():
        eaf.add_tier(tier, "sounding")
        for start_ms, end_ms, stretch in _apart(stretches):
            eaf.add_annotation(tier, start_ms, end_ms, label_of(stretch))
    eaf.remove_tier("default")
    eaf.to_file(str(path))


def by_object(stretches: list[Stretch]) -> dict[str, list[Stretch]]:
    """The stretches of each object under its name, in the order in which they begin; an empty tier if there is none."""
    found: dict[str, list[Stretch]] = {}
    for stretch in stretches:
        tier = stretch.name if stretch.track else f"{stretch.category} off screen"
        found.setdefault(tier, []).append(stretch)
    return found or {"sound": []}


def _apart(stretches: list[Stretch]) -> list[tuple[int, int, Stretch]]:
    """(start, end, stretch) in whole milliseconds, never one within another and none without length."""
    found: list[tuple[int, int, Stretch]] = []
    for stretch in stretches:
        start = max(round(1000 * stretch.start_s), found[-1][1] if found else 0)
        end = round(1000 * stretch.end_s)
        if end > start:
            found.append((start, end, stretch))
    return found


def write_textgrid(timeline: Timeline, path: Path) -> None:
    """sounds.TextGrid: opens in Praat beside the sound."""
    from pympi.Praat import TextGrid

    grid = TextGrid(xmin=0, xmax=float(timeline.edges_s[-1]))
    for name, stretches in by_object(timeline.stretches()).items():
        tier = grid.add_tier(name.replace('"', "'"))  # pympi writes quotes as they are
        for start_ms, end_ms, stretch in _apart(stretches):
            tier.add_interval(start_ms / 1000, min(end_ms / 1000, grid.xmax), label_of(stretch))
    grid.to_file(str(path))
