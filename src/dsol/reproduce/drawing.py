"""Figures 3 and 4 of the paper for the runs of a table.

scenes-DATA.png   figure 4: rows of the table × scenes, one picture an annotated category; table 1: localisation maps
features.png      figure 3, table 1 only: pictures without and with the alternation of stage one, masked objects
"""

from pathlib import Path

from dsol.errors import DsolError
from dsol.evaluation.evaluate import annotated_frames, draw_scenes, open_model
from dsol.evaluation.features import features_figure, features_of, labelled_clips
from dsol.evaluation.protocols import protocol_named
from dsol.model.dsol_system import DsolSystem
from dsol.progress import say
from dsol.reproduce.experiment import WITHOUT_ALTERNATION, Experiment, scored_model
from dsol.reproduce.filled import sources
from dsol.reproduce.grid import Grid
from dsol.reproduce.paper import DATA, Table


def draw_table(table: Table, experiment: Experiment, grid: Grid, folder: Path, show: bool) -> None:
    """Draw what can be drawn into a folder.

    Args:
        table: whose rows.
        experiment: the folder of runs.
        grid: trains what figure 3 needs besides the table's runs.
        folder: made where it is not there.
        show: train nothing.

    Raises:
        DsolError: nothing can be drawn: no run, or no annotated store.
    """
    drawn = [_scenes(table, experiment, key, folder / f"scenes-{key}.png") for key in table.metrics]
    if table.number == 1:
        drawn.append(_features(experiment, grid, folder / "features.png", show))
    for file in filter(None, drawn):
        say(f"Wrote {file}")
    if not any(drawn):
        raise DsolError(folder, "there is nothing to draw", "give the stores, and let the table run first")


def _scenes(table: Table, experiment: Experiment, key: str, file: Path) -> Path | None:
    data = DATA[key]
    store = experiment.store(*data.stores)
    rows = [(_label(table, row.head), row.runs.get(data.training, ())) for row in sources(table, experiment)]
    first = {name: run for name, runs in rows for run in runs[:1]}
    trained = {name: run for name, run in first.items() if (run / "model.safetensors").is_file()}
    if store is None or not trained:
        return None
    frames = annotated_frames(store)
    matches = {name: experiment.match(run, data.training) for name, run in trained.items()}
    systems = {
        name: open_model(scored_model(run, key), store, data.protocol, matches[name], sources=data.sources)
        for name, run in trained.items()
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    draw_scenes(systems, frames, file, protocol_named(data.protocol).united)
    return file


def _label(table: Table, head: tuple[str, ...]) -> str:
    """What stands beside a row of pictures: "Ours", "λ 0.3"."""
    return head[0] if table.compares else "\n".join(map(" ".join, zip(table.heads, head, strict=True)))


def _features(experiment: Experiment, grid: Grid, file: Path, show: bool) -> Path | None:
    store = experiment.store(*DATA["solo"].stores)
    clips = labelled_clips(store) if store is not None else None
    plain, full = (experiment.cells(changes, "music", stage="one")[:1] for changes in (WITHOUT_ALTERNATION, {}))
    if not show:
        grid.run([(cell, []) for cell in (*plain, *full)])
    models = [experiment.folder / cell.name / "stage_one.safetensors" for cell in (*plain, *full)]
    if clips is None or not models[1].is_file():
        return None
    panels = {}
    if models[0].is_file():
        panels["picture, not alternated"] = features_of(DsolSystem.load(models[0]), clips)[0]
    panels["picture, alternated"], panels["masked object"] = features_of(DsolSystem.load(models[1]), clips)
    file.parent.mkdir(parents=True, exist_ok=True)
    found = features_figure(panels, clips.column("category"), file)
    say("NMI with the categories: " + ", ".join(f"{title} {value:.3f}" for title, value in found.items()))
    return file
