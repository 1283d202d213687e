"""A table with figures: ours and the paper's, row by row.

RUN/evaluation/DATA.json of each seed ─mean─▶ Figure ─▶ Line ─▶ Block, one a data set ─▶ Filled
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from dsol.config import Config, differences
from dsol.data.store import Store
from dsol.errors import MALFORMED, DsolError, explained
from dsol.evaluation.result import BASELINES, NSA_NOTE, SPOKEN
from dsol.model.file import load_card
from dsol.reproduce.experiment import (
    DUET,
    MACHINE,
    TRAINED_ON,
    Experiment,
    after_stage_two,
    evaluation_file,
    scored_model,
    trainings,
)
from dsol.reproduce.paper import DATA, OURS, SYSTEMS, DataSet, Table

BESIDE = ("class_iou", "silent_auroc")  # figures that the paper does not have and a flat map cannot win
SWAPPED = "swapped_sound"  # the baseline that is a system's own


@dataclass(frozen=True)
class Figure:
    """One figure, in percent; None where there is none.

    Attributes:
        ours: mean over seeds.
        low, high: edges of the 95 % interval over videos, means over seeds.
        spread: standard deviation over seeds; None for a single one.
        paper: the paper's.
    """

    ours: float | None = None
    low: float | None = None
    high: float | None = None
    spread: float | None = None
    paper: float | None = None


@dataclass(frozen=True)
class Line:
    """One row.

    Attributes:
        head: texts before the figures.
        figures: one a metric.
        seeds: how many runs they are the mean of.
        kind: "row", or "floor" for a baseline.
    """

    head: tuple[str, ...]
    figures: tuple[Figure, ...]
    seeds: int = 0
    kind: str = "row"


@dataclass(frozen=True)
class Block:
    """The rows of one data set.

    Attributes:
        key, data: the data set.
        metrics: as `dsol evaluate` names them.
        lines: rows, then baselines.
        scored: what ours was scored on, one line; empty where nothing was.
    """

    key: str
    data: DataSet
    metrics: tuple[str, ...]
    lines: tuple[Line, ...]
    scored: str = ""


@dataclass(frozen=True)
class Filled:
    """A whole table, ready to be written."""

    table: Table
    blocks: tuple[Block, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Source:
    """Where the figures of a row come from.

    Attributes:
        head: texts before the figures.
        paper: the paper's figures, by data set.
        runs: by training, the run folders, one a seed.
    """

    head: tuple[str, ...]
    paper: Mapping[str, tuple[float | None, ...]]
    runs: Mapping[str, Sequence[Path]]


def fill(table: Table, experiment: Experiment) -> Filled:
    """The table with all figures that the folder holds.

    Raises:
        DsolError: a file is no evaluation, or of another protocol, or of other frames than its neighbours.
    """
    rows = sources(table, experiment)
    blocks = tuple(_block(table, key, rows, experiment) for key in table.metrics)
    notes = (*_notes(blocks, experiment), *_notes_on_stages(blocks, rows), *_notes_on_clusters(table, rows))
    return Filled(table, blocks, notes)


def sources(table: Table, experiment: Experiment) -> list[Source]:
    """The rows of a table and the runs behind them: the paper's rows, then external runs."""
    external = external_groups(experiment) if table.compares else {}
    found = []
    for row in table.rows:
        if row.system == OURS:
            runs = {t: [experiment.folder / cell.name for cell in experiment.row_cells(row, t)]
                    for t in trainings(table)}  # fmt: skip
        else:
            runs = {t: groups.pop(0) for t in trainings(table) if (groups := external.get((row.system, t)))}
        found.append(Source(row.head, row.paper, runs))
    for (system, training), groups in external.items():
        for runs in groups:
            name = f"{SYSTEMS[system]}, {runs[0].name}" if system in SYSTEMS else runs[0].name
            found.append(Source((name,), {}, {training: runs}))
    return found


def external_groups(experiment: Experiment) -> dict[tuple[str, str], list[list[Path]]]:
    """External runs, not of the grid: compared systems, own models, and folders of figures without a model.

    Returns:
        (system, training) -> groups of folders that differ in their seed only. A folder without a model, but with
        figures of maps made elsewhere, is named after its system.
    """
    found: dict[tuple[str, str], list[list[Path]]] = {}
    ours = {cell.name for cell in experiment.all_cells()}
    runs = (path for path in sorted(experiment.folder.glob("*")) if path.is_dir())
    for run in (path for path in runs if path.name.split("_seed-")[0] not in ours):
        model = run / "model.safetensors"
        if model.is_file():
            card = load_card(model)
            groups = found.setdefault((card.system, _training_of(card.provenance, experiment)), [])
            same = [group for group in groups if _differ_in_seed(group[0] / model.name, card.config)]
            same[0].append(run) if same else groups.append([run])
        else:
            scored = {data.training for key, data in DATA.items() if evaluation_file(run, key).is_file()}
            for training in sorted(scored):
                found.setdefault((run.name, training), []).append([run])
    return found


def _training_of(provenance: Mapping[str, Any], experiment: Experiment) -> str:
    """Which clips a model was trained on, by the name of its store."""
    audioset = experiment.stores.get("audioset")
    return "audioset" if audioset is not None and provenance.get("store") == audioset.name else "music"


def _differ_in_seed(model: Path, config: Mapping[str, Any]) -> bool:
    theirs = load_card(model).config
    try:
        return not differences(Config.from_dict(theirs), Config.from_dict(dict(config)), MACHINE)
    except DsolError:  # options of another system
        return {**theirs, "seed": 0} == {**config, "seed": 0}


def _block(table: Table, key: str, rows: list[Source], experiment: Experiment) -> Block:
    data = DATA[key]
    said = [[_read(evaluation_file(run, key), data) for run in row.runs.get(data.training, ())] for row in rows]
    said = [[one for one in of_row if one is not None] for of_row in said]
    known = [one for of_row in said for one in of_row]
    beside = (name for name in BESIDE if any(one["metrics"].get(name) is not None for one in known))
    metrics = (*table.metrics[key], *beside)
    shown = [(row, of_row) for row, of_row in zip(rows, said, strict=True) if of_row or key in row.paper]
    lines = [_line(row, of_row, metrics, key) for row, of_row in shown]
    if not known:
        return Block(key, data, metrics, tuple(lines))
    _check_same_frames(known, data)
    baselines = [_baseline(name, known[:1], metrics, table) for name in BASELINES if name != SWAPPED]
    baselines += [
        _baseline(SWAPPED, of_row, metrics, table, row) for row, of_row in shown if any(map(_swapped, of_row))
    ]
    where = f"{Path(known[0]['store']).name}: " if known[0]["store"] else ""
    scored = f"{where}{known[0]['frames']:,} frames of {known[0]['videos']:,} videos"
    return Block(key, data, metrics, (*lines, *filter(None, baselines)), scored)


def _line(row: Source, said: list[dict], metrics: tuple[str, ...], key: str) -> Line:
    papers = dict(zip(metrics, row.paper.get(key, ()), strict=False))
    figures = tuple(_figure(said, metric, papers.get(metric)) for metric in metrics)
    return Line(row.head, figures, len(said))


def _figure(said: list[dict], metric: str, paper: float | None) -> Figure:
    values = _known(one["metrics"].get(metric) for one in said)
    if not values:
        return Figure(paper=paper)
    edges = [one["ci95"].get(metric) for one in said]
    edges = [edge for edge in edges if edge is not None]
    low, high = (100 * fmean(edge[i] for edge in edges) if edges else None for i in (0, 1))
    spread = 100 * stdev(values) if len(values) > 1 else None
    return Figure(100 * fmean(values), low, high, spread, paper)


def _baseline(name: str, said: list[dict], metrics: tuple[str, ...], table: Table, row: Source | None = None) -> Line:
    """A baseline; of one row where that is given."""
    found = [one["floors"][name] for one in said if one["floors"].get(name)]
    values = [_known(baseline.get(metric) for baseline in found) for metric in metrics]
    figures = tuple(Figure(100 * fmean(v)) if v else Figure() for v in values)
    text = SPOKEN[name] if row is None else f"{', '.join(row.head)}: {SPOKEN[name]}"
    return Line((text, *[""] * (len(table.heads) - 1)), figures, len(found), "floor")


def _known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None and math.isfinite(value)]


def _swapped(said: dict) -> bool:
    return bool(said["floors"].get(SWAPPED))


def _read(file: Path, data: DataSet) -> dict | None:
    """An evaluation, as `dsol evaluate --json` and `dsol score --json` write it; None where there is none."""
    if not file.is_file():
        return None
    with explained(file, "is no evaluation: {!r}", "delete it, and it is made again", *MALFORMED):
        said = json.loads(file.read_text(encoding="utf-8"))
        found = {name: said[name] for name in ("protocol", "frames", "videos", "metrics", "ci95", "floors")}
    if found["protocol"] != data.protocol:
        what = f"was scored by the protocol {found['protocol']!r}, {data.name} is scored by {data.protocol!r}"
        raise DsolError(file, what, "score it again")
    return {**found, "file": file, "store": said.get("store")}


def _check_same_frames(said: list[dict], data: DataSet) -> None:
    """Figures of one block must be of the same frames and boxes: then constant baselines score alike."""
    for one in said[1:]:
        for name in ("frames", "videos"):
            if one[name] != said[0][name]:
                what = f"was scored on {one[name]} {name}, {said[0]['file']} on {said[0][name]}"
                raise DsolError(one["file"], what, f"score both on the same {data.name}")
        if one["floors"].get("best_centred_box") != said[0]["floors"].get("best_centred_box"):
            raise DsolError(one["file"], f"was scored on other boxes than {said[0]['file']}",
                            f"score both on the same {data.name}")  # fmt: skip


def _notes(blocks: Sequence[Block], experiment: Experiment) -> Iterable[str]:
    """What readers of the table must know."""
    lines = [line for block in blocks for line in block.lines if line.kind == "row"]
    if not any(line.seeds for line in lines):
        yield "No run here yet: the paper's figures alone."
        return
    yield "Ours: percent [95 % interval over videos]. The paper's figures are of its own videos."
    most = max(line.seeds for line in lines)
    if most > 1:
        yield f"Mean of up to {most} seeds; ± is the standard deviation over seeds."
    encoders = experiment.recipe.encoders
    if encoders.vision.startswith("resnet18") and encoders.vision_weights is None:
        yield (
            "Ours starts from random weights, the paper from ImageNet's, which cannot be shipped: these are not the "
            "paper's conditions. Give a file of such weights of ResNet-18 with --encoders.vision_weights."
        )
    yield "Baselines: maps made without picture and sound, and each row with mismatched sound."
    if any("nsa" in block.metrics for block in blocks if block.scored):
        yield NSA_NOTE
    for training in sorted({block.data.training for block in blocks if block.scored}):
        path = experiment.stores.get(TRAINED_ON[training])
        if path is not None and path.is_dir() and not Store.open(path).splits:
            yield f"{path.name} has no splits: models were trained on all of its clips, those that are scored too."


def _notes_on_stages(blocks: Sequence[Block], rows: Sequence[Source]) -> Iterable[str]:
    """Which model is scored where one source sounds, and the figures of the other one; and which on duets."""
    for block in blocks:
        models = [scored_model(run, block.key) for row in rows for run in row.runs.get(block.data.training, ())]
        if any(model.parent.name == DUET and model.is_file() for model in models):
            yield f"{block.data.name}: the model after one more pass over its training videos, as released."
        files = {" / ".join(row.head): [evaluation_file(run, after_stage_two(block.key)) for run in
                                        row.runs.get(block.data.training, ())] for row in rows}  # fmt: skip
        said = {head: [one for one in (_read(file, block.data) for file in of) if one] for head, of in files.items()}
        told = [f"{head}: {_told(found, block.metrics)}" for head, found in said.items() if found]
        if told:
            yield f"{block.data.name}: the model after stage one, as released. After stage two: {'; '.join(told)}."


def _told(said: list[dict], metrics: Iterable[str]) -> str:
    """Figures as text: "IoU@0.5 33.0, AUC 38.5"."""
    known = {metric: _known(one["metrics"].get(metric) for one in said) for metric in metrics}
    return ", ".join(f"{SPOKEN[metric]} {100 * fmean(values):.1f}" for metric, values in known.items() if values)


def _notes_on_clusters(table: Table, rows: Sequence[Source]) -> Iterable[str]:
    """Where figures of clusters are not what the released scripts print, and what those would be."""
    if not any("nmi" in metrics for metrics in table.metrics.values()):
        return
    told = {" / ".join(row.head): _known(map(_training_nmi, row.runs.get("music", ()))) for row in rows}
    released = "; ".join(f"{head}: {100 * fmean(values):.1f}" for head, values in told.items() if values)
    heads = " / ".join(table.heads)
    yield "NMI is of the clips that are scored; the released script's is of the training clips" + (
        f", which here is ({heads}) {released}." if released else "."
    )
    yield "NSA is of categories, whose clusters' maps are added; the released script's is of clusters."


def _training_nmi(run: Path) -> float | None:
    """NMI of categories and the clusters of the clips that a model was trained on, where those are labelled."""
    model = run / "model.safetensors"
    return load_card(model).metrics.get("nmi") if model.is_file() else None
