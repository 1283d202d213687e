"""Many videos in one folder: what is done already, and an index of what is heard in them.

files of a video ─▶ OUT/.done/NAME.json, written last ─▶ OUT/index.parquet, a row a stretch of sound ─▶ dsol find
"""

import difflib
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import chain, count, islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dsol.data.states import OFF_SCREEN, SEEN, UNKNOWN
from dsol.data.store.alone import locked
from dsol.errors import MALFORMED, DsolError, installed
from dsol.files import whole, write_text
from dsol.localize.localization import Timeline
from dsol.places import child, fetch, is_remote, refuse_read_only, send
from dsol.progress import say
from dsol.text import name_of, read_text

if TYPE_CHECKING:
    import pyarrow as pa

INDEX, DONE = "index.parquet", ".done"
ROWS_A_GROUP = 100_000  # of the index: what lies in memory when it is written
SEEN_AS = {SEEN: True, OFF_SCREEN: False, UNKNOWN: None}  # a row's `seen`; what is silent has no row
REMEDY = "give the index.parquet that dsol localize leaves, or its folder"


@dataclass(frozen=True)
class Found:
    """One stretch of time in which one category is heard: a row of the index.

    Attributes:
        video: its name, as it was given to `dsol localize`.
        start_s, end_s: seconds from the start of the video.
        category: its name.
        score: mean score in it, in [0, 1].
        seen: whether it is in the picture; None where that cannot be told.
        folder: of the video's results, below that of the index.
    """

    video: str
    start_s: float
    end_s: float
    category: str
    score: float
    seen: bool | None
    folder: str


def rows_of(timeline: Timeline, folder: str) -> list[Found]:
    """All that is heard in a video, by start; what is heard in two places of the picture at once is one row.

    Args:
        timeline: who sounds when.
        folder: see `Found`.
    """
    rows = []
    for place, category in enumerate(timeline.categories):
        does = timeline.states[:, place]
        borders = np.flatnonzero(np.diff(does, prepend=-2, append=-2))
        for first, end in pairwise(borders.tolist()):
            if (state := int(does[first])) in SEEN_AS:
                start_s, end_s = (round(float(timeline.edges_s[at]), 4) for at in (first, end))
                score = round(float(timeline.score[first:end, place].mean()), 4)
                rows.append(Found(timeline.video, start_s, end_s, category, score, SEEN_AS[state], folder))
    return sorted(rows, key=lambda row: (row.start_s, row.category))


class Archive:
    """The folder of `dsol localize`: a record for each video that is done, and the index.

    Args:
        folder: where it is, or its URL: then records and index are kept in the cache, too.

    Example:
        >>> archive = Archive("localized")                                      # doctest: +SKIP
        >>> archive.note("party", "party.mp4", "4f1c", rows)                    # doctest: +SKIP
        >>> archive.write_index()                                               # doctest: +SKIP
    """

    def __init__(self, folder: str | Path):
        self.out = folder
        self.folder = _copy_of(folder) if isinstance(folder, str) and is_remote(folder) else Path(folder)

    def place(self, name: str) -> str | Path:
        """Of a file or folder in it."""
        return child(self.out, name)

    @property
    def records(self) -> Path:
        """The folder of the records."""
        return self.folder / DONE

    @cached_property
    def _videos(self) -> dict[str, str]:
        """Name of a folder -> the video whose results it has."""
        return {name: record["video"] for name, record in self._all()}

    def names(self, videos: Sequence[str]) -> list[str]:
        """A folder's name for each of some videos: the one that it has already, or its own without the suffix, with a
        number behind it where that is taken."""
        known: dict[str, list[str]] = {}
        for name, video in self._videos.items():
            known.setdefault(video, []).append(name)
        taken, found = set(self._videos), []
        for video in videos:
            if mine := known.get(name_of(video)):
                found.append(mine.pop(0))
                continue
            stem = Path(video).stem
            name = next(name for name in chain([stem], (f"{stem}-{n}" for n in count(2))) if name not in taken)
            taken.add(name)
            found.append(name)
        return found

    def is_done(self, name: str, made: str, files: Iterable[str]) -> bool:
        """Whether a folder has those files, made in that way.

        Args:
            name: of the folder.
            made: changes with the video and with all that the results depend on.
            files: their names.
        """
        record = _record(self.records / f"{name}.json")
        if record is None or record["made"] != made:
            return False
        return is_remote(str(self.out)) or all((self.folder / name / file).is_file() for file in files)

    def note(self, name: str, video: str, made: str, rows: Sequence[Found]) -> None:
        """Record that a video is done. Called last: what is recorded is whole."""
        self.records.mkdir(parents=True, exist_ok=True)
        told = [[row.start_s, row.end_s, row.category, row.score, row.seen] for row in rows]
        write_text(self.records / f"{name}.json", json.dumps({"video": name_of(video), "made": made, "rows": told}))
        self._publish(f"{DONE}/{name}.json")

    def _publish(self, name: str) -> None:
        if is_remote(str(self.out)):
            send(self.folder / name, str(self.place(name)))

    def write_index(self) -> Path | None:
        """Write OUT/index.parquet of all records, those of earlier calls too; the same bytes for the same records.

        Returns:
            Its path; None without pyarrow, or where nothing is recorded.
        """
        if not self.records.is_dir() or not installed("pyarrow"):
            return None
        path = self.folder / INDEX
        with locked(self.records / "lock"):  # two processes that finish at once write the same
            _write(path, (row for name, record in self._all() for row in _rows(name, record)))
        self._publish(INDEX)
        return path

    def _all(self) -> Iterator[tuple[str, dict]]:
        names = sorted(file.name.removesuffix(".json") for file in self.records.glob("*.json"))
        for name in names:
            if (record := _record(self.records / f"{name}.json")) is not None:
                yield name, record


def _copy_of(url: str) -> Path:
    """The folder of an archive elsewhere in the cache, with its records."""
    refuse_read_only(url)
    return fetch(f"{url.rstrip('/')}/{DONE}", missing_too=True).parent


def _record(file: Path) -> dict[str, Any] | None:
    """What a record says; None where there is none, or something else."""
    try:
        record = json.loads(read_text(file))
        return record if {"video", "made", "rows"} <= record.keys() else None
    except (OSError, *MALFORMED):
        return None


def _rows(name: str, record: Mapping[str, Any]) -> Iterator[Found]:
    for start_s, end_s, category, score, seen in record["rows"]:
        yield Found(record["video"], start_s, end_s, category, score, seen, name)


def _schema() -> "pa.Schema":
    import pyarrow as pa

    return pa.schema([("video", pa.string()), ("start_s", pa.float64()), ("end_s", pa.float64()),
                      ("category", pa.string()), ("score", pa.float32()), ("seen", pa.bool_()),
                      ("folder", pa.string())])  # fmt: skip


def _write(path: Path, rows: Iterator[Found]) -> None:
    import pyarrow.parquet as pq
    from pyarrow import json as arrow_json  # its other ways to make a table import pandas, which takes a second

    how = {
        "read_options": arrow_json.ReadOptions(use_threads=False),
        "parse_options": arrow_json.ParseOptions(explicit_schema=_schema()),
    }
    with whole(path) as partial, open(partial, "wb") as file, pq.ParquetWriter(file, _schema()) as writer:
        while some := [json.dumps(asdict(row)) for row in islice(rows, ROWS_A_GROUP)]:
            writer.write_table(arrow_json.read_json(io.BytesIO("\n".join(some).encode()), **how))


def read_archive(index: str | Path) -> Iterator[Found]:
    """The rows of an index, in the memory of a part of it.

    Args:
        index: index.parquet, or the folder that it lies in.

    Raises:
        DsolError: there is none, it is something else, or pyarrow is not installed.

    Example:
        >>> loud = [row for row in read_archive("localized") if row.score > 0.9]                     # doctest: +SKIP
    """
    if not installed("pyarrow"):
        raise DsolError("dsol find", "needs pyarrow, not installed", "pip install 'dsol[archive]'")
    import pyarrow.parquet as pq

    path = Path(index)
    path = path / INDEX if path.is_dir() else path
    try:
        with open(path, "rb") as file:
            there = pq.ParquetFile(file, pre_buffer=False)
            for batch in there.iter_batches(columns=_schema().names, use_threads=False):
                yield from (Found(**row) for row in batch.to_pylist())
    except OSError as error:
        raise DsolError(path, f"cannot be read: {error.strerror or error}", REMEDY) from None
    except (*MALFORMED, NotImplementedError) as error:
        raise DsolError(path, f"is no index of an archive: {error}", REMEDY) from None


def find(rows: Iterable[Found], category: str, seen: bool = True, off_screen: bool = True) -> Iterator[Found]:
    """The rows of a category and of those below it: "guitar" finds "Acoustic guitar", too.

    Args:
        rows: of an index.
        category: its name or a synonym, in upper or lower case, with spaces or underscores.
        seen: those in which it is seen.
        off_screen: those in which it is not. Where the picture cannot tell, a row is found by both together only.

    Raises:
        DsolError: at the end, if the index has no such category.
    """
    from dsol.model.vocabulary import vocabulary

    wanted = {_plain(name) for name in vocabulary().below(category)} | {_plain(category)}
    known: set[str] = set()
    states = {True: seen, False: off_screen, None: seen and off_screen}
    for row in rows:
        known.add(row.category)
        if _plain(row.category) in wanted and states[row.seen]:
            yield row
    if not wanted & {_plain(name) for name in known}:
        raise _unknown(category, known)


def _unknown(category: str, known: set[str]) -> DsolError:
    near = difflib.get_close_matches(_plain(category), [_plain(name) for name in known], n=3, cutoff=0.4)
    named = ", ".join(near or sorted(_plain(name) for name in known)[:5]) or "nothing at all"
    return DsolError(category, "is heard in no video of the archive", f"heard is: {named}")


def _plain(name: str) -> str:
    return name.replace("_", " ").casefold()


def print_found(rows: Iterable[Found], as_json: bool = False) -> None:
    """Print rows of an index, a line each, and on stderr how much it is.

    Args:
        rows: what was found.
        as_json: a JSON object a line, for programs; else columns divided by tabs.
    """
    videos, stretches, seconds = set(), 0, 0.0
    for row in rows:
        seen = {True: "seen", False: "off screen", None: "unknown"}[row.seen]
        told = (row.video, f"{row.start_s:.2f}", f"{row.end_s:.2f}", row.category, f"{row.score:.2f}", seen)
        print(json.dumps(asdict(row)) if as_json else "\t".join(told))
        videos.add(row.video)
        stretches, seconds = stretches + 1, seconds + row.end_s - row.start_s
    say(f"{stretches} stretches, {seconds:.0f} s, in {len(videos)} videos")
