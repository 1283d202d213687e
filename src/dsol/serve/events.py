"""What happens to a video, told as it happens: server-sent events, which a page hears by itself (EventSource).

parts.jsonl ─▶ "head", "part", "tracks", numbered        Job ─▶ "state", and at last "end"
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import IO

from dsol.serve.jobs import FINISHED, Job
from dsol.serve.shown import PARTS

MEDIA_TYPE = "text/event-stream"
TICK_S = 0.1  # seconds between two looks at a job
STILL_HERE_S = 15.0  # seconds after which an empty line tells servers in between that the line is in use
GONE = '{"state": "gone"}'


async def events(job: Job, state: Callable[[], str], after: int = 0) -> AsyncIterator[str]:
    """The events of a job until it is done, failed or removed.

    Args:
        job: whose.
        state: its state as JSON.
        after: the number of the last event that was heard of a line that broke.
    """
    lines = _Lines(job, after)
    told, told_at = "", time.monotonic()
    try:
        while True:
            over = job.state in FINISHED or job.removed  # before the lines are read: then these are all
            for line in lines.new():
                yield line
                told_at = time.monotonic()
            now = state()
            if now != told and not job.removed:
                yield f"event: state\ndata: {now}\n\n"
                told, told_at = now, time.monotonic()
            if over:
                yield f"event: end\ndata: {GONE if job.removed else now}\n\n"
                return
            if time.monotonic() - told_at > STILL_HERE_S:
                yield ":\n\n"
                told_at = time.monotonic()
            await asyncio.sleep(TICK_S)
    finally:
        lines.close()


class _Lines:
    """The lines of parts.jsonl, as they come, as events."""

    def __init__(self, job: Job, after: int):
        self._job, self._after, self._number = job, after, 0
        self._file: IO[str] | None = None

    def new(self) -> Iterator[str]:
        """Those that have come since."""
        while self._number < self._job.parts:
            try:
                self._file = self._file or (self._job.folder / PARTS).open(encoding="utf-8")
            except OSError:  # it was removed
                return
            line = self._file.readline().rstrip("\n")
            self._number += 1
            if self._number > self._after:
                kind = line.split('"', 2)[1]
                yield f"event: {kind}\nid: {self._number}\ndata: {line}\n\n"

    def close(self) -> None:
        """Once the listener is gone."""
        if self._file is not None:
            self._file.close()
