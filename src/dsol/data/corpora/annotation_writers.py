"""`Boxes` written in the formats of the field, where the format can hold them.

    Boxes ──write──▶ FILE.partial ──read back──▶ the same boxes? ──▶ FILE

A format that cannot hold something (a silent object, a second category, another time) would lose it silently.
So what was written is read again before it gets its name, and refused where a frame comes back changed.
"""

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from dsol.data.boxes import Box, Boxes, Frame, frame_key
from dsol.data.corpora.annotations import (
    AUDIOSET_IDS,
    FLICKR_PIXELS,
    ID_LENGTH,
    MUSIC_FPS,
    MUSIC_IDS,
    OFFICIAL_PIXELS,
    read_boxes,
    to_coco,
)
from dsol.data.corpora.lists import youtube_id
from dsol.errors import DsolError
from dsol.files import whole

Size = tuple[int, int] | Mapping[str, tuple[int, int]]
SAME = 1e-6  # of the frame, and seconds: how near what is read back must be
REMEDY = "write native or coco, which hold everything"


def write_boxes(boxes: Boxes, path: str | Path, format: str = "native", size: Size = (224, 224)) -> None:
    """Write annotations in an official format, whole or not at all.

    Args:
        boxes: what is where.
        path: the file; for flickr a folder, which must not be there.
        format: one of `WRITERS`.
        size: width and height of the frames in pixels, of each video where they differ; for formats with pixels.

    Raises:
        DsolError: unknown format, one that cannot hold these boxes (the frame is named), or no room to write.

    Example:
        >>> write_boxes(read_boxes("solotest.json"), "boxes.json")             # doctest: +SKIP
        >>> write_boxes(read_boxes("boxes.json"), "solotest.json", "dsol")     # doctest: +SKIP
    """
    if format not in WRITERS:
        raise DsolError(path, f"{format!r} is no format to write", f"choose one of {', '.join(WRITERS)}")
    try:
        with whole(path) as partial:
            if format in OTHERS:
                OTHERS[format](boxes, partial)
            else:
                partial.write_text(json.dumps(AS_JSON[format](boxes, size)), "utf-8")
            _check(boxes, _again(partial, format), path, format)
    except OSError as error:
        raise DsolError(path, f"cannot be written: {error.strerror}", "check the folder and the free space") from None
    except (KeyError, ValueError) as error:
        raise _unfit(path, format, str(error)) from None


def _again(partial: Path, format: str) -> tuple[Frame, ...]:
    try:
        return read_boxes(partial, format).frames
    except DsolError as error:
        raise ValueError(error.what) from None


def _check(boxes: Boxes, again: tuple[Frame, ...], path: str | Path, format: str) -> None:
    """Every frame comes back with its boxes, its time and, where it has an official one, its key."""
    if len(again) != len(boxes.frames):
        raise _unfit(path, format, f"{len(boxes.frames)} frames become {len(again)}: keys come twice")
    for frame, back in zip(sorted(boxes.frames, key=_order), sorted(again, key=_order), strict=True):
        own = frame.key == frame_key(frame.video, frame.time_s)
        if abs(frame.time_s - back.time_s) > SAME or not (own or frame.key == back.key):
            raise _unfit(path, format, f"frame {frame.key} comes back as {back.key} at {back.time_s:.3f} s")
        if not (len(frame.boxes) == len(back.boxes) and all(map(_same, frame.boxes, back.boxes))):
            raise _unfit(path, format, f"the boxes of frame {frame.key} come back changed")


def _order(frame: Frame) -> tuple:
    return (youtube_id(frame.video) or frame.video, frame.time_s)


def _same(one: Box, other: Box) -> bool:
    near = all(abs(a - b) <= SAME for a, b in zip(one.xywh, other.xywh, strict=True))
    return near and (one.category, one.sounding) == (other.category, other.sounding)


def _unfit(path: str | Path, format: str, what: str) -> DsolError:
    return DsolError(path, f"the format '{format}' cannot hold these boxes: {what}", REMEDY)


def _dsol(boxes: Boxes, size: Size) -> dict:
    numbers = {name: number for number, name in MUSIC_IDS.items()}
    data = {}
    for frame in boxes:
        width, height = size[frame.video] if isinstance(size, Mapping) else size
        data[_dsol_key(frame)] = {
            "bbox": [{"box": [round(v) for v in _pixels(box, width, height)], "normbox": list(box.xywh),
                      "category_id": numbers[box.category]} for box in frame.boxes],
            "wdith": width, "height": height,
        }  # fmt: skip  # the misspelling is the format's
    return data


def _dsol_key(frame: Frame) -> str:
    """The official key, or the one that the frame would have."""
    if frame.key != frame_key(frame.video, frame.time_s):
        return frame.key
    second = int(frame.time_s + SAME)
    return f"{_id(frame)}_0_1000/frame_{second:03d}/{round(frame.time_s * MUSIC_FPS):05d}.jpg"


def _id(frame: Frame) -> str:
    found = youtube_id(frame.video)
    if found is None:
        raise ValueError(f"video {frame.video} has no YouTube id of {ID_LENGTH} characters")
    return found


def _pixels(box: Box, width: int, height: int) -> tuple[float, float, float, float]:
    x, y, w, h = box.xywh
    return x * width, y * height, w * width, h * height


def _audioset(boxes: Boxes, size: Size) -> dict:
    numbers = {name: number for number, name in AUDIOSET_IDS.items()}
    return {
        f"{_id(frame)}/{frame.time_s:.0f}": {
            "bbox": [{"category": numbers[box.category], "normbox": list(box.xywh)} for box in frame.boxes]
        }
        for frame in boxes
    }


def _avgn(boxes: Boxes, size: Size) -> list:
    data = []
    for frame in boxes:
        number = round(frame.time_s * MUSIC_FPS)
        named: dict[str, Any] = {"file": f"{_id(frame)}_{number // MUSIC_FPS:03d}_{number:05d}"}
        for k, box in enumerate(frame.boxes, start=1):
            source = f"_src{k}" if len(frame.boxes) > 1 else ""
            named |= {f"class{source}": box.category, f"bbox{source}": list(box.xywh)}
        data.append(named)
    return data


def _vggss(boxes: Boxes, size: Size) -> list:
    return [
        {"file": frame.key, "class": frame.boxes[0].category if frame.boxes else "",
         "bbox": [[x, y, _end(x, w), _end(y, h)] for x, y, w, h in (box.xywh for box in frame.boxes)]}
        for frame in boxes
    ]  # fmt: skip


def _end(start: float, extent: float) -> float:
    """`start + extent`, not rounded so that the official 224 pixels would end one earlier."""
    end = start + extent
    while OFFICIAL_PIXELS * end < OFFICIAL_PIXELS * start + OFFICIAL_PIXELS * extent:
        end = math.nextafter(end, 2.0)
    return end


def _write_flickr(boxes: Boxes, path: Path) -> None:
    """One file an image, one annotator a box."""
    path.mkdir()
    for frame in boxes:
        root = ElementTree.Element("annotation")
        ElementTree.SubElement(root, "filename").text = f"{frame.key}.jpg"
        for k, box in enumerate(frame.boxes, start=1):
            annotator = ElementTree.SubElement(root, f"annotation_{k}")
            ElementTree.SubElement(annotator, "annotator").text = f"ann{k}"
            x, y, w, h = _pixels(box, FLICKR_PIXELS, FLICKR_PIXELS)
            corners = ElementTree.SubElement(annotator, "bbox")
            for name, value in zip(("xmin", "ymin", "xmax", "ymax"), (x, y, x + w, y + h), strict=True):
                ElementTree.SubElement(corners, name).text = str(round(value))
        if "/" in frame.key:
            raise ValueError(f"frame {frame.key} cannot be the name of a file")
        ElementTree.ElementTree(root).write(path / f"{frame.key}.xml")


AS_JSON: dict[str, Callable[[Boxes, Size], Any]] = {
    "dsol": _dsol, "audioset": _audioset, "avgn": _avgn, "vggss": _vggss, "coco": to_coco,
}  # fmt: skip
OTHERS: dict[str, Callable[[Boxes, Path], None]] = {"native": Boxes.save, "flickr": _write_flickr}
WRITERS = ("native", "dsol", "audioset", "avgn", "vggss", "flickr", "coco")
