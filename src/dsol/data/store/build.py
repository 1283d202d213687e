"""Making a store: parts that survive a kill, merged at the end, whole or not at all.

    tasks ──make, in any process──▶ OUT.partial/<part>.tar + .json ──merge, in order──▶ OUT.partial/store ──▶ OUT

A part is saved as soon as it is done, and its .json is written last: what is there is whole. The merge runs in
the order of the tasks and the parts do not depend on it, so the result is the same to the byte whatever the
number of workers and however often the work was stopped. While it runs it takes twice the room of the result.
On Ray the workers send their parts: the machine that has the folder alone writes there.
"""

import hashlib
import io
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from dsol.data.boxes import Boxes
from dsol.data.engines import run
from dsol.data.store.alone import locked
from dsol.data.store.index import INDEX, index_written
from dsol.data.store.reader import BOXES, INFO, VERSION, Store, read_info
from dsol.data.store.shards import END_OF_TAR, JPEG_QUALITY, TarBody, shard_name
from dsol.errors import DsolError
from dsol.files import partial_of
from dsol.progress import say, track
from dsol.text import read_text

SHARD_BYTES = 256 * 2**20  # a shard is closed once it has so many; no part is ever split
DRAFT = ".tmp"

Report = dict[str, Any]  # JSON
Make = Callable[[Any, TarBody], tuple[list[dict], Report]]


@dataclass(frozen=True)
class Part:
    """A piece of work that is saved as a whole.

    Attributes:
        name: a file name that changes whenever the part's content would.
        task: what `make` gets, picklable.
    """

    name: str
    task: Any


def digest(value: Any) -> str:
    """16 hexadecimal digits that change with a value, JSON."""
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:16]


def build(
    out: str | Path,
    made: dict,
    parts: Sequence[Part],
    make: Make,
    finish: Callable[[list[Report]], tuple[dict, Boxes | None]],
    label: str,
    unit: str,
    engine: str = "local",
    workers: int = 0,
    lost: Callable[[Any], Report] | None = None,
) -> Store:
    """Make a store, or go on with one that was stopped. The caller asks `finished` first.

    Args:
        out: the folder to make.
        made: how it is made, JSON: goes into store.json.
        parts: the work, in the order of the result.
        make: from a task and an open body to its rows and a report; a part without rows is not saved.
        finish: from all reports, in order, to more entries for store.json and the annotations.
        label, unit: what is done to what, for the progress.
        engine, workers, lost: see `engines.run`; `lost` makes the report of a task that killed its process.

    Raises:
        DsolError: the folder cannot be written, or another process is making it.
    """
    out = Path(out)
    if out.name in ("", ".."):
        raise DsolError(out, "is no name for a folder to make", "give its name")
    with _writing(out), _workspace(out) as folder:
        reports = _reports(folder, parts)
        left = [part for part in parts if part.name not in reports]
        work = partial(_make_part, None if engine == "ray" else folder, make)
        results = run(work, left, engine, workers, lost and (lambda part: Made([], lost(part.task))))
        for part, done in zip(left, track(results, label, total=len(left), unit=unit), strict=True):
            reports[part.name] = done.report
            if done.body is not None:
                with _draft(folder, part.name) as draft:
                    draft.write_bytes(done.body)
                    _finish(folder, part.name, draft, done.rows, done.report)
        info, boxes = finish([reports[part.name] for part in parts])
        store = _merge(folder, [part.name for part in parts], {"made": made, **info}, boxes)
        if out.exists():
            out.rmdir()  # it is empty
        os.rename(store, out)
        shutil.rmtree(folder, ignore_errors=True)  # the lock in it may be open still
    return Store.open(out)


def finished(out: str | Path, made: dict) -> Store | None:
    """The store if it exists already, made with the same options; None if there is nothing in its place.

    Raises:
        DsolError: something else is there.
    """
    out = Path(out)
    try:
        if not out.exists() or not any(out.iterdir()):
            return None
    except NotADirectoryError:
        raise DsolError(out, "is a file", "choose another name for the store") from None
    there = read_info(out).get("made", {}) if (out / INFO).exists() else None
    if there is None:
        raise DsolError(out, "exists and is not a store", "choose another folder")
    other = [f"{k} {there.get(k)!r}, not {made.get(k)!r}" for k in {**made, **there} if made.get(k) != there.get(k)]
    if other:
        raise DsolError(out, f"exists, made with {'; '.join(other)}", "remove it or choose another folder")
    shutil.rmtree(partial_of(out), ignore_errors=True)  # a kill after the last rename leaves it
    say(f"{out}: exists already, made with the same options")
    return Store.open(out)


@contextmanager
def _writing(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        remedy = "check the free space and the permissions, then run it again: finished parts are not repeated"
        raise DsolError(out, f"cannot be written: {error.strerror or error}", remedy) from None


@contextmanager
def _workspace(out: Path) -> Iterator[Path]:
    """OUT.partial, for this process alone. The lock goes with the process, however it ends."""
    folder = partial_of(out)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with locked(folder / "lock") as is_ours:
            if not is_ours:
                raise DsolError(out, "is being made by another process", "wait for it, or stop it")
            for draft in folder.glob(f"*{DRAFT}"):  # of a process that was killed
                draft.unlink()
            yield folder
    finally:
        _leave(folder)


def _leave(folder: Path) -> None:
    """Remove a workspace without finished parts, unless another process works there."""
    if folder.is_dir() and not any(folder.glob("*.json")):
        with locked(folder / "lock") as is_ours:
            pass
        if is_ours:
            shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class Made:
    """What a worker has made of a part; `body`, its clips, where they are to be saved on another machine."""

    rows: list[dict]
    report: Report
    body: bytes | None = None


def _reports(folder: Path, parts: Sequence[Part]) -> dict[str, Report]:
    """Of the parts that are there already: name -> report."""
    there = {part.name: folder / f"{part.name}.json" for part in parts}
    return {name: json.loads(read_text(file))["report"] for name, file in there.items() if file.exists()}


def _make_part(folder: Path | None, make: Make, part: Part) -> Made:
    """One part, saved in a folder; or, on another machine, to be sent to the one that has it."""
    if folder is None:
        body = io.BytesIO()
        rows, report = make(part.task, TarBody(body))
        return Made(rows, report, body.getvalue())
    with _draft(folder, part.name) as draft:
        with open(draft, "wb") as file:
            rows, report = make(part.task, TarBody(file))
        _finish(folder, part.name, draft, rows, report)
    return Made([], report)


@contextmanager
def _draft(folder: Path, name: str) -> Iterator[Path]:
    draft = folder / f"{name}.{uuid4().hex}{DRAFT}"
    try:
        yield draft
    finally:
        draft.unlink(missing_ok=True)


def _finish(folder: Path, name: str, draft: Path, rows: list[dict], report: Report) -> None:
    """Put a part in its place; one without rows is not saved."""
    if rows:
        os.replace(draft, folder / f"{name}.tar")
        draft.write_text(json.dumps({"report": report, "rows": rows}), "utf-8")
        os.replace(draft, folder / f"{name}.json")


def _merge(folder: Path, names: list[str], info: dict, boxes: Boxes | None) -> Path:
    """Join the parts to shards, write the index and the description; returns the folder of the result."""
    store = folder / "store"
    shutil.rmtree(store, ignore_errors=True)
    store.mkdir()
    saved = [name for name in names if (folder / f"{name}.json").exists()]
    clips, videos, shards = 0, set(), 0
    with index_written(store / INDEX) as add:
        for shards, group in enumerate(_groups(folder, saved), start=1):
            rows = _join(folder, group, store / shard_name(shards - 1), shards - 1)
            add(rows)
            clips += len(rows)
            videos.update(row["video"] for row in rows)
    if boxes is not None:
        boxes.save(store / BOXES)
    counts = {"clips": clips, "videos": len(videos), "shards": shards, "jpeg_quality": JPEG_QUALITY}
    text = json.dumps({"format": "dsol store", "version": VERSION, **counts, **info}, indent=1, ensure_ascii=False)
    (store / INFO).write_text(text + "\n", "utf-8")
    return store


def _groups(folder: Path, names: list[str]) -> Iterator[list[str]]:
    """The parts of each shard."""
    group, size = [], 0
    for name in names:
        group.append(name)
        size += (folder / f"{name}.tar").stat().st_size
        if size >= SHARD_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group


def _join(folder: Path, names: list[str], target: Path, number: int) -> list[dict]:
    """Write one shard; returns its rows, their offsets counted from its beginning."""
    rows = []
    with open(target, "wb") as shard:
        for name in names:
            start = shard.tell()
            part = json.loads(read_text(folder / f"{name}.json"))
            rows += [_moved(row, number, start) for row in part["rows"]]
            with open(folder / f"{name}.tar", "rb") as body:
                shutil.copyfileobj(body, shard, 2**20)
        shard.write(END_OF_TAR)
    return rows


def _moved(row: dict, shard: int, start: int) -> dict:
    lists = {name: [start + offset for offset in row[name]] for name in ("frame_offset", "extra_offset") if name in row}
    return {**row, **lists, "shard": shard, "sound_offset": start + row["sound_offset"]}
