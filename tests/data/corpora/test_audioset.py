"""AudioSet-instrument: single and several sources told apart by label, test clips by list."""

import json

import pytest

from dsol.data.corpora import read_corpus
from dsol.errors import DsolError
from tests.data.corpora.test_folders import tree

HEAD = "# Segments csv created Sun Mar  5 10:54:31 2017\n# YTID, start_seconds, end_seconds, positive_labels\n"
CELLO, GUITAR, ACOUSTIC, TRUMPET, SPEECH = "/m/01xqw", "/m/0342h", "/m/042v_gx", "/m/07gql", "/m/09x0r"


def segments(*rows: tuple[str, str]) -> str:
    return HEAD + "".join(f'{name}, 30.000, 40.000, "{labels}"\n' for name, labels in rows)


def corpus(tmp_path):
    names = [c * 11 for c in "abcdefg"]
    folder = tree(tmp_path / "clips", *(f"x/{name}_30.000_40.000.mp4" for name in names[:-1]))
    a, b, c, d, e, f, g = names
    (folder / "unbalanced_train_segments.csv").write_text(
        segments((a, f"{SPEECH},{CELLO}"), (b, f"{CELLO},{GUITAR},{ACOUSTIC}"), (c, f"{TRUMPET},{CELLO}"), (d, SPEECH))
    )
    (tmp_path / "balanced_train_segments.csv").write_text(segments((e, f"{ACOUSTIC},{GUITAR}"), (g, TRUMPET)))
    (tmp_path / "eval_segments.csv").write_text(segments((f, f"{GUITAR},{CELLO}")))
    (tmp_path / "audioset_box.json").write_text(json.dumps(
        {f"{name}/{second}": {"bbox": [{"category": 3, "normbox": [0.1, 0.1, 0.5, 0.5]}]}
         for name, second in ((e, 3), (f, 9), (d, 0))}
    ))  # fmt: skip
    return folder


def facts(found):
    return [(video.path.name[0], video.category, video.split) for video in found.videos]


def test_one_category_is_a_single_source_and_several_are_not(tmp_path):
    found = read_corpus(corpus(tmp_path), "audioset")
    assert facts(found) == [
        ("a", "cello", "train"), ("b", None, "multi-train"), ("c", None, "multi-train"), ("e", "guitar", "test"),
        ("f", None, "multi-eval"),
    ]  # fmt: skip
    assert found.missing == ("trumpet/ggggggggggg",)
    assert set(found.skipped.values()) == {"is in none of the lists used"}  # speech alone is no instrument


def test_parts_are_one_kind_with_plain_splits(tmp_path):
    folder = corpus(tmp_path)
    assert facts(read_corpus(folder, "audioset:solo")) == [("a", "cello", "train"), ("e", "guitar", "test")]
    assert facts(read_corpus(folder, "audioset:multi")) == [
        ("b", None, "train"),
        ("c", None, "train"),
        ("f", None, "eval"),
    ]


def test_thirteen_categories_know_no_trumpet(tmp_path):
    folder = corpus(tmp_path)
    assert facts(read_corpus(folder, "audioset:multi-13")) == [("b", None, "train"), ("f", None, "eval")]
    assert ("c", "cello", "train") in facts(read_corpus(folder, "audioset:solo-13"))


def test_only_the_balanced_list_is_tested_on_as_in_the_paper(tmp_path):
    folder = corpus(tmp_path)
    split_of = dict.fromkeys("abcd", "train") | {"e": "test", "f": "eval", "g": "test"}
    for layout in ("audioset", "audioset:solo", "audioset:multi"):
        for name, _, split in facts(read_corpus(folder, layout)):
            assert split.removeprefix("multi-") == split_of[name]


def test_official_boxes_are_counted_from_the_start_of_the_clip(tmp_path):
    boxes = read_corpus(corpus(tmp_path), "audioset").boxes
    assert [(f.video[:3], f.time_s, f.boxes[0].category) for f in boxes] == [
        ("x/e", 3.0, "guitar"),
        ("x/f", 9.0, "guitar"),
    ]
    assert len(boxes.categories) == 13


def test_without_lists_or_with_a_broken_one_it_says_so(tmp_path):
    with pytest.raises(DsolError, match=r"none of unbalanced_train_segments\.csv"):
        read_corpus(tmp_path, "audioset")
    (tmp_path / "eval_segments.csv").write_text(HEAD + "abc, 1.0\n")
    with pytest.raises(DsolError, match="line 3 has 2 columns, not 4"):
        read_corpus(tmp_path, "audioset")
