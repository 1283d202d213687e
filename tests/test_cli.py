"""The command line: what goes well, and one clear line with exit status 2 for whatever does not."""

import io
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

import dsol
from dsol import cli
from dsol.arguments import Parser, add_section, described
from dsol.cli import VERBS, main
from dsol.completion import SHELLS
from dsol.config import InferenceOptions, nested
from dsol.data.boxes import Box, Boxes, Frame
from dsol.data.corpora.annotations import READERS
from dsol.evaluation.protocols import PROTOCOLS
from dsol.evaluation.result import BASELINES, METRICS
from dsol.localize.files import FILES
from tests.shapes import SIZE, write_corpus
from tests.videos import BROKEN, write_odd_size, write_silent, write_truncated, write_video

HEAVY = ("torch", "lightning_fabric", "matplotlib", "pyarrow")


class Call:
    """Runs `dsol` in this process: exit status, lines of stdout and stderr."""

    def __init__(self, capfd):
        self.capfd = capfd

    def __call__(self, *words) -> tuple[int, list[str], list[str]]:
        self.capfd.readouterr()
        try:
            main([str(word) for word in words])
            status = 0
        except SystemExit as stop:
            status = stop.code
        out, err = self.capfd.readouterr()
        return status, out.splitlines(), err.splitlines()

    def good(self, *words) -> list[str]:
        """Lines of stdout of a call that succeeds."""
        status, out, err = self(*words)
        assert status == 0, err
        return out

    def bad(self, *words) -> str:
        """The one line of a call that is refused."""
        status, _, err = self(*words)
        assert status == 2, err
        complaints = [line for line in err if line.startswith("dsol: ")]
        assert len(complaints) == 1, err
        assert complaints[0] == err[-1]
        assert re.fullmatch(r"dsol: .+: .+ \(.+\)", err[-1]), "it names what, where and the remedy"
        assert not any("Traceback" in line for line in err)
        return err[-1]


@pytest.fixture
def call(capfd) -> Call:
    return Call(capfd)


def content(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def run(*words, **options) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", "dsol", *map(str, words)], capture_output=True, text=True, **options)


@pytest.fixture(scope="session")
def videos(tmp_path_factory) -> Path:
    """A folder with all broken videos, odd ones and a good one."""
    folder = tmp_path_factory.mktemp("videos")
    for kind, write in BROKEN.items():
        write(folder / f"{kind}.mp4")
    write_silent(folder / "silent.mp4")
    write_truncated(folder / "truncated.mp4", seconds=3.0)
    write_odd_size(folder / "odd.mp4")
    write_video(folder / "good.mp4", 1.2)
    return folder


@pytest.fixture(scope="session")
def test_only(tmp_path_factory) -> Path:
    """A store whose videos are all of the split "test", with boxes."""
    folder = tmp_path_factory.mktemp("test_only")
    main(["prepare", str(write_corpus(folder / "corpus", train=0)), str(folder / "store"), "--size", str(SIZE)])
    return folder / "store"


@pytest.fixture(scope="session")
def unlabelled(tmp_path_factory) -> Path:
    """A store without categories, splits and boxes."""
    folder = tmp_path_factory.mktemp("unlabelled")
    (folder / "corpus").mkdir()
    write_video(folder / "corpus" / "a.mp4", 1.0)
    main(["prepare", str(folder / "corpus"), str(folder / "store"), "--size", "32"])
    return folder / "store"


# Help.


def test_the_overview_lists_every_verb(call):
    overview = "\n".join(call.good("--help"))
    assert all(f"  {verb} " in overview for verb in VERBS)
    assert call.good() == call.good("-h") == overview.splitlines()
    assert call.good("--version") == [f"dsol {dsol.__version__}"]


@pytest.mark.parametrize("verb", VERBS)
def test_help_shows_defaults_and_waits_for_nothing_heavy(verb):
    code = f"""
import sys
from dsol.cli import main
try:
    main([{verb!r}, "--help"])
except SystemExit as stop:
    assert stop.code == 0
print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr.strip() == "[]", "quick help imports nothing heavy"
    said = " ".join(done.stdout.split())
    assert said.startswith(f"usage: dsol {verb} ")
    summary, examples = described(VERBS[verb].__doc__)
    assert summary in said
    assert all(line.startswith(f"dsol {verb} ") for line in examples)
    assert f"examples:\n  {examples[0]}\n" in done.stdout
    chosen = verb not in ("inspect", "name", "find", "report", "export")
    assert ("default: " in said) == chosen, "these have nothing to choose"


def test_the_module_is_the_command():
    command = Path(sys.executable).with_name("dsol")
    for words in (["--help"], ["compose", "--help"]):
        done = subprocess.run([command, *words], capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (0, run(*words).stdout)


def test_every_protocol_and_format_can_be_chosen():
    assert set(cli.PROTOCOLS) == set(PROTOCOLS)
    assert set(cli.FORMATS) == {"auto", *READERS}


COMPLETES = """
COMP_WORDS=(dsol {words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); {function}; echo "${{COMPREPLY[@]}}"
"""


def test_bash_completes_verbs_options_and_values(call, tmp_path):
    (tmp_path / "completion").write_text("\n".join(call.good("--print-completion", "bash")))
    (function,) = re.findall(r"-F (\w+) dsol", (tmp_path / "completion").read_text())

    def completed(words: str) -> list[str]:
        script = f". {tmp_path / 'completion'}" + COMPLETES.format(words=words, function=function)
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    assert completed("lo") == ["localize"]
    assert completed("localize party.mp4 --inference.fl") == ["--inference.flip"]
    assert completed("evaluate run store --protocol du") == ["duet"]
    assert completed("train store run --stage_one.po") == ["--stage_one.pool"]
    assert completed("inspect compl") == ["completion"]


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_has_a_script_that_knows_the_verbs(call, shell):
    script = "\n".join(call.good("--print-completion", shell))
    assert all(verb in script for verb in VERBS)


def test_an_unknown_shell_is_refused(call):
    assert "give one of bash, zsh, fish" in call.bad("--print-completion", "cmd")
    assert "needs the name of a shell" in call.bad("--print-completion")


# Wrong calls.


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["fly"], "no verb"),
        (["--fly"], "no verb"),
        (["prepare", "here"], "out"),
        (["prepare"], "corpus, out"),
        (["prepare", "a", "b", "--fly", "1"], "--fly"),
        (["prepare", "a", "b", "--size", "big"], "big"),
        (["prepare", "a", "b", "--size", "3"], "3 pixels"),
        (["prepare", "a", "b", "--engine", "steam"], "steam"),
        (["prepare", ".", "b", "--layout", "attic"], "choose one of audioset, folders, music"),
        (["prepare", ".", "b", "--layout", "music:trio"], "choose one of music:solo, music:duet"),
        (["prepare", ".", "b", "--layout", "audioset"], "has none of unbalanced_train_segments.csv"),
        (["localize", "a.mp4"], "a.mp4: is not a file"),
        (["score", "a", "b", "--protocol", "cake"], "cake"),
        (["train", "a", "b", "--stage", "three"], "three"),
        (["train", "a", "b", "--recipe", "cake"], "paper, "),
        (["train", "a", "b", "--recipe"], "--recipe"),
        (["train", "a", "b", "--stage_one.epochs", "many"], "many"),
        (["train", "a", "b", "--stage_one.fly", "3"], "--stage_one.fly"),
        (["train", "a", "b", "--device", "abacus"], "abacus"),
        (["train", "a", "b", "--precision", "7"], "'7'"),
        (["train", "a", "b", "--devices", "0"], "--devices: 0"),
        (["train", "a", "b", "--nodes", "2"], "--nodes: 2 machines, and this process is alone"),
        (["train", "a", "b", "--workers", "-1"], "--workers"),
        (["score", "a", "b", "--workers", "2"], "--engine ray"),
        (["evaluate", "a", "b", "--workers", "2"], "--engine ray"),
        (["train", "a", "b", "--seed", "-1"], "--seed"),
        (["evaluate", "a", "b", "--size", "0"], "0 pixels"),
    ],
    ids=lambda value: " ".join(value[:1] + value[-2:]) if isinstance(value, list) else "",
)
def test_a_wrong_call_is_refused(call, tmp_path, monkeypatch, words, says):
    monkeypatch.chdir(tmp_path)
    assert says in call.bad(*words)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("fly: 3", "'fly'"),
        ("stage_one: {clusterz: 3}", "'clusterz'"),
        ("stage_one: {epochs: many}", "stage_one.epochs"),
        ("encoders: {vision: cake}", "encoders.vision"),
        ("seed: none", "seed"),
        ("[1, 2", "is not YAML"),
        ("hello", "not a set of options"),
    ],
)
def test_a_wrong_recipe_is_refused_before_anything_is_made(call, shapes, tmp_path, text, says):
    (tmp_path / "mine.yaml").write_text(text)
    assert says in call.bad("train", shapes.path, tmp_path / "run", "--recipe", tmp_path / "mine.yaml")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--clustering.starts", "0"], "starts cannot be 0"),
        (["--scenes.sounding", "7"], "--scenes.sounding: 7 is not possible here (choose 0 to 3)"),
        (["--scenes.objects", "99", "--clustering.clusters", "99"], "99"),
        (["--encoders.pca", "8"], "--encoders.pca: needs a backbone that is not trained"),
        (["--floor", "random"], "--floor: is an option of version 1 (write --baseline)"),
        (["--nets.principal", "8"], "--nets.principal: is an option of version 1 (write --encoders.pca)"),
        (["--encoders.pca", "2000", "--encoders.freeze_vision", "true"], "--encoders.pca: cannot be 2000"),
        (["--encoders.vision_weights", "imagenet"], "weights"),
        (["--scenes", "nowhere"], "nowhere: is not a store"),
    ],
)
def test_options_that_cannot_work_leave_no_run_behind(call, shapes, tmp_path, words, says):
    assert says in call.bad("train", shapes.path, tmp_path / "run", "--recipe", "tiny", *words)
    assert not (tmp_path / "run").exists()


def test_figures_that_cannot_be_written_are_refused_before_the_work(call, shapes, trained, tmp_path):
    (tmp_path / "file").write_text("kept")
    words = ["evaluate", trained, shapes.path, "--json", tmp_path / "figures.json", "--figures", tmp_path / "file"]
    assert "file" in call.bad(*words)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]


def test_help_calls_types_by_letters_and_tells_values(call):
    said = " ".join(" ".join(call.good("train", "--help")).split())
    assert "--workers N Processes that read and decode clips; 0 reads in the training process. (default: 2)" in said
    assert "--start PATH" in said
    assert "--encoders.size N Side of the square picture in stage one, pixels. (default: 224)" in said
    assert "--inference.map_threshold X" in said
    assert "--encoders.freeze_vision true|false" in said
    assert "(default: null)" not in said
    assert "<" not in said


@pytest.mark.parametrize(
    ("words", "option", "value"),
    [
        (["--inference.flip", "false"], "flip", False),
        (["--inference.map_threshold=null"], "map_threshold", None),
        (["--inference.map_threshold", "0.5"], "map_threshold", 0.5),
        (["--inference.upscale", "0"], "upscale", 0),
        (["--inference.decoder", "softmax"], "decoder", "softmax"),
    ],
)
def test_an_option_of_a_section_has_the_value_that_yaml_gives_it(words, option, value):
    parser = Parser("localize", "Finds.")
    add_section(parser, "inference", InferenceOptions, unsaid=True)
    assert nested(vars(parser.parse_args(words))) == {"inference": {option: value}}


def test_a_reader_that_has_seen_enough_is_no_error(shapes):
    words = f"{sys.executable} -m dsol inspect {shapes.path} --json | head -c 1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", words], capture_output=True, text=True)
    assert (done.stdout, done.stderr.splitlines()[1:]) == ("{", [])  # one line of progress


# Bad videos.


@pytest.mark.parametrize("kind", [*BROKEN, "silent"])
def test_a_bad_video_alone_cannot_be_prepared(call, videos, tmp_path, kind):
    (tmp_path / "corpus").mkdir()
    shutil.copy(videos / f"{kind}.mp4", tmp_path / "corpus")
    status, _, err = call("prepare", tmp_path / "corpus", tmp_path / "store", "--size", 32, "--workers", 1)
    assert (status, len(err)) == (2, 1)
    assert err[0].startswith(f"dsol: {tmp_path / 'corpus'}: ")
    assert f"{kind}.mp4" in err[0]
    assert [p.name for p in tmp_path.iterdir()] == ["corpus"]


def test_bad_videos_among_good_ones_are_left_out_and_listed(call, videos, tmp_path):
    status, _, err = call("prepare", videos, tmp_path / "store", "--size", 32, "--workers", 1)
    assert status == 0
    info = json.loads((tmp_path / "store" / "store.json").read_text())
    left_out = {f"{kind}.mp4" for kind in (*BROKEN, "silent")}
    assert {entry["video"] for entry in info["skipped"]} == left_out
    assert [entry["video"] for entry in info["cut_short"]] == ["truncated.mp4"]
    for video in (*left_out, "truncated.mp4"):
        assert sum(line.startswith(f"{video}: ") for line in err) == 1
    listed = "\n".join(call.good("inspect", tmp_path / "store"))
    assert all(video in listed for video in left_out)


@pytest.mark.parametrize("kind", [*BROKEN, "truncated"])
def test_a_bad_video_is_not_localized_and_not_inspected(call, videos, trained, tmp_path, kind):
    video, before = videos / f"{kind}.mp4", tmp_path / kind
    before.mkdir()
    (before / "result.json").write_text("earlier")
    assert str(video) in call.bad("localize", video, "--model", trained, "--out", tmp_path)
    assert content(tmp_path) == {f"{kind}/result.json": b"earlier"}
    assert str(video) in call.bad("inspect", video)


def test_one_bad_video_of_several_harms_no_other(call, videos, trained, tmp_path):
    files = [videos / f"{kind}.mp4" for kind in ("text", "odd", "no sound", "silent", "good")]
    status, _, err = call("localize", *files, "--model", trained, "--out", tmp_path / "found")
    assert status == 2
    assert [line for line in err if line.startswith("dsol: ")] == err[-1:]
    for bad in (files[0], files[2]):
        assert sum(line.startswith(f"skipped {bad}: ") for line in err) == 1
        assert str(bad) in err[-1]
    done = {f".done/{n}" for n in ("lock", "good.json", "odd.json", "silent.json")}
    found = {f"{n}/{file}" for n in ("good", "odd", "silent") for file in FILES}
    assert set(content(tmp_path / "found")) == found | done | {"index.parquet"}


# Bad folders and stores.


def test_what_is_not_there_or_empty_is_named(call, trained, shapes, tmp_path):
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "empty", tmp_path / "nowhere"):
        for words in (["prepare", folder, tmp_path / "out"], ["inspect", folder],
                      ["train", folder, tmp_path / "out", "--recipe", "tiny"],
                      ["compose", folder, tmp_path / "out"], ["name", trained, folder],
                      ["evaluate", trained, folder], ["evaluate", folder, shapes.path],
                      ["localize", folder, "--model", trained, "--out", tmp_path / "out"]):  # fmt: skip
            assert str(folder) in call.bad(*words)
    assert [p.name for p in tmp_path.rglob("*")] == ["empty"]


def broken_version(store: Path) -> None:
    info = json.loads((store / "store.json").read_text())
    (store / "store.json").write_text(json.dumps({**info, "version": 9}))


@pytest.mark.parametrize(
    ("break_it", "says"),
    [
        (broken_version, "version 9"),
        (lambda store: (store / "store.json").write_text("{"), "store.json"),
        (lambda store: (store / "store.json").unlink(), "is not a store"),
        (lambda store: (store / "index.parquet").write_text("no"), "index.parquet"),
        (lambda store: (store / "boxes.json").write_text("{}"), "boxes.json"),
    ],
    ids=["version", "description", "none", "index", "boxes"],
)
def test_a_store_that_is_none_of_ours_is_refused(call, shapes, trained, tmp_path, break_it, says):
    store = Path(shutil.copytree(shapes.path, tmp_path / "store"))
    break_it(store)
    for words in (["inspect", store], ["evaluate", trained, store], ["compose", store, tmp_path / "out"]):
        assert says in call.bad(*words)
    assert not (tmp_path / "out").exists()


def test_a_store_made_otherwise_is_kept(call, shapes):
    before = content(shapes.path)
    corpus = shapes.path.parent / "corpus"
    assert "exists, made with" in call.bad("prepare", corpus, shapes.path, "--size", 32)
    assert "exists, made with" in call.bad("compose", shapes.path, shapes.path)
    assert content(shapes.path) == before


# Bad models.


def of_text(path: Path, trained: Path) -> Path:
    path.write_text("this is no model\n" * 50)
    return path


def of_another_kind(path: Path, trained: Path) -> Path:
    save_file({"a": np.zeros(3, np.float32)}, path)
    return path


def cut_off(path: Path, trained: Path) -> Path:
    whole = (trained / "model.safetensors").read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    return path


def with_metadata(text: str):
    def write(path: Path, trained: Path) -> Path:
        save_file({"a": np.zeros(3, np.float32)}, path, {"dsol": text})
        return path

    return write


@pytest.mark.parametrize(
    "write",
    [of_text, of_another_kind, cut_off, lambda path, trained: path, with_metadata("{"), with_metadata("[]"),
     with_metadata('{"version": 9}'), with_metadata('{"version": 1, "cake": 2}'),
     with_metadata('{"version": 1, "system": "cake", "config": {}, "categories": []}')],
    ids=["text", "another", "cut", "missing", "no json", "list", "version", "card", "system"],
)  # fmt: skip
def test_a_model_that_is_no_model_is_refused(call, videos, shapes, trained, tmp_path, write):
    model = write(tmp_path / "model.safetensors", trained)
    before = content(tmp_path)
    for words in (["localize", videos / "good.mp4", "--model", model, "--out", tmp_path / "out"],
                  ["evaluate", model, shapes.path], ["name", model, shapes.path]):  # fmt: skip
        assert str(model) in call.bad(*words)
    assert content(tmp_path) == before


# Places that cannot be written.


@pytest.mark.parametrize("place", ["file/out", "/proc/out"])
def test_a_place_that_cannot_be_written_is_named_and_left(call, videos, shapes, trained, tmp_path, place):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "corpus").mkdir()
    shutil.copy(videos / "good.mp4", tmp_path / "corpus")
    out = tmp_path / place
    for words in (["prepare", tmp_path / "corpus", out], ["compose", shapes.path, out, "--scenes", 2],
                  ["train", shapes.path, out, "--recipe", "tiny"],
                  ["localize", videos / "good.mp4", "--model", trained, "--out", out],
                  ["evaluate", trained, shapes.path, "--json", out / "a.json"],
                  ["evaluate", trained, shapes.path, "--maps", out / "a.npz"]):  # fmt: skip
        assert str(out) in call.bad(*words)
    assert (tmp_path / "file").read_text() == "mine"


def test_a_full_disk_is_said_and_costs_nothing_that_was_there(videos, shapes, trained, tmp_path):
    (tmp_path / "good").mkdir()
    (tmp_path / "good" / "result.json").write_text("earlier")
    run_folder = Path(shutil.copytree(trained, tmp_path / "run"))
    before = content(tmp_path)

    def little_room():
        resource.setrlimit(resource.RLIMIT_FSIZE, (3_000, 3_000))  # bytes a file may have
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    for words in (["localize", videos / "good.mp4", "--model", trained, "--out", tmp_path],
                  ["name", run_folder, shapes.path]):  # fmt: skip
        done = run(*words, preexec_fn=little_room)
        assert done.returncode == 2, done.stderr
        assert done.stderr.splitlines()[-1].startswith("dsol: ")
        assert "Traceback" not in done.stderr
        assert content(tmp_path) == before


def test_a_used_run_folder_is_kept(call, shapes, trained):
    before = content(trained)
    assert "--resume" in call.bad("train", shapes.path, trained, "--recipe", "tiny")
    assert content(trained) == before


# What the data does not allow.


def test_what_the_data_does_not_allow_is_said(call, shapes, test_only, unlabelled, trained, tmp_path):
    for words, says in [
        (["compose", shapes.path, tmp_path / "out", "--objects", 9], "4 categories"),
        (["compose", unlabelled, tmp_path / "out"], "has no category for any clip"),
        (["compose", shapes.path, tmp_path / "out", "--labels", tmp_path], "no pseudo-labels"),
        (["evaluate", trained, unlabelled], "no annotated frames"),
        (["name", trained, test_only], "no labelled training clips"),
        (["train", unlabelled, tmp_path / "out", "--recipe", "tiny"], "1 clips"),
    ]:
        assert says in call.bad(*words)
    assert not list(tmp_path.iterdir())


def test_scenes_do_not_name_clusters(call, scenes, trained, test_only):
    assert "--match" in call.bad("evaluate", trained, scenes, "--protocol", "synthetic")
    assert "test split" in call.bad("evaluate", trained, scenes, "--protocol", "synthetic", "--match", test_only)


def test_names_come_from_one_place(call, shapes, unlabelled, trained, tmp_path):
    names = tmp_path / "names.json"
    names.write_text('{"cluster 0": "disc"}')
    before = content(trained)
    for words, says in [
        ([], "nothing to take names from"),
        (["--interactive"], "no clips to show"),
        (["--gallery", tmp_path / "gallery"], "no clips to show"),
        ([shapes.path, "--names", names], "neither store"),
        (["--names", names, "--gallery", tmp_path / "gallery"], "neither store"),
        (["--names", names, "--interactive"], "neither store"),
        (["--names", tmp_path / "nowhere.json"], "nowhere.json"),
        (["--names", tmp_path], str(tmp_path)),
        ([unlabelled], "--gallery"),
        ([tmp_path, "--gallery", tmp_path / "gallery"], "is not a store"),
    ]:
        assert says in call.bad("name", trained, *words)
    assert content(trained) == before
    assert [p.name for p in tmp_path.iterdir()] == ["names.json"]


def test_an_interrupt_stops_without_a_traceback(call, monkeypatch):
    def verb(parser, words):
        """Wait for ever."""

        def work(args):
            raise KeyboardInterrupt

        return work

    monkeypatch.setitem(VERBS, "wait", verb)
    assert call("wait") == (130, [], ["dsol: stopped"])


# What goes well.


@pytest.fixture(scope="session")
def scenes(shapes, tmp_path_factory) -> Path:
    """Annotated scenes of the test split."""
    out = tmp_path_factory.mktemp("scenes") / "scenes"
    main(["compose", str(shapes.path), str(out), "--scenes", "8", "--boxed", "--split", "test"])
    return out


def check_json(file: Path, protocol: str) -> dict:
    """The keys that evaluate and score promise."""
    said = json.loads(file.read_text())
    assert set(said) == {"protocol", "frames", "videos", "metrics", "ci95", "floors", "ahead", "per_category"}
    assert said["protocol"] == protocol
    assert set(said["metrics"]) == set(said["ci95"]) == set(METRICS)
    assert set(said["floors"]) == set(BASELINES)
    assert all(value is None or 0 <= value <= 1 for value in said["metrics"].values())
    return said


def test_the_metrics_have_the_names_that_were_promised():
    promised = {"iou@0.5", "auc", "ciou@0.3", "nsa", "nmi", "class_iou", "silent_auroc"}
    assert set(METRICS) == promised


def test_inspect_tells_what_everything_is(call, shapes, trained, scenes, videos):
    for path, kind in [(shapes.path, "store"), (scenes, "scenes"), (trained, "model"),
                       (trained / "stage_one.safetensors", "model"), (shapes.path / "boxes.json", "boxes"),
                       (videos / "odd.mp4", "video")]:  # fmt: skip
        assert call.good("inspect", path)[0].split() == ["kind", kind]
        assert json.loads("\n".join(call.good("inspect", path, "--json")))["kind"] == kind
    assert json.loads("\n".join(call.good("inspect", videos / "odd.mp4", "--json")))["width"] == 33


def test_the_note_of_a_store_stands_below_its_figures(call, shapes, trained, tmp_path):
    store = Path(shutil.copytree(shapes.path, tmp_path / "store"))
    info = json.loads((store / "store.json").read_text())
    (store / "store.json").write_text(json.dumps({**info, "note": "paired by category"}))
    assert "paired by category" in call.good("evaluate", trained, store)


@pytest.fixture
def evaluated(call, trained, shapes, tmp_path) -> Path:
    """The files of an evaluation, in a folder that it makes."""
    out = tmp_path / "out"
    table = call.good("evaluate", trained, shapes.path, "--json", out / "e.json", "--maps", out / "m.npz",
                      "--figures", out / "figures")  # fmt: skip
    assert table[0].startswith("solo: ")
    return out


def test_scoring_the_maps_of_an_evaluation_gives_its_figures(call, evaluated):
    call.good("score", evaluated / "m.npz", evaluated / "m.boxes.json", "--json", evaluated / "s.json")
    first, second = (check_json(evaluated / name, "solo") for name in ("e.json", "s.json"))
    assert first["metrics"].pop("nmi") is not None
    assert second["metrics"].pop("nmi") is None
    assert first["floors"].pop("swapped_sound") is not None
    assert second["floors"].pop("swapped_sound") is None
    for key in ("frames", "videos", "metrics", "floors", "per_category"):
        assert first[key] == second[key]
    assert (first["frames"], first["videos"]) == (8, 4)
    assert (evaluated / "figures" / "scenes.png").read_bytes().startswith(b"\x89PNG")
    assert not list(evaluated.rglob("*.partial"))


def test_maps_that_cannot_be_scored_are_refused(call, evaluated, shapes, tmp_path):
    maps, boxes = dict(np.load(evaluated / "m.npz")), evaluated / "m.boxes.json"
    key = Boxes.load(boxes).frames[0].key
    np.savez(tmp_path / "nan.npz", **{**maps, key: np.full((4, 4), np.nan, np.float32)})
    del maps[key]
    np.savez(tmp_path / "few.npz", **maps)
    (tmp_path / "text.npz").write_text("no maps")
    (tmp_path / "old.json").write_text("earlier")
    for name, says in [("nan", key), ("few", key), ("text", "text.npz"), ("none", "none.npz")]:
        said = call.bad("score", tmp_path / f"{name}.npz", boxes, "--json", tmp_path / "old.json")
        assert says in said
        assert str(tmp_path / f"{name}.npz") in said
    assert "lack 32 of 40" in call.bad("score", evaluated / "m.npz", shapes.path / "boxes.json")
    assert "no.json" in call.bad("score", evaluated / "m.npz", tmp_path / "no.json")
    assert "vggss" in call.bad("score", evaluated / "m.npz", boxes, "--format", "vggss")
    assert (tmp_path / "old.json").read_text() == "earlier"


def test_score_takes_maps_with_swapped_sound_and_published_figures_when_asked(call, tmp_path):
    frame = Frame("a.mp4", 0.0, (Box("cello", (0.0, 0.0, 0.5, 1.0)), Box("tuba", (0.5, 0.0, 0.5, 1.0))))
    Boxes(("cello", "tuba"), (frame,)).save(tmp_path / "boxes.json")
    maps = {frame.key: np.array([[[1.0, 0.0]], [[0.0, 1.0]]])}
    np.savez(tmp_path / "maps.npz", **maps, categories=np.array(["cello", "tuba"]))
    words = ["score", tmp_path / "maps.npz", tmp_path / "boxes.json", "--protocol", "is3"]
    said = {}
    for name, more in (("strict", []), ("all", ["--published", "--swapped", tmp_path / "maps.npz"])):
        table = call.good(*words, *more, "--json", tmp_path / f"{name}.json")
        said[name] = json.loads((tmp_path / f"{name}.json").read_text())
        assert any(line.startswith("WARNING: the annotation tells") for line in table) == (name == "all")
    assert "adaptive_iou@0.5" not in said["strict"]["metrics"]
    assert said["all"]["metrics"]["adaptive_iou@0.5"] == 1
    assert said["strict"]["floors"]["swapped_sound"] is None
    assert said["all"]["floors"]["swapped_sound"] == said["all"]["metrics"]


def test_a_named_model_needs_no_labelled_store(call, trained, shapes, scenes, tmp_path):
    matched = call.good("evaluate", trained, scenes, "--protocol", "synthetic", "--match", shapes.path,
                        "--json", tmp_path / "matched.json")  # fmt: skip
    run_folder = Path(shutil.copytree(trained, tmp_path / "run"))
    call.good("name", run_folder, shapes.path)
    assert call.good("evaluate", run_folder, scenes, "--protocol", "synthetic") == matched
    said = check_json(tmp_path / "matched.json", "synthetic")
    assert said["metrics"]["ciou@0.3"] is not None
    assert said["metrics"]["silent_auroc"] is not None
    with safe_open(run_folder / "model.safetensors", "numpy") as file:
        assert set(json.loads(file.metadata()["dsol"])["categories"]) == set(shapes.categories)


def test_names_given_by_looking_are_shown_by_localize(call, videos, trained, unlabelled, tmp_path, monkeypatch):
    run_folder = Path(shutil.copytree(trained, tmp_path / "run"))
    call.good("name", run_folder, unlabelled, "--gallery", tmp_path / "gallery")
    names = dict.fromkeys(json.loads((tmp_path / "gallery" / "names.json").read_text()), "thing")
    (tmp_path / "names.json").write_text(json.dumps({**names, "cluster 0": "other"}))
    call.good("name", run_folder, "--names", tmp_path / "names.json")
    call.good("localize", videos / "odd.mp4", "--model", run_folder, "--out", tmp_path)
    said = json.loads((tmp_path / "odd" / "result.json").read_text())
    assert said["categories"] == ["other", "thing"]
    monkeypatch.setattr("sys.stdin", io.StringIO("a\nb\n\n\n"))
    status, _, err = call("name", run_folder, unlabelled, "--interactive")
    assert status == 0, err
    assert "4 categories" not in "\n".join(err)
    assert "3 categories: a, b, thing" in "\n".join(err)
    monkeypatch.setattr("sys.stdin", io.StringIO("a\n"))
    status, _, err = call("name", run_folder, unlabelled, "--interactive")
    assert (status, err[-1][:6]) == (2, "dsol: ")


def test_a_recipe_is_taken_from_the_call_and_overridden_by_it(call, shapes, tmp_path):
    encoders = "encoders: {vision: small, vision_weights: null, sound: small, size: 64}\n"
    stage = "stage_one: {epochs: 1, classify_from: 0}\nclustering: {clusters: 4}\n"
    (tmp_path / "mine.yaml").write_text(f"{encoders}{stage}workers: 0\n")
    call.good("train", shapes.path, tmp_path / "run", "--recipe", tmp_path / "mine.yaml", "--stage", "one",
              "--seed", 7, "--stage_one.batch", 16)  # fmt: skip
    config = (tmp_path / "run" / "config.yaml").read_text()
    assert all(line in config for line in ("recipe: mine", "seed: 7", "batch: 16", "vision: small"))


def test_localize_runs_as_a_program(videos, trained, tmp_path):
    done = run("localize", videos / "odd.mp4", "--model", trained, cwd=tmp_path, env={**os.environ, "COLUMNS": "80"})
    assert (done.returncode, done.stdout) == (0, "")
    index = {"localized/index.parquet", "localized/.done/odd.json", "localized/.done/lock"}
    assert set(content(tmp_path)) == {f"localized/odd/{name}" for name in FILES} | index
    again = run("localize", videos / "odd.mp4", "--model", trained, cwd=tmp_path)
    assert again.stderr.splitlines() == ["localized/odd: done already; remove it to do it again"]
    found = run("find", "localized", "no such thing", cwd=tmp_path)
    assert (found.returncode, found.stderr[:6]) == (2, "dsol: ")
    assert run("localize", "nothing.mp4", "--model", trained, cwd=tmp_path).returncode == 2
