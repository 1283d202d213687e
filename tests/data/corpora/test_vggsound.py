"""VGGSound by its list, VGG-SS boxes on it, and the instruments of the paper's follow-up."""

import json

import pytest

from dsol.data.corpora import read_corpus
from dsol.errors import DsolError
from tests.data.corpora.test_folders import tree

ROWS = [("a", 30, "playing cello", "train"), ("b", 0, "playing cello", "train"), ("c", 5, "playing cello", "test"),
        ("d", 12, '"dog barking"', "train"), ("e", 7, '"playing violin, fiddle"', "test"),
        ("f", 7, "playing cello", "train")]  # fmt: skip


def corpus(tmp_path):
    folder = tree(tmp_path / "vgg", f"{'a' * 11}_000030.mp4", f"x/{'b' * 11}_0_10000.mp4", f"{'c' * 11}.mp4",
                  f"{'d' * 11}_12_22.mp4", f"{'e' * 11}_000008.mp4")  # fmt: skip
    (tmp_path / "vggsound.csv").write_text("".join(f"{c * 11},{s},{label},{split}\n" for c, s, label, split in ROWS))
    (tmp_path / "vggss.json").write_text(json.dumps(
        [{"file": f"{'c' * 11}_000005", "class": "playing cello", "bbox": [[0.25, 0.25, 0.5, 0.75]]},
         {"file": f"{'d' * 11}_000012", "class": "dog barking", "bbox": [[0.0, 0.0, 0.5, 0.75]]}]
    ))  # fmt: skip
    return folder


def facts(found):
    return [(video.path.stem[0], video.category, video.split) for video in found.videos]


def test_a_clip_is_found_by_id_and_start(tmp_path):
    found = read_corpus(corpus(tmp_path), "vggsound")
    assert facts(found) == [("a", "playing cello", "train"), ("b", "playing cello", "train"),
                            ("c", "playing cello", "test"), ("d", "dog barking", "train")]  # fmt: skip
    assert len(found.missing) == 2
    assert found.missing[0] == "playing violin, fiddle/eeeeeeeeeee_000007"  # that file starts a second later
    assert found.skipped == {"eeeeeeeeeee_000008.mp4": "is in none of the lists used"}
    first = found.boxes.frames[0]
    assert (first.video, first.time_s, first.boxes[0].xywh) == ("ccccccccccc.mp4", 5.0, (0.25, 0.25, 0.25, 0.5))


def test_instruments_are_halved_without_the_follow_ups_lists(tmp_path):
    found = read_corpus(corpus(tmp_path), "vggsound:instruments")
    assert [(c, split) for c, _, split in facts(found)] == [("a", "train"), ("b", "synthesis"), ("c", "test")]
    assert (found.boxes.categories, len(found.boxes)) == (("playing cello",), 1)


def test_the_follow_ups_lists_choose_and_split(tmp_path):
    folder = corpus(tmp_path)
    for name, c in (("trainsolo", "b"), ("trainsyn", "c"), ("eval", "a")):
        (tmp_path / f"{name}.txt").write_text(f"{c * 11}.flac {c * 11}.mp4\n")
    assert [(c, split) for c, _, split in facts(read_corpus(folder, "vggsound:instruments"))] == [
        ("a", "test"), ("b", "train"), ("c", "synthesis"),
    ]  # fmt: skip


def test_without_its_list_it_says_so(tmp_path):
    with pytest.raises(DsolError, match=r"has no vggsound\.csv"):
        read_corpus(tmp_path, "vggsound")
