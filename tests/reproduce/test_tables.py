"""`dsol table` runs what is missing, once; goes on after a kill; and prints ours beside the paper's figures."""

import csv
import json
import os
import re
import shutil
from pathlib import Path
from statistics import fmean, stdev

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from dsol import cli
from dsol.cli import main
from dsol.config import differences, load_recipe
from dsol.data.scenes import compose
from dsol.errors import DsolError
from dsol.evaluation import evaluate as evaluating
from dsol.evaluation.result import BASELINES, METRICS
from dsol.model.file import load_card, load_tensors, save_model
from dsol.reproduce import TABLES, Experiment, fill, grid, make_table
from dsol.reproduce.experiment import evaluation_file
from dsol.reproduce.paper import DATA, OURS
from dsol.reproduce.writing import COLUMNS, NONE, WRITERS
from dsol.training.train import train


@pytest.fixture(scope="module")
def scenes(shapes, tmp_path_factory) -> Path:
    """Annotated scenes of the test split."""
    out = tmp_path_factory.mktemp("scenes") / "scenes"
    return compose(shapes, out, scenes=8, split="test", boxed=True, tile=64).path


@pytest.fixture(scope="module")
def begun(trained, shapes, scenes, tmp_path_factory) -> Path:
    """A folder of runs of the recipe `tiny` in which the run `ours` is trained."""
    runs = tmp_path_factory.mktemp("begun") / "runs"
    Experiment.open(runs, load_recipe("tiny"), {"store": shapes.path, "scenes": scenes})
    shutil.copytree(trained, runs / "ours")
    return runs


@pytest.fixture
def runs(begun, tmp_path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(begun, tmp_path / "runs"))


@pytest.fixture(scope="module")
def ran(begun, tmp_path_factory) -> Path:
    """The same after the first two rows of table 3 and the third of table 5."""
    runs = Path(shutil.copytree(begun, tmp_path_factory.mktemp("ran") / "runs"))
    main(["table", "3", "--runs", str(runs), "--rows", "1", "2"])
    main(["table", "5", "--runs", str(runs), "--rows", "3"])
    return runs


def evaluation(value: float, protocol: str = "synthetic", frames: int = 8, baseline: float = 0.25, **more) -> dict:
    """What `dsol evaluate --json` might have written."""
    figures = dict.fromkeys(METRICS, value)
    floors = {name: dict.fromkeys(METRICS, baseline) for name in BASELINES}
    ci95 = {name: [value - 0.1, value + 0.1] for name in METRICS}
    return {"protocol": protocol, "frames": frames, "videos": 4, "metrics": figures, "ci95": ci95, "floors": floors,
            **more}  # fmt: skip


def write(run: Path, data: str, said: object) -> Path:
    file = evaluation_file(run, data)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(said if isinstance(said, str) else json.dumps(said))
    return file


def forbid(monkeypatch, *names: str) -> None:
    for name in names:
        monkeypatch.setattr(grid, name, lambda *words, name=name, **options: pytest.fail(f"{name} was called"))


def refused(capfd, *words: object) -> str:
    """The one line of a call that is refused."""
    capfd.readouterr()
    with pytest.raises(SystemExit) as stop:
        main([str(word) for word in words])
    assert stop.value.code == 2
    return capfd.readouterr().err.splitlines()[-1]


def line_of(table, experiment: Experiment, data: str, head: str):
    """One row of one block."""
    block = next(block for block in fill(table, experiment).blocks if block.key == data)
    return block, next(line for line in block.lines if ", ".join(line.head).startswith(head))


# The paper's figures.


def test_every_table_has_the_rows_of_the_paper():
    assert {n: (len(t.rows), sum(map(len, t.metrics.values()))) for n, t in TABLES.items()} == {
        1: (5, 4), 2: (5, 9), 3: (5, 6), 4: (5, 9), 5: (4, 6),
    }  # fmt: skip
    for table in TABLES.values():
        for row in table.rows:
            assert set(row.paper) == set(table.metrics)
            figures = [value for values in row.paper.values() for value in values]
            assert all(value is None or 0 <= value <= 100 for value in figures)
            assert (None in figures) == (table.number == 2 and row.system == "dmc")


def test_the_figures_of_the_paper_s_own_setting_are_the_same_wherever_it_prints_them():
    settings = [TABLES[2].rows[4], TABLES[3].rows[1], TABLES[4].rows[0], TABLES[5].rows[3]]
    for data in ("synthetic", "duet"):
        assert len({row.paper[data] for row in settings}) == 1
    assert TABLES[4].rows[0].paper["solo"][1:] == TABLES[1].rows[4].paper["solo"] == (51.4, 43.6)


def test_the_command_offers_the_stores_formats_and_numbers_that_there_are():
    from dsol.reproduce.experiment import STORES

    assert tuple(option.replace("-", "_") for option in cli.TABLE_STORES) == STORES
    assert set(cli.TABLE_FORMATS) == set(WRITERS)
    assert list(TABLES) == [1, 2, 3, 4, 5]


# Which runs.


def test_tables_share_runs_and_every_run_has_a_folder_of_its_own(tmp_path):
    experiment = Experiment(tmp_path, load_recipe("paper"), {}, seeds=2)
    names = {n: [c.name for row in t.rows for c in experiment.row_cells(row, "music")] for n, t in TABLES.items()}
    assert names[1] == names[2] == ["ours", "ours_seed-1"]
    assert names[3][:4] == ["localization_weight-0.3", "localization_weight-0.3_seed-1", "ours", "ours_seed-1"]
    assert names[4][2:4] == ["mask_threshold-0.03", "mask_threshold-0.03_seed-1"]
    assert names[5][0] == "localization_weight-0.0_product-off"
    assert names[5][-2:] == names[4][:2] == names[1]
    cells = experiment.all_cells()
    assert len({cell.name for cell in cells}) == len(cells) == 28
    assert len({(cell.config, cell.training) for cell in cells}) == len(cells)
    music = [cell for cell in cells if cell.training == "music" and cell.stage == "both" and cell.config.seed == 0]
    assert len(music) == 12  # as docs/tables.md says
    assert len({cell.config.clustering for cell in music}) == 5


def test_a_row_changes_its_own_options_only(tmp_path):
    experiment = Experiment(tmp_path, load_recipe("paper"), {})
    (cell,) = experiment.row_cells(TABLES[4].rows[4], "music")
    assert differences(experiment.recipe, cell.config) == {"clustering.clusters": (11, 20)}
    (cell,) = experiment.row_cells(TABLES[5].rows[0], "music")
    assert cell.config.stage_two.localization_weight == 0
    assert not cell.config.stage_two.product
    assert cell.config.stage_two.use_matching


def test_each_training_has_the_clusters_of_its_data_set(tmp_path):
    experiment = Experiment(tmp_path, load_recipe("paper"), {})
    row = TABLES[1].rows[4]
    assert [experiment.row_cells(row, t)[0].config.clustering.clusters for t in ("music", "audioset")] == [11, 13]
    assert experiment.row_cells(row, "audioset")[0].name == "ours_audioset"
    assert experiment.row_cells(TABLES[4].rows[4], "music")[0].config.clustering.clusters == 20
    own = Experiment(tmp_path, load_recipe("best"), {})
    assert own.row_cells(row, "audioset")[0].config.clustering.clusters == load_recipe("best").clustering.clusters


@pytest.mark.parametrize(("number", "means"), [(1, True), (2, True), (3, False), (4, True), (5, False)])
def test_rows_that_mean_nothing_to_a_recipe_are_refused(tmp_path, shapes, capfd, number, means):
    Experiment.open(tmp_path / "runs", load_recipe("best"), {"duet": shapes.path})
    if means:
        main(["table", str(number), "--runs", str(tmp_path / "runs"), "--show"])
    else:
        said = refused(capfd, "table", number, "--runs", tmp_path / "runs")
        assert "have no effect in recipe 'best': its stage two has no such passes (stage_two.epochs 0)" in said


def test_every_run_of_a_recipe_far_from_the_paper_says_what_it_is(tmp_path):
    experiment = Experiment(tmp_path, load_recipe("tiny"), {})
    assert experiment.row_cells(TABLES[4].rows[0], "music")[0].name == "clusters-11"
    assert experiment.row_cells(TABLES[2].rows[0], "music") == []


# Running.


def test_cells_are_trained_and_scored_once(ran, monkeypatch, capfd):
    for name in ("ours", "localization_weight-0.3", "use_matching-off"):
        assert not load_card(ran / name / "model.safetensors").named  # each data set has names that it does not tell
        assert json.loads(evaluation_file(ran / name, "synthetic").read_text())["frames"] == 8
    folders = {"ours", "localization_weight-0.3", "use_matching-off"}
    assert {path.name for path in ran.iterdir()} == {"table.json", *folders}
    forbid(monkeypatch, "train", "evaluate")
    capfd.readouterr()
    main(["table", "3", "--runs", str(ran), "--rows", "1", "2"])
    out, err = capfd.readouterr()
    assert not err
    assert out.startswith("Table 3.")


def test_clusters_are_named_by_no_video_that_a_table_scores(begun, shapes, scenes, tmp_path, monkeypatch):
    """Neither the labelled store nor the one that is trained on has splits; scenes are made of their videos."""
    asked = []
    monkeypatch.setattr(evaluating, "name_clusters", lambda system, clips: asked.append(clips) or ("bar",) * 4)
    bare = Path(shutil.copytree(shapes.path, tmp_path / "bare"))
    table = pq.read_table(bare / "index.parquet")
    at = table.column_names.index("split")
    pq.write_table(table.set_column(at, "split", pa.nulls(len(table), pa.string())), bare / "index.parquet")
    (bare / "boxes.json").unlink()
    shutil.copytree(begun / "ours", tmp_path / "runs" / "theirs")
    found = Experiment(tmp_path / "runs", load_recipe("tiny"), {"store": bare, "scenes": scenes})
    grid.Grid(found).score(tmp_path / "runs" / "theirs", "music", ["synthetic"])
    (clips,) = asked
    assert set(clips.videos) == {video for video in shapes.videos if not video.startswith("test/")}


def test_a_shared_stage_one_gives_the_weights_of_a_run_of_its_own(ran, shapes, tmp_path):
    alone = train(shapes.path, tmp_path / "alone", load_recipe("tiny", stage_two={"localization_weight": 0.3}))
    shared = ran / "localization_weight-0.3" / "model.safetensors"
    one, other = load_tensors(alone), load_tensors(shared)
    assert all((one[name] == other[name]).all() for name in one)
    assert load_card(shared).config["stage_two"]["localization_weight"] == 0.3
    assert not (ran / "localization_weight-0.3" / "scenes").exists()


@pytest.mark.parametrize("at", ["stage two", "scoring"])
def test_a_killed_grid_goes_on(ran, runs, monkeypatch, at):
    class Killed(BaseException):
        pass

    def kill(*words, **options):
        if "stage_one" not in words:
            raise Killed

    place = {"stage two": "dsol.training.run.Run.save_checkpoint", "scoring": "dsol.reproduce.grid.write_json"}[at]
    monkeypatch.setattr(place, kill)
    with pytest.raises(Killed):
        make_table(3, Experiment.open(runs), rows=[1])
    monkeypatch.undo()
    filled, failed = make_table(3, Experiment.open(runs), rows=[1])
    assert not failed
    one, other = (load_tensors(folder / "localization_weight-0.3" / "model.safetensors") for folder in (ran, runs))
    assert all((one[name] == other[name]).all() for name in one)
    assert filled.blocks[0].lines[0].figures[1].ours is not None
    assert not list(runs.rglob("*.partial"))


def test_a_run_that_fails_stops_no_other(runs, monkeypatch, capfd):
    def fail(store, run, *words, **options):
        raise DsolError(run, "has bad luck", "try again")

    monkeypatch.setattr(grid, "train", fail)
    said = refused(capfd, "table", 3, "--runs", runs, "--rows", 1, 2)
    assert said.startswith(f"dsol: {runs / 'localization_weight-0.3'}: has")
    assert evaluation_file(runs / "ours", "synthetic").is_file()


def test_figures_of_an_older_model_or_another_store_are_made_anew(ran, shapes, tmp_path, monkeypatch):
    runs = Path(shutil.copytree(ran, tmp_path / "runs"))
    scored = []
    real = grid.evaluate

    def evaluate(run, *words, **options):
        scored.append(run.parent.name)
        return real(run, *words, **options)

    monkeypatch.setattr(grid, "evaluate", evaluate)
    os.utime(runs / "localization_weight-0.3" / "model.safetensors")
    make_table(3, Experiment.open(runs), rows=[1, 2])
    assert scored == ["localization_weight-0.3"]
    other = compose(shapes, tmp_path / "other", scenes=8, split="test", boxed=True, tile=64, seed=1).path
    filled, _ = make_table(3, Experiment.open(runs, stores={"scenes": other}), rows=[1, 2])
    assert scored == ["localization_weight-0.3", "localization_weight-0.3", "ours"]
    assert filled.blocks[0].scored.startswith("other: 8 frames")


def test_showing_runs_nothing(begun, monkeypatch, capfd):
    forbid(monkeypatch, "train", "evaluate")
    main(["table", "3", "--runs", str(begun), "--show"])
    out = capfd.readouterr().out
    assert "No run here yet" in out
    assert out.count(NONE) == 5 * 6


def test_without_stores_what_is_there_is_printed(tmp_path, capfd):
    main(["table", "1", "--runs", str(tmp_path)])
    assert "51.4" in capfd.readouterr().out
    assert not list(tmp_path.iterdir())


# Figures.


def test_a_row_is_the_mean_of_its_seeds_and_the_floors_stand_below(tmp_path):
    experiment = Experiment(tmp_path, load_recipe("paper"), {}, seeds=3)
    values = (0.2, 0.25, 0.4)
    for cell, value in zip(experiment.row_cells(TABLES[3].rows[0], "music"), values, strict=True):
        write(tmp_path / cell.name, "synthetic", evaluation(value))
    block, line = line_of(TABLES[3], experiment, "synthetic", "0.3")
    for figure in line.figures:
        assert figure.ours == pytest.approx(100 * fmean(values))
        assert figure.spread == pytest.approx(100 * stdev(values))
        assert (figure.low, figure.high) == (pytest.approx(figure.ours - 10), pytest.approx(figure.ours + 10))
    assert [figure.paper for figure in line.figures] == [11.0, 15.0, 94.6, None, None]
    assert line.seeds == 3
    floors = [line.head[0] for line in block.lines if line.kind == "floor"]
    assert floors == ["whole image", "centred box", "random", "0.3: mismatched sound"]
    assert "± is the standard deviation" in WRITERS["text"](fill(TABLES[3], experiment))


def test_other_people_s_runs_find_their_rows(trained, tmp_path):
    experiment = Experiment(tmp_path, load_recipe("tiny"), {})
    card, tensors = load_card(trained / "model.safetensors"), load_tensors(trained / "model.safetensors")
    for name, system, config in [
        ("theirs", "attention", {"seed": 0}),
        ("theirs again", "attention", {"seed": 1}),
        ("theirs, wider", "attention", {"seed": 0, "width": 9}),
        ("odd", "cake", {}),
    ]:
        (tmp_path / name).mkdir()
        changed = {**vars(card), "system": system, "config": config}
        save_model(tmp_path / name / "model.safetensors", tensors, type(card)(**changed))
    for name, value in [("theirs", 0.1), ("theirs again", 0.3), ("theirs, wider", 0.5), ("odd", 0.6), ("dmc", 0.7)]:
        write(tmp_path / name, "duet", evaluation(value, "duet"))  # dmc is a folder of scored maps, without a model
    block = fill(TABLES[2], experiment).blocks[1]
    rows = {line.head[0]: (line.figures[0].ours, line.figures[0].paper) for line in block.lines if line.kind == "row"}
    rows = {name: (ours if ours is None else round(ours, 9), paper) for name, (ours, paper) in rows.items()}
    assert rows == {
        "Sound-of-pixel": (None, 16.8), "Object-that-sound": (None, 13.2), "Attention": (20.0, 21.5),
        "DMC": (70.0, 17.3), "Ours": (None, 30.2), "Attention, theirs, wider": (50.0, None), "odd": (60.0, None),
    }  # fmt: skip
    assert all(not line.seeds for line in fill(TABLES[3], experiment).blocks[1].lines)


def test_dmc_is_told_how_many_objects_sound(runs, shapes):
    train(shapes.path, runs / "centres", load_recipe("tiny", system="dmc", baselines={"epochs": 1}))
    filled, failed = make_table(1, Experiment.open(runs))
    assert not failed
    (line,) = [line for line in filled.blocks[0].lines if line.head[0] == "DMC"]
    assert any(figure.ours is not None for figure in line.figures)


def test_single_sources_are_scored_with_the_model_after_stage_one_and_the_other_is_told(runs, shapes):
    filled, failed = make_table(1, Experiment.open(runs))
    assert not failed
    figures = {
        name: json.loads(evaluation_file(runs / "ours", name).read_text()) for name in ("solo", "solo_stage_two")
    }
    assert [said["model"] for said in figures.values()] == ["stage_one.safetensors", "model.safetensors"]
    for name, said in figures.items():
        alone = evaluating.evaluate(runs / "ours" / said["model"], shapes.path, "solo").metrics
        assert said["metrics"]["class_iou"] == alone["class_iou"], name
    (line,) = [line for line in filled.blocks[0].lines if line.head[0] == "Ours"]
    assert line.figures[1].ours == 100 * figures["solo"]["metrics"]["auc"]
    (note,) = [note for note in filled.notes if "after stage one" in note]
    assert f"AUC {100 * figures['solo_stage_two']['metrics']['auc']:.1f}" in note


def test_duets_are_scored_after_one_more_pass_over_duets(runs, shapes, scenes):
    experiment = Experiment.open(runs, stores={"duet": shapes.path})
    filled, failed = make_table(5, experiment, rows=[4])
    assert not failed
    files = {name: evaluation_file(runs / "ours", name) for name in ("synthetic", "duet")}
    said = {name: json.loads(file.read_text())["model"] for name, file in files.items()}
    assert said == {"synthetic": "model.safetensors", "duet": "duet/model.safetensors"}
    card = load_card(runs / "ours" / "duet" / "model.safetensors")
    assert (card.provenance["start"], card.config["stage_two"]["epochs"]) == ("ours/model.safetensors", 1)
    assert any("after one more pass over its training videos" in note for note in filled.notes)
    assert {path.name for path in runs.iterdir()} == {"table.json", "ours"}
    before = (runs / "ours" / "duet" / "model.safetensors").stat().st_mtime_ns
    make_table(5, experiment, rows=[4])
    assert (runs / "ours" / "duet" / "model.safetensors").stat().st_mtime_ns == before


def test_without_duets_to_train_on_one_model_is_scored_on_all_scenes(runs, scenes):
    filled, failed = make_table(5, Experiment.open(runs, stores={"duet": scenes}), rows=[4])
    assert not failed
    assert json.loads(evaluation_file(runs / "ours", "duet").read_text())["model"] == "model.safetensors"
    assert not (runs / "ours" / "duet").exists()
    assert not any("one more pass" in note for note in filled.notes)


def test_figures_of_the_last_model_from_before_are_scored_anew(runs, monkeypatch):
    make_table(1, Experiment.open(runs))
    file = evaluation_file(runs / "ours", "solo")
    said = json.loads(file.read_text())
    write(runs / "ours", "solo", {name: value for name, value in said.items() if name != "model"})
    make_table(1, Experiment.open(runs))
    assert json.loads(file.read_text())["model"] == "stage_one.safetensors"


def test_a_table_of_the_paper_s_recipe_without_its_weights_says_so(tmp_path, capfd, shapes):
    weights = tmp_path / "resnet18.pth"
    weights.touch()
    for name, words in (("bare", []), ("given", ["--encoders.vision_weights", str(weights)])):
        runs = tmp_path / name
        main(["table", "2", "--runs", str(runs), "--duet", str(shapes.path), "--show", *words])
        write(runs / "ours", "duet", evaluation(0.5, "duet"))
    capfd.readouterr()
    main(["table", "2", "--runs", str(tmp_path / "bare"), "--show"])
    assert "not the paper's conditions" in capfd.readouterr().out
    main(["table", "2", "--runs", str(tmp_path / "given"), "--show"])
    assert "not the paper's conditions" not in capfd.readouterr().out
    assert Experiment.open(tmp_path / "given").recipe == load_recipe("paper", encoders={"vision_weights": str(weights)})
    other = load_recipe("quick")
    tables = fill(TABLES[2], Experiment(tmp_path / "bare", other, {}))
    assert not any("not the paper's conditions" in note for note in tables.notes)


def test_runs_of_more_seeds_than_asked_for_are_no_other_people_s(tmp_path):
    for seeds in (2, 1):
        experiment = Experiment(tmp_path, load_recipe("tiny"), {}, seeds=seeds)
        for cell in experiment.row_cells(TABLES[2].rows[4], "music"):
            write(tmp_path / cell.name, "synthetic", evaluation(0.5))
        block = fill(TABLES[2], experiment).blocks[0]
        assert [line.seeds for line in block.lines if line.kind == "row"] == [0, 0, 0, 0, seeds]


def test_runs_of_audioset_are_told_by_their_store(tmp_path, trained):
    stores = {"audioset": tmp_path / "audioset"}
    experiment = Experiment(tmp_path, load_recipe("tiny"), stores)
    assert [cell.name for cell in experiment.row_cells(TABLES[1].rows[4], "audioset")] == ["ours_audioset"]
    card, tensors = load_card(trained / "model.safetensors"), load_tensors(trained / "model.safetensors")
    (tmp_path / "run").mkdir()
    changed = {**vars(card), "system": "attention", "provenance": {"store": "audioset"}}
    save_model(tmp_path / "run" / "model.safetensors", tensors, type(card)(**changed))
    write(tmp_path / "run", "audioset_solo", evaluation(0.5, "solo"))
    assert line_of(TABLES[1], experiment, "audioset_solo", "Attention")[1].figures[0].ours == 50
    assert line_of(TABLES[1], experiment, "solo", "Attention")[1].figures[0].ours is None


def test_table_4_says_how_its_nmi_and_nsa_differ_from_the_released_ones_and_gives_the_released_nmi(trained, tmp_path):
    experiment = Experiment(tmp_path, load_recipe("tiny"), {}, seeds=2)
    assert not any("NMI" in note for note in fill(TABLES[3], experiment).notes)
    (without,) = (note for note in fill(TABLES[4], experiment).notes if "NMI" in note)
    assert without.endswith("the released script's is of the training clips.")
    card, tensors = load_card(trained / "model.safetensors"), load_tensors(trained / "model.safetensors")
    for nmi, cell in zip((0.5, 0.7), experiment.row_cells(TABLES[4].rows[4], "music"), strict=True):
        (tmp_path / cell.name).mkdir()
        changed = {**vars(card), "metrics": {**card.metrics, "nmi": nmi}}
        save_model(tmp_path / cell.name / "model.safetensors", tensors, type(card)(**changed))
    notes = fill(TABLES[4], experiment).notes
    assert any(note.endswith("which here is (Mask / Clusters) 0.05 / 20: 60.0.") for note in notes)
    assert any("the released script's is of clusters" in note for note in notes)
    assert "nmi" in card.metrics  # what training notes down


# Formats.


def test_csv_holds_every_figure_as_it_was_measured(ran):
    lines = list(csv.DictReader(WRITERS["csv"](fill(TABLES[3], Experiment.open(ran))).splitlines()))
    assert tuple(lines[0]) == COLUMNS
    said = json.loads(evaluation_file(ran / "localization_weight-0.3", "synthetic").read_text())
    found = {line["metric"]: line for line in lines if (line["data"], line["row"]) == ("MUSIC-Synthetic", "0.3")}
    for metric, paper in zip(("ciou@0.3", "auc", "nsa"), ("11", "15", "94.6"), strict=True):
        line = found[metric]
        assert float(line["ours"]) == pytest.approx(100 * said["metrics"][metric], abs=1e-4)
        assert float(line["low"]) == pytest.approx(100 * said["ci95"][metric][0], abs=1e-4)
        assert (line["paper"], line["seeds"], line["spread"], line["kind"]) == (paper, "1", "", "row")
    assert {line["row"] for line in lines if line["kind"] == "floor"} == {
        "whole image", "centred box", "random", "0.3: mismatched sound", "0.5: mismatched sound",
    }  # fmt: skip
    assert {line["ours"] for line in lines if line["row"] == "1.5"} == {""}


def test_text_markdown_and_latex_agree_and_are_well_formed(ran):
    filled = fill(TABLES[3], Experiment.open(ran))
    text, markdown, latex = (WRITERS[name](filled) for name in ("text", "markdown", "latex"))
    figure = filled.blocks[0].lines[0].figures[1]
    assert f"{figure.ours:.1f} [{figure.low:.1f}, {figure.high:.1f}]" in text
    assert f"| {figure.ours:.1f} [{figure.low:.1f}, {figure.high:.1f}] |" in markdown
    assert rf"{figure.ours:.1f} {{\scriptsize[{figure.low:.1f}, {figure.high:.1f}]}}" in latex
    for block in text.split("\n\n")[1:-1]:
        assert len({len(line) for line in block.splitlines()[1:]}) == 1
    for block in re.findall(r"(?:^\|.*\n)+", markdown, re.M):
        assert len({line.count("|") for line in block.splitlines()}) == 1
    widest = int(re.search(r"\\multicolumn\{(\d+)\}", latex)[1])
    assert all(line.count("&") < widest for line in latex.splitlines())
    assert latex.count("{") == latex.count("}")
    assert not re.search(r"(?<!\\)[%_#]", latex)
    assert "λ" not in latex
    assert "±" not in latex


def test_a_file_is_written_in_the_format_of_its_ending(ran, tmp_path, capfd):
    for name, start in [("a.md", "**Table 3.**"), ("a.csv", "table,"), ("a.tex", r"\begin{table*}"), ("a", "Table 3.")]:
        main(["table", "3", "--runs", str(ran), "--show", "--out", str(tmp_path / name)])
        assert (tmp_path / name).read_text().startswith(start)
        assert capfd.readouterr().out.startswith("Table 3.")
    main(["table", "3", "--runs", str(ran), "--show", "--format", "csv"])
    assert capfd.readouterr().out.startswith("table,")


# What is refused.


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["6"], "6"),
        (["3", "--rows", "6"], "no row 6"),
        (["3", "--rows", "0"], "no row 0"),
        (["3", "--seeds", "0"], "--seeds: 0"),
        (["3", "--store", "nowhere"], "nowhere: is not a store"),
        (["3", "--recipe", "paper"], "holds runs of other options"),
        (["3", "--recipe", "cake"], "is no recipe"),
        (["3", "--format", "cake"], "cake"),
        (["3", "--out", "."], "is a folder"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_call_is_refused_and_changes_nothing(begun, capfd, words, says):
    before = (begun / "table.json").read_text()
    assert says in refused(capfd, "table", *words, "--runs", begun)
    assert (begun / "table.json").read_text() == before
    assert {path.name for path in begun.iterdir()} == {"table.json", "ours"}


def test_a_folder_that_is_none_is_refused(tmp_path, shapes, capfd):
    assert "is no folder of runs" in refused(capfd, "table", 2, "--runs", tmp_path / "none")
    (tmp_path / "file").write_text("mine")
    for place in (tmp_path / "file", "/proc/runs"):
        assert str(place) in refused(capfd, "table", 2, "--runs", place, "--store", shapes.path)
    (tmp_path / "mine.yaml").write_text("stage_one: {epochs: many}")
    words = ("table", 2, "--runs", tmp_path / "runs", "--store", shapes.path, "--recipe", tmp_path / "mine.yaml")
    assert "stage_one.epochs" in refused(capfd, *words)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"version": 9}', '{"version": 1, "seeds": 1, "stores": []}'])
def test_a_broken_description_is_named(tmp_path, capfd, text):
    (tmp_path / "table.json").write_text(text)
    assert "table.json" in refused(capfd, "table", 2, "--runs", tmp_path)


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ("{", "is no evaluation"),
        ("[]", "is no evaluation"),
        (evaluation(0.5, "duet"), "the protocol 'duet'"),
        (evaluation(0.5, frames=7), "7 frames"),
        (evaluation(0.5, baseline=0.3), "other boxes"),
    ],
    ids=["broken", "list", "protocol", "frames", "boxes"],
)
def test_figures_that_do_not_belong_together_are_refused(tmp_path, capfd, said, says):
    write(tmp_path / "ours", "synthetic", evaluation(0.5))
    file = write(tmp_path / "localization_weight-1.5", "synthetic", said)
    line = refused(capfd, "table", 3, "--runs", tmp_path)
    assert line.startswith(f"dsol: {file}: ")
    assert says in line


def test_a_run_of_other_options_or_other_clips_is_refused(runs, shapes, capfd, tmp_path):
    config = runs / "ours" / "config.yaml"
    before = config.read_text()
    config.write_text(before.replace("clusters: 4", "clusters: 5"))
    assert "clustering.clusters is 5, not 4" in refused(capfd, "table", 2, "--runs", runs)
    config.write_text(before)
    fewer = compose(shapes, tmp_path / "fewer", scenes=8, split="train", tile=64).path
    said = refused(capfd, "table", 2, "--runs", runs, "--store", fewer)
    assert "was trained on 32 clips of 16 videos" in said


# Pictures.


def test_figures_3_and_4_are_drawn_for_the_rows(ran, tmp_path, capfd):
    main(["table", "3", "--runs", str(ran), "--show", "--figures", str(tmp_path)])
    assert [file.name for file in tmp_path.iterdir()] == ["scenes-synthetic.png"]
    tall = Image.open(tmp_path / "scenes-synthetic.png").size
    main(["table", "2", "--runs", str(ran), "--show", "--figures", str(tmp_path)])
    assert Image.open(tmp_path / "scenes-synthetic.png").size[1] < 0.7 * tall[1]  # one run where there were two
    assert "there is nothing to draw" in refused(capfd, "table", 3, "--runs", tmp_path, "--show", "--figures", tmp_path)


def test_table_1_trains_what_figure_3_needs(runs, tmp_path):
    make_table(1, Experiment.open(runs), figures=tmp_path)
    assert {file.name for file in tmp_path.iterdir()} >= {"scenes-solo.png", "features.png"}
    card = load_card(runs / "classify_from-0" / "stage_one.safetensors")
    assert card.system == OURS
    assert card.config["stage_one"]["classify_from"] == 0
    assert not (runs / "classify_from-0" / "model.safetensors").exists()
    assert DATA["solo"].protocol == json.loads(evaluation_file(runs / "ours", "solo").read_text())["protocol"]
