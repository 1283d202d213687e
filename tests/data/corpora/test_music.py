"""MUSIC: official splits whatever is missing, and official boxes at the right time in videos of any frame rate."""

import json

import numpy as np
import pytest

from dsol.data.boxes import Boxes, Frame
from dsol.data.corpora import read_corpus
from dsol.data.prepare import prepare
from dsol.errors import DsolError
from tests.data.corpora.test_folders import tree
from tests.videos import time_of, write_video


def one(kind: str, number: int) -> str:
    """An id of eleven characters."""
    return f"{kind}{number:0{11 - len(kind)}d}"


SOLO = {name: [one(name[:3], k) for k in range(9)] for name in ("cello", "flute")}
DUET = {"cello flute": [one("duo", k) for k in range(4)]}


def corpus(tmp_path, *names, solo=SOLO, duet=None):
    (tmp_path / "MUSIC").mkdir()
    folder = tree(tmp_path / "MUSIC", *names)
    for kind, groups in (("solo", solo), ("duet", duet)):
        if groups:
            (folder / f"MUSIC_{kind}_videos.json").write_text(json.dumps({"version": 1.0, "videos": groups}))
    return folder


def official_key(video: str, number: int) -> str:
    return f"{video}_0_1000/frame_{number // 30:03d}/{number:05d}.jpg"


def official(*keys: str, number: int = 1) -> dict:
    box = {"box": [1, 2, 3, 4], "normbox": [0.1, 0.2, 0.3, 0.4], "category_id": number}
    return {key: {"bbox": [box], "wdith": 640, "height": 360} for key in keys}


def test_the_first_five_are_tests_and_the_rest_is_halved_by_place_in_the_list(tmp_path):
    there = [f"{name}/{ids[k]}.mp4" for name, ids in SOLO.items() for k in (0, 4, 5, 6, 7)]
    found = read_corpus(corpus(tmp_path, *there), "music")
    assert [(video.category, video.split) for video in found.videos] == [
        (name, split) for name in SOLO for split in ("test", "test", "train", "synthesis", "train")
    ]
    assert (found.listed, len(found.missing)) == (18, 8)
    assert found.missing[0] == f"cello/{SOLO['cello'][1]}"


def test_flat_files_and_folders_mix_and_the_list_names_the_category(tmp_path):
    cello, flute = SOLO["cello"], SOLO["flute"]
    found = read_corpus(corpus(tmp_path, f"{cello[5]}_0_1000.mp4", f"anything/{flute[5]}.webm", "b.mp4"), "music")
    assert [(v.name, v.category) for v in found.videos] == [
        (f"{cello[5]}_0_1000.mp4", "cello"), (f"anything/{flute[5]}.webm", "flute"),
    ]  # fmt: skip
    assert found.skipped == {"b.mp4": "is in none of the lists used"}


def test_the_released_lists_go_before_the_rule(tmp_path):
    cello = SOLO["cello"]
    folder = corpus(tmp_path, *(f"cello/{name}.mp4" for name in cello))
    for name, ids in (("solo_training_1", cello[7:]), ("dsol_solo_training_2", cello[5:6]),
                      ("solo_validation", cello[:2]), ("solo_testing", cello[:1])):  # fmt: skip
        (tmp_path / f"{name}.txt").write_text("".join(f"{i}_0_1000.flac {i}_0_1000.mp4\n" for i in ids))
    splits = [video.split for video in read_corpus(folder, "music").videos]
    assert splits == ["test", "test", None, None, None, "synthesis", None, "train", "train"]


def test_duets_have_splits_of_their_own_and_no_category(tmp_path):
    folder = corpus(
        tmp_path, *(f"{ids[k]}.mp4" for ids in (SOLO["cello"], DUET["cello flute"]) for k in (1, 2)), duet=DUET
    )
    both = read_corpus(folder, "music").videos
    assert [(v.category, v.split) for v in both] == [
        ("cello", "test"), ("cello", "test"), (None, "duet-test"), (None, "duet-train"),
    ]  # fmt: skip
    assert [v.split for v in read_corpus(folder, "music:duet").videos] == ["test", "train"]
    assert {v.category for v in read_corpus(folder, "music:solo").videos} == {"cello"}


@pytest.mark.parametrize("fps", [25, 29.97, 30])
def test_official_boxes_are_at_their_time_whatever_the_frame_rate(tmp_path, fps):
    video = SOLO["cello"][0]
    folder = corpus(tmp_path)
    (folder / "cello").mkdir(parents=True)
    write_video(folder / "cello" / f"{video}.mp4", seconds=6.0, fps=fps)
    numbers = (0, 7, 14, 21, 127, 134, 141, 150, 171)
    (folder / "solotest.json").write_text(json.dumps(official(*(official_key(video, n) for n in numbers))))
    store = prepare(folder, tmp_path / "store", layout="music", workers=1, size=32)
    assert [frame.key for frame in store.boxes] == [official_key(video, n) for n in numbers]
    places = [store.find(frame.video, frame.time_s) for frame in store.boxes]
    shown = [time_of(store.frame(*place)) for place in places]
    assert shown == pytest.approx(np.array(numbers) / 30, abs=0.2)  # counted at 25 a second, 171 would be 1.1 s late
    assert len(set(places)) == len(numbers)
    assert (store.info["listed"], len(store.info["missing"])) == (18, 17)


def test_boxes_know_all_eleven_categories_since_each_can_be_silent(tmp_path):
    video = SOLO["cello"][0]
    folder = corpus(tmp_path, f"{video}.mp4")
    (tmp_path / "solotest.json").write_text(json.dumps(official(official_key(video, 30))))
    found = read_corpus(folder, "music").boxes
    assert (len(found.categories), len(found)) == (11, 1)


def test_boxes_json_in_the_folder_goes_before_the_official_ones(tmp_path, capsys):
    video = SOLO["cello"][0]
    folder = corpus(tmp_path, f"videos/cello/{video}.mp4")
    Boxes(("cello",), (Frame(f"cello/{video}.mp4", 2.0, ()),)).save(folder / "boxes.json")
    (tmp_path / "solotest.json").write_text(json.dumps(official(official_key(video, 30))))
    (frame,) = read_corpus(folder, "music").boxes
    assert (frame.video, frame.key) == (f"cello/{video}.mp4", f"cello/{video}.mp4@2.000")
    assert "is used, not solotest.json" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "says"), [(None, "has no MUSIC_solo_videos.json"), ("[]", "no list of MUSIC"), ("{", "is not JSON")]
)
def test_without_a_sound_list_one_line_says_what_is_missing(tmp_path, text, says):
    folder = corpus(tmp_path, "a.mp4", solo=None)
    if text:
        (folder / "MUSIC_solo_videos.json").write_text(text)
    with pytest.raises(DsolError, match=says):
        read_corpus(folder, "music:solo")


def test_an_unknown_part_is_refused(tmp_path):
    with pytest.raises(DsolError, match="choose one of music:solo, music:duet"):
        read_corpus(tmp_path, "music:trio")
    with pytest.raises(DsolError, match="has no parts"):
        read_corpus(tmp_path, "folders:")
