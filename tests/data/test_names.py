"""Names and texts as they come: any bytes, any Unicode form, any length, any mark before them."""

import ast
import json
import os
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest

from dsol.data.boxes import Box, Boxes, Frame
from dsol.data.prepare import prepare
from dsol.data.store import Store
from dsol.errors import DsolError
from dsol.files import partial_of
from dsol.text import name_of, read_text
from tests.videos import write_video

DECOMPOSED = unicodedata.normalize("NFD", "café")


def boxes_for(*videos: str) -> Boxes:
    frames = tuple(Frame(video, 1.0, (Box("cello", (0.1, 0.2, 0.3, 0.4)),)) for video in videos)
    return Boxes(("cello",) if frames else (), frames)


@pytest.mark.parametrize("videos", [[], ["b.mp4"]], ids=["nothing", "another video"])
def test_annotations_that_match_nothing_are_said_and_cost_nothing(tmp_path, capsys, videos):
    write_video(tmp_path / "a.mp4")
    boxes_for(*videos).save(tmp_path / "boxes.json")
    store = prepare(tmp_path, tmp_path / "store", workers=1)
    assert len(store) == 2
    assert len(store.boxes) == 0
    assert "no annotation belongs to a video that is there" in capsys.readouterr().err


def test_an_empty_file_of_boxes_takes_the_place_of_the_corpus_own(tmp_path, capsys):
    write_video(tmp_path / "a.mp4")
    boxes_for("a.mp4").save(tmp_path / "boxes.json")
    boxes_for().save(tmp_path / "none.json")
    assert len(prepare(tmp_path, tmp_path / "store", boxes=tmp_path / "none.json", workers=1).boxes) == 0


def test_names_match_whatever_their_unicode_form(tmp_path):
    (tmp_path / DECOMPOSED).mkdir()
    write_video(tmp_path / DECOMPOSED / f"{DECOMPOSED}.mp4")
    content = {"categories": ["café"], "frames": [
        {"video": "café/café.mp4", "time_s": 1.0, "boxes": [{"category": DECOMPOSED, "xywh": [0.1, 0.2, 0.3, 0.4]}]}
    ]}  # fmt: skip
    (tmp_path / "boxes.json").write_text(json.dumps(content), "utf-8")
    store = prepare(tmp_path, tmp_path / "store", workers=1)
    assert store.categories == ("café",) == store.boxes.categories
    assert store.find("café/café.mp4", 1.0) is not None
    assert [frame.video for frame in store.boxes] == ["café/café.mp4"]


def test_two_names_of_one_unicode_form_are_two_videos(tmp_path):
    for name in ("café.mp4", f"{DECOMPOSED}.mp4"):
        write_video(tmp_path / name)
    if len(list(tmp_path.iterdir())) < 2:
        pytest.skip("this disk tells no Unicode forms apart")
    assert len(prepare(tmp_path, tmp_path / "store", workers=1).videos) == 2


@pytest.fixture
def latin(tmp_path) -> Path:
    """A folder with a good video and one whose name is no UTF-8."""
    folder = tmp_path / "videos"
    folder.mkdir()
    write_video(folder / "good.mp4")
    try:
        os.link(folder / "good.mp4", os.fsencode(folder) + b"/caf\xe9.mp4")
    except OSError:
        pytest.skip("this disk takes UTF-8 names only")
    return folder


def test_a_name_that_is_no_utf_8_is_written_as_bytes(latin, tmp_path):
    store = prepare(latin, tmp_path / "store", workers=2)
    assert store.videos == ("caf\\xe9.mp4", "good.mp4")
    assert len(Store.open(tmp_path / "store")) == 4


def python(*words: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, *words], env={**os.environ, **environment}, capture_output=True, check=False)


POSIX = {"PYTHONUTF8": "0", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}


def test_names_and_texts_are_utf_8_whatever_the_locale(tmp_path):
    videos = tmp_path / "музыка"
    (videos / "цимбалы").mkdir(parents=True)
    write_video(videos / "цимбалы" / "a.mp4")
    frame = {"video": "цимбалы/a.mp4", "time_s": 1.0, "boxes": [{"category": "цимбалы", "xywh": [0, 0, 1, 1]}]}
    text = json.dumps({"categories": ["цимбалы"], "frames": [frame]}, ensure_ascii=False)
    (videos / "boxes.json").write_text(text, "utf-8")
    done = python("-m", "dsol", "prepare", str(videos), str(tmp_path / "склад"), **POSIX)
    assert done.returncode == 0, done.stderr
    store = Store.open(tmp_path / "склад")
    assert store.categories == ("цимбалы",) == store.boxes.categories
    shown = python("-m", "dsol", "inspect", str(tmp_path / "склад"), **POSIX)
    assert shown.returncode == 0, shown.stderr


def test_every_text_file_is_opened_as_utf_8():
    source = Path(__file__).parents[2] / "src" / "dsol"
    wrong = []
    for path in source.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and _opens_as_text(node):
                wrong.append(f"{path.relative_to(source)}:{node.lineno}")
    assert not wrong, f"say encoding='utf-8', or use dsol.text.read_text: {wrong}"


def _opens_as_text(call: ast.Call) -> bool:
    """Whether a call opens a text file without saying its encoding."""
    name = getattr(call.func, "attr", None) or getattr(call.func, "id", None)
    if any(keyword.arg == "encoding" for keyword in call.keywords):
        return False
    if name == "open" and isinstance(call.func, ast.Name):
        mode = call.args[1].value if len(call.args) > 1 and isinstance(call.args[1], ast.Constant) else "r"
        return "b" not in mode
    if name == "read_text" and isinstance(call.func, ast.Attribute):
        return not call.args
    return name == "write_text" and len(call.args) < 2


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_no_part_of_a_text(tmp_path, encoding):
    (tmp_path / "a.txt").write_text("цимбалы\n", encoding)
    assert read_text(tmp_path / "a.txt") == "цимбалы\n"


def test_boxes_with_a_byte_order_mark_are_read(tmp_path):
    boxes_for("a.mp4").save(tmp_path / "boxes.json")
    text = (tmp_path / "boxes.json").read_text("utf-8")
    (tmp_path / "boxes.json").write_text(text, "utf-8-sig")
    assert len(Boxes.load(tmp_path / "boxes.json")) == 1


LONG = "あ" * 83  # 249 bytes


def test_names_as_long_as_a_disk_takes_work_everywhere(tmp_path):
    write_video(tmp_path / f"{LONG}.mp4")
    store = prepare(tmp_path, tmp_path / f"{LONG}.store", workers=1)
    assert store.videos == (f"{LONG}.mp4",)
    boxes_for("a.mp4").save(tmp_path / f"{LONG}.json")
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".json", ".mp4", ".store"]


def test_a_name_beside_never_grows_too_long_and_stays_its_own():
    one, other = (partial_of(f"{LONG}{end}.mp4").name for end in "ab")
    assert one != other
    assert max(len(os.fsencode(name)) for name in (one, other)) <= 255
    assert partial_of("out/boxes.json").as_posix() == "out/boxes.json.partial"


def test_errors_show_names_of_any_bytes():
    path = b"caf\xe9.mp4".decode("utf-8", "surrogateescape")
    assert str(DsolError(Path(path), "is odd", "rename it")) == "caf\\xe9.mp4: is odd (rename it)"
    assert name_of(DECOMPOSED) == "café"
