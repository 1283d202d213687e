"""Single pictures of a video: COCO detection JSON, and which moment a picture shows."""

import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dsol.data.corrections.corrected import Corrected, Label, Xywh
from dsol.data.states import SEEN, SILENT, STATES
from dsol.errors import DsolError

FRAME = re.compile(r"(?:^|/)(?P<video>[^/]+)/(?P<time>\d+\.\d{3})\.\w+$")  # of dsol localize --frames
KEY = re.compile(r"^(?P<video>.+)@(?P<time>\d+\.\d{3})$")  # of a maps file


def still_of(video: object, time_s: object, name: str, path: Path) -> tuple[str, float]:
    """Which video and which moment a picture shows.

    Args:
        video, time_s: as the file says, or None: many tools drop what they do not know.
        name: of the picture.
        path: of the file, for the error.

    Raises:
        DsolError: neither the file nor the name says.

    Example:
        >>> still_of(None, None, "frames/party/00001.250.jpg", Path("a.json"))
        ('party', 1.25)
    """
    if video is not None and time_s is not None:
        return str(video), float(str(time_s))
    named = KEY.match(name) or FRAME.search(name)
    if named is None:
        remedy = "keep the names that dsol localize --frames gives"
        raise DsolError(f"{path}, picture {name}", "does not say which moment of which video it shows", remedy)
    return named["video"], float(named["time"])


def is_coco(data: Any) -> bool:
    """COCO detection JSON."""
    return isinstance(data, dict) and "images" in data and "annotations" in data


def read_coco(data: dict, path: Path) -> list[Corrected]:
    """One entry a video; each image is one moment.

    What an object does is read from "state" or "sounding", in the annotation itself or in its "attributes".

    Raises:
        DsolError: an image that does not say which moment it shows.
    """
    names = {entry["id"]: str(entry["name"]) for entry in data["categories"]}
    videos: dict[str, dict[float, list]] = defaultdict(dict)
    places = {}
    for image in data["images"]:
        video, time_s = still_of(image.get("video"), image.get("time_s"), str(image["file_name"]), path)
        places[image["id"]] = videos[video].setdefault(time_s, []), float(image["width"]), float(image["height"])
    for entry in data["annotations"]:
        boxes, width, height = places[entry["image_id"]]
        x, y, w, h = (float(v) for v in entry["bbox"])
        xywh: Xywh = (x / width, y / height, w / width, h / height)
        state = state_of({**entry, **(entry.get("attributes") or {})})
        boxes.append((Label(names[entry["category_id"]], None, state), xywh))
    return [Corrected(video, stills=stills) for video, stills in videos.items()]


def state_of(told: Mapping[Any, Any]) -> str:
    """What an object does, by its "state" or, where none is told, by whether it is "sounding"."""
    sounding = str(told.get("sounding", True)).lower() not in ("false", "0", "no")
    return str(told.get("state") or STATES[SEEN if sounding else SILENT])
