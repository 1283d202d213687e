"""A maps file holds what was written, whole or not at all, and reads in batches."""

import re
import tracemalloc
import warnings
import zipfile

import numpy as np
import pytest

from dsol.errors import DsolError
from dsol.model.maps import Maps, MapsWriter, read_maps

KEYS = ("x/a.mp4@0.000", "x/a.mp4@0.250", "YT_0_1000/frame_001/00030.jpg")
AREA = np.random.default_rng(0).random((3, 4, 5)).astype(np.float32)
CLASSES = np.random.default_rng(1).random((3, 2, 4, 5)).astype(np.float32)
AWARE = Maps(KEYS, AREA, CLASSES, None, ("cello", "tuba"))


def written(path, *batches: Maps, **options) -> list[Maps]:
    with MapsWriter(path, **options) as writer:
        for maps in batches:
            writer.add(maps)
    return list(read_maps(path))


def test_class_maps_read_as_they_were_written(tmp_path):
    (found,) = written(tmp_path / "maps.npz", AWARE)
    assert found.keys == KEYS
    assert found.categories == ("cello", "tuba")
    assert (found.maps == CLASSES).all()
    assert (found.area == CLASSES.max(axis=1)).all()


def test_areas_read_as_they_were_written(tmp_path):
    (found,) = written(tmp_path / "maps.npz", AWARE, class_aware=False)
    assert found.maps is None
    assert found.categories == ()
    assert (found.area == AREA).all()


def test_numpy_reads_and_writes_the_same_file(tmp_path):
    written(tmp_path / "ours.npz", AWARE)
    with np.load(tmp_path / "ours.npz") as file:
        assert file["categories"].tolist() == ["cello", "tuba"]
        assert (file[KEYS[2]] == CLASSES[2]).all()
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "theirs.npz", **dict(zip(KEYS, CLASSES, strict=True)), categories=np.array(["cello", "tuba"]))
        (found,) = read_maps(tmp_path / "theirs.npz")
        assert found.keys == KEYS
        assert (found.maps == CLASSES).all()


def test_frames_of_different_shapes_come_in_different_batches(tmp_path):
    np.savez(tmp_path / "maps.npz", a=np.ones((2, 2)), b=np.ones((2, 2)), c=np.ones((3, 2)), d=np.ones((2, 2)))
    assert [maps.keys for maps in read_maps(tmp_path / "maps.npz")] == [("a", "b"), ("c",), ("d",)]
    assert [len(maps) for maps in read_maps(tmp_path / "maps.npz", batch=1)] == [1, 1, 1, 1]


def test_reading_holds_one_batch_in_memory(tmp_path):
    big = np.ones((64, 64, 64), dtype=np.float32)
    with MapsWriter(tmp_path / "maps.npz") as writer:
        for part in range(20):
            writer.add(Maps(tuple(f"v@{part}.{n}" for n in range(64)), big))
    tracemalloc.start()
    assert sum(len(maps) for maps in read_maps(tmp_path / "maps.npz", batch=64)) == 1280
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 6 * big.nbytes


def test_a_failed_writer_leaves_what_was_there(tmp_path):
    path = tmp_path / "maps.npz"
    written(path, AWARE)
    before = path.read_bytes()
    with pytest.raises(DsolError):
        written(path, AWARE, AWARE)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["maps.npz"]


def test_a_frame_that_comes_twice_is_refused(tmp_path):
    with pytest.raises(DsolError, match="comes twice"):
        written(tmp_path / "maps.npz", AWARE, AWARE)


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"a": np.ones(3)}, "frame a: has shape (3,)"),
        ({"a": np.ones((2, 3, 3))}, "frame a: has 2 maps and the file names 0 categories"),
        ({"a": np.array([["x"]])}, "frame a: has values of type"),
        ({"a": np.ones((2, 0))}, "frame a: has shape (2, 0)"),
        ({"a": np.array([[object()]])}, "frame a: is no plain array"),
        ({"categories": np.ones(2)}, "'categories' is not a list of names"),
        ({"categories": np.array(["tuba", "tuba"])}, "'categories' names 'tuba' twice"),
        ({"a": np.ones((3, 3)), "categories": np.array(["tuba"])}, "frame a: has shape (3, 3) and the file names 1"),
    ],
)
def test_a_wrong_array_is_refused_by_name(tmp_path, arrays, says):
    np.savez(tmp_path / "maps.npz", **arrays)
    with pytest.raises(DsolError, match=re.escape(says)):
        list(read_maps(tmp_path / "maps.npz"))


def test_a_frame_that_a_file_holds_twice_is_named(tmp_path):
    with zipfile.ZipFile(tmp_path / "maps.npz", "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(2):
            with archive.open("a@0.000.npy", "w") as member:
                np.lib.format.write_array(member, np.ones((2, 2)))
    with pytest.raises(DsolError, match=re.escape("frame a@0.000: comes twice")):
        list(read_maps(tmp_path / "maps.npz"))


def test_a_file_that_is_missing_damaged_or_no_npz_is_refused(tmp_path):
    with pytest.raises(DsolError, match="cannot be read"):
        list(read_maps(tmp_path / "none.npz"))
    (tmp_path / "text.npz").write_text("not maps")
    with pytest.raises(DsolError, match=r"not a whole \.npz"):
        list(read_maps(tmp_path / "text.npz"))
    written(tmp_path / "maps.npz", AWARE)
    data = bytearray((tmp_path / "maps.npz").read_bytes())
    data[data.index(CLASSES[1].tobytes()) + 7] ^= 255
    (tmp_path / "damaged.npz").write_bytes(data)
    with pytest.raises(DsolError, match="damaged"):
        list(read_maps(tmp_path / "damaged.npz"))
