"""A pickled array is read, and nothing that a pickle could do besides happens."""

import os
import pickle
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsol.data.corpora import plain_pickle
from dsol.data.corpora.plain_pickle import load_array
from dsol.errors import DsolError

ARRAY = np.random.default_rng(0).normal(size=(201, 64))
PYTHON_2 = (  # numpy.array([[1.5, 2.5]], "<f4"), as Python 2 wrote it with protocol 2
    b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01K\x01K\x02\x86"
    b"cnumpy\ndtype\nU\x02f4K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    b"\x89U\x08\x00\x00\xc0?\x00\x00 @tb."
)


def file_of(tmp_path, data: bytes):
    path = tmp_path / "a.pkl"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("array", [ARRAY, ARRAY.astype(">f4"), np.asfortranarray(ARRAY, np.float32), ARRAY.T],
                         ids=["double", "big endian", "fortran", "turned"])  # fmt: skip
def test_an_array_comes_back_from_every_protocol(tmp_path, protocol, array):
    found = load_array(file_of(tmp_path, pickle.dumps(array, protocol)))
    np.testing.assert_array_equal(found, array.astype(np.float32))
    assert found.dtype == np.float32


def test_old_numpy_and_python_2_are_read(tmp_path):
    old = pickle.dumps(ARRAY, 2).replace(b"numpy._core.", b"numpy.core.")
    np.testing.assert_array_equal(load_array(file_of(tmp_path, old)), ARRAY.astype(np.float32))
    np.testing.assert_array_equal(load_array(file_of(tmp_path, PYTHON_2)), [[1.5, 2.5]])


class Attack:
    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    ("thing", "says"),
    [
        (Attack(os.system, ("touch owned",)), "asks for"),
        (Attack(eval, ("open('owned', 'w')",)), "asks for"),
        (Attack(np.load, ("owned",)), "asks for numpy.load"),
        (Attack(np.dtype, ("O",)), "is no pickled array"),
        (Attack(getattr, ("text", "upper")), "asks for"),
        (np.array([print, 1], dtype=object), "is no pickled array"),
        (np.array(["text"]), "is no pickled array"),
        (np.arange(3), "is no pickled array"),
        (np.float64(1.0), "asks for"),
        ({"a": ARRAY}, "is no pickled array"),
        ([1.0, 2.0], "is no pickled array"),
        ("text", "is no pickled array"),
    ],
)
def test_anything_else_is_refused_and_not_run(tmp_path, monkeypatch, thing, says):
    monkeypatch.chdir(tmp_path)
    for protocol in (0, 2, 4):
        with pytest.raises(DsolError, match=says):
            load_array(file_of(tmp_path, pickle.dumps(thing, protocol)))
    assert not (tmp_path / "owned").exists()


def array_of(data: bytes, shape: bytes = b"\x8a\x04\x00\x84\xd7\x17\x85") -> bytes:
    """A pickled array of "<f4" whose bytes are what the opcodes `data` make; its shape is (400000000,) by default."""
    kind = b"cnumpy\ndtype\nU\x02f4K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    return (b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01" + shape
            + kind + b"\x89" + data + b"tb.")  # fmt: skip


@pytest.mark.parametrize(
    "data",
    [
        b"\x8a\x04\x00\x84\xd7\x17",  # the number 400,000,000, of which bytes() makes as many
        b"U\x08\x00\x00\xc0?\x00\x00 @",  # fewer bytes than the shape has
        b"]",  # no bytes
        b"cnumpy\ndtype\nU\x02f4\x85R",
        b"U\x04\x00\x00\xc0?r\xff\xff\xff\x7f",  # the memo's place 2,147,483,647
        b"\x8e\x00\x00\x00\x00\x01\x00\x00\x00abc",  # four gigabytes that do not follow
        b"(" + 9 * b"c_codecs\nencode\nX\x01\x00\x00\x00aU\x06latin1\x86R" + b"t",
    ],
    ids=["number", "short", "list", "type", "memo", "length", "calls"],
)
def test_a_small_file_takes_little_memory(tmp_path, data):
    path = file_of(tmp_path, array_of(data))
    tracemalloc.start()
    with pytest.raises(DsolError, match="is no pickled array"):
        load_array(path)
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


def test_bytes_that_fit_the_shape_are_read(tmp_path):
    whole = array_of(b"U\x08\x00\x00\xc0?\x00\x00 @", shape=b"K\x01K\x02\x86")
    assert load_array(file_of(tmp_path, whole)).tolist() == [[1.5, 2.5]]


@pytest.mark.parametrize("name", [b"numpy\ndtype", b"numpy\nndarray", b"_codecs\nencode",
                                  b"numpy.core.numeric\n_frombuffer"])  # fmt: skip
@pytest.mark.parametrize("state", [b"}U\x04lateK\x01s", b"N}U\x04makeK\x01s\x86", b"N}U\x0c__defaults__K\x01\x85s\x86"])
def test_a_file_leaves_nothing_behind_in_what_it_calls(tmp_path, name, state):
    before = repr(plain_pickle.STAND_INS), {k: sorted(dir(v)) for k, v in plain_pickle.STAND_INS.items()}
    with pytest.raises(DsolError, match="is no pickled array"):
        load_array(file_of(tmp_path, b"\x80\x02c" + name + b"\n" + state + b"b."))
    assert (repr(plain_pickle.STAND_INS), {k: sorted(dir(v)) for k, v in plain_pickle.STAND_INS.items()}) == before
    assert [vars(stand_in.make).get("late") for stand_in in plain_pickle.STAND_INS.values()] == [None] * 5
    assert load_array(file_of(tmp_path, PYTHON_2)).tolist() == [[1.5, 2.5]]


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**6), st.binary(min_size=1, max_size=8))
def test_a_damaged_file_is_refused_or_read(tmp_path_factory, place, data):
    whole = bytearray(pickle.dumps(ARRAY[:3], 4))
    at = place % min(len(whole), 200)
    whole[at : at + len(data)] = data
    try:
        found = load_array(file_of(tmp_path_factory.mktemp("damaged"), bytes(whole)))
    except DsolError:
        return
    assert found.dtype == np.float32


def test_a_missing_and_an_empty_file_are_refused(tmp_path):
    for path in (tmp_path / "none.pkl", file_of(tmp_path, b"")):
        with pytest.raises(DsolError, match="is no pickled array"):
            load_array(path)
