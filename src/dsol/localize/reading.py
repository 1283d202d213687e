"""result.json back as a `Timeline`: other formats of it are written without localising again."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from dsol.data.states import STATES
from dsol.errors import MALFORMED, DsolError
from dsol.localize.localization import USUAL_FPS, Timeline
from dsol.localize.tracks import Track


def read_timeline(path: str | Path) -> Timeline:
    """The timeline that a result.json was written of, to its four decimals.

    Args:
        path: a result.json of `dsol localize` that tells objects ("tracks").

    Raises:
        DsolError: it cannot be read, or is no such file.

    Example:
        >>> write_formats(read_timeline("localized/party/result.json"), ".", "srt,eaf")     # doctest: +SKIP
    """
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
        if data.get("format") != "dsol.localization" or "tracks" not in data:
            raise ValueError("tells no objects")
        return _timeline(data)
    except OSError as error:
        raise DsolError(path, f"cannot be read: {error.strerror}", "give a result.json") from None
    except MALFORMED as error:
        raise DsolError(path, f"is no result.json of this version: {error}", "localise the video again") from None


def _timeline(data: dict[str, Any]) -> Timeline:
    categories = tuple(data["categories"])
    places = {name: k for k, name in enumerate(categories)}
    times_s = np.asarray(data["times_s"], float)
    xywh = np.zeros((len(times_s), len(categories), 4), np.float32)
    for t, boxes in enumerate(data["boxes"]):
        for box in boxes:
            xywh[t, places[box["category"]]] = box["xywh"]
    timeline = Timeline(
        video=data["video"],
        size=(data["width"], data["height"]),
        duration_s=float(data["duration_s"]),
        threshold=float(data["threshold"]),
        categories=categories,
        times_s=times_s,
        score=np.asarray(data["score"], float).reshape(len(times_s), len(categories)),
        strength=np.asarray(data["strength"], float),
        loudness=np.asarray(data["loudness"], float),
        xywh=xywh,
        state=_states(data, places, times_s),
        fps=float(data.get("fps", USUAL_FPS)),
    )
    vars(timeline)["tracks"] = _tracks(data, places)  # as they were linked: what linked them is not in the file
    return timeline


def _states(data: dict[str, Any], places: dict[str, int], times_s: np.ndarray) -> np.ndarray:
    state = np.full((len(times_s), len(places)), -1)
    for stretch in data["stretches"]:  # what is off screen is told there only
        inside = (times_s >= stretch["start_s"]) & (times_s < stretch["end_s"])
        state[inside, places[stretch["category"]]] = STATES.index(stretch["state"])
    for t, objects in enumerate(data["objects"]):
        for each in objects:
            state[t, places[each["category"]]] = STATES.index(each["state"])
    return state


def _tracks(data: dict[str, Any], places: dict[str, int]) -> list[Track]:
    count = len(data["times_s"])
    found = {}
    for each in data["tracks"]:
        alone = each["name"] == each["category"]
        present, xywh = np.zeros(count, bool), np.zeros((count, 4), np.float32)
        found[each["id"]] = Track(each["id"], places[each["category"]], each["category"], each["number"], alone,
                                  present, xywh)  # fmt: skip
    for t, objects in enumerate(data["objects"]):
        for each in objects:
            track = found[each["track"]]
            track.present[t], track.xywh[t] = True, each["xywh"]
    return list(found.values())
