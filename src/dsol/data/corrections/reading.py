"""One file of any tool, told by what is in it."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from dsol.data.boxes import Boxes
from dsol.data.corrections.corrected import Corrected, Label
from dsol.data.corrections.cvat import read_cvat
from dsol.data.corrections.labelstudio import is_labelstudio, read_labelstudio
from dsol.data.corrections.stills import is_coco, read_coco
from dsol.data.corrections.tiers import read_audacity, read_eaf, read_textgrid
from dsol.data.states import SEEN, SILENT, STATES
from dsol.errors import MALFORMED, DsolError, explained
from dsol.files import read_json

BY_SUFFIX: dict[str, Callable[[Path], list[Corrected]]] = {
    ".eaf": read_eaf, ".textgrid": read_textgrid, ".txt": read_audacity, ".xml": read_cvat, ".zip": read_cvat,
}  # fmt: skip
KNOWN = "give a file of Label Studio, CVAT, COCO (.json, .xml, .zip), ELAN, Praat or Audacity (.eaf, .TextGrid, .txt)"


def read_correction(path: str | Path) -> list[Corrected]:
    """What one file says, video by video.

    Args:
        path: Label Studio's JSON, CVAT's XML or ZIP, COCO JSON, boxes.json or result.json; or ELAN's .eaf, Praat's
            .TextGrid or Audacity's labels, .txt.

    Raises:
        DsolError: it cannot be read, or is none of these.

    Example:
        >>> read_correction("sounds.eaf")[0].sounds[0].label                    # doctest: +SKIP
        Label(category='violin', number=1, state='seen')
    """
    path = Path(path)
    if not path.is_file():
        raise DsolError(path, "is not a file", KNOWN)
    with explained(path, "has something in it that was not expected: {!r}", "export it again", *MALFORMED):
        return _by_video(_read(path))


def _read(path: Path) -> list[Corrected]:
    suffix = path.suffix.lower()
    if suffix in BY_SUFFIX:
        return BY_SUFFIX[suffix](path)
    data = read_json(path, KNOWN)
    for fits, read in BY_CONTENT:
        if fits(data):
            return read(data, path)
    raise DsolError(path, "is JSON of no known kind", KNOWN)


def _is_result(data: Any) -> bool:
    """result.json, of any version."""
    return isinstance(data, dict) and data.get("format") == "dsol.localization"


def _read_result(data: dict, path: Path) -> list[Corrected]:
    """The one video that it is of."""
    numbers = {track["id"]: track for track in data.get("tracks", [])}
    stills = {}
    for time_s, objects in zip(data["times_s"], data.get("objects", data["boxes"]), strict=True):
        stills[float(time_s)] = [
            (Label(each["category"], _number(numbers.get(each.get("track"))), each.get("state", "seen")),
             tuple(each["xywh"]))
            for each in objects
        ]  # fmt: skip
    return [Corrected(str(data["video"]), stills=stills, duration_s=float(data["duration_s"]),
                      fps=float(data.get("fps", 0)), draft=True)]  # fmt: skip


def _number(track: dict | None) -> int | None:
    """The number of an object where its name tells it, that is where there are several of its category."""
    return track["number"] if track and track["name"] != track["category"] else None


def _is_native(data: Any) -> bool:
    return isinstance(data, dict) and "frames" in data and "categories" in data


def _read_native(data: Any, path: Path) -> list[Corrected]:
    videos: dict[str, dict[float, list]] = defaultdict(dict)
    for frame in Boxes.load(path):
        videos[frame.video][frame.time_s] = [
            (Label(box.category, None, STATES[SEEN if box.sounding else SILENT]), box.xywh) for box in frame.boxes
        ]
    return [Corrected(video, stills=stills) for video, stills in videos.items()]


BY_CONTENT: tuple[tuple[Callable[[Any], bool], Callable[[Any, Path], list[Corrected]]], ...] = (
    (_is_result, _read_result), (is_coco, read_coco), (is_labelstudio, read_labelstudio), (_is_native, _read_native),
)  # fmt: skip


def _by_video(found: list[Corrected]) -> list[Corrected]:
    """Pictures of one video that are tasks of their own become one entry."""
    moving = [each for each in found if each.stills is None]
    stills: dict[str, Corrected] = {}
    for each in found:
        if each.stills is not None:
            before = stills.get(each.video)
            stills[each.video] = replace(each, stills={**(before.stills or {}), **each.stills}) if before else each
    return moving + list(stills.values())
