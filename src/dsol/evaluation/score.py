"""Maps and boxes in, an `Evaluation` out.

Boxes ─▶ truth ─┬──────────────┬──────────────────┐
                ▼              ▼                  ▼
Maps ─▶ tally ─▶│  mismatched sound ─▶ tally   baselines ─▶ tallies
                ▼              ▼                  ▼
         statistics over videos ─▶ figures and intervals ─▶ Evaluation
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from dsol.data.boxes import Boxes
from dsol.data.engines import run
from dsol.errors import DsolError
from dsol.evaluation import blind
from dsol.evaluation.bootstrap import (
    Statistic,
    draws_of,
    draws_of_groups,
    edges,
    mean_of,
    ranking_of,
    sampled,
    value,
)
from dsol.evaluation.extensions import PREDICTED, WRONG_SOUNDS, wrong_share
from dsol.evaluation.metrics import area_under_success, frame_means, success
from dsol.evaluation.protocols import Protocol, protocol_named
from dsol.evaluation.resize import Size
from dsol.evaluation.result import BASELINES, METRICS, NSA_NOTE, SCENES_NOTE, SPOKEN, Evaluation, Figures
from dsol.evaluation.tally import Part, Tally, add_up, part_of
from dsol.evaluation.truth import Truth, truth_of
from dsol.model.maps import Maps, MapsFile

SOURCES = {  # what errors call maps and boxes that are in no file
    "maps": "maps", "boxes": "boxes", "swapped": "maps with mismatched sound", "silence": "maps with silence",
    "noise": "maps with noise",
}  # fmt: skip


def score(
    batches: Iterable[Maps] | MapsFile,
    boxes: Boxes,
    protocol: str,
    *,
    strict: bool = True,
    swapped: Iterable[Maps] | MapsFile | None = None,
    silence: Iterable[Maps] | MapsFile | None = None,
    noise: Iterable[Maps] | MapsFile | None = None,
    nmi: float | None = None,
    nsa: bool = True,
    bootstrap: int = 1000,
    seed: int = 0,
    size: Size | None = None,
    sources: Mapping[str, str] = SOURCES,
    engine: str = "local",
    workers: int = 1,
) -> Evaluation:
    """Score maps against boxes.

    Args:
        batches: maps of every annotated frame, in any order; read once, one batch in memory at a time.
        boxes: the annotations. Frames without a box are not scored, but for `slavc` and `avatar`.
        protocol: "solo", "synthetic", "duet", "audioset", or another of `PROTOCOLS`.
        strict: leave out figures for which the annotation tells how to read a map, though they are published.
        swapped: maps of the same frames with the sound of another clip: the baseline "swapped_sound".
        silence, noise: maps of the same frames with silence and with noise, for `robust`.
        nmi: between clusters and categories, where it was computed; passed on.
        nsa: False for a system that is given the number of sounding objects: how many are silent is then no prediction.
        bootstrap: draws of videos for the intervals; 0 for none.
        seed: of these draws and of the random baseline.
        size: pixels that maps are upscaled to; the protocol's own where None.
        sources: what errors call the maps and boxes, see `SOURCES`.
        engine, workers: what scores the maps of a `MapsFile`, see `dsol.data.engines.run`; all others this process.

    Raises:
        DsolError: nothing to score, an unknown protocol, or a frame that cannot be scored, by name.

    Example:
        >>> from dsol.data.boxes import Box, Frame
        >>> boxes = Boxes(("cello",), (Frame("a.mp4", 0.0, (Box("cello", (0.0, 0.0, 0.5, 1.0)),)),))
        >>> maps = Maps(("a.mp4@0.000",), np.array([[[1.0, 0.0], [1.0, 0.0]]]))
        >>> score([maps], boxes, "solo").metrics["iou@0.5"]
        1.0
    """
    plan = protocol_named(protocol, strict)
    if not plan.wrong_sounds and (silence is not None or noise is not None):
        what = "is not scored with silence or noise"
        raise DsolError(f"--protocol {plan.name}", what, "choose robust, or leave --silence and --noise out")
    size = plan.size if size is None else size
    truth = truth_of(boxes, size, united=plan.united, empty_too=plan.empty_too, consensus=plan.consensus)
    if not len(truth.object_frame):
        raise DsolError(sources["boxes"], "no frame has a box of a sounding object", "give annotations with boxes")
    add = partial(_tally, truth=truth, plan=plan, engine=engine, workers=workers)
    found = add(batches, source=sources["maps"])
    mismatched = zip(WRONG_SOUNDS, (silence, noise, swapped), ("silence", "noise", "swapped"), strict=True)
    wrong = {kind: add(maps, source=sources[name]) for kind, maps, name in mismatched if maps is not None}
    add_wrong_sounds(found, wrong, plan)
    for each in (found, *wrong.values()) if not nsa else ():
        each.without_nsa()
    statistics = statistics_of(found, truth, plan)
    draws = draws_of_groups(draws_of(truth.videos, bootstrap, seed), truth.members)
    tallies = _blind(truth, plan, seed, wrong)
    if "other_sound" in wrong:
        tallies["swapped_sound"] = wrong["other_sound"]
    beside = {name: statistics_of(baseline, truth, plan) for name, baseline in tallies.items()}
    own = {name: sampled(statistic, draws) for name, statistic in statistics.items()}
    names = [*METRICS, *(name for name in statistics if name not in METRICS)]  # those of every protocol, and its own
    return Evaluation(
        protocol=plan.name,
        says=plan.says,
        frames=len(truth.keys),
        videos=truth.videos,
        metrics=_figures(statistics, names, truth) | {"nmi": nmi},
        ci95={name: edges(own[name]) if name in own else None for name in names},
        floors=dict.fromkeys(BASELINES) | {baseline: _figures(of, names, truth) for baseline, of in beside.items()},
        ahead=dict.fromkeys(BASELINES) | {baseline: _ahead(own, of, names, draws) for baseline, of in beside.items()},
        per_category=_per_category(found, truth, plan),
        notes=tuple(_notes(statistics, truth, plan)),
    )


def score_files(
    maps: str | Path,
    boxes: str | Path,
    protocol: str = "solo",
    *,
    strict: bool = True,
    format: str = "auto",
    swapped: str | Path | None = None,
    silence: str | Path | None = None,
    noise: str | Path | None = None,
    bootstrap: int = 1000,
    seed: int = 0,
    size: Size | None = None,
    engine: str = "local",
    workers: int = 1,
) -> Evaluation:
    """Score a maps file of any method.

    Args:
        maps: .npz, one array a frame (`dsol.model.maps.read_maps`).
        boxes: boxes.json or any format of `dsol.data.corpora.annotations`.
        protocol, strict: see `score`.
        format: of the boxes; recognised by itself where "auto".
        swapped, silence, noise: maps files of the same frames with the sound of another clip, with silence and noise.
        bootstrap, seed, size, engine, workers: see `score`.

    Raises:
        DsolError: a file that cannot be read, or as `score`.
    """
    from dsol.data.corpora.annotations import read_boxes

    protocol_named(protocol)
    truth = read_boxes(boxes, format)
    files = {"maps": maps, "swapped": swapped, "silence": silence, "noise": noise}
    sources = {name: str(file) for name, file in {**files, "boxes": boxes}.items()}
    how: dict[str, Any] = {"strict": strict, "bootstrap": bootstrap, "seed": seed, "size": size, "sources": sources}
    with ExitStack() as opened:
        how |= {name: opened.enter_context(MapsFile(file)) for name, file in files.items() if file}
        return score(how.pop("maps"), truth, protocol, **how, engine=engine, workers=workers)


def _tally(
    batches: Iterable[Maps] | MapsFile, truth: Truth, plan: Protocol, engine: str, workers: int, source: str
) -> Tally:
    """`tally`, on an engine, whose errors also name the source of the maps and not the frame alone."""
    scored = partial(_scored, truth=truth, plan=plan)
    try:
        if isinstance(batches, MapsFile):
            parts = run(scored, batches, engine, workers)
        else:
            parts = map(scored, ([batch] for batch in batches))
        return add_up(chain.from_iterable(parts), truth)
    except DsolError as error:
        if error.where.startswith((source, "--engine")):
            raise
        where = source if error.where == "maps" else f"{source}, frame {error.where}"
        raise DsolError(where, error.what, error.remedy) from None


def _scored(batches: list[Maps], truth: Truth, plan: Protocol) -> list[Part | None]:
    return [part_of(batch, truth, plan) for batch in batches]


def _blind(truth: Truth, plan: Protocol, seed: int, kinds: Iterable[str]) -> dict[str, Tally]:
    """The baselines that neither look nor listen: they do not depend on the sound."""
    found = {
        "whole_image": blind.whole_image(truth, plan),
        "best_centred_box": blind.best_centred_box(truth, plan),
        "random": blind.random_maps(truth, plan, seed),
    }
    for baseline in found.values():
        add_wrong_sounds(baseline, dict.fromkeys(kinds, baseline), plan)
    return found


def add_wrong_sounds(found: Tally, wrong: Mapping[str, Tally], plan: Protocol) -> None:
    """Add the share of each frame that is predicted with mismatched sounds to a tally, where the protocol has it."""
    if plan.wrong_sounds:
        found.columns |= {wrong_share(kind): tally.columns[PREDICTED] for kind, tally in wrong.items()}


def statistics_of(found: Tally, truth: Truth, plan: Protocol) -> dict[str, Statistic]:
    """The figures of a tally by name, ready to be computed for any draw of videos."""
    frames = frame_means(found.iou, truth.object_frame, len(truth.keys))
    of_frames = {
        plan.success: success(frames, plan.step),
        "auc": area_under_success(frames),
        "nsa": found.quiet,
        "class_iou": frames,
    }
    named: dict[str, Statistic] = {n: mean_of(v, truth.group, truth.groups) for n, v in of_frames.items()}
    group = truth.group[truth.box_frame]
    named["silent_auroc"] = ranking_of(found.inside, truth.box_sounding, group, truth.groups)
    return named if plan.extension is None else named | plan.extension.statistics(found.iou, found.columns, truth)


def _figures(statistics: dict[str, Statistic], names: Iterable[str], truth: Truth) -> Figures:
    return {name: value(statistics[name], truth.groups) if name in statistics else None for name in names}


def _ahead(
    own: dict[str, np.ndarray], baseline: dict[str, Statistic], names: Iterable[str], draws: np.ndarray
) -> dict[str, list[float] | None]:
    """The interval of each figure (R,) minus the baseline's, over the same draws."""
    both = own.keys() & baseline.keys()
    return {name: edges(own[name] - sampled(baseline[name], draws)) if name in both else None for name in names}


def _notes(statistics: dict[str, Statistic], truth: Truth, plan: Protocol) -> Iterator[str]:
    """What people must know to read the figures."""
    if value(statistics["nsa"], truth.groups) is not None:
        yield NSA_NOTE
    if truth.composed:
        yield SCENES_NOTE
    if plan.published is not None:
        names = ", ".join(SPOKEN[name] for name in plan.published.peeks)
        if plan.extension is plan.published:
            yield f"WARNING: the annotation tells how to read the maps for {names}. Never compare methods by these."
        else:
            yield f"Left out, since the annotation would tell how to read the maps: {names}. --published adds them."
    if plan.wrong_sounds:
        lacking = [SPOKEN[f"fpr_{kind}"] for kind in WRONG_SOUNDS if f"fpr_{kind}" not in statistics]
        if lacking:
            yield f"Left out, for lack of maps with those sounds: {', '.join(lacking)}."
    if plan.empty_too and len(np.unique(truth.object_frame)) == len(truth.keys):
        yield "Every frame has a visible source: frames without one, where nothing should be predicted, are not tested."


def _per_category(found: Tally, truth: Truth, plan: Protocol) -> dict[str, Figures]:
    rows = {}
    for k, name in enumerate(truth.categories):
        mine = found.iou[truth.object_category == k]
        if not len(mine):
            continue
        quiet = found.quiet_of.get(name)
        rows[name] = {
            "objects": len(mine),
            plan.success: float(success(mine, plan.step).mean()),
            "auc": float(area_under_success(mine).mean()),
            "class_iou": float(mine.mean()),
            "nsa": None if quiet is None or not quiet[1] else float(quiet[0] / quiet[1]),
        }
    return rows
