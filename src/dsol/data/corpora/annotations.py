"""Every annotation format of the field, read into `Boxes`. `annotation_writers` is the way back.

    native     boxes.json of this project
    dsol       solotest.json, duettest.json: key YTID_0_1000/frame_SSS/NNNNN.jpg, xywh fractions, category ids
    audioset   audioset_box.json: key YTID/second, xywh fractions, category ids
    avgn       the same boxes as lists of files with category names, one or two sources; xywh fractions
    vggss      vggss.json: xyxy fractions
    flickr     a folder of XML files, one an image, xyxy pixels of 256×256, several annotators
    coco       COCO detection JSON, xywh pixels

The official files do not state which convention their boxes follow, and published code has confused them. So each
reader assumes the convention of its format, and refuses a file whose boxes do not fit it.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from dsol.data.boxes import Box, Boxes, Frame, check_xywh
from dsol.errors import MALFORMED, DsolError, explained
from dsol.files import read_json
from dsol.progress import say

MUSIC_IDS = {
    1: "cello", 3: "acoustic_guitar", 8: "saxophone", 10: "trumpet", 11: "violin", 12: "flute", 13: "accordion",
}  # fmt: skip  # ids of solotest.json and duettest.json; MUSIC's four other categories have none
AUDIOSET_IDS = {
    0: "banjo", 1: "cello", 2: "drum", 3: "guitar", 4: "harp", 5: "harmonica", 6: "piano", 7: "saxophone",
    8: "trombone", 9: "violin", 10: "flute", 11: "accordion", 12: "french_horn",
}  # fmt: skip  # ids of audioset_box.json, found by matching its videos with AudioSet's own labels
MUSIC_FPS = 30  # the number of a frame counts these
ID_LENGTH = 11  # of a YouTube video
VGGSS_MIDDLE_S = 5.0  # VGG-SS annotates the middle of a ten-second clip
FLICKR_PIXELS = 256
OFFICIAL_PIXELS = 224  # that every published script cuts its boxes to
FLICKR_CATEGORY = "sound source"
SEE = "see docs/evaluation.md"
SPOILT = 0.05  # share of boxes without area above which the convention is in doubt, not the box


def read_boxes(path: str | Path, format: str = "auto") -> Boxes:
    """Read annotations of any format.

    Args:
        path: a file, or the folder of XML files of Flickr-SoundNet.
        format: one of `READERS`, or "auto" to recognise it.

    Returns:
        Boxes whose frames keep the official key as `Frame.key`. `Frame.video` is the YouTube id where there is
        one, else the name of the clip.

    Raises:
        DsolError: cannot be read, is of no known format, or has boxes that do not fit the format's convention.

    Example:
        >>> read_boxes("solotest.json").frames[0].key                          # doctest: +SKIP
        '4Oy5VmaacaI_0_1000/frame_013/00411.jpg'
    """
    path = Path(path)
    if path.is_dir() or path.suffix == ".xml":
        return _read_flickr(path)
    data = read_json(path, "give one of the formats in docs/evaluation.md")
    if format not in ("auto", *READERS):
        raise DsolError("--format", f"{format!r} is not known", f"choose one of auto, {', '.join(READERS)}")
    if format == "auto":
        with explained(path, "is not of the format 'auto': {!r}", SEE, *MALFORMED):
            format = _recognise(data, path)
    with explained(path, f"is not of the format '{format}': {{!r}}", SEE, *MALFORMED):
        return READERS[format](data, path)


def to_coco(boxes: Boxes, size: tuple[int, int] | Mapping[str, tuple[int, int]] = (224, 224)) -> dict:
    """Boxes as COCO detection JSON.

    Args:
        boxes: what is where.
        size: width and height of the frames in pixels; of each video where they differ.

    Returns:
        A dict for `json.dump`. Beyond COCO an image has "video" and "time_s", an annotation "sounding", so that
        `read_boxes` gives the same boxes again.

    Example:
        >>> boxes = Boxes(("cello",), (Frame("a.mp4", 3.0, (Box("cello", (0.5, 0.0, 0.5, 1.0)),)),))
        >>> to_coco(boxes, (640, 360))["annotations"][0]["bbox"]
        [320.0, 0.0, 320.0, 360.0]
    """
    ids = {name: n + 1 for n, name in enumerate(boxes.categories)}
    images, annotations = [], []
    for n, frame in enumerate(boxes.frames):
        width, height = size[frame.video] if isinstance(size, Mapping) else size
        images.append({"id": n + 1, "file_name": frame.key, "width": width, "height": height,
                       "video": frame.video, "time_s": frame.time_s})  # fmt: skip
        for box in frame.boxes:
            x, y, w, h = box.xywh
            pixels = [x * width, y * height, w * width, h * height]
            annotations.append({"id": len(annotations) + 1, "image_id": n + 1, "category_id": ids[box.category],
                                "bbox": pixels, "area": pixels[2] * pixels[3], "iscrowd": 0,
                                "sounding": box.sounding})  # fmt: skip
    categories = [{"id": n, "name": name} for name, n in ids.items()]
    return {"images": images, "annotations": annotations, "categories": categories}


def _recognise(data: Any, path: Path) -> str:
    first = next(iter(data.values() if isinstance(data, dict) else data), None) if data else None
    if isinstance(data, dict) and "images" in data and "annotations" in data:
        return "coco"
    if isinstance(data, dict) and "frames" in data:
        return "native"
    if isinstance(first, dict) and "file" in first:
        nested = first.get("bbox") and isinstance(first["bbox"][0], list)
        return "vggss" if nested else "avgn"
    if isinstance(first, dict) and "bbox" in first:
        return "dsol" if "/frame_" in next(iter(data)) else "audioset"
    raise DsolError(path, "is of no known annotation format", "name it with --format, or write a boxes.json")


def _read_dsol(data: dict, path: Path) -> Boxes:
    frames = []
    for key, entry in data.items():
        video, second, picture = key.split("/")
        time_s = _music_time(second.removeprefix("frame_"), Path(picture).stem, path, key)
        boxes = (official_box(MUSIC_IDS, b["category_id"], b["normbox"], path, key) for b in entry["bbox"])
        frames.append(Frame(video[:ID_LENGTH], time_s, tuple(boxes), key))
    return Boxes(tuple(sorted(MUSIC_IDS.values())), tuple(frames))


def _read_audioset(data: dict, path: Path) -> Boxes:
    frames = []
    for key, entry in data.items():
        video, second = key.rsplit("/", 1)
        boxes = (official_box(AUDIOSET_IDS, b["category"], b["normbox"], path, key) for b in entry["bbox"])
        frames.append(Frame(video, float(second), tuple(boxes), key))
    return Boxes(tuple(AUDIOSET_IDS.values()), tuple(frames))


def _read_avgn(data: list, path: Path) -> Boxes:
    frames = []
    for entry in data:
        key = entry["file"]
        sources = [name.removeprefix("bbox") for name in entry if name.startswith("bbox")]
        boxes = (Box(entry[f"class{s}"], _xywh(entry[f"bbox{s}"], path, key)) for s in sources)
        _, second, number = key.rsplit("_", 2)
        frames.append(Frame(key[:ID_LENGTH], _music_time(second, number, path, key), tuple(boxes), key))
    return Boxes.of(frames)


def _music_time(second: str, number: str, path: Path, key: str) -> float:
    """Seconds from the start of the video. The videos were annotated at 30 frames a second, whatever yours has."""
    time_s = int(number) / MUSIC_FPS
    if int(time_s) != int(second):
        what = f"is number {int(number)} and in second {int(second)}, which is not {MUSIC_FPS} frames a second"
        raise DsolError(f"{path}, frame {key}", what, "number frames at 30 a second, or write a boxes.json")
    return time_s


def _read_vggss(data: list | dict, path: Path) -> Boxes:
    entries = list(data.values()) if isinstance(data, dict) else data
    corners = [(entry["file"], entry["class"], box) for entry in entries for box in entry["bbox"]]
    kept = _with_area([(name, category, _from_corners(box)) for name, category, box in corners], path)
    boxes: dict[str, list[Box]] = {entry["file"]: [] for entry in entries}
    for name, category, xywh in kept:
        boxes[name].append(Box(category, _xywh(xywh, path, name)))
    return Boxes.of(Frame(name, VGGSS_MIDDLE_S, tuple(found), name) for name, found in boxes.items())


def _read_flickr(path: Path) -> Boxes:
    files = sorted(path.glob("*.xml")) if path.is_dir() else [path]
    if not files:
        raise DsolError(path, "has no XML files", "give the folder of Flickr-SoundNet's annotations")
    return Boxes((FLICKR_CATEGORY,), tuple(_flickr_frame(file) for file in files), votes=True)


def _flickr_frame(file: Path) -> Frame:
    """One image; every annotator's box is read, so that a protocol can form their consensus."""
    broken = (OSError, ElementTree.ParseError, *MALFORMED)
    with explained(file, "is no annotation of Flickr-SoundNet: {}", "leave it out", *broken):
        found = ElementTree.parse(file).getroot().iter("bbox")
        corners = [[int(child.text or "") for child in list(box)[-4:]] for box in found]  # a name may come first
        if any(len(box) != 4 for box in corners):
            raise ValueError("a box has not four corners")
    for left, top, right, bottom in corners:
        if not (left < right <= FLICKR_PIXELS and top < bottom <= FLICKR_PIXELS and min(left, top) >= 0):
            what = f"box {[left, top, right, bottom]} has no area or leaves the {FLICKR_PIXELS} pixels"
            raise DsolError(file, what, "write left, top, right, bottom; are these x, y, width, height?")
    boxes = (_from_corners([v / FLICKR_PIXELS for v in box]) for box in corners)
    return Frame(file.stem, 0.0, tuple(Box(FLICKR_CATEGORY, b) for b in boxes), file.stem)


def _read_coco(data: dict, path: Path) -> Boxes:
    names = {entry["id"]: str(entry["name"]) for entry in data["categories"]}
    found: dict[Any, list[Box]] = {image["id"]: [] for image in data["images"]}
    sizes = {image["id"]: (float(image["width"]), float(image["height"])) for image in data["images"]}
    for entry in data["annotations"]:
        (width, height), (x, y, w, h) = sizes[entry["image_id"]], entry["bbox"]
        xywh = _xywh([x / width, y / height, w / width, h / height], path, f"image {entry['image_id']}")
        found[entry["image_id"]].append(Box(names[entry["category_id"]], xywh, bool(entry.get("sounding", True))))
    frames = (
        Frame(str(image.get("video", image["file_name"])), float(image.get("time_s", 0.0)),
              tuple(found[image["id"]]), str(image["file_name"]))
        for image in data["images"]
    )  # fmt: skip
    return Boxes(tuple(names.values()), tuple(frames))


READERS: dict[str, Callable[[Any, Path], Boxes]] = {
    "native": lambda data, path: Boxes.load(path),
    "dsol": _read_dsol,
    "audioset": _read_audioset,
    "avgn": _read_avgn,
    "vggss": _read_vggss,
    "coco": _read_coco,
    "flickr": lambda data, path: _read_flickr(path),
}


def official_box(ids: Mapping[int, str], number: int, xywh: Iterable[float], path: Path, key: str) -> Box:
    """A box whose category is a number of `MUSIC_IDS` or `AUDIOSET_IDS`, checked.

    Raises:
        DsolError: an unknown number, or a box outside its frame.
    """
    if number not in ids:
        raise DsolError(f"{path}, frame {key}", f"has the unknown category id {number}", f"known: {sorted(ids)}")
    return Box(ids[number], _xywh(xywh, path, key))


def _xywh(numbers: Iterable[float], path: Path, key: str) -> tuple[float, float, float, float]:
    """Checked, and to the last digit as in the file: a rounded width may cost a pixel."""
    return check_xywh(numbers, f"{path}, frame {key}")


def _from_corners(box: Iterable[float]) -> tuple[float, float, float, float]:
    """xyxy to xywh, cut to the frame; VGG-SS holds a few numbers like -2.9e16."""
    left, top, right, bottom = (min(max(float(v), 0.0), 1.0) for v in box)
    return left, top, _extent(left, right), _extent(top, bottom)


def _extent(start: float, end: float) -> float:
    """`end - start`, not rounded so that the official 224 pixels would end one earlier."""
    extent = end - start
    while OFFICIAL_PIXELS * start + OFFICIAL_PIXELS * extent < OFFICIAL_PIXELS * end:
        extent = math.nextafter(extent, 2.0)
    return extent


def _with_area(boxes: list[tuple], path: Path) -> list[tuple]:
    """Those with an area. A few without are errors of the file, many mean another convention."""
    kept = [item for item in boxes if item[2][2] > 0 and item[2][3] > 0]
    lost = len(boxes) - len(kept)
    if lost > SPOILT * len(boxes):
        what = f"has {lost} of {len(boxes)} boxes without area"
        raise DsolError(path, what, "write left, top, right, bottom; are these x, y, width, height?")
    if lost:
        say(f"{path}: left out {lost} of {len(boxes)} boxes, which have no area")
    return kept
