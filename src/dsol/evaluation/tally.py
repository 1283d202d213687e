"""Maps against annotations, batch by batch: only a few numbers a frame are kept.

batches of Maps ──check──▶ the annotated frames ──┬─ maps of what sounds ──▶ IoU of every object
                                                  ├─ maps of what is silent ─▶ share of quiet pixels (NSA)
                                                  └─ maps of every box ──────▶ mean inside it (silent AUROC)
                                                             │
Tally ◀── in the order of the batches ── Part: of one batch ◀┘
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from dsol.errors import DsolError
from dsol.evaluation.counting import shares_above
from dsol.evaluation.metrics import ratio
from dsol.evaluation.protocols import Masks, Protocol
from dsol.evaluation.resize import Size, mean_inside, resize
from dsol.evaluation.truth import Truth
from dsol.model.maps import Maps

QUIET = float(np.float32(0.2))  # τ of equation 9; maps are float32, and in float32 0.2 ≤ 0.2 must hold
MOST_NAMED = 3  # frames that an error names


@dataclass
class Tally:
    """What is known of every frame once its maps are gone.

    Attributes:
        iou: (O,) of every sounding object.
        quiet: (F,) NSA of every frame; NaN where no category is silent, and where maps are class-agnostic.
        inside: (X,) mean of the map inside every box.
        quiet_of: per category the sum of its quiet shares and how many they are.
        columns: what the protocol adds, O or F rows each.
    """

    iou: np.ndarray
    quiet: np.ndarray
    inside: np.ndarray
    quiet_of: dict[str, np.ndarray] = field(default_factory=dict)
    columns: dict[str, np.ndarray] = field(default_factory=dict)

    def without_nsa(self) -> None:
        """Forget what is silent."""
        self.quiet[:] = np.nan
        self.quiet_of.clear()


@dataclass
class Part:
    """What one batch adds to a `Tally`.

    Attributes:
        frames, objects, boxes: indices of the scored frames, their sounding objects and their boxes in the truth.
        iou, quiet, inside: of these, as in `Tally`; `quiet` is None in a protocol without NSA.
        quiet_of: as in `Tally`.
        frame_columns, object_columns: what the protocol adds, a row for each of these.
    """

    frames: np.ndarray
    objects: np.ndarray
    boxes: np.ndarray
    iou: np.ndarray
    inside: np.ndarray
    quiet: np.ndarray | None = None
    quiet_of: dict[str, np.ndarray] = field(default_factory=dict)
    frame_columns: dict[str, np.ndarray] = field(default_factory=dict)
    object_columns: dict[str, np.ndarray] = field(default_factory=dict)


def tally(batches: Iterable[Maps], truth: Truth, protocol: Protocol) -> Tally:
    """Score maps as they come.

    Args:
        batches: every annotated frame once, in any order; other frames are ignored.
        truth: the annotations, made with `united=protocol.united`.
        protocol: what to compute.

    Raises:
        DsolError: an annotated frame is missing or comes twice, or its map is not finite, has a wrong shape or
            lacks an annotated category. The frame is named, and nothing further is read.
    """
    return add_up((part_of(batch, truth, protocol) for batch in batches), truth)


def add_up(parts: Iterable[Part | None], truth: Truth) -> Tally:
    """The tally of all batches from their parts. Their order decides the last digit of a sum; where they were made
    decides nothing.

    Args:
        parts: results of `part_of`.
        truth: what they were made with.

    Raises:
        DsolError: an annotated frame is missing or comes twice.
    """
    seen = np.zeros(len(truth.keys), dtype=bool)
    iou, quiet, inside = (np.full(len(of), np.nan) for of in (truth.object_frame, truth.keys, truth.box_frame))
    result = Tally(iou, quiet, inside)
    for part in filter(None, parts):
        _check_once(part.frames, seen, truth)
        seen[part.frames] = True
        _add(result, part)
    _check_all(seen, truth)
    return result


def _add(result: Tally, part: Part) -> None:
    result.iou[part.objects], result.inside[part.boxes] = part.iou, part.inside
    if part.quiet is not None:
        result.quiet[part.frames] = part.quiet
    for name, values in part.quiet_of.items():
        result.quiet_of[name] = result.quiet_of.get(name, 0) + values
    _put(result, part.frame_columns, part.frames, len(result.quiet))
    _put(result, part.object_columns, part.objects, len(result.iou))


def _put(result: Tally, columns: dict[str, np.ndarray], rows: np.ndarray, length: int) -> None:
    for name, column in columns.items():
        if name not in result.columns:
            result.columns[name] = np.full((length, *column.shape[1:]), np.nan)
        result.columns[name][rows] = column


def part_of(batch: Maps, truth: Truth, protocol: Protocol) -> Part | None:
    """Score one batch, see `tally`; None where none of its frames is annotated."""
    _check_shape(batch)
    rows = np.array([row for row, key in enumerate(batch.keys) if key in truth.place], dtype=int)
    if not len(rows):
        return None
    frames = np.array([truth.place[batch.keys[row]] for row in rows])
    maps = batch.area if protocol.united or batch.maps is None else batch.maps
    maps = maps if len(rows) == len(maps) else maps[rows]
    _check_finite(maps, frames, truth)
    return _scored(maps, frames, batch.categories if maps.ndim == 4 else None, truth, protocol)


def _scored(maps: np.ndarray, frames: np.ndarray, categories, truth: Truth, protocol: Protocol) -> Part:
    columns = None  # the index of each annotated category in the maps, -1 where they lack it
    if categories is not None:
        columns = np.array([categories.index(k) if k in categories else -1 for k in truth.categories], dtype=int)
    objects, row = members(truth.object_frame, frames)
    theirs = _pick(maps, row, truth.object_category[objects], columns, frames, truth)
    boxes, box_row = members(truth.box_frame, frames)
    boxed = _pick(maps, box_row, truth.box_category[boxes], columns, frames, truth)
    part = Part(
        frames, objects, boxes,
        iou=protocol.measure(theirs, masks_of(objects, truth), truth.size),
        inside=mean_inside(boxed, truth.box_rect[boxes], truth.size),
        frame_columns=_frame_columns(maps, truth, protocol),
        object_columns=_object_columns(theirs, objects, truth, protocol),
    )  # fmt: skip
    if not protocol.united:
        names = truth.categories if categories is None else categories
        place = np.arange(len(names)) if columns is None else columns
        sounding = np.zeros((len(frames), len(names)), dtype=bool)
        sounding[row, place[truth.object_category[objects]]] = True
        _add_quiet(part, maps, ~sounding, names, truth.size)
    return part


def masks_of(objects: np.ndarray, truth: Truth) -> Masks:
    """Where some objects are."""
    rects, owner = members(truth.rect_object, objects)
    return Masks(truth.rects[rects], owner, truth.rect_weight[rects], truth.object_area[objects])


def add_frame_columns(result: Tally, maps: np.ndarray, frames: np.ndarray, truth: Truth, protocol: Protocol) -> None:
    """What a protocol adds for frames (F,) and their maps (F, H, W), or one map (1, H, W) for all of them."""
    _put(result, _frame_columns(maps, truth, protocol), frames, len(truth.keys))


def _frame_columns(maps: np.ndarray, truth: Truth, protocol: Protocol) -> dict[str, np.ndarray]:
    if protocol.extension is None or protocol.extension.of_frames is None:
        return {}
    return protocol.extension.of_frames(maps, truth.size)


def add_object_columns(result: Tally, maps: np.ndarray, objects: np.ndarray, truth: Truth, protocol: Protocol) -> None:
    """What a protocol adds for objects (O,) and their maps (O, H, W)."""
    _put(result, _object_columns(maps, objects, truth, protocol), objects, len(truth.object_frame))


def _object_columns(maps: np.ndarray, objects: np.ndarray, truth: Truth, protocol: Protocol) -> dict[str, np.ndarray]:
    """A frame at a time: every pixel of it is looked at."""
    if protocol.extension is None or protocol.extension.of_objects is None or not len(objects):
        return {}
    of_frame = np.flatnonzero(np.diff(truth.object_frame[objects], prepend=-1))
    found = []
    for mine in np.split(np.arange(len(objects)), of_frame[1:]):
        masks = np.stack([truth.mask(n) for n in objects[mine]])
        pixels, frame = resize(maps[mine], truth.size), truth.object_frame[objects[mine]]
        found.append(protocol.extension.of_objects(pixels, masks, frame))
    return {name: np.concatenate([each[name] for each in found]) for name in found[0]}


def members(group: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The items of some groups.

    Args:
        group: (items,) group of each item, ascending.
        wanted: (G,) groups.

    Returns:
        Indices of the items, group after group, and for each the position of its group in `wanted`.

    Example:
        >>> [found.tolist() for found in members(np.array([0, 0, 1, 2]), np.array([2, 0]))]
        [[3, 0, 1], [0, 1, 1]]
    """
    start = np.searchsorted(group, wanted)
    count = np.searchsorted(group, wanted, side="right") - start
    position = np.repeat(np.arange(len(wanted)), count)
    return np.arange(len(position)) + np.repeat(start - count.cumsum() + count, count), position


def _pick(maps, row, category, columns, frames, truth: Truth) -> np.ndarray:
    """(items, H, W) the map of each item's category in its frame."""
    if columns is None:
        return maps[row]
    lacking = np.flatnonzero(columns[category] < 0)
    if len(lacking):
        key, name = truth.keys[frames[row[lacking[0]]]], truth.categories[category[lacking[0]]]
        raise DsolError(key, f"is annotated with {name!r}, which the maps do not have",
                        "name the maps' categories as the boxes do; match clusters to categories first")  # fmt: skip
    return maps[row, columns[category]]


def _add_quiet(part: Part, maps: np.ndarray, silent: np.ndarray, categories, size: Size) -> None:
    """NSA, the right half of equation 9, of maps (B, K, H, W), or of one map (B, H, W) that counts for every silent
    category. A map whose cells are all quiet is quiet everywhere."""
    if maps.ndim == 3:
        share = np.broadcast_to(1 - shares_above(maps, QUIET, size)[:, None], silent.shape) * silent
    else:
        loud = silent & (maps.max(axis=(2, 3)) > QUIET)
        share = silent.astype(np.float64)
        share[loud] -= shares_above(maps[loud], QUIET, size)
    part.quiet = ratio(share.sum(axis=1), silent.sum(axis=1))
    for name, total, many in zip(categories, share.sum(axis=0), silent.sum(axis=0), strict=True):
        part.quiet_of[name] = np.array([total, many])


def _check_shape(batch: Maps) -> None:
    where = batch.keys[0] if batch.keys else "maps"
    area, maps = np.shape(batch.area), None if batch.maps is None else np.shape(batch.maps)
    if len(area) != 3 or area[0] != len(batch.keys) or 0 in area[1:]:
        raise DsolError(where, f"localisation map has shape {area[1:]}, not (H, W)", "write one map a frame")
    if maps is None:
        return
    if len(maps) != 4 or maps[0] != len(batch.keys) or 0 in maps[1:]:
        raise DsolError(where, f"class maps have shape {maps[1:]}, not (K, H, W)", "write K maps a frame")
    if maps[1] != len(batch.categories):
        raise DsolError(where, f"has {maps[1]} maps for {len(batch.categories)} categories", "write one map a category")
    if len(set(batch.categories)) < len(batch.categories):
        raise DsolError(where, "has two maps of one category", "add up the maps of one category")


def _check_once(frames: np.ndarray, seen: np.ndarray, truth: Truth) -> None:
    again = np.concatenate([frames[seen[frames]], frames[np.bincount(frames)[frames] > 1]])
    if len(again):
        raise DsolError(truth.keys[again[0]], "comes twice in the maps", "write every frame once")


def _check_finite(maps: np.ndarray, frames: np.ndarray, truth: Truth) -> None:
    if np.isfinite(maps.sum(dtype=np.float64)):  # one pass; a sum is not finite if one cell is not
        return
    wrong = np.flatnonzero(~np.isfinite(maps).all(axis=tuple(range(1, maps.ndim))))
    raise DsolError(truth.keys[frames[wrong[0]]], "has NaN or infinity in its map", "write finite numbers")


def _check_all(seen: np.ndarray, truth: Truth) -> None:
    missing = [truth.keys[n] for n in np.flatnonzero(~seen)]
    if missing:
        named = ", ".join(missing[:MOST_NAMED]) + (", …" if len(missing) > MOST_NAMED else "")
        raise DsolError("maps", f"lack {len(missing)} of {len(seen)} annotated frames: {named}",
                        "write a map for every annotated frame, named by its key")  # fmt: skip
