"""A tree of videos says by its folders what is in them."""

from pathlib import Path

import pytest

from dsol.data.boxes import Box, Boxes, Frame
from dsol.data.corpora import read_corpus
from dsol.data.corpora.folders import entry, read
from dsol.errors import DsolError


def tree(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


@pytest.mark.parametrize(
    ("name", "category", "split"),
    [
        ("a.mp4", None, None),
        ("cello/a.mp4", "cello", None),
        ("cello/tapes/a.mp4", "cello", None),
        ("train/a.mp4", None, "train"),
        ("train/cello/a.mp4", "cello", "train"),
        ("test/cello/more/a.mp4", "cello", "test"),
        ("val/cello/a.mp4", "cello", "val"),
        ("cello/train/a.mp4", "cello", None),
    ],
)
def test_folders_give_split_and_category(name, category, split):
    found = entry(Path("root"), name)
    assert (found.category, found.split, found.path) == (category, split, Path("root", name))


def test_videos_are_sorted_by_name_and_other_files_are_no_videos(tmp_path):
    found = read(tree(tmp_path, "b/a.mp4", "a b.MKV", "b.avi", "notes.txt", "b/thumb.jpg", ".hidden.mp4"))
    assert [video.name for video in found.videos] == ["a b.MKV", "b.avi", "b/a.mp4"]
    assert found.boxes is None


def test_a_lone_folder_called_videos_is_not_part_of_the_names(tmp_path):
    tree(tmp_path, "videos/cello/a.mp4", "videos/flute/b.mp4", "readme.txt", "pictures/c.jpg")
    Boxes(("cello",), (Frame("cello/a.mp4", 1.0, (Box("cello", (0, 0, 1, 1)),)),)).save(tmp_path / "boxes.json")
    found = read_corpus(tmp_path)
    assert [(v.name, v.category) for v in found.videos] == [("cello/a.mp4", "cello"), ("flute/b.mp4", "flute")]
    assert all(video.path.exists() for video in found.videos)
    assert found.boxes.frames[0].video == "cello/a.mp4"


def test_a_folder_called_videos_among_others_is_a_category(tmp_path):
    found = read(tree(tmp_path, "videos/a.mp4", "more/b.mp4"))
    assert [video.category for video in found.videos] == ["more", "videos"]


def test_an_empty_tree_is_an_error(tmp_path):
    with pytest.raises(DsolError, match="no videos"):
        read(tmp_path)


def test_a_broken_boxes_file_is_an_error(tmp_path):
    (tree(tmp_path, "a.mp4") / "boxes.json").write_text("[]")
    with pytest.raises(DsolError, match=r"boxes\.json"):
        read(tmp_path)
