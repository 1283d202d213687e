"""What happens in processes of their own: reading and localising what strangers send.

    server ──order──▶ work: Localizer ──localize_video──▶ found/   what was found, as `dsol localize` writes it
           ◀──dict of what changed──┘        └─ shown.Shown ─▶ parts.jsonl, timeline.npz, poster.jpg   for the page

A process has no network, and limits of memory, time and files (confined.py). It may be killed at any moment: the
server sees that, and starts another.
"""

import signal
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar

from dsol.data.media import probe, read_seconds
from dsol.errors import DsolError
from dsol.localize import Localizer, localize_video
from dsol.localize.palette import colours_of
from dsol.serve.confined import limit, take_network
from dsol.serve.limits import TooLarge
from dsol.serve.shown import Shown
from dsol.serve.watching import kind_of

T = TypeVar("T")
STOP = "stop"  # sent by the server in place of an order
TIGHT = "make its picture smaller, or start dsol serve with a larger --memory"


@dataclass(frozen=True)
class Order:
    """One video to localise.

    Attributes:
        folder: of the job, with `video` in it.
        name: what the visitor calls it.
    """

    folder: Path
    name: str


class Stopped(Exception):
    """The video was removed while it was worked on."""


def check(connection: Connection, video: Path, minutes: float, memory_mb: int, cpu_s: int) -> None:
    """Read the first second of a video, and send home its facts or the `DsolError`; write nothing."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    limit(memory_mb, cpu_s, file_mb=0)
    take_network()
    try:
        connection.send(first_second(video, minutes))
    except DsolError as error:
        connection.send(error)
    except Exception as error:
        connection.send(_unreadable(video, error, memory_mb))


def first_second(video: Path, minutes: float) -> dict[str, Any]:
    """Read the first second: "duration_s" and "kind" of a video that can be localised.

    Raises:
        DsolError: it cannot.
        TooLarge: it is too long.
    """
    duration_s = probe(video).duration_s
    if duration_s > 60 * minutes:
        what = f"is {duration_s / 60:.1f} minutes long, more than {minutes:g}"
        raise TooLarge(video, what, "cut it, or start dsol serve with a larger --minutes")
    next(read_seconds(video, whole_only=False))
    return {"duration_s": duration_s, "kind": kind_of(video)}


def _unreadable(video: Path, error: Exception, memory_mb: int) -> DsolError:
    if _is_tight(error):
        return _tight(video, memory_mb)
    return DsolError(video, f"cannot be read: {type(error).__name__}", "give a whole video with picture and sound")


def _tight(video: Path, memory_mb: int) -> DsolError:
    more = f"{memory_mb} MB of memory" if memory_mb else "all memory that there is"
    return DsolError(video, f"takes more than {more}", TIGHT)


def _is_tight(error: BaseException) -> bool:
    return isinstance(error, MemoryError) or "allocate memory" in str(error).lower()


def work(connection: Connection, load: Callable[[], Localizer], memory_mb: int, disk_mb: int) -> None:
    """Localise videos until the server is gone.

    Args:
        connection: gives `Order`s; gets a dict of what changed in the job, the last of an order has "outcome": None,
            a `DsolError`, or the text of a traceback.
        load: makes the localizer.
        memory_mb, disk_mb: see `Limits`.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which ends this process
    limit(memory_mb, file_mb=disk_mb)
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        try:
            localizer = load()
        except DsolError as error:
            return connection.send({"outcome": error})
        model = {"categories": sorted(set(localizer.system.categories)), "threshold": float(localizer.threshold)}
        connection.send({**model, "offline": take_network(), "outcome": None})
        while True:
            order = connection.recv()
            if isinstance(order, Order):  # a late STOP is of an order that has ended meanwhile
                connection.send({"outcome": _outcome(order, localizer, connection, memory_mb)})


def _outcome(order: Order, localizer: Localizer, connection: Connection, memory_mb: int) -> DsolError | str | None:
    try:
        _localize(order, localizer, connection)
    except DsolError as error:
        return error
    except (EOFError, BrokenPipeError, ConnectionResetError):
        raise
    except Stopped:
        return None
    except Exception as error:
        if _is_tight(error):
            return _tight(order.folder / "video", memory_mb)
        return traceback.format_exc()
    return None


def _localize(order: Order, localizer: Localizer, connection: Connection) -> None:
    video, folder = order.folder / "video", order.folder

    def track(items: Iterable[T], label: str, total: int | None = None, unit: str = "") -> Iterator[T]:
        """Replaces `dsol.progress.track`: tells the server, and ends the work where the server wants it."""
        connection.send({"step": label, "done": 0, "total": total or 0, "unit": unit})
        for done, item in enumerate(items):
            if connection.poll() and connection.recv() == STOP:
                raise Stopped
            yield item
            connection.send({"done": done + 1})

    shown = Shown(localizer, folder, track, connection.send)
    timeline = localize_video(video, shown, folder / "found", order.name, track)  # type: ignore[arg-type]
    colours = colours_of(timeline.heard)
    told = {timeline.categories[k]: "#{:02x}{:02x}{:02x}".format(*colour) for k, colour in colours.items()}
    connection.send({"colours": told})
