"""Baselines that use neither picture nor sound, and what they score.

    whole image        every pixel of every frame: each category gets 1/K everywhere (in class-agnostic
                       protocols 1)
    best centred box   one box in the middle, with the proportions of the picture, the same in every frame and for
                       every category. Its side is the best of 5 %, 10 %, …, 100 % of the frame by the protocol's own
                       success rate (by the mean (C)IoU where sizes succeed equally), cut to whole pixels: chosen on
                       the very boxes that it is scored on, so no fixed box of its kind beats it
    random             14×14 cells of noise; in class-aware protocols softmax of three times noise, as class-aware
                       maps are made

They are scored against the same objects as a system, so they end in the same `Tally`. `blind_system` gives the same
baselines as maps.
"""

from math import prod

import numpy as np

from dsol.baselines.constant import Blind
from dsol.evaluation.counting import shares_above
from dsol.evaluation.metrics import frame_means, iou, ratio, success
from dsol.evaluation.protocols import Protocol
from dsol.evaluation.resize import Size, mean_inside, sides
from dsol.evaluation.tally import QUIET, Tally, add_frame_columns, add_object_columns
from dsol.evaluation.truth import Truth, areas, overlaps

SIDES = 20  # sizes tried for the centred box
CELLS = 14  # of a random map
ANSWERS = 8  # different random maps; frames take turns
SHARPNESS = 3.0  # of the softmax that makes class-aware maps


def whole_image(truth: Truth, protocol: Protocol) -> Tally:
    """The tally of a map that is the same everywhere."""
    flat = _flat(truth, protocol)
    return _of_rectangle(truth, protocol, centred(sides(truth.size), truth.size), flat, flat)


def best_centred_box(truth: Truth, protocol: Protocol) -> Tally:
    """The tally of the best centred square (see above)."""
    return _of_rectangle(truth, protocol, _best_square(truth, protocol), 1.0, 0.0)


def centred(box: Size, size: Size) -> np.ndarray:
    """(4,) the box of that size in the middle of the picture.

    Example:
        >>> centred(156, 224).tolist()
        [34, 190, 34, 190]
    """
    starts = [(whole - side) // 2 for side, whole in zip(sides(box), sides(size), strict=True)]
    return np.array([edge for start, side in zip(starts, sides(box), strict=True) for edge in (start, start + side)])


def random_maps(truth: Truth, protocol: Protocol, seed: int) -> Tally:
    """The tally of noise."""
    noise = _noise(truth, protocol, seed)
    return _of_maps(truth, protocol, noise.reshape(-1, CELLS, CELLS), noise.shape[1])


def blind_system(name: str, truth: Truth, protocol: Protocol, seed: int = 0) -> Blind:
    """A baseline as a system whose maps score what its tally says. (Except for protocols that binarise at the
    median pixel: a map of two values cannot predict a box of more than half of the pixels for `lvs` and `is3`, nor of
    less for `slavc`.)

    Args:
        name: "whole_image", "best_centred_box" or "random".
        truth: the frames that it will predict.
        protocol: what it will be scored by.
        seed: of the noise.
    """
    if name == "random":
        found = _noise(truth, protocol, seed)
    else:
        whole = name == "whole_image"
        square = centred(sides(truth.size), truth.size) if whole else _best_square(truth, protocol)
        found = np.zeros((1, 1, *sides(truth.size)))
        found[..., square[0] : square[1], square[2] : square[3]] = _flat(truth, protocol) if whole else 1.0
    turns = {key: n % len(found) for n, key in enumerate(truth.keys)}
    maps = found if found.shape[1] > 1 else np.repeat(found, max(len(truth.categories), 1), axis=1)
    return Blind(found.max(axis=1), maps, truth.categories, turns)


def _flat(truth: Truth, protocol: Protocol) -> float:
    return 1.0 if protocol.united else 1 / max(len(truth.categories), 1)


def _best_square(truth: Truth, protocol: Protocol) -> np.ndarray:
    height, width = sides(truth.size)
    steps = range(1, SIDES + 1)
    squares = [centred((height * step // SIDES, width * step // SIDES), truth.size) for step in steps]
    return max(squares, key=lambda square: _worth(truth, protocol, _rectangle_iou(truth, square)))


def _noise(truth: Truth, protocol: Protocol, seed: int) -> np.ndarray:
    """(ANSWERS, K or 1, CELLS, CELLS)"""
    kinds = 1 if protocol.united else max(len(truth.categories), 1)
    noise = np.random.default_rng(seed).random((ANSWERS, kinds, CELLS, CELLS))
    if protocol.united:
        return noise
    raised = np.exp(SHARPNESS * noise)
    return raised / raised.sum(axis=1, keepdims=True)


def _worth(truth: Truth, protocol: Protocol, found: np.ndarray) -> tuple[float, float]:
    """The success rate and, where no size succeeds or several do equally, the mean over frames."""
    frames = frame_means(found, truth.object_frame, len(truth.keys))
    return (float(np.nanmean(success(frames, protocol.step))), float(np.nanmean(frames))) if len(found) else (0.0, 0.0)


def _rectangle_iou(truth: Truth, rect: np.ndarray) -> np.ndarray:
    shared = overlaps(truth.rects, rect)
    return iou(shared, truth.rect_object, truth.rect_weight, areas(rect[None]), truth.object_area)


def _of_rectangle(truth: Truth, protocol: Protocol, rect: np.ndarray, within: float, beyond: float) -> Tally:
    """The tally of maps with one value in a rectangle and another one around it."""
    covered = overlaps(truth.box_rect, rect) / areas(truth.box_rect)
    share = areas(rect[None])[0] / prod(sides(truth.size))
    quiet = share * (within <= QUIET) + (1 - share) * (beyond <= QUIET)
    inside = beyond + covered * (within - beyond)
    sounding = np.bincount(truth.object_frame, minlength=len(truth.keys))
    some_silent = (sounding < len(truth.categories)) & (not protocol.united)
    result = Tally(_rectangle_iou(truth, rect), np.where(some_silent, quiet, np.nan), inside)
    picture = np.full(sides(truth.size), beyond)
    picture[rect[0] : rect[1], rect[2] : rect[3]] = within
    objects = np.arange(len(truth.object_frame))
    add_object_columns(result, np.broadcast_to(picture, (len(objects), *picture.shape)), objects, truth, protocol)
    add_frame_columns(result, picture[None], np.arange(len(truth.keys)), truth, protocol)
    return result


def _of_maps(truth: Truth, protocol: Protocol, maps: np.ndarray, kinds: int) -> Tally:
    """The tally of a few maps (maps · kinds, H, W), that the frames take turns in."""
    painted = protocol.paint(maps, truth.size)
    counts = np.pad(painted.cumsum(axis=1, dtype=np.int32).cumsum(axis=2), ((0, 0), (1, 0), (1, 0)))
    frames = np.arange(len(truth.keys)) % ANSWERS * kinds
    of_object = frames[truth.object_frame] + truth.object_category % kinds
    of_box = frames[truth.box_frame] + truth.box_category % kinds
    shared = _within(counts, of_object[truth.rect_object], truth.rects)
    predicted = counts[of_object, -1, -1]
    found = iou(shared, truth.rect_object, truth.rect_weight, predicted, truth.object_area)
    quiet = 1 - shares_above(maps, QUIET, truth.size)
    silent = _mean_of_silent(truth, protocol, quiet, frames, kinds)
    result = Tally(found, silent, mean_inside(maps[of_box], truth.box_rect, truth.size))
    add_object_columns(result, maps[of_object], np.arange(len(of_object)), truth, protocol)
    if protocol.united:
        for turn in range(ANSWERS):
            add_frame_columns(result, maps[[turn]], np.flatnonzero(frames == turn), truth, protocol)
    return result


def _mean_of_silent(truth: Truth, protocol: Protocol, quiet: np.ndarray, frames: np.ndarray, kinds: int) -> np.ndarray:
    silent = np.ones((len(frames), kinds), dtype=bool)
    silent[truth.object_frame, truth.object_category % kinds] = False
    share = np.where(silent, quiet[frames[:, None] + np.arange(kinds)], 0).sum(axis=1)
    return ratio(share, silent.sum(axis=1) * (not protocol.united))


def _within(sums: np.ndarray, n: np.ndarray, rects: np.ndarray) -> np.ndarray:
    """Pixels in rectangles, by how many there are above and left of each pixel: (N, S+1, S+1)."""
    top, bottom, left, right = rects.T
    return sums[n, bottom, right] - sums[n, top, right] - sums[n, bottom, left] + sums[n, top, left]
