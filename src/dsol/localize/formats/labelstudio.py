"""Label Studio: labelstudio.json to import as a task with predictions, labelstudio.xml as the setup of the project.

Boxes are video rectangles, with a choice for what they do (seen, silent, …); when a category sounds is a row of labels
on the time line below the video. Frames count from 1.
"""

import json
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree

import dsol
from dsol.data.states import STATES
from dsol.localize.formats.keyframes import Keyframe, Run, frame_count, runs_of
from dsol.localize.localization import Timeline
from dsol.localize.palette import colours_of

LOCAL = "/data/local-files/?d="  # how Label Studio calls a file below its LOCAL_FILES_DOCUMENT_ROOT
BOX, SOUNDS, STATE, CATEGORY, VIDEO = "box", "sounds", "state", "category", "video"


def write_labelstudio(timeline: Timeline, path: Path) -> None:
    """labelstudio.json: one task; a person accepts the prediction and corrects it."""
    regions = [region for n, run in enumerate(runs_of(timeline)) for region in _rectangles(timeline, run, n)]
    regions += [_range(timeline, s.start_s, s.end_s, s.category, n, s.score)
                for n, s in enumerate(timeline.stretches()) if s.sounding]  # fmt: skip
    data = {"video": LOCAL + quote(Path(timeline.video).name), "dsol_video": timeline.video, "fps": timeline.fps,
            "duration_s": round(timeline.duration_s, 3)}  # fmt: skip
    scores = [region["score"] for region in regions]
    mean = sum(scores) / len(scores) if scores else 0.0
    prediction = {"model_version": f"dsol {dsol.__version__}", "score": round(mean, 4), "result": regions}
    path.write_text(json.dumps([{"data": data, "predictions": [prediction]}], indent=1) + "\n", encoding="utf-8")


def write_setup(timeline: Timeline, path: Path) -> None:
    """labelstudio.xml: what goes into Settings, Labeling Interface, Code."""
    view = ElementTree.Element("View")
    ElementTree.SubElement(view, "Video", name=VIDEO, value="$video", framerate=f"{timeline.fps:g}")
    ElementTree.SubElement(view, "VideoRectangle", name=BOX, toName=VIDEO)
    colours = colours_of(range(len(timeline.categories)))
    for kind, name in (("Labels", CATEGORY), ("TimelineLabels", SOUNDS)):
        labels = ElementTree.SubElement(view, kind, name=name, toName=VIDEO)
        for k, category in enumerate(timeline.categories):
            colour = "#{:02x}{:02x}{:02x}".format(*colours[k])
            ElementTree.SubElement(labels, "Label", value=category, background=colour)
    choices = ElementTree.SubElement(view, "Choices", name=STATE, toName=VIDEO, perRegion="true", choice="single")
    for state in STATES:
        ElementTree.SubElement(choices, "Choice", value=state)
    ElementTree.indent(view)
    path.write_text(ElementTree.tostring(view, encoding="unicode") + "\n", encoding="utf-8")


def _rectangles(timeline: Timeline, run: Run, number: int) -> list[dict]:
    """A video rectangle and its state; where the state changes, another one begins."""
    parts: list[list[Keyframe]] = [[]]
    for at in run.keyframes:
        if parts[-1] and at.state != parts[-1][-1].state:
            parts.append([])
        parts[-1].append(at)
    ends = [part[0].frame for part in parts[1:]] + [run.end]
    found = []
    for n, (part, end) in enumerate(zip(parts, ends, strict=True)):
        key = f"object-{run.track.id}-{number}-{n}"
        found += [_rectangle(timeline, run, part, end, key), _choice(part[0].state, key)]
    return found


def _rectangle(timeline: Timeline, run: Run, part: list[Keyframe], end: int, key: str) -> dict:
    sequence = [_box(at, at.frame, timeline.fps, enabled=True) for at in part]
    if end < frame_count(timeline):
        sequence.append(_box(part[-1], end, timeline.fps, enabled=False))
    value = {"framesCount": frame_count(timeline), "duration": timeline.duration_s, "sequence": sequence,
             "labels": [run.track.category]}  # fmt: skip
    score = timeline.score[run.track.present, run.track.place].mean()
    return {"id": key, "type": "videorectangle", "from_name": BOX, "to_name": VIDEO, "origin": "prediction",
            "score": round(float(score), 4), "meta": {"text": [run.track.name]}, "value": value}  # fmt: skip


def _box(at: Keyframe, frame: int, fps: float, enabled: bool) -> dict:
    x, y, w, h = (round(100 * v, 3) for v in at.xywh)
    return {"frame": frame + 1, "time": round(frame / fps, 3), "enabled": enabled, "rotation": 0,
            "x": x, "y": y, "width": w, "height": h}  # fmt: skip


def _choice(state: str, key: str) -> dict:
    return {"id": key, "type": "choices", "from_name": STATE, "to_name": VIDEO, "origin": "prediction", "score": 1.0,
            "value": {"choices": [state]}}  # fmt: skip


def _range(timeline: Timeline, start_s: float, end_s: float, category: str, number: int, score: float) -> dict:
    frames = frame_count(timeline)
    start = min(round(start_s * timeline.fps) + 1, frames)
    end = min(max(round(end_s * timeline.fps), start), frames)  # the last frame of it
    value = {"ranges": [{"start": start, "end": end}], "timelinelabels": [category]}
    return {"id": f"sounds-{number}", "type": "timelinelabels", "from_name": SOUNDS, "to_name": VIDEO,
            "origin": "prediction", "score": round(score, 4), "value": value}  # fmt: skip
