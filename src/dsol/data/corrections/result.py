"""result.json of dsol localize: the model's predictions, where there are no corrections."""

from pathlib import Path
from typing import Any

from dsol.data.corrections.corrected import Corrected, Label


def is_result(data: Any) -> bool:
    """result.json, of any version."""
    return isinstance(data, dict) and data.get("format") == "dsol.localization"


def read_result(data: dict, path: Path) -> list[Corrected]:
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
