"""CVAT 1.1, for video or for images: annotations.xml, by itself or in the ZIP that CVAT exports."""

import zipfile
from pathlib import Path
from xml.etree import ElementTree

from dsol.data.corrections.corrected import At, Corrected, Label, Moving, Xywh
from dsol.data.corrections.stills import state_of, still_of
from dsol.errors import MALFORMED, DsolError, explained

ANNOTATIONS = "annotations.xml"
FORMATS = "export as CVAT for video 1.1 or for images 1.1"


def read_cvat(path: Path) -> list[Corrected]:
    """One entry a video, `in_frames`: CVAT numbers the frames of a video and does not say how many make a second.

    Raises:
        DsolError: not CVAT's XML, or an image that does not say which moment it shows.
    """
    root = _root(path)
    if root.tag != "annotations":
        raise DsolError(path, f"is XML of another kind: <{root.tag}>", FORMATS)
    images = list(root.iter("image"))
    if images:
        return _images(images, path)
    sizes = (root.find(f"meta/{of}/original_size") for of in ("task", "job"))
    size = next((size for size in sizes if size is not None), None)
    if size is None:
        raise DsolError(path, "does not say how large the picture is", "export as CVAT for video 1.1")
    width, height = (float(size.findtext(side) or 0) for side in ("width", "height"))
    objects = tuple(_object(track, width, height) for track in root.iter("track") if track.find("box") is not None)
    name = root.findtext("meta/task/source") or root.findtext("meta/task/name") or root.findtext("meta/source") or ""
    frames = float(root.findtext("meta/task/size") or root.findtext("meta/job/size") or 0)
    return [Corrected(name, objects, duration_s=frames, in_frames=True)]


def _root(path: Path) -> ElementTree.Element:
    broken = (OSError, ElementTree.ParseError, zipfile.BadZipFile, *MALFORMED)
    with explained(path, "is not CVAT's XML: {}", "export it again", *broken):
        if not zipfile.is_zipfile(path):
            return ElementTree.parse(path).getroot()
        with zipfile.ZipFile(path) as files:
            if ANNOTATIONS not in files.namelist():
                raise DsolError(path, f"has no {ANNOTATIONS} in it", FORMATS)
            return ElementTree.fromstring(files.read(ANNOTATIONS))


def _object(track: ElementTree.Element, width: float, height: float) -> Moving:
    boxes = sorted(track.iter("box"), key=lambda box: int(box.get("frame", 0)))
    path = tuple(
        At(float(box.get("frame", 0)), _fractions(box, width, height), _state(box), box.get("outside") != "1")
        for box in boxes
    )
    return Moving(Label.read(track.get("label", "")), path)


def _state(box: ElementTree.Element) -> str:
    return state_of({mark.get("name"): (mark.text or "").strip() for mark in box.iter("attribute")})


def _fractions(box: ElementTree.Element, width: float, height: float) -> Xywh:
    left, right = (float(box.get(side, 0)) / width for side in ("xtl", "xbr"))
    top, bottom = (float(box.get(side, 0)) / height for side in ("ytl", "ybr"))
    return left, top, right - left, bottom - top


def _images(images: list[ElementTree.Element], path: Path) -> list[Corrected]:
    videos: dict[str, dict[float, list]] = {}
    for image in images:
        video, time_s = still_of(None, None, image.get("name", ""), path)
        width, height = float(image.get("width", 1)), float(image.get("height", 1))
        videos.setdefault(video, {})[time_s] = [
            (Label(box.get("label", ""), None, _state(box)), _fractions(box, width, height))
            for box in image.iter("box")
        ]
    return [Corrected(video, stills=stills) for video, stills in videos.items()]
