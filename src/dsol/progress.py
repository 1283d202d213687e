"""Progress: a bar on a terminal, a plain line now and then elsewhere. Always on stderr."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from dsol.text import name_of

T = TypeVar("T")
Track = Callable[[Iterable[T], str, int | None, str], Iterator[T]]  # `track`, or a replacement
PLAIN_EVERY_S = 10.0  # seconds between plain lines


def say(message: str) -> None:
    """One line for the user."""
    print(name_of(message), file=sys.stderr, flush=True)


def track(items: Iterable[T], label: str, total: int | None = None, unit: str = "") -> Iterator[T]:
    """Yield `items` and show the progress.

    Args:
        items: anything iterable.
        label: what is being done, e.g. "Preparing".
        total: how many items there are; taken from `len(items)` where that is known.
        unit: what one item is, e.g. "videos".

    Example:
        >>> list(track([1, 2], "Counting"))
        [1, 2]
    """
    if total is None and hasattr(items, "__len__"):
        total = len(items)  # type: ignore[arg-type]
    yield from (_bar if sys.stderr.isatty() else _plain)(items, label, total, unit)


def _bar(items: Iterable[T], label: str, total: int | None, unit: str) -> Iterator[T]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit, markup=False),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        yield from progress.track(items, total=total, description=name_of(label))


def _plain(items: Iterable[T], label: str, total: int | None, unit: str) -> Iterator[T]:
    start = last = time.monotonic()
    done = 0
    for item in items:
        yield item
        done += 1
        now = time.monotonic()
        if now - last >= PLAIN_EVERY_S:
            last = now
            say(f"{label}: {done}{f' of {total}' if total else ''} {unit}".rstrip() + f", {now - start:.0f} s")
    took = time.monotonic() - start
    if took >= 1:
        say(f"{label}: {done} {unit}".rstrip() + f" in {took:.0f} s")
