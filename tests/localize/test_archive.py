"""An archive: what is done is not done twice, and the index tells what is heard where."""

import json
from pathlib import Path

import numpy as np
import pytest

from dsol.data.states import OFF_SCREEN, SEEN, SILENT, UNKNOWN
from dsol.errors import DsolError
from dsol.localize import Wanted, localize_videos
from dsol.localize import many as many_module
from dsol.localize.archive import DONE, INDEX, Archive, Found, find, read_archive, rows_of
from dsol.localize.files import LOCK, _made_anew
from dsol.localize.localizer import Localizer
from tests.localize.test_localize import TwoTones, hum_then_whistle, timeline_of
from tests.videos import write_text, write_video

QUICK = Wanted(film=False)


@pytest.fixture
def counted(monkeypatch):
    """Models by name are `TwoTones`; the list says which videos were looked at."""
    looked: list[str] = []

    class Counting(Localizer):
        def stream(self, video):
            looked.append(Path(video).name)
            return super().stream(video)

    def load(model, **options):
        return Counting(TwoTones())

    monkeypatch.setattr(many_module.Localizer, "load", load)
    return looked


@pytest.fixture
def model(tmp_path) -> Path:
    (tmp_path / "model.safetensors").write_text("any")
    return tmp_path / "model.safetensors"


@pytest.fixture
def videos(tmp_path) -> Path:
    folder = tmp_path / "videos"
    for name in ("a/party.mp4", "b/party.mp4", "c/solo.mp4"):
        (folder / name).parent.mkdir(parents=True)
        write_video(folder / name, 1.0, sound=hum_then_whistle)
    return folder


def row(video: str = "a.mp4", category: str = "Dog", seen: bool | None = True, start_s: float = 0.0) -> Found:
    return Found(video, start_s, start_s + 1, category, 0.5, seen, video.removesuffix(".mp4"))


def test_each_stretch_of_a_category_is_a_row_and_what_is_silent_is_none():
    score = np.full((8, 2), 0.5)
    timeline = timeline_of(score)
    state = np.array([[SEEN, SILENT]] * 3 + [[OFF_SCREEN, UNKNOWN]] * 3 + [[-1, UNKNOWN]] * 2)
    rows = rows_of(timeline_of(score).__class__(**{**vars(timeline), "state": state}), "party")
    assert [(r.category, r.start_s, r.end_s, r.seen) for r in rows] == [
        ("a", 0.0, 0.625, True), ("a", 0.625, 1.375, False), ("b", 0.625, 2.0, None)]  # fmt: skip
    assert {(r.video, r.folder, r.score) for r in rows} == {("party.mp4", "party", 0.5)}


def test_what_is_done_is_passed_over_and_the_index_is_of_all(videos, model, counted, tmp_path, capsys):
    out = tmp_path / "out"
    folders = localize_videos([videos / "a"], model, out, QUICK)
    assert [f.name for f in folders] == ["party"]
    folders = localize_videos([videos], model, out, QUICK)
    assert [f.name for f in folders] == ["party", "party-2", "solo"]
    assert counted == ["party.mp4", "party.mp4", "solo.mp4"]
    assert "done already" in capsys.readouterr().err
    rows = list(read_archive(out))
    assert [(r.folder, r.category, r.seen) for r in rows] == [(f.name, "hummer", True) for f in folders]
    assert rows[0].video == str(videos / "a" / "party.mp4")
    assert (out / INDEX).read_bytes() == rewritten(out)


def rewritten(out: Path) -> bytes:
    (out / INDEX).unlink()
    Archive(out).write_index()
    return (out / INDEX).read_bytes()


def test_another_model_option_or_video_or_a_lost_file_is_done_again(videos, model, counted, tmp_path):
    video, out = videos / "c" / "solo.mp4", tmp_path / "out"

    def times(**options) -> int:
        counted.clear()
        localize_videos([video], model, out, **{"wanted": QUICK, **options})
        return len(counted)

    assert (times(), times()) == (1, 0)
    assert (times(wanted=Wanted("srt", film=False)), times(wanted=Wanted("srt", film=False))) == (1, 0)
    assert (times(options={"sources": 2}), times(options={"sources": 2})) == (1, 0)
    (out / "solo" / "result.json").unlink()
    assert times(options={"sources": 2}) == 1
    model.write_text("another")
    assert times(options={"sources": 2}) == 1
    write_video(video, 1.2)
    assert times(options={"sources": 2}) == 1
    assert [f.name for f in out.iterdir() if f.is_dir()] in (["solo", DONE], [DONE, "solo"])


def test_a_failed_video_is_tried_again_and_the_index_has_the_rest(videos, model, counted, tmp_path):
    write_text(videos / "bad.mp4")
    out = tmp_path / "out"
    for _ in range(2):
        with pytest.raises(DsolError, match=r"bad\.mp4.*1 of 2 videos failed"):
            localize_videos([videos / "bad.mp4", videos / "c"], model, out, QUICK)
    assert counted == ["solo.mp4"]
    assert len(list(read_archive(out))) == 1


def test_a_model_without_a_name_leaves_no_records(videos, tmp_path):
    localize_videos([videos / "c"], Localizer(TwoTones()), tmp_path / "out", QUICK)
    assert [f.name for f in (tmp_path / "out").iterdir()] == ["solo"]


def test_a_damaged_record_is_none(videos, model, counted, tmp_path):
    out = tmp_path / "out"
    localize_videos([videos / "c"], model, out, QUICK)
    (made,) = (record["made"] for _, record in Archive(out)._all())
    assert Archive(out).is_done("solo", made, QUICK.files)
    for text in ("", "[]", "{}", '{"video": 1}'):
        (out / DONE / "solo.json").write_text(text)
        assert not Archive(out).is_done("solo", made, QUICK.files)
        assert list(Archive(out)._all()) == []


def test_two_processes_do_not_write_one_folder(videos, tmp_path):
    (tmp_path / "out").mkdir()
    with (
        _made_anew(tmp_path / "out" / ".solo.partial", tmp_path / "out" / "solo"),
        pytest.raises(DsolError, match="out/solo: is being written by another process"),
    ):
        localize_videos([videos / "c"], Localizer(TwoTones()), tmp_path / "out", QUICK)
    assert not (tmp_path / "out" / ".solo.partial" / LOCK).exists()


def test_an_index_is_asked_by_duckdb_or_pandas_as_the_documents_say(tmp_path):
    pq = pytest.importorskip("pyarrow.parquet")
    archive = Archive(tmp_path)
    archive.note("a", "a.mp4", "1", [row(), row(seen=False, start_s=3.0), row(category="Cat", seen=None)])
    path = archive.write_index()
    table = pq.read_table(path)
    assert table.column_names == ["video", "start_s", "end_s", "category", "score", "seen", "folder"]
    assert table["seen"].to_pylist() == [True, False, None]


def test_a_category_is_found_by_any_of_its_names_with_those_below_it():
    rows = [row(category=name) for name in ("Dog", "Acoustic guitar", "Guitar", "acoustic_guitar", "gizmo")]

    def found(category: str) -> list[str]:
        return [r.category for r in find(rows, category)]

    assert found("dog") == ["Dog"]
    assert found("GUITAR") == ["Acoustic guitar", "Guitar", "acoustic_guitar"]
    assert found("acoustic guitar") == ["Acoustic guitar", "acoustic_guitar"]
    assert found("Gizmo") == ["gizmo"]
    with pytest.raises(DsolError, match=r"dogg: is heard in no video.*heard is: dog"):
        found("dogg")
    with pytest.raises(DsolError, match="nothing at all"):
        list(find([], "dog"))


def test_seen_and_off_screen_choose():
    rows = [row(seen=seen) for seen in (True, False, None)]

    def states(**how) -> list:
        return [r.seen for r in find(rows, "dog", **how)]

    assert states() == [True, False, None]
    assert states(off_screen=False) == [True]
    assert states(seen=False) == [False]
    assert [r.seen for r in find([row(seen=False)], "dog", off_screen=False)] == []


def test_what_is_no_index_is_refused_in_one_line(tmp_path):
    (tmp_path / "text.parquet").write_text("video,start")
    for path, why in ((tmp_path / "text.parquet", "is no index"), (tmp_path, "cannot be read")):
        with pytest.raises(DsolError, match=why):
            list(read_archive(path))


def test_without_pyarrow_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr("dsol.localize.archive.installed", lambda name: False)
    archive = Archive(tmp_path)
    archive.note("a", "a.mp4", "1", [row()])
    assert archive.write_index() is None
    with pytest.raises(DsolError, match=r"dsol\[archive\]"):
        list(read_archive(tmp_path))


def test_find_prints_a_line_a_stretch(tmp_path, capsys):
    from dsol.localize.archive import print_found

    print_found([row(), row("b.mp4", seen=False, start_s=2.5)])
    said = capsys.readouterr()
    assert said.out.splitlines() == ["a.mp4\t0.00\t1.00\tDog\t0.50\tseen", "b.mp4\t2.50\t3.50\tDog\t0.50\toff screen"]
    assert said.err == "2 stretches, 2 s, in 2 videos\n"
    print_found([row()], as_json=True)
    assert json.loads(capsys.readouterr().out)["seen"] is True
