"""Writing a file or a folder whole or not at all: beside its place first, then in one step.

with whole("report.html") as partial:       # report.html.partial
    partial.write_text(…)                   # an error here leaves what was there before, and nothing beside it

A JSON file is read here too, with one line where it is none.
"""

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dsol.errors import DsolError
from dsol.text import read_text

LONGEST_NAME = 255  # bytes: what file systems take


@contextmanager
def whole(path: str | Path) -> Iterator[Path]:
    """A place beside `path` to write a file or a folder to, which becomes `path` where all goes well.

    A file there is replaced, and so is an empty folder.

    Raises:
        OSError: it cannot be written; what was there before is kept.

    Example:
        >>> with whole("figures.json") as partial:                              # doctest: +SKIP
        ...     partial.write_text("{}", "utf-8")
    """
    partial = partial_of(path)
    _remove(partial)  # of a process that was killed
    try:
        yield partial
        os.replace(partial, path)
    finally:
        _remove(partial)


def write_text(path: str | Path, text: str) -> None:
    """Write a text as UTF-8, whole or not at all."""
    with whole(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_json(path: str | Path, value: Any) -> None:
    """Write a value as JSON, whole or not at all."""
    write_text(path, json.dumps(value, indent=1) + "\n")


def read_json(path: str | Path, remedy: str) -> Any:
    """The content of a JSON file, in any of the encodings of `read_text`.

    Args:
        path: the file.
        remedy: what to do where it is none.

    Raises:
        DsolError: cannot be read, or is not JSON.

    Example:
        >>> read_json("names.json", 'write {"cluster 0": "dog"}')                          # doctest: +SKIP
        {'cluster 0': 'dog'}
    """
    try:
        return json.loads(read_text(path))
    except OSError as error:
        raise DsolError(path, f"cannot be read: {error.strerror}", remedy) from None
    except (ValueError, RecursionError) as error:
        raise DsolError(path, f"is not JSON: {error}", remedy) from None


def copy(source: str | Path, path: str | Path) -> None:
    """Copy a file, whole or not at all."""
    with whole(path) as partial:
        shutil.copyfile(source, partial)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def partial_of(path: str | Path) -> Path:
    """Where a file or folder lies until it is whole: beside its place, `NAME.partial`.

    A name that would become too long for a file system is cut and gets a number of its own.

    Raises:
        IsADirectoryError: the path ends in no name, as `.` and `..` do.

    Example:
        >>> partial_of("out/store").name, len(partial_of("x" * 255).name)
        ('store.partial', 255)
    """
    path = Path(path)
    if path.name in ("", ".."):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    name = os.fsencode(path.name)
    if len(name) + len(b".partial") <= LONGEST_NAME:
        return path.with_name(f"{path.name}.partial")
    ending = f"-{hashlib.sha256(name).hexdigest()[:8]}.partial"
    kept = name[: LONGEST_NAME - len(ending)].decode("utf-8", "ignore")
    return path.with_name(kept + ending)
