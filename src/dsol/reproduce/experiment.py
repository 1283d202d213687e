"""The description of a folder of runs: table.json, one recipe and one set of stores for all tables.

DIR/table.json               recipe, stores, seeds: written by the first call, so that later ones need DIR only
DIR/ours, DIR/localization_weight-0.3, …  one run folder a cell, named by what it changes; tables share cells
DIR/RUN/evaluation/duet.json the figures of a run on one data set, as `dsol evaluate --json` writes them
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from dsol.config import RUNTIME, Config, differences, flat, load_recipe, nested
from dsol.data.store import Store
from dsol.errors import MALFORMED, DsolError, explained
from dsol.files import write_json
from dsol.model.file import load_card
from dsol.reproduce.paper import CLUSTERS, DATA, OURS, TABLES, Row, Table

FILE = "table.json"
VERSION = 1
STORES = ("store", "solo", "train_scenes", "scenes", "duet", "audioset", "audioset_multi")
TRAINED_ON = {"music": "store", "audioset": "audioset"}  # training -> its single-source clips
MACHINE = ("recipe", "seed", *RUNTIME)  # options that may differ within an experiment
DUET = "duet"  # folder in a run folder: the last pass over duets
WITHOUT_ALTERNATION = {"stage_one.classify_from": 0}  # the left panel of figure 3


@dataclass(frozen=True)
class Cell:
    """One training run of a grid.

    Attributes:
        name: of its folder.
        config: all its options.
        training: "music" or "audioset".
        stage: "both", or "one" where stage one is all that is wanted.
    """

    name: str
    config: Config
    training: str
    stage: str = "both"


@dataclass(frozen=True)
class Experiment:
    """A folder of runs.

    Attributes:
        folder: DIR.
        recipe: the options that rows change.
        stores: paths by name, see `STORES`.
        seeds: runs a row.
    """

    folder: Path
    recipe: Config
    stores: Mapping[str, Path]
    seeds: int = 1

    @classmethod
    def open(
        cls, folder: Path, recipe: Config | None = None, stores: Mapping[str, Path] | None = None,
        seeds: int | None = None,
    ) -> "Experiment":  # fmt: skip
        """What the folder says, and what is given beside it; both are saved in the folder.

        Args:
            folder: DIR; made where something to run is given.
            recipe: options of the runs; as before where None, at first those of the recipe `paper`.
            stores: paths by name; they replace earlier ones.
            seeds: runs a row; as before where None, at first 1.

        Raises:
            DsolError: no such folder, a path that is no store, or runs of another recipe.
        """
        if seeds is not None and seeds < 1:
            raise DsolError("--seeds", f"{seeds} is not possible", "give 1 or more")
        stores = {name: Path(path).absolute() for name, path in (stores or {}).items()}
        for path in stores.values():
            Store.open(path)
        if not folder.is_dir() and not stores:
            raise DsolError(folder, "is no folder of runs", "give the stores to make one: --store STORE and others")
        file = folder / FILE
        known = _read(file) if file.is_file() else None
        if known is not None and recipe is not None:
            for name, (then, now) in differences(known.recipe, recipe, MACHINE).items():
                what = f"holds runs of other options: {name} is {then}, not {now}"
                raise DsolError(folder, what, "give another --runs folder, or leave --recipe out")
        found = cls(
            folder,
            recipe or (known.recipe if known else load_recipe("paper")),
            {**(known.stores if known else {}), **stores},
            seeds or (known.seeds if known else 1),
        )
        if stores or (known and found != known):
            found._save(file)
        return found

    def _save(self, file: Path) -> None:
        said = {
            "version": VERSION,
            "seeds": self.seeds,
            "stores": {name: str(path) for name, path in self.stores.items()},
            "recipe": self.recipe.to_dict(),
        }
        with explained(file, "cannot be written: {.strerror}", "choose another --runs folder", OSError):
            file.parent.mkdir(parents=True, exist_ok=True)
            write_json(file, said)

    def store(self, *names: str) -> Store | None:
        """The first of these stores that was given."""
        given = [self.stores[name] for name in names if name in self.stores]
        return _opened(given[0]) if given else None

    def training_stores(self, training: str) -> tuple[Store | None, Store | None]:
        """Single-source clips and scenes to train on; None where there are none, as for scenes still to be composed."""
        scenes = self.store({"music": "train_scenes", "audioset": "audioset_multi"}[training])
        if training == "audioset" and scenes is not None and "train" not in scenes.splits:
            scenes = None  # test scenes are not for training
        return self.store(TRAINED_ON[training]), scenes

    def labelled(self, training: str) -> Store | None:
        """The store whose labels name clusters; `dsol.naming.naming.clips_that_name` chooses its clips."""
        names = ("audioset",) if training == "audioset" else ("store", "solo")
        found = (self.store(name) for name in names)
        return next((store for store in found if store is not None and store.categories), None)

    def match(self, run: Path, training: str) -> Path | None:
        """The store to name the clusters of a trained run by; None where its model has been named, or there is none."""
        labelled = self.labelled(training)
        return None if labelled is None or load_card(run / "model.safetensors").named else labelled.path

    def cells(self, changes: Mapping[str, Any], training: str, stage: str = "both") -> list[Cell]:
        """The runs of a row, one a seed. K is that of the training's data set, unless row or recipe have their own."""
        found = []
        options = flat(self.recipe.to_dict())
        different = {name: value for name, value in changes.items() if options[name] != value}
        for seed in range(self.seeds):
            config = self._recipe_for(training).replace(seed=self.recipe.seed + seed, **nested(different))
            parts = [f"{name.split('.')[1]}-{_spoken(value)}" for name, value in different.items()] or ["ours"]
            parts += [training] * (training != "music") + [f"seed-{seed}"] * (seed > 0)
            found.append(Cell("_".join(parts), config, training, stage))
        return found

    def _recipe_for(self, training: str) -> Config:
        own = self.recipe.clustering.clusters != CLUSTERS["music"]
        return self.recipe if own else self.recipe.replace(clustering={"clusters": CLUSTERS[training]})

    def row_cells(self, row: Row, training: str) -> list[Cell]:
        """The runs of a row; none where it is another system's."""
        return self.cells(row.changes, training) if row.system == OURS else []

    def all_cells(self) -> list[Cell]:
        """Every run that a table may need, each once."""
        wanted = [c for table in TABLES.values() for row in table.rows for t in trainings(table)
                  for c in self.row_cells(row, t)]  # fmt: skip
        wanted += self.cells(WITHOUT_ALTERNATION, "music", stage="one")
        return list({cell.name: cell for cell in wanted}.values())


def trainings(table: Table) -> list[str]:
    """The trainings that a table's data sets need."""
    return list(dict.fromkeys(DATA[name].training for name in table.metrics))


def evaluation_file(run: Path, data: str) -> Path:
    """Where the figures of a run on a data set lie."""
    return run / "evaluation" / f"{data}.json"


def scored_model(run: Path, data: str) -> Path:
    """The model of a run that a data set scores, as released: of a single source the one after stage one, of duets the
    one after a last pass over duets, where there are such."""
    first, last = run / "stage_one.safetensors", run / DUET / "model.safetensors"
    if DATA[data].protocol == "solo" and first.is_file():
        return first
    return last if data == "duet" and last.is_file() else run / "model.safetensors"


def after_stage_two(data: str) -> str:
    """What `evaluation_file` calls the figures of the last model on a data set that scores the first.

    Example:
        >>> after_stage_two("solo")
        'solo_stage_two'
    """
    return f"{data}_stage_two"


def _read(file: Path) -> Experiment:
    with explained(file, "does not describe runs: {!r}", "delete it and give --store and others", *MALFORMED):
        said = json.loads(file.read_text(encoding="utf-8"))
        if said["version"] != VERSION:
            raise DsolError(file, f"is of version {said['version']}, this is version {VERSION}", "use another folder")
        stores = {name: Path(path) for name, path in said["stores"].items() if name in STORES}
        return Experiment(file.parent, Config.from_dict(said["recipe"]), stores, int(said["seeds"]))


def _spoken(value: Any) -> str:
    return ("on" if value else "off") if isinstance(value, bool) else str(value)


@cache
def _opened(path: Path) -> Store:
    return Store.open(path)
