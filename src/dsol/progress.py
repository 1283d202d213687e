"""Progress: a bar on a terminal or in a notebook, a plain line now and then elsewhere, on stderr."""

import html
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from dsol.text import name_of

T = TypeVar("T")
Track = Callable[[Iterable[T], str, int | None, str], Iterator[T]]  # `track`, or a replacement
PLAIN_EVERY_S = 10.0  # seconds between plain lines
PLACED = ("RANK", "WORLD_SIZE", "LOCAL_RANK")  # variables of a process that was started with others
DRAWN_EVERY_S = 0.2  # seconds between two states of the bar in a notebook


def is_first() -> bool:
    """Whether this process writes and speaks: of several that torchrun or dsol started for one training, the first."""
    return not all(name in os.environ for name in PLACED) or os.environ["RANK"] == "0"


def say(message: str) -> None:
    """One line for the user."""
    if is_first():
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
    if not is_first():
        yield from items
        return
    way = _notebook_bar if in_notebook() else _bar if sys.stderr.isatty() else _plain
    yield from way(items, label, total, unit)


def in_notebook() -> bool:
    """Whether a notebook's kernel runs this: Jupyter, Colab and their like."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return hasattr(shell, "kernel")


def _notebook_bar(items: Iterable[T], label: str, total: int | None, unit: str) -> Iterator[T]:
    from IPython.display import HTML, display  # it is there: its kernel runs this

    start = last = time.monotonic()
    done = 0
    shown: Any = display(HTML(_bar_of(label, 0, total, unit)), display_id=True)
    for item in items:
        yield item
        done += 1
        if time.monotonic() - last >= DRAWN_EVERY_S:
            last = time.monotonic()
            shown.update(HTML(_bar_of(label, done, total, unit)))
    shown.update(HTML(_bar_of(label, done, done, f"{unit}, {time.monotonic() - start:.0f} s")))


def _bar_of(label: str, done: int, total: int | None, unit: str) -> str:
    value = f' value="{done}" max="{total}"' if total else ""
    said = html.escape(f"{name_of(label)}: {done}{f' of {total}' if total and total != done else ''} {unit}".rstrip())
    return f'<label>{said} <progress{value} style="vertical-align:middle"></progress></label>'


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
