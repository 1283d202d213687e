"""What any localiser predicts, in memory and as a maps file.

A maps file is an .npz: one float array a frame, named by the frame's key, shaped (H, W) or (K, H, W), and
`categories`, K names, where maps are class-aware. Both ways are streams: neither reading nor writing ever holds
more than one batch.
"""

import ast
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from mmap import ACCESS_READ, mmap
from pathlib import Path
from types import TracebackType

import numpy as np

from dsol.errors import MALFORMED, DsolError
from dsol.files import whole
from dsol.text import composed

CATEGORIES = "categories"  # the one array of a maps file that is no frame
MOST_BYTES = 2**30  # of one array; a small archive may hold one that fills all memory
REMEDY = "write it with dsol.model.maps.MapsWriter or numpy.savez, see docs/evaluation.md"


@dataclass(frozen=True)
class Maps:
    """Localisation maps of N frames.

    Attributes:
        keys: N names, `Frame.key` each.
        maps: (N, K, H, W) float32, one map a category, gated by sound: for scenes of several objects.
            None where a localiser is class-agnostic.
        area: (N, H, W) float32, the class-agnostic localisation map: for single-source frames.
        score: (N, K) float32, confidence that each category is both audible and visible. None without
            categories.
        categories: K names, or cluster names ("cluster 3") before they are matched. Empty without categories.
        heard: (N, K) float32, confidence that each category is audible, given the picture. None where a localiser
            does not separate audible from audible and visible.
        seen: (N, K) float32, confidence that each is visible, whether it sounds or not; NaN where no
            picture can tell. None likewise.
    """

    keys: tuple[str, ...]
    area: np.ndarray
    maps: np.ndarray | None = None
    score: np.ndarray | None = None
    categories: tuple[str, ...] = ()
    heard: np.ndarray | None = None
    seen: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.keys)

    def take(self, which: slice) -> "Maps":
        """Some of the frames."""
        parts = (self.maps, self.score, self.heard, self.seen)
        maps, score, heard, seen = (None if part is None else part[which] for part in parts)
        return Maps(self.keys[which], self.area[which], maps, score, self.categories, heard, seen)


def merge_clusters(maps: Maps, assignment: np.ndarray, categories: Sequence[str]) -> Maps:
    """Add the maps of each category's clusters.

    Args:
        maps: of (N, clusters, H, W).
        assignment: (clusters,) index of a category, from `dsol.naming.matching.match_clusters`.
        categories: names.

    Returns:
        The same frames with one map a category; zero where a category has no cluster. A category's score
        is the highest of its clusters; so are how surely it is heard and seen.

    Raises:
        DsolError: the maps are of another number of clusters.

    Example:
        >>> two = Maps(("a",), np.zeros((1, 1, 1)), np.ones((1, 2, 1, 1)), np.ones((1, 2)), ("cluster 0", "cluster 1"))
        >>> merge_clusters(two, np.array([0, 0]), ["cello"]).maps.ravel()
        array([2.])
    """
    if maps.maps is None or maps.maps.shape[1] != len(assignment):
        held = "no clusters" if maps.maps is None else f"{maps.maps.shape[1]} clusters"
        raise DsolError("maps", f"hold {held}, {len(assignment)} are matched", "match the clusters of this very model")
    member = np.asarray(assignment)[None, :] == np.arange(len(categories))[:, None]  # (categories, clusters)
    merged = np.einsum("ck,nkhw->nchw", member.astype(maps.maps.dtype), maps.maps)
    score, heard, seen = (_highest(values, member) for values in (maps.score, maps.heard, maps.seen))
    return Maps(maps.keys, maps.area, merged, score, tuple(categories), heard, seen)


def _highest(values: np.ndarray | None, member: np.ndarray) -> np.ndarray | None:
    """(N, categories) the highest of the values (N, clusters) of each category's clusters; 0 without any, NaN where
    there are only such."""
    if values is None:
        return None
    known = np.where(np.isnan(values), -np.inf, values)
    found = np.where(member[None], known[:, None, :], -np.inf).max(axis=2)
    untold = np.where(member.any(1), np.nan, 0)[None]
    return np.where(np.isinf(found), untold, found).astype(values.dtype)


def join_names(maps: Maps) -> Maps:
    """One map a name: clusters that share one are joined as in `merge_clusters`; names in the order of their first.

    Example:
        >>> two = Maps(("a",), np.zeros((1, 1, 1)), np.ones((1, 2, 1, 1)), np.ones((1, 2)), ("cello", "cello"))
        >>> join_names(two).categories
        ('cello',)
    """
    names = tuple(dict.fromkeys(maps.categories))
    if len(names) == len(maps.categories):
        return maps
    return merge_clusters(maps, np.array([names.index(name) for name in maps.categories]), names)


class MapsWriter:
    """Writes a maps file batch by batch; it appears under its name only when it is whole.

    Args:
        path: the .npz.
        class_aware: write the class maps where there are any; the localisation map otherwise.

    Raises:
        DsolError: a frame comes twice, or batches differ in their categories.

    Example:
        >>> with MapsWriter("maps.npz") as writer:                              # doctest: +SKIP
        ...     writer.add(system.predict(frames, waveforms, keys))
    """

    def __init__(self, path: str | Path, class_aware: bool = True):
        self.path, self.class_aware = Path(path), class_aware
        self._stack = ExitStack()
        self._written: set[str] = set()
        self._categories: tuple[str, ...] | None = None

    def __enter__(self) -> "MapsWriter":
        partial = self._stack.enter_context(whole(self.path))
        self._zip = self._stack.enter_context(zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED))
        return self

    def add(self, maps: Maps) -> None:
        """Append the frames of a batch."""
        aware = self.class_aware and maps.maps is not None
        categories = maps.categories if aware else ()
        if self._categories not in (None, categories):
            raise DsolError(self.path, f"batches of {self._categories} and of {categories}", "write one file for each")
        self._categories = categories
        for key, array in zip(maps.keys, maps.maps if aware else maps.area, strict=True):  # type: ignore[arg-type]
            if key in self._written or key == CATEGORIES:
                raise DsolError(self.path, f"frame {key!r} comes twice", "write every frame once")
            self._written.add(key)
            self._write(key, array)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None):
        if kind is None and self._categories:
            self._write(CATEGORIES, np.array(self._categories))
        self._stack.__exit__(kind, error, trace)

    def _write(self, key: str, array: np.ndarray) -> None:
        with self._zip.open(f"{key}.npy", "w") as member:
            np.lib.format.write_array(member, np.asarray(array), allow_pickle=False)


def read_maps(path: str | Path, batch: int = 256) -> Iterator[Maps]:
    """Read a maps file, a batch at a time.

    Args:
        path: the .npz.
        batch: most frames of a batch. Frames of different shapes never share one.

    Yields:
        Maps in the order of the file. Of class-aware maps (K, H, W) `area` is the maximum over categories.

    Raises:
        DsolError: not an .npz, damaged, or an array of another kind or shape; the frame is named.

    Example:
        >>> sum(len(maps) for maps in read_maps("maps.npz"))                    # doctest: +SKIP
        12356
    """
    with MapsFile(path, batch) as file:
        for part in file:
            yield from part


class MapsFile(Sequence[list[Maps]]):
    """A maps file in parts, each read when it is asked for; a context. See `read_maps`.

    Part n has the frames n · batch to (n + 1) · batch of the file: one `Maps`, or several where their shapes differ.
    """

    def __init__(self, path: str | Path, batch: int = 256):
        self.path, self.batch = path, batch
        self._stack = ExitStack()

    def __enter__(self) -> "MapsFile":
        with self._explained(), ExitStack() as opening:
            file = opening.enter_context(open(self.path, "rb"))
            self._members = _Members(self.path, file, opening.enter_context(zipfile.ZipFile(file)))
            self._categories = self._members.categories()
            self._stack = opening.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def __len__(self) -> int:
        return -(-len(self._members.keys) // self.batch)

    def __getitem__(self, n: int) -> list[Maps]:  # type: ignore[override]
        keys = self._members.keys[n * self.batch : (n + 1) * self.batch]
        if not keys:
            raise IndexError(n)
        with self._explained():
            arrays = [_checked(self._members, key, self._categories) for key in keys]
        starts = [i for i in range(len(keys)) if not i or not _alike(arrays[i - 1], arrays[i])]
        return [
            _as_maps(keys[i:end], arrays[i:end], self._categories)
            for i, end in zip(starts, [*starts[1:], len(keys)], strict=True)
        ]

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            what = f"cannot be read: {error.strerror or error}"
            raise DsolError(self.path, what, "give the path of a maps file") from None
        except (zipfile.BadZipFile, zlib.error, struct.error, NotImplementedError, RuntimeError) as error:
            raise DsolError(self.path, f"is not a whole .npz: {error}", REMEDY) from None


def _alike(one: np.ndarray, other: np.ndarray) -> bool:
    return one.shape == other.shape and one.dtype == other.dtype


def _as_maps(keys: Sequence[str], arrays: Sequence[np.ndarray], categories: tuple[str, ...]) -> Maps:
    stacked = np.stack(arrays)
    if stacked.ndim == 3:
        return Maps(tuple(keys), stacked)
    return Maps(tuple(keys), stacked.max(axis=1), stacked, None, categories)


def _checked(members: "_Members", key: str, categories: tuple[str, ...]) -> np.ndarray:
    array = members.array(key)
    where = f"{members.path}, frame {key}"
    if array.dtype.kind not in "fiub":
        raise DsolError(where, f"has values of type {array.dtype}", "write floats")
    if array.ndim not in (2, 3) or 0 in array.shape:
        raise DsolError(where, f"has shape {array.shape}", "write (H, W), or (K, H, W) for K categories")
    if array.ndim == 2 and categories:
        what = f"has shape {array.shape} and the file names {len(categories)} categories"
        raise DsolError(where, what, "write (K, H, W), one map a category, or leave out 'categories'")
    if array.ndim == 3 and len(array) != len(categories):
        what = f"has {len(array)} maps and the file names {len(categories)} categories"
        raise DsolError(where, what, "write an array 'categories' with one name for each map")
    return array if array.dtype.kind == "f" else array.astype(np.float32)


class _Members:
    """The arrays of an .npz by name. Uncompressed ones are read in place, which is ten times as quick."""

    def __init__(self, path: str | Path, file, archive: zipfile.ZipFile):
        self.path, self.archive = path, archive
        self._bytes = mmap(file.fileno(), 0, access=ACCESS_READ)
        self._info: dict[str, zipfile.ZipInfo] = {}
        for info in archive.infolist():
            key = composed(info.filename.removesuffix(".npy"))
            if key in self._info:
                raise DsolError(f"{path}, frame {key}", "comes twice in the maps", "write every frame once")
            self._info[key] = info
        self.keys = [key for key in self._info if key != CATEGORIES]

    def categories(self) -> tuple[str, ...]:
        if CATEGORIES not in self._info:
            return ()
        names = self.array(CATEGORIES)
        if names.ndim != 1 or names.dtype.kind not in "US":
            raise DsolError(self.path, "'categories' is not a list of names", "write numpy.array([name, …])")
        found = tuple(n.decode() if isinstance(n, bytes) else str(n) for n in names)
        twice = next((name for name in found if found.count(name) > 1), None)
        if twice is not None:
            raise DsolError(self.path, f"'categories' names {twice!r} twice", "add up the maps of one category")
        return found

    def array(self, key: str) -> np.ndarray:
        data = self._content(self._info[key])
        try:
            dtype, order, shape, start = _header(bytes(data[: _header_end(data)]))
            flat = np.frombuffer(data, dtype, offset=start, count=int(np.prod(shape)))
            return flat.reshape(shape, order=order)  # type: ignore[call-overload]
        except (*MALFORMED, SyntaxError, MemoryError, struct.error) as error:
            raise DsolError(f"{self.path}, frame {key}", f"is no plain array: {error}", REMEDY) from None

    def _content(self, info: zipfile.ZipInfo) -> memoryview | bytes:
        if info.file_size > MOST_BYTES:
            where = f"{self.path}, frame {info.filename.removesuffix('.npy')}"
            raise DsolError(where, f"is {info.file_size:,} bytes long", "write maps as small as pictures are")
        if info.compress_type != zipfile.ZIP_STORED:
            return self.archive.read(info)
        names, extra = struct.unpack_from("<HH", self._bytes, info.header_offset + 26)
        start = info.header_offset + 30 + names + extra
        data = self._bytes[start : start + info.file_size]
        if zlib.crc32(data) != info.CRC:
            raise zipfile.BadZipFile(f"{info.filename} is damaged")
        return data


def _header_end(data: memoryview | bytes) -> int:
    """Where the header of a .npy ends: magic (6), version (2), its length (2, or 4 from version 2 on)."""
    if bytes(data[:6]) != b"\x93NUMPY":
        raise ValueError("not a .npy")
    width, kind = (2, "<H") if data[6] == 1 else (4, "<I")
    return 8 + width + struct.unpack_from(kind, data, 8)[0]


@lru_cache(maxsize=64)
def _header(header: bytes) -> tuple[np.dtype, str, tuple[int, ...], int]:
    """Type, order, shape and start of the data; the frames of a file mostly share one header."""
    said = ast.literal_eval(header[10 if header[6] == 1 else 12 :].decode("utf8"))
    dtype = np.dtype(said["descr"])
    if dtype.hasobject:
        raise ValueError("it holds Python objects")
    return dtype, "F" if said["fortran_order"] else "C", tuple(said["shape"]), len(header)
