"""The index of a store: one row a clip, as a Parquet file and in memory."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import numpy as np

if TYPE_CHECKING:  # importing it takes longer than a worker process needs to start
    import pyarrow as pa

INDEX = "index.parquet"


@dataclass(frozen=True, slots=True)
class Row:
    """What the index knows of one clip.

    Attributes:
        clip: `video@second`, unique in the store.
        video: name of the video.
        second: whole seconds from the start of the video.
        category: name of the sounding object where it is known.
        split: "train", "test", ... where it is known.
        sounding: scenes: the labels that sound.
        sources: scenes: the clips it was made of, in the order of the tiles.
        source_sounds: scenes: which of the sources sound.
        times_s: one a frame, seconds from the start of the video.
        rms: root mean square of the waveform, 1.0 for full scale.
        member: name of the clip's tar members, up to the first dot.
        shard: number of the tar file.
        frame_offset, frame_size: bytes, one a frame.
        sound_offset, sound_size: bytes.
        checksum: CRC-32 of the frames', the sound's and the extras' bytes.
        extras: names of its extras, `shards.MASK` or `shards.LOG_MEL`; None where there are none.
        extra_offset, extra_size: bytes, one an extra.
    """

    clip: str
    video: str
    second: int
    category: str | None
    split: str | None
    sounding: tuple[str, ...] | None
    sources: tuple[str, ...] | None
    source_sounds: tuple[bool, ...] | None
    times_s: tuple[float, ...]
    rms: float
    member: str
    shard: int
    frame_offset: tuple[int, ...]
    frame_size: tuple[int, ...]
    sound_offset: int
    sound_size: int
    checksum: int
    extras: tuple[str, ...] | None = None
    extra_offset: tuple[int, ...] | None = None
    extra_size: tuple[int, ...] | None = None


ALWAYS = tuple(name for name, kind in Row.__annotations__.items() if type(None) not in get_args(kind))


def schema() -> "pa.Schema":
    """Types of the index's columns, in the order of `Row`."""
    import pyarrow as pa

    text, whole, names = pa.string(), pa.int64(), pa.list_(pa.string())
    return pa.schema([
        ("clip", text), ("video", text), ("second", pa.int32()), ("category", text), ("split", text),
        ("sounding", names), ("sources", names), ("source_sounds", pa.list_(pa.bool_())),
        ("times_s", pa.list_(pa.float64())), ("rms", pa.float32()), ("member", text), ("shard", pa.int32()),
        ("frame_offset", pa.list_(whole)), ("frame_size", pa.list_(whole)),
        ("sound_offset", whole), ("sound_size", whole), ("checksum", whole),
        ("extras", names), ("extra_offset", pa.list_(whole)), ("extra_size", pa.list_(whole)),
    ])  # fmt: skip


@contextmanager
def index_written(path: Path) -> Iterator[Callable[[list[dict]], None]]:
    """A function that appends rows to a new index; a missing column is null.

    It is called once a shard, so that a large index never lies in memory whole.

    Example:
        >>> with index_written(folder / "index.parquet") as add:                # doctest: +SKIP
        ...     add(rows)
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    # Arrow opens no path whose bytes are no UTF-8.
    with open(path, "wb") as file, pq.ParquetWriter(file, schema(), compression="zstd") as writer:
        yield lambda rows: writer.write_table(pa.Table.from_pylist(rows, schema=schema()))


def read_index(path: Path) -> "pa.Table":
    """The whole index; a column that an older one lacks is null. Raises OSError or ValueError if it cannot be read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    # Not by its path, whose bytes need not be UTF-8. In this thread alone, so without reading ahead: Arrow's threads
    # may still hold a file of Python's when the interpreter ends, and then end the process with an abort.
    try:
        with open(path, "rb") as file:
            there = pq.ParquetFile(file, pre_buffer=False).read(use_threads=False)
        table = pa.table([_column(there, field) for field in schema()], schema=schema())
        table.validate(full=True)  # its text is UTF-8
    except NotImplementedError as error:  # a kind of column that Arrow cannot read or convert
        raise ValueError(str(error)) from None
    for name in ALWAYS:
        if table[name].null_count:
            raise ValueError(f"{table[name].null_count} rows lack {name}")
    return table


def _column(table: "pa.Table", field: "pa.Field") -> "pa.ChunkedArray | pa.Array":
    import pyarrow as pa

    known = field.name in table.column_names
    return table[field.name].cast(field.type) if known else pa.nulls(len(table), field.type)


class Places:
    """Where the bytes of each clip lie: plain arrays, since a random read should cost no table lookup.

    Attributes:
        shard, sound_offset, sound_size: (N,), one a clip.
        first: (N+1,), where a clip's frames begin in the next three.
        frame_offset, frame_size, times_s: one a frame.
    """

    def __init__(self, table: "pa.Table"):
        self.shard, self.sound_offset, self.sound_size = (
            table[name].to_numpy() for name in ("shard", "sound_offset", "sound_size")
        )
        self.first, self.frame_offset = _lists(table, "frame_offset")
        _, self.frame_size = _lists(table, "frame_size")
        _, self.times_s = _lists(table, "times_s")


def _lists(table: "pa.Table", name: str) -> tuple[np.ndarray, np.ndarray]:
    """A column of lists as positions into one flat array, starting at 0."""
    column = table[name].combine_chunks()
    first = column.offsets.to_numpy()
    return first - first[0], column.flatten().to_numpy()
