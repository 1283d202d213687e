"""Files are found by the YouTube id that they are named after, however their downloader wrote it."""

from pathlib import Path

import pytest

from dsol.data.boxes import Box, Boxes, Frame
from dsol.data.corpora import read_corpus
from dsol.data.corpora.lists import (
    Listed,
    attach,
    clip_id,
    corpus_of,
    find_list,
    ids_in,
    known_names,
    read_rows,
    youtube_id,
)
from dsol.data.prepare import prepare
from dsol.errors import DsolError
from tests.data.corpora.test_folders import tree
from tests.videos import write_video


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


def test_a_video_that_is_listed_for_testing_is_never_trained_on(tmp_path, capsys):
    (tmp_path / "videos").mkdir()
    for one in ("aaaaaaaaaaa", "bbbbbbbbbbb"):
        write_video(tmp_path / "videos" / f"{one}_000030.mp4")
    rows = ["aaaaaaaaaaa,30,cello,test", "bbbbbbbbbbb,30,flute,train", "aaaaaaaaaaa,30,cello,train"]
    (tmp_path / "vggsound.csv").write_text("\n".join(rows), "utf-8-sig")
    store = prepare(tmp_path / "videos", tmp_path / "store", layout="vggsound", workers=1)
    assert {row.video[:11]: row.split for row in store.rows} == {"aaaaaaaaaaa": "test", "bbbbbbbbbbb": "train"}
    assert store.info["in_two_splits"] == ["cello/aaaaaaaaaaa_000030"]
    assert "1 listed videos are in more than one split" in capsys.readouterr().err


@pytest.mark.parametrize("order", [("train", "test"), ("test", "train"), ("val", "train"), ("synthesis", "val")])
def test_the_split_to_keep_from_training_counts_in_any_order(tmp_path, order):
    write_video(tmp_path / "aaaaaaaaaaa.mp4")
    corpus = corpus_of(tmp_path, [Listed("aaaaaaaaaaa", "a", None, split) for split in order], None)
    kept = next(split for split in ("test", "val") if split in order)
    assert [video.split for video in corpus.videos] == [kept]
    assert corpus.twice == ("a",)


def test_lists_of_the_paper_that_share_a_video_keep_it_for_testing(tmp_path):
    write_video(tmp_path / "aaaaaaaaaaa.mp4")
    (tmp_path / "MUSIC_solo_videos.json").write_text('{"videos": {"cello": ["aaaaaaaaaaa"]}}', "utf-8-sig")
    for name in ("solo_training_1.txt", "solo_testing.txt"):
        (tmp_path / name).write_text("aaaaaaaaaaa_0_1000.flac aaaaaaaaaaa_0_1000.mp4\n", "utf-8")
    corpus = read_corpus(tmp_path, "music:solo")
    assert [video.split for video in corpus.videos] == ["test"]
    assert corpus.twice == ("cello/aaaaaaaaaaa",)


@pytest.mark.parametrize(
    "name",
    [
        "1Ju4S0qeDqw.mp4",
        "Cello [1Ju4S0qeDqw].mp4",
        "Cello-1Ju4S0qeDqw.mp4",
        "Hello_world-1Ju4S0qeDqw.mp4",
        "Cello (live) [1Ju4S0qeDqw].f137.mp4",
        "Cello [official] [1Ju4S0qeDqw].webm",
        "Cello-1Ju4S0qeDqw_0_1000.mp4",
    ],
)
def test_files_are_found_by_the_names_that_downloaders_give(tmp_path, name):
    write_video(tmp_path / Path(name).with_suffix(".mp4"))
    corpus = corpus_of(tmp_path, [Listed("1Ju4S0qeDqw", "a")], None)
    assert [video.name for video in corpus.videos] == [Path(name).with_suffix(".mp4").name]
    assert not corpus.skipped


@pytest.mark.parametrize("one", ["-Ju4S0qeDqw", "_Ju4S0qeDqw", "-Ju4S0-eDq_"])
@pytest.mark.parametrize("name", ["{}.mp4", "Cello [{}].mp4", "Cello-{}.mp4", "{}_000030.mp4"])
def test_ids_may_begin_with_a_dash_or_an_underscore(tmp_path, one, name):
    write_video(tmp_path / name.format(one))
    corpus = corpus_of(tmp_path, [Listed(one, one)], None)
    assert [video.name for video in corpus.videos] == [name.format(one)]


def test_clips_keep_their_start_after_a_title(tmp_path):
    write_video(tmp_path / "Cello [1Ju4S0qeDqw]_30_40.mp4")
    corpus = corpus_of(tmp_path, [Listed("1Ju4S0qeDqw_000030", "a")], None, by_clip=True)
    assert len(corpus.videos) == 1


def test_what_looks_like_an_id_and_is_in_no_list_does_not_count(tmp_path):
    for name in ("1Ju4S0qeDqw.mp4", "my-holidayclip.mp4"):
        write_video(tmp_path / name)
    corpus = corpus_of(tmp_path, [Listed("1Ju4S0qeDqw", "a")], None)
    assert corpus.skipped == {"my-holidayclip.mp4": "is in none of the lists used"}


def test_a_list_of_a_spreadsheet_is_read_from_its_first_row(tmp_path):
    (tmp_path / "vggsound.csv").write_text("aaaaaaaaaaa,30,cello,test\r\n", "utf-8-sig")
    assert list(read_rows(tmp_path / "vggsound.csv", 4)) == [["aaaaaaaaaaa", "30", "cello", "test"]]
