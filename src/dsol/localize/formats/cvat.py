"""CVAT for video 1.1: cvat.zip to upload as annotations of a task, cvat.labels.json to make the task's labels with.

Each object is a track; what it does is an attribute that may change from frame to frame: seen, silent, … A stretch off
screen has no place in CVAT and is left out.
"""

import json
import zipfile
from pathlib import Path
from xml.etree import ElementTree

from dsol.data.states import OFF_SCREEN, STATES
from dsol.localize.formats.keyframes import Keyframe, Run, frame_count, runs_of
from dsol.localize.localization import Timeline
from dsol.localize.palette import colours_of

ANNOTATIONS = "annotations.xml"  # where CVAT looks for them in a ZIP
STATE = "state"
SHOWN = [state for state in STATES if state != STATES[OFF_SCREEN]]
LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the same answer is the same file, byte for byte


def write_cvat(timeline: Timeline, path: Path) -> None:
    """cvat.zip: open the task, Upload annotations, CVAT 1.1."""
    text = ElementTree.tostring(_annotations(timeline), encoding="utf-8", xml_declaration=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bundle:
        bundle.writestr(zipfile.ZipInfo(ANNOTATIONS, LONG_AGO), text, zipfile.ZIP_DEFLATED)


def write_cvat_labels(timeline: Timeline, path: Path) -> None:
    """cvat.labels.json: what goes into Raw of the constructor of a new task's labels."""
    colours = colours_of(range(len(timeline.categories)))
    attribute = {"name": STATE, "input_type": "select", "mutable": True, "values": SHOWN, "default_value": SHOWN[0]}
    labels = [
        {"name": name, "color": "#{:02x}{:02x}{:02x}".format(*colours[k]), "type": "rectangle",
         "attributes": [attribute]}
        for k, name in enumerate(timeline.categories)
    ]  # fmt: skip
    path.write_text(json.dumps(labels, indent=1) + "\n", encoding="utf-8")


def _annotations(timeline: Timeline) -> ElementTree.Element:
    root = ElementTree.Element("annotations")
    _add(root, "version", "1.1")
    root.append(_meta(timeline))
    tracks: dict[int, list[Run]] = {}
    for run in runs_of(timeline):
        tracks.setdefault(run.track.id, []).append(run)
    for runs in tracks.values():
        root.append(_track(timeline, runs))
    ElementTree.indent(root)
    return root


def _add(parent: ElementTree.Element, tag: str, text: object = None, **attributes: object) -> ElementTree.Element:
    child = ElementTree.SubElement(parent, tag, {name: str(value) for name, value in attributes.items()})
    child.text = None if text is None else str(text)
    return child


def _meta(timeline: Timeline) -> ElementTree.Element:
    meta = ElementTree.Element("meta")
    task = _add(meta, "task")
    name, frames = Path(timeline.video).name, frame_count(timeline)
    facts = {"name": name, "size": frames, "mode": "interpolation", "overlap": 0, "start_frame": 0,
             "stop_frame": frames - 1, "frame_filter": ""}  # fmt: skip
    for tag, text in facts.items():
        _add(task, tag, text)
    labels = _add(task, "labels")
    for category in timeline.categories:
        label = _add(labels, "label")
        _add(label, "name", category)
        attribute = _add(_add(label, "attributes"), "attribute")
        told = {"name": STATE, "mutable": True, "input_type": "select", "default_value": SHOWN[0],
                "values": "\n".join(SHOWN)}  # fmt: skip
        for tag, text in told.items():
            _add(attribute, tag, text)
    size = _add(task, "original_size")
    _add(size, "width", timeline.size[0])
    _add(size, "height", timeline.size[1])
    _add(task, "source", name)
    return meta


def _track(timeline: Timeline, runs: list[Run]) -> ElementTree.Element:
    """One object: its boxes, and one more, marked as outside, wherever it goes."""
    own = runs[0].track
    track = ElementTree.Element("track", id=str(own.id - 1), label=own.category, source="auto")
    returns = [run.keyframes[0].frame for run in runs[1:]] + [frame_count(timeline)]
    for run, returns_at in zip(runs, returns, strict=True):
        by_frame = {at.frame: at for at in run.keyframes}  # of two at one frame the later one counts
        for frame, at in by_frame.items():
            _add_box(track, timeline, at, frame, outside=False)
        if run.end < returns_at:
            _add_box(track, timeline, run.keyframes[-1], run.end, outside=True)
    return track


def _add_box(track: ElementTree.Element, timeline: Timeline, at: Keyframe, frame: int, outside: bool) -> None:
    (width, height), (x, y, w, h) = timeline.size, at.xywh
    corners = {"xtl": x * width, "ytl": y * height, "xbr": (x + w) * width, "ybr": (y + h) * height}
    box = _add(track, "box", frame=frame, outside=int(outside), occluded=0, keyframe=1,
               **{name: f"{value:.2f}" for name, value in corners.items()}, z_order=0)  # fmt: skip
    _add(box, "attribute", at.state, name=STATE)
