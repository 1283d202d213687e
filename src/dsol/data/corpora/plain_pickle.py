"""An array out of a pickle, and nothing else.

    bytes of the file ─▶ opcodes: few calls, no large memo ─▶ unpickled with stand-ins ─▶ shape and bytes fit ─▶ array

Unpickling runs what the file says. Here no class of the file is ever looked up: the few names that a pickled array
uses stand for plain containers of this module, any other name is an error, and the array is made of the bytes
that they hold. A file takes no more memory than some times its own size, and changes no state.
"""

import io
import pickle
import pickletools
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dsol.errors import DsolError

FLOATS = ("f2", "f4", "f8")
REMEDY = "fetch it again; a file that asks for more than an array is not opened"
CALLS = {"REDUCE", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX"}  # opcodes
MOST_CALLS = 8  # an array is made by five at most; each may copy as much as the file holds
MEMO = {"PUT", "BINPUT", "LONG_BINPUT"}  # opcodes that name a place of a list, which is made long enough for it


class _Type:
    """What the file says of the array's type."""

    __slots__ = ("name", "order")

    def __init__(self, name: str, *_: Any):
        self.name, self.order = name, "="

    def __setstate__(self, state: tuple):
        self.order = "=" if state[1] == "|" else str(state[1])


class _Array:
    """What the file says of the array."""

    __slots__ = ("data", "fortran", "shape", "type")

    def __init__(self, *_: Any):
        self.shape, self.type, self.fortran, self.data = (), _Type(""), False, b""

    def __setstate__(self, state: tuple):
        _, self.shape, self.type, self.fortran, self.data = state


def _from_buffer(data: bytes, kind: _Type, shape: tuple, order: str) -> _Array:
    array = _Array()
    array.__setstate__((1, shape, kind, order == "F", data))
    return array


def _encode(text: str, encoding: str) -> bytes:
    """Bytes in pickles of old protocols."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"asks for the encoding {encoding}")
    return text.encode("latin1")


class _StandIn(NamedTuple):
    """The stand-in of a name of the file: it can be called and not be changed, whatever state the file gives it."""

    make: Callable[..., Any]

    def __call__(self, *arguments: Any) -> Any:
        return self.make(*arguments)


STAND_INS = {
    ("multiarray", "_reconstruct"): _StandIn(_Array),
    ("numeric", "_frombuffer"): _StandIn(_from_buffer),
    ("numpy", "ndarray"): _StandIn(_Array),
    ("numpy", "dtype"): _StandIn(_Type),
    ("_codecs", "encode"): _StandIn(_encode),
}
INSIDE_NUMPY = {f"numpy.{core}.{module}": module for core in ("core", "_core") for module in ("multiarray", "numeric")}


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        found = STAND_INS.get((INSIDE_NUMPY.get(module, module), name))
        if found is None:
            raise pickle.UnpicklingError(f"asks for {module}.{name}")
        return found


def load_array(path: str | Path) -> np.ndarray:
    """The array of floats in a pickle of any protocol, of Python 2 or 3.

    Raises:
        DsolError: the file cannot be read, or holds anything but an array of floats.

    Example:
        >>> load_array("audio/0001.pkl").shape                                 # doctest: +SKIP
        (201, 64)
    """
    try:
        data = Path(path).read_bytes()
        _check_opcodes(data)
        return _array(_Reader(io.BytesIO(data), encoding="latin1").load())
    except Exception as error:  # a broken pickle raises whatever its opcodes run into
        raise DsolError(path, f"is no pickled array of floats: {error or type(error).__name__}", REMEDY) from None


def _check_opcodes(data: bytes) -> None:
    """Refuse what would take far more memory than the file has bytes; a length beyond its end raises, too."""
    calls = 0
    for opcode, argument, _ in pickletools.genops(data):
        calls += opcode.name in CALLS
        if calls > MOST_CALLS or (opcode.name in MEMO and (argument or 0) > len(data)):
            raise pickle.UnpicklingError(f"asks for too much with {opcode.name}")


def _array(found: Any) -> np.ndarray:
    if not isinstance(found, _Array) or found.type.name not in FLOATS or found.type.order not in "<>=":
        raise ValueError(f"it holds {getattr(getattr(found, 'type', found), 'name', type(found).__name__)}")
    kind = np.dtype(found.type.order + found.type.name)
    if not isinstance(found.data, (bytes, bytearray, str)) or len(found.data) != prod(found.shape) * kind.itemsize:
        raise ValueError(f"its data do not fit its shape {found.shape}")
    data = found.data.encode("latin1") if isinstance(found.data, str) else found.data
    flat = np.frombuffer(data, kind)
    with np.errstate(over="ignore"):  # a larger number becomes infinite, which the reader of the array refuses
        return flat.reshape(found.shape, order="F" if found.fortran else "C").astype(np.float32)
