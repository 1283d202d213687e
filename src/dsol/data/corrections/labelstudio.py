"""Label Studio's export as JSON: tasks with annotations, of videos or of single pictures."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dsol.data.corrections.corrected import At, Corrected, Label, Moving, Sound
from dsol.data.corrections.stills import still_of
from dsol.data.states import SEEN, STATES
from dsol.errors import DsolError


def is_labelstudio(data: Any) -> bool:
    """Tasks, as Label Studio exports and imports them."""
    return isinstance(data, list) and bool(data) and all(isinstance(task, dict) and "data" in task for task in data)


def read_labelstudio(data: list[dict], path: Path) -> list[Corrected]:
    """One entry a task that somebody has annotated: of several annotations the last, without those that were skipped.

    Raises:
        DsolError: nobody has annotated anything, or a task does not say how many frames a second its video has.
    """
    found = [_task(task, result, path) for task in data for result in _last(task)]
    if not found:
        remedy = "accept the predictions there, submit, and export as JSON"
        raise DsolError(path, "has no annotation in it: no task was completed in Label Studio", remedy)
    return found


def _last(task: dict) -> list[list[dict]]:
    done = [a for a in task.get("annotations", []) if not a.get("was_cancelled") and not a.get("skipped")]
    done.sort(key=lambda a: str(a.get("updated_at") or a.get("created_at") or ""))
    return [done[-1].get("result") or []] if done else []


def _task(task: dict, result: list[dict], path: Path) -> Corrected:
    facts = task["data"]
    video = str(facts.get("dsol_video") or facts.get("video") or facts.get("image") or "")
    rectangles = [region for region in result if region.get("type") in ("videorectangle", "rectanglelabels")]
    if any(region["type"] == "rectanglelabels" for region in rectangles):
        return _picture(facts, rectangles, path)
    states = {region["id"]: region["value"]["choices"][0] for region in result if region.get("type") == "choices"}
    lines = [region["value"] for region in result if region.get("type") == "timelinelabels"]
    fps, duration_s = _rate(facts, rectangles, path)
    objects = [moving for region in rectangles for moving in _objects(region, states, fps)]
    sounds = tuple(
        Sound(Label.read(name), (each["start"] - 1) / fps, each["end"] / fps)
        for line in lines
        for each in line["ranges"]
        for name in line["timelinelabels"]
    )
    places = None if lines and not rectangles else tuple(objects)
    return Corrected(video, places, None, sounds if lines else None, duration_s, fps)


def _rate(facts: dict, rectangles: list[dict], path: Path) -> tuple[float, float]:
    """Frames a second and length in seconds, as the task or its boxes tell."""
    told = next((region["value"] for region in rectangles), {})
    frames, duration_s = (
        float(told.get("framesCount") or 0),
        float(told.get("duration") or facts.get("duration_s") or 0),
    )
    fps = float(facts.get("fps") or (frames / duration_s if duration_s else 0))
    if fps <= 0:
        remedy = 'put "fps" beside "video" in the task\'s data'
        raise DsolError(path, "does not say how many frames a second its video has", remedy)
    return fps, duration_s or frames / fps


def _objects(region: dict, states: dict[str, str], fps: float) -> Iterator[Moving]:
    state = states.get(region["id"], STATES[SEEN])
    sequence = sorted(region["value"]["sequence"], key=lambda at: at["frame"])
    path = tuple(At((at["frame"] - 1) / fps, _fractions(at), state, bool(at.get("enabled", True))) for at in sequence)
    for name in region["value"].get("labels") or []:
        yield Moving(Label.read(name), path)


def _fractions(value: dict) -> tuple[float, float, float, float]:
    x, y, w, h = (float(value[side]) / 100 for side in ("x", "y", "width", "height"))
    return x, y, w, h


def _picture(facts: dict, rectangles: list[dict], path: Path) -> Corrected:
    video, time_s = still_of(facts.get("video"), facts.get("time_s"), str(facts.get("image", "")), path)
    found = [
        (Label.read(name), _fractions(region["value"]))
        for region in rectangles
        for name in region["value"]["rectanglelabels"]
    ]
    return Corrected(video, stills={time_s: found})
