"""The annotated frames that a model localises best, and those that it localises worst.

annotated frames ─ predict ─▶ maps ─ IoU of each frame, as the protocol has it ─▶ the best and the worst, drawn
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from dsol.data.boxes import Frame
from dsol.data.store import Store
from dsol.evaluation.evaluate import AnnotatedFrames, annotated_frames, open_model, predict_frames
from dsol.evaluation.figures import SILENT, SOUNDING
from dsol.evaluation.metrics import frame_means
from dsol.evaluation.protocols import protocol_named
from dsol.evaluation.tally import tally
from dsol.evaluation.truth import truth_of
from dsol.localize.heat import draw_heat
from dsol.localize.palette import COLOURS, spoken
from dsol.model.maps import Maps
from dsol.model.system import System
from dsol.report.sections import jpeg, note, picture, section

SHOWN = 6  # best, and as many worst
MOST_FRAMES = 1000  # that are predicted; of more annotated frames, evenly spaced ones
TILE = (320, 240)  # pixels: a store keeps squares, most videos are wider


@dataclass(frozen=True)
class Scored:
    """An annotated frame.

    Attributes:
        place: number of the frame among those scored.
        frame: its annotation.
        iou: mean IoU of what sounds in it.
    """

    place: int
    frame: Frame
    iou: float


def usual_protocol(clips: Store) -> str | None:
    """The protocol that fits the annotations of a store: of scenes, of several sources, or of one; None without any."""
    frames = [frame for frame in clips.boxes.of_videos(clips.testing().videos) if frame.boxes]
    if not frames:
        return None
    if clips.composed:
        return "synthetic"
    several = any(len({box.category for box in frame.boxes}) > 1 for frame in frames)
    return "duet" if several else "solo"


def best_and_worst(model: Path, clips: Store, protocol: str) -> str:
    """Two rows of pictures: heat map, boxes and IoU.

    Args:
        model: model file or run folder.
        clips: a store with boxes.
        protocol: see `dsol.evaluation.protocols`.

    Raises:
        DsolError: no annotated frames, or nothing to name the model's clusters by where the protocol needs names.
    """
    plan = protocol_named(protocol)
    system = open_model(model, clips, protocol, sources=1)
    frames = annotated_frames(clips)
    count = len(frames.places)
    frames = frames.take(np.unique(np.linspace(0, count - 1, min(MOST_FRAMES, count)).astype(int)))
    truth = truth_of(frames.boxes, united=plan.united)
    batches = (maps for (maps,) in predict_frames(system, frames, [frames.sound], plan.united, "Scoring frames"))
    found = tally(batches, truth, plan)
    ious = dict(zip(truth.keys, frame_means(found.iou, truth.object_frame, len(truth.keys)), strict=True))
    scored = [
        Scored(n, f, float(ious[f.key])) for n, f in enumerate(frames.boxes) if np.isfinite(ious.get(f.key, np.nan))
    ]
    scored.sort(key=lambda each: -each.iou)
    best = _of_different_videos(scored)
    worst = _of_different_videos([each for each in scored[::-1] if each not in best])
    parts = [_row("Best", best, system, frames, plan.united)]
    parts += [_row("Worst", worst, system, frames, plan.united)] if worst else []
    median = np.median([each.iou for each in scored])
    told = (
        f"{len(scored)} annotated frames, protocol {protocol}: median IoU {median:.2f}. Heat map: what the model "
        "localises; boxes: the annotation, green where it sounds, red where it is silent. One frame a video."
    )
    return section("Best and worst frames", "".join(parts) + note(told))


def _of_different_videos(scored: list[Scored]) -> list[Scored]:
    """The first `SHOWN`, one of a video."""
    found: dict[str, Scored] = {}
    for each in scored:
        found.setdefault(each.frame.video, each)
    return list(found.values())[:SHOWN]


def _row(title: str, shown: list[Scored], system: System, frames: AnnotatedFrames, united: bool) -> str:
    some = frames.take(each.place for each in shown)
    drawn = predict_frames(system, some, [some.sound], united, f"Drawing the {title.lower()}")
    maps = (each.take(slice(n, n + 1)) for (each,) in drawn for n in range(len(each)))
    figures = "".join(
        picture(_caption(each), _drawn(frames.clips.frame(*place), each.frame, found))
        for each, place, found in zip(shown, some.places, maps, strict=True)
    )
    return f'<h3>{title}</h3><div class="tiles">{figures}</div>'


def _caption(scored: Scored) -> str:
    sounding = sorted({box.category for box in scored.frame.boxes if box.sounding})
    names = ", ".join(map(spoken, sounding))
    return f"IoU {scored.iou:.2f} · {names} · {Path(scored.frame.video).name} {scored.frame.time_s:g} s"


def _drawn(frame: np.ndarray, annotated: Frame, maps: Maps) -> bytes:
    """JPEG of a frame with the maps of what sounds in it and its boxes."""
    image = Image.fromarray(frame).resize(TILE, Image.Resampling.LANCZOS)
    heats = [(map_, COLOURS[n % len(COLOURS)], 1.0) for n, map_ in enumerate(_sounding(annotated, maps))]
    if heats:
        draw_heat(image, heats)
    draw = ImageDraw.Draw(image)
    for box in annotated.boxes:
        x, y, w, h = (part * side for part, side in zip(box.xywh, TILE * 2, strict=True))
        draw.rectangle((x, y, x + w, y + h), outline=SOUNDING if box.sounding else SILENT, width=3)
    return jpeg(image)


def _sounding(annotated: Frame, maps: Maps) -> Iterator[np.ndarray]:
    """The maps of what sounds in a frame that are not dark; the localisation map without categories."""
    if maps.maps is None:
        found = [maps.area[0]]
    else:
        names = dict.fromkeys(box.category for box in annotated.boxes if box.sounding)
        found = [maps.maps[0, maps.categories.index(name)] for name in names]
    yield from (map_ for map_ in found if map_.max() > 0)
