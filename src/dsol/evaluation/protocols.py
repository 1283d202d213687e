"""What exactly each protocol computes: one entry a name, one pure function a definition.

    maps of the objects (O,H,W) + their rectangles ──measure──▶ IoU (O,) ──▶ frames, tables

The paper's protocols differ only in what counts as an object and in their threshold. AudioSet's is not
printed; it is scored like the duets, the other real scenes of several sources.

All are strict: a map is read without the annotation. A published variant that uses the annotation for that is
`Protocol.published`, for those who need its figures.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from dsol.errors import DsolError
from dsol.evaluation import extensions
from dsol.evaluation.counting import chunks, counted, upscaled
from dsol.evaluation.extensions import Extension
from dsol.evaluation.metrics import STEPS, iou
from dsol.evaluation.resize import Size, resize

THREE_TENTHS, HALF = (float(STEPS[n]) for n in (6, 10))  # as the released scripts count them
Measure = Callable[[np.ndarray, "Masks", Size], np.ndarray]
Paint = Callable[[np.ndarray, Size], np.ndarray]


@dataclass(frozen=True)
class Masks:
    """Where O objects are.

    Attributes:
        rects: (R, 4) disjoint rectangles of pixels.
        owner: (R,) index of each one's object, ascending.
        weight: (R,) what one of its pixels counts.
        area: (O,) pixels of each object, by their weight.
    """

    rects: np.ndarray
    owner: np.ndarray
    weight: np.ndarray
    area: np.ndarray


@dataclass(frozen=True)
class Protocol:
    """How maps become figures.

    Attributes:
        name: as on the command line.
        says: one line for people.
        united: one map a frame (`Maps.area`) against everything that sounds in it; otherwise one map a sounding
            category (`Maps.maps`), and the categories that are silent are scored by NSA.
        success: name of the headline figure: "iou@0.5", "ciou@0.3".
        step: the IoU from which a frame counts as a success.
        measure: (maps (O,H,W), masks of O objects, size) -> IoU (O,).
        paint: (maps (N,H,W), size) -> (N,height,width) bool, the predicted pixels: the definition behind `measure`.
        extension: figures of its own beyond these, or None.
        published: the extension with figures that look at the annotation, where such are published.
        consensus: weigh pixels by the votes of several annotators, where there are several.
        empty_too: frames without a box are scored too: nothing should be predicted in them.
        wrong_sounds: maps with mismatched sounds (`WRONG_SOUNDS`) have figures of their own.
        size: pixels that maps are upscaled to.
    """

    name: str
    says: str
    united: bool
    success: str
    step: float
    measure: Measure
    paint: Paint
    extension: Extension | None = None
    published: Extension | None = None
    consensus: bool = False
    empty_too: bool = False
    wrong_sounds: bool = False
    size: Size = 224


def above_share_of_peak(maps: np.ndarray, size: Size, share: float) -> np.ndarray:
    """Predicted pixels of the paper: map > share · max(map), after upscaling (section 4.2, released scripts).

    Args:
        maps: (N, H, W).
        size: pixels of each side.
        share: θ.

    Returns:
        (N, size, size) bool.
    """
    pixels = resize(maps, size)
    return pixels > share * pixels.max(axis=(1, 2), keepdims=True)


def iou_above_share_of_peak(maps: np.ndarray, masks: Masks, size: Size, share: float) -> np.ndarray:
    """IoU of what `above_share_of_peak` paints with each object's boxes, without painting.

    Args:
        maps: (O, H, W), one an object.
        masks: where the objects are.
        size: pixels of each side.
        share: θ.

    Returns:
        (O,) in [0, 1].
    """
    return _iou_above(maps, masks, size, lambda picture: share * picture.peaks())


def above(maps: np.ndarray, size: Size, level: float) -> np.ndarray:
    """Predicted pixels of maps with an absolute scale: those above a level; (N, height, width) bool.

    AVSBench (Zhou et al., 2022) takes a probability above 0.5, AVATAR (Choi et al., 2025) a value above 0.1.
    """
    return resize(maps, size) > level


def iou_above(maps: np.ndarray, masks: Masks, size: Size, level: float) -> np.ndarray:
    """IoU of what `above` paints with each object's boxes, without painting; see `iou_above_share_of_peak`."""
    return _iou_above(maps, masks, size, lambda picture: np.full(len(picture.peaks()), level))


def _iou_above(maps: np.ndarray, masks: Masks, size: Size, levels: Callable[..., np.ndarray]) -> np.ndarray:
    """(O,) IoU of the pixels above each upscaled map's level."""

    def count(some: np.ndarray, *rects: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        picture = upscaled(some, size)
        return picture.count_above(levels(picture), *rects)

    return _iou_counted(maps, masks, count)


def _iou_counted(maps: np.ndarray, masks: Masks, count: Callable[..., tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """(O,) IoU by a function from some maps, rectangles on them and these' owners to predicted pixels in all and
    inside."""
    found = np.zeros(len(maps))
    for part, mine in chunks(masks.owner, len(maps)):
        of = masks.owner[mine] - part.start
        predicted, shared = count(maps[part], masks.rects[mine], of)
        found[part] = iou(shared, of, masks.weight[mine], predicted, masks.area[part])
    return found


def _paper(name: str, share: float, united: bool, says: str) -> Protocol:
    success, step = ("iou@0.5", HALF) if united else ("ciou@0.3", THREE_TENTHS)
    says = f"{says}; threshold {share:g} of the map's maximum"
    measure, paint = (partial(f, share=share) for f in (iou_above_share_of_peak, above_share_of_peak))
    return Protocol(name, says, united, success, step, measure, paint)


def above_median(maps: np.ndarray, size: Size) -> np.ndarray:
    """Predicted pixels of LVS (Chen et al., 2021) and IS3 (Senocak et al., 2024): min-max normalised map > its median.

    The median is the pixel of rank ⌊size²/2⌋ of the upscaled map; normalising does not move it. A flat map
    predicts nothing, and one that is 0 in more than half of its pixels all others.

    Args:
        maps: (N, H, W).
        size: pixels of each side.

    Returns:
        (N, size, size) bool.

    Example:
        >>> above_median(np.array([[[0.0, 0.0], [0.0, 0.7]]]), 2)[0].tolist()
        [[False, False], [False, True]]
    """
    pixels = resize(maps, size)
    return pixels > _medians(pixels)


def from_median_on(maps: np.ndarray, size: Size) -> np.ndarray:
    """Predicted pixels of SLAVC (Mo and Morgado, 2022): map ≥ its median; see `above_median`. A flat map predicts
    everything."""
    pixels = resize(maps, size)
    return pixels >= _medians(pixels)


def _medians(pixels: np.ndarray) -> np.ndarray:
    """(N, 1, 1) the pixel of rank ⌊S²/2⌋ of each picture (N, S, S)."""
    flat = pixels.reshape(len(pixels), -1)
    rank = flat.shape[1] // 2
    return np.partition(flat, rank, axis=1)[:, rank, None, None]


def iou_painted(maps: np.ndarray, masks: Masks, size: Size, paint: Paint) -> np.ndarray:
    """IoU of what `paint` predicts with each object's boxes; arguments as in `iou_above_share_of_peak`."""
    return _iou_counted(maps, masks, lambda some, *rects: counted(paint(some, size), *rects))


def _painted(name: str, says: str, united: bool, paint: Paint, own: Extension | None = None, **rest) -> Protocol:
    return Protocol(name, says, united, "iou@0.5", HALF, partial(iou_painted, paint=paint), paint, own, **rest)


def _absolute(name: str, says: str, level: float, own: Extension, **rest) -> Protocol:
    measure, paint = (partial(f, level=level) for f in (iou_above, above))
    return Protocol(name, f"{says}; above {level:g}", True, "iou@0.5", HALF, measure, paint, own, **rest)


LVS = "one localisation map a frame, above its median pixel"
SLAVC_SAYS = "one localisation map a frame, from its median pixel on; frames without a visible source count too"


PROTOCOLS = {
    p.name: p
    for p in (
        _paper("solo", 0.1, True, "one localisation map a frame"),
        _paper("synthetic", 0.5, False, "one map a sounding category"),
        _paper("duet", 0.2, False, "one map a sounding category"),
        _paper("audioset", 0.2, False, "one map a sounding category"),
        _painted("lvs", LVS, True, above_median, consensus=True),
        _painted("slavc", SLAVC_SAYS, True, from_median_on, extensions.SLAVC, consensus=True, empty_too=True),
        _painted("is3", "one map a sounding category, above its median pixel", False, above_median, extensions.IS3,
                 published=extensions.PUBLISHED_IS3),
        _absolute("avsbench", "one localisation map a frame, as a probability", 0.5, extensions.AVSBENCH),
        _absolute("robust", "avsbench, and the same frames with sounds whose source is not in them", 0.5,
                  extensions.ROBUST, wrong_sounds=True),
        _absolute("avatar", "one localisation map a frame, at 640×360 pixels; by scenario", 0.1, extensions.AVATAR,
                  empty_too=True, size=(360, 640)),
        replace(_paper("mix-and-localize", 0.5, False, "one map a sounding category"),
                extension=extensions.MIX_AND_LOCALIZE, published=extensions.PUBLISHED_MIX_AND_LOCALIZE),
    )
}  # fmt: skip


def protocol_named(name: str, strict: bool = True) -> Protocol:
    """The protocol of that name.

    Args:
        name: one of `PROTOCOLS`.
        strict: without the published figures that look at the annotation.

    Raises:
        DsolError: there is none.
    """
    if name not in PROTOCOLS:
        raise DsolError("--protocol", f"{name!r} is not known", f"choose one of {', '.join(PROTOCOLS)}")
    found = PROTOCOLS[name]
    return found if strict or found.published is None else replace(found, extension=found.published)
