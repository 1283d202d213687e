"""Work for worker processes; it imports nothing heavy, so that they start at once."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from dsol.errors import DsolError

PATIENCE_S = 120.0


def wait_for(what) -> None:
    """Wait until `what()` is true."""
    end = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


class Noting:
    """Notes in a folder which worker begins which item; all workers begin one before any ends."""

    def __init__(self, folder: Path, workers: int):
        self.folder, self.workers, self.done = folder, workers, 0

    def begun(self) -> list[tuple[int, int]]:
        """(item, worker) of all that was begun."""
        return [tuple(map(int, file.name.split("-")[:2])) for file in self.folder.glob("*-*-*")]

    def __call__(self, item: int) -> tuple[int, int, int]:
        (self.folder / f"{item}-{os.getpid()}-{uuid4().hex}").touch()
        wait_for(lambda: len({worker for _, worker in self.begun()}) >= self.workers)
        self.done += 1
        return item, os.getpid(), self.done


class Halting(Noting):
    """From item 10 on all wait for the file "go"."""

    def __call__(self, item: int) -> tuple[int, int, int]:
        found = super().__call__(item)
        wait_for(lambda: item < 10 or (self.folder / "go").exists())
        return found


def kill_for_one(item: int) -> int:
    """Ends its process at item 1."""
    if item == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def refuse(item: int) -> int:
    """Fails as a bad file does."""
    raise DsolError("party.mp4", "is no video", "give one")


@contextmanager
def within(seconds: int) -> Iterator[None]:
    """Raise TimeoutError in what takes longer, where it would wait for ever."""

    def stop(*_) -> None:
        raise TimeoutError(f"took longer than {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    except SystemError as error:  # so compiled code reports what is raised while it waits
        raise (error.__cause__ or error) from None
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
