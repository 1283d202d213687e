"""The server's side of the processes in which strangers' videos are read and localised (work.py).

One worker lives as long as the server and localises; one checker a video reads its first second. Each may die, hang
or need too much memory: that costs its video one line, and nothing else.
"""

import multiprocessing
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from dsol.errors import DsolError
from dsol.localize import Localizer
from dsol.serve.limits import Limits
from dsol.serve.work import STOP, Order, check, work

CHECK_S = 60.0  # seconds in which the first second of a video must be read
LOAD_S = 300.0  # seconds in which a model must be loaded
QUIET_S = 300.0  # seconds without a word after which work hangs
LEAST_S, SLOWEST = 600.0, 10.0  # work on a video may take so many seconds, and so many times the longest one's length
STOPPING_S = 3.0  # seconds that a removed video's work gets to end by itself
TICK_S = 0.1
PRELOADED = ["dsol.serve.work"]  # what the clean process has read
WHOLE = "give a whole video with picture and sound"


def _context():
    """Processes that begin as a copy of a clean one, in a moment, where the system can do that; else anew."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


def check_apart(video: Path, minutes: float, memory_mb: int) -> dict[str, Any]:
    """Read the first second of a video in a process of its own.

    Returns:
        "duration_s", and "kind": the media type where browsers play it, else "".

    Raises:
        DsolError: it is no video, or too long, has no picture or no sound, cannot be decoded, ends at once, or takes
            more time or memory than it may.
    """
    context = _context()
    ours, theirs = context.Pipe()
    process = context.Process(target=check, args=(theirs, video, minutes, memory_mb, int(CHECK_S)), daemon=True)
    process.start()
    theirs.close()
    try:
        if not ours.poll(CHECK_S):
            raise DsolError(video, f"takes longer than {CHECK_S:.0f} s to read its first second", WHOLE)
        answer = ours.recv()
    except (EOFError, OSError):
        raise DsolError(video, "cannot be read: reading it ended the process that tried", WHOLE) from None
    finally:
        _end(process)
        ours.close()
    if isinstance(answer, DsolError):
        raise answer
    return answer


def _end(process: Any) -> None:
    process.kill()
    process.join()


class Worker:
    """The process that localises, and starts again when it has died.

    Args:
        load: makes the localizer, there; it is sent there by pickle.
        limits: of memory, of the disk, and of the length of a video, by which the time for one is limited.

    Attributes:
        categories, threshold: of the model, once it is started.
        offline: the process has no network.
        deaths: how many processes have ended by themselves or were killed.
    """

    def __init__(self, load: Callable[[], Localizer], limits: Limits | None = None):
        self._load, self._limits = load, limits or Limits()
        self._process: Any = None
        self._line: Connection | None = None
        self.categories: list[str] = []
        self.threshold, self.offline = 0.0, False
        self.deaths = 0

    @property
    def pid(self) -> int:
        """Of the process; 0 where there is none."""
        return self._process.pid if self._process is not None else 0

    def start(self) -> None:
        """Start the process, if there is none, and wait until the model is loaded.

        Raises:
            DsolError: the model cannot be loaded.
        """
        if self._process is not None and self._process.is_alive():
            return
        self.kill()
        context = _context()
        self._line, theirs = context.Pipe()
        limits = self._limits.memory_mb, self._limits.disk_mb
        self._process = context.Process(target=work, args=(theirs, self._load, *limits), daemon=True)
        self._process.start()
        theirs.close()
        try:
            told: dict[str, Any] = self._line.recv() if self._line.poll(LOAD_S) else {"outcome": self._dead("hangs")}
        except (EOFError, OSError):
            told = {"outcome": self._dead("ended")}
        if told["outcome"] is not None:
            self.kill()
            raise told["outcome"]
        self.categories, self.threshold, self.offline = told["categories"], told["threshold"], told["offline"]

    def do(self, order: Order, tell: Callable[[dict[str, Any]], None], stopped: Callable[[], bool]) -> str:
        """Localise a video.

        Args:
            order: which.
            tell: called with what changed in the job, as `work` sends it.
            stopped: asked now and then whether to end it.

        Returns:
            The traceback of a mistake of dsol's; "" where there is none.

        Raises:
            DsolError: the video cannot be localised, or the process has died.
        """
        self.start()
        assert self._line is not None
        try:
            self._line.send(order)
            outcome = self._listen(order, self._line, tell, stopped)
        except (EOFError, OSError):
            outcome = self._died(order)
        if isinstance(outcome, DsolError):
            raise outcome
        return outcome or ""

    def _listen(self, order: Order, line: Connection, tell: Callable, stopped: Callable) -> DsolError | str | None:
        begun = heard_at = time.monotonic()
        most_s, stopping_at = LEAST_S + SLOWEST * 60 * self._limits.minutes, 0.0
        while True:
            now = time.monotonic()
            if line.poll(TICK_S):
                heard_at = now
                told = line.recv()
                if "outcome" in told:
                    return told["outcome"]
                tell(told)
            if stopped():
                if not stopping_at:
                    line.send(STOP)
                    stopping_at = now
                if now - stopping_at > STOPPING_S:
                    return self.kill()
            if now - heard_at > QUIET_S:
                self.kill()
                return DsolError(order.folder / "video", f"hangs: nothing has come of it for {QUIET_S:.0f} s", WHOLE)
            if now - begun > most_s:
                self.kill()
                return DsolError(order.folder / "video", f"takes longer than {most_s / 60:.0f} minutes", "cut it")

    def _died(self, order: Order) -> DsolError:
        self._process.join(1)
        code = self._process.exitcode
        self.kill()
        self.deaths += 1
        how = f"killed by {signal.Signals(-code).name}" if code and code < 0 else "ended"
        what = f"could not be localised: the process that did it was {how}" if code else "could not be localised"
        return DsolError(order.folder / "video", what, "try again; if it is always so, a smaller video may do")

    def _dead(self, how: str) -> DsolError:
        remedy = "is there enough memory? see dsol serve --memory"
        return DsolError("dsol serve", f"the process that localises {how} while it loads the model", remedy)

    def kill(self) -> None:
        """End the process at once."""
        if self._process is not None:
            _end(self._process)
            self._process = None
        if self._line is not None:
            with suppress(OSError):
                self._line.close()
            self._line = None
