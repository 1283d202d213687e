"""Files are found by the YouTube id that they are named after, however their downloader wrote it."""

from pathlib import Path

import pytest

from dsol.data.boxes import Box, Boxes, Frame
from dsol.data.corpora.lists import Listed, attach, clip_id, corpus_of, find_list, ids_in, known_names, youtube_id
from dsol.errors import DsolError
from tests.data.corpora.test_folders import tree


@pytest.mark.parametrize(
    ("name", "one", "clip"),
    [
        ("1Ju4S0qeDqw.mp4", "1Ju4S0qeDqw", "1Ju4S0qeDqw"),
        ("cello/1Ju4S0qeDqw_0_1000.mp4", "1Ju4S0qeDqw", "1Ju4S0qeDqw_000000"),
        ("-_-TDDxoaAc.webm", "-_-TDDxoaAc", "-_-TDDxoaAc"),
        ("zpWuikVorYg_000032.mp4", "zpWuikVorYg", "zpWuikVorYg_000032"),
        ("zpWuikVorYg_32000_42000.mp4", "zpWuikVorYg", "zpWuikVorYg_000032"),
        ("zpWuikVorYg_32_42.mp4", "zpWuikVorYg", "zpWuikVorYg_000032"),
        ("zpWuikVorYg_32.000_42.000.mkv", "zpWuikVorYg", "zpWuikVorYg_000032"),
        ("zpWuikVorYg_000032", "zpWuikVorYg", "zpWuikVorYg_000032"),
        ("_9aFrft67Zw_12.mp4", "_9aFrft67Zw", "_9aFrft67Zw_000012"),
        ("party.mp4", None, None),
        ("our_party_2020.mp4", None, None),
    ],
)
def test_a_file_says_which_clip_it_is(name, one, clip):
    assert (youtube_id(name), clip_id(name)) == (one, clip)


def test_missing_and_unlisted_files_are_named_and_nothing_else_is_lost(tmp_path):
    tree(tmp_path, "cello/aaaaaaaaaaa.mp4", "bbbbbbbbbbb_0_1000.webm", "x/aaaaaaaaaaa_0_10.mp4", "party.mp4")
    listed = [Listed(c * 11, f"cello/{c * 11}", "cello", "train") for c in "bac"]
    found = corpus_of(tmp_path, listed, None)
    assert [video.name for video in found.videos] == ["bbbbbbbbbbb_0_1000.webm", "cello/aaaaaaaaaaa.mp4"]
    assert (found.listed, found.missing) == (3, ("cello/ccccccccccc",))
    assert found.skipped == {
        "party.mp4": "is in none of the lists used",
        "x/aaaaaaaaaaa_0_10.mp4": "is the same video as cello/aaaaaaaaaaa.mp4",
    }
    with pytest.raises(DsolError, match="none of the 1 listed"):
        corpus_of(tmp_path, listed[2:], None)


def test_boxes_follow_the_file_and_keep_their_time_and_key(tmp_path):
    tree(tmp_path, "videos/cello/aaaaaaaaaaa_0_1000.mp4")
    boxes = Boxes(("cello",), tuple(Frame(c * 11, 3.5, (Box("cello", (0, 0, 1, 1)),), f"{c}/key") for c in "ab"))
    found = corpus_of(tmp_path, [Listed("a" * 11, "cello/a")], boxes)
    assert [(f.video, f.time_s, f.key) for f in found.boxes] == [("cello/aaaaaaaaaaa_0_1000.mp4", 3.5, "a/key")]


def test_a_name_an_id_or_a_clip_finds_its_video():
    names = known_names(["dog/zpWuikVorYg_32000_42000.mp4", "party.mp4"])
    frames = tuple(Frame(video, 5.0, ()) for video in ("zpWuikVorYg", "zpWuikVorYg_000032", "party.mp4", "other"))
    assert [f.video for f in attach(Boxes((), frames), names)] == 2 * ["dog/zpWuikVorYg_32000_42000.mp4"] + [
        "party.mp4", "other",
    ]  # fmt: skip


def test_lists_lie_in_the_corpus_or_beside_it(tmp_path):
    folder = tmp_path / "corpus"
    (folder / "annotations").mkdir(parents=True)
    (tmp_path / "annotations").mkdir()
    assert find_list(folder, "a.json") is None
    for place in (tmp_path / "annotations" / "dsol_a.json", tmp_path / "a.json", folder / "annotations" / "a.json",
                  folder / "a.json"):  # fmt: skip
        place.touch()
        assert find_list(folder, "a.json") == place


def test_the_folder_above_is_found_from_inside(tmp_path, monkeypatch):
    (tmp_path / "corpus").mkdir()
    (tmp_path / "a.json").touch()
    monkeypatch.chdir(tmp_path / "corpus")
    assert find_list(Path("."), "a.json") == tmp_path / "a.json"


def test_a_list_of_pairs_gives_ids_and_refuses_what_is_none(tmp_path):
    file = tmp_path / "list.txt"
    file.write_text("1Ju4S0qeDqw_0_1000.flac 1Ju4S0qeDqw_0_1000.mp4\n\nkfiPo2peFBY.flac kfiPo2peFBY.mp4\n")
    assert ids_in(file) == ["1Ju4S0qeDqw", "kfiPo2peFBY"]
    assert ids_in(None) == []
    file.write_text("cello\n")
    with pytest.raises(DsolError, match="line 1 names no YouTube video"):
        ids_in(Path(file))
