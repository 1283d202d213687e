"""Runs what is still missing from a table: a grid that resumes where it was stopped.

    cell ─ trained? ─no─▶ stage one, or that of a cell which shares it ─▶ stage two ─▶ model
                └─yes, same options? ──────────────────────────────────────────────────┴─▶ evaluation/DATA.json

Cells of tables 3 and 5 differ in stage two only; they share stage one and the composed scenes.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dsol.config import RUNTIME, differences
from dsol.data.store import Store
from dsol.errors import DsolError
from dsol.evaluation.evaluate import evaluate
from dsol.files import copy, write_json
from dsol.model.file import load_card
from dsol.progress import say
from dsol.reproduce.experiment import DUET, Cell, Experiment, after_stage_two, evaluation_file, scored_model
from dsol.reproduce.paper import DATA, DataSet
from dsol.training.run import Run
from dsol.training.train import OF_STAGE_TWO, train, training_clips


@dataclass
class Grid:
    """What is run in a folder.

    Attributes:
        experiment: the folder.
        failed: errors of the runs that could not be finished; the rest go on.
    """

    experiment: Experiment
    failed: list[DsolError] = field(default_factory=list)

    def run(self, cells: Iterable[tuple[Cell, list[str]]]) -> None:
        """Train cells and score each on its data sets; nothing is done twice."""
        cells = list(cells)
        for number, (cell, sets) in enumerate(cells, start=1):
            try:
                self._train(cell, f"Run {number} of {len(cells)}, {cell.name}")
                if cell.stage == "both":
                    self._train_on_duets(cell)
                    self.score(self.experiment.folder / cell.name, cell.training, sets)
            except DsolError as error:
                self._failed(cell.name, error)

    def score_external(self, runs: Mapping[Path, tuple[str, list[str]]]) -> None:
        """Score models that were trained elsewhere: folder -> training, data sets."""
        for run, (training, sets) in runs.items():
            try:
                self.score(run, training, sets)
            except DsolError as error:
                self._failed(run.name, error)

    def score(self, run: Path, training: str, sets: list[str]) -> None:
        """Write the figures of a trained run on each data set whose store is known. Clusters are named anew for each:
        clips that are scored must not name them."""
        if not (run / "model.safetensors").is_file():
            return
        match, last = self.experiment.match(run, training), run / "model.safetensors"
        for data in sets:
            store, model = self.experiment.store(*DATA[data].stores), scored_model(run, data)
            if store is not None:
                _score(evaluation_file(run, data), model, store, DATA[data], match)
                if model.name != last.name:
                    _score(evaluation_file(run, after_stage_two(data)), last, store, DATA[data], match)

    def _train(self, cell: Cell, label: str) -> None:
        """Train a cell, unless it is trained or there is nothing to train on."""
        run = self.experiment.folder / cell.name
        target = run / ("model.safetensors" if cell.stage == "both" else "stage_one.safetensors")
        store, scenes = self.experiment.training_stores(cell.training)
        if (run / "config.yaml").is_file():
            self._check(run, cell, store)
        if target.is_file() or store is None:
            return
        say(f"{label}: training")
        if not (run / "stage_one.safetensors").is_file():
            for donor in self._alike(cell, "stage_one.safetensors")[:1]:
                _share_stage_one(donor, run, cell)
        given = None if scenes is None else scenes.path
        resume = (run / "config.yaml").is_file()
        train(store.path, run, cell.config, scenes=given or self._composed(cell), stage=cell.stage, resume=resume)

    def _train_on_duets(self, cell: Cell) -> None:
        """One more pass over real duets after stage two, as released: where some are for training, and where stage two
        matches distributions (mixtures need scenes whose sources are known)."""
        run, duets = self.experiment.folder / cell.name, self.experiment.store("duet")
        store, _ = self.experiment.training_stores(cell.training)
        matches = cell.config.stage_two.epochs > 0 and cell.config.stage_two.teacher == "mixture"
        if cell.training != "music" or duets is None or "train" not in duets.splits or not matches or store is None:
            return
        if (run / "model.safetensors").is_file():
            once = cell.config.replace(stage_two={"epochs": 1})
            train(store.path, run / DUET, once, scenes=duets.path, stage="two", resume=True, start=run)

    def _composed(self, cell: Cell) -> Path | None:
        """Scenes that a run with the same stage one has composed from its pseudo-labels."""
        found = self._alike(cell, "scenes/store.json")
        return found[0] / "scenes" if found else None

    def _alike(self, cell: Cell, holds: str) -> list[Path]:
        """Other runs whose options differ in stage two at most, and that hold a file."""
        return [
            self.experiment.folder / other.name
            for other in self.experiment.all_cells()
            if other.name != cell.name
            and other.training == cell.training
            and not differences(other.config, cell.config, (*RUNTIME, *OF_STAGE_TWO))
            and (self.experiment.folder / other.name / holds).is_file()
        ]

    def _check(self, run: Path, cell: Cell, store: Store | None) -> None:
        """Refuse runs of other options or other clips than the table's."""
        for name, (then, now) in differences(Run.resume(run)[1], cell.config).items():
            what = f"is a run of other options: {name} is {then}, not {now}"
            raise DsolError(run, what, "delete it, or give another --runs folder")
        first = run / "stage_one.safetensors"
        if store is None or not first.is_file():
            return
        card, clips = load_card(first), training_clips(store, cell.config)
        made = (card.provenance.get("clips"), card.provenance.get("videos"))
        now = (len(clips), len(set(clips.videos)))
        if made != now:
            what = f"was trained on {made[0]} clips of {made[1]} videos, {store.path} has {now[0]} of {now[1]}"
            raise DsolError(run, what, "give the store that it was trained on, or another --runs folder")

    def _failed(self, name: str, error: DsolError) -> None:
        say(f"{name} is left out: {error}")
        self.failed.append(error)


def _share_stage_one(donor: Path, run: Path, cell: Cell) -> None:
    """Begin a run with the finished stage one of another. The model comes last: with it the stage counts as done."""
    if not (run / "config.yaml").is_file():
        Run.start(run, cell.config)
    for name in ("resume/labels.json", "stage_one.safetensors"):
        copy(donor / name, run / name)


def _score(file: Path, model: Path, store: Store, data: DataSet, match: Path | None) -> None:
    """Write a model's figures on a data set, unless they are there."""
    if _fresh(file, model, store):
        return
    run = file.parents[1]
    say(f"{run.name}: scoring {model.relative_to(run)} on {data.name}, {store.path}")
    found = evaluate(model, store.path, data.protocol, match=match, sources=data.sources)
    made = {"store": str(store.path), "fingerprint": store.fingerprint, "model": str(model.relative_to(run))}
    file.parent.mkdir(exist_ok=True)
    write_json(file, {**found.to_json(), **made})


def _fresh(file: Path, model: Path, store: Store) -> bool:
    """Whether a file holds the figures of this very model on this very store."""
    if not file.is_file() or file.stat().st_mtime < model.stat().st_mtime:
        return False
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
        same = said.get("fingerprint", store.fingerprint) == store.fingerprint
        return same and said.get("model", "model.safetensors") == str(model.relative_to(file.parents[1]))
    except (ValueError, AttributeError, RecursionError):
        return False
