"""Videos that wait, are worked on, or are done: one at a time, in one thread, in the order of arrival.

waiting ──▶ running ──▶ done
               └──────▶ failed         and from each of them: removed
"""

import logging
import secrets
import shutil
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Literal, TypeVar

from dsol.errors import DsolError
from dsol.localize import Localizer, localize_video
from dsol.localize.files import FILES
from dsol.localize.localization import Timeline
from dsol.localize.palette import colours_of

T = TypeVar("T")
Standing = Literal["waiting", "running", "done", "failed"]
CLOSING_S = 10.0  # seconds that the work in progress gets to see that it is not wanted any more
MAKE_ROOM = "remove videos that are done, or free some space"  # what a visitor can do about a full disk
log = logging.getLogger("uvicorn.error")  # the one that uvicorn shows in the terminal


class Stopped(Exception):
    """The video was removed while it was worked on."""


class Job:
    """One video and what is known of it.

    Args:
        name: what the visitor calls the video.
        folder: its own, with the video in it; everything made of it goes there.

    Attributes:
        id: cannot be guessed: who knows it may see the video.
        state: "waiting", "running", "done" or "failed".
        step, done, total, unit: what is being done, and how far it is.
        error: the line that says why it failed.
        colours: category -> its colour in the annotated video, "#rrggbb", of those that ever sound.
    """

    def __init__(self, name: str, folder: Path):
        self.id, self.name, self.folder = folder.name, name, folder
        self.video, self.found = folder / "video", folder / "found"
        self.state: Standing = "waiting"
        self.error = ""
        self.step, self.done, self.total, self.unit = "", 0, 0, ""
        self.colours: dict[str, str] = {}
        self.removed = False

    def run(self, localizer: Localizer) -> None:
        """Do the work; whatever happens becomes the job's state."""
        self.state = "running"
        self.error = self._localize(localizer)
        with suppress(OSError):
            self.video.unlink()  # the results hold all that is shown
        self.state = "failed" if self.error else "done"

    def _localize(self, localizer: Localizer) -> str:
        """The line that says why it failed; empty where it did not."""
        try:
            timeline = localize_video(self.video, localizer, self.found, self.name, self._track)
            self.colours = colours_by_name(timeline)
        except DsolError as error:
            return str(self.named(error))
        except Exception:
            if self.removed:  # it was stopped, or its files went away under its hands
                return f"{self.name}: was removed"
            return self._mistake()
        return ""

    def _mistake(self) -> str:
        """The line for what dsol does wrong, whose traceback goes to the terminal."""
        log.exception("%s: a mistake of dsol", self.name)
        return f"{self.name}: could not be localised (the terminal of dsol serve says why)"

    def fail(self) -> None:
        """End the job with the error that is being handled."""
        self.error, self.state = self._mistake(), "failed"

    def named(self, error: DsolError) -> DsolError:
        """The error with the visitor's name of the video in place of where we keep it, and what a visitor can do."""
        where = Path(error.where)
        if where.is_relative_to(self.found):  # results that cannot be written
            return DsolError(self.name, error.what, MAKE_ROOM)
        return DsolError(self.name, error.what, error.remedy) if where.is_relative_to(self.folder) else error

    def file(self, name: str) -> Path | None:
        """One of `FILES`, or None where there is no such result, or none yet."""
        return self.found / name if self.state == "done" and name in FILES else None

    def _track(self, items: Iterable[T], label: str, total: int | None = None, unit: str = "") -> Iterator[T]:
        """Stands for `dsol.progress.track`: keeps the progress, and ends the work of a removed job."""
        self.step, self.done, self.total, self.unit = label, 0, total or 0, unit
        for item in items:
            if self.removed:
                raise Stopped
            yield item
            self.done += 1


def colours_by_name(timeline: Timeline) -> dict[str, str]:
    """The colours of the annotated video, for those who draw beside it."""
    colours = colours_of(timeline.ever_sounding)
    return {timeline.categories[k]: "#{:02x}{:02x}{:02x}".format(*colour) for k, colour in colours.items()}


class Jobs:
    """All videos of one server. Use it as a context: leaving it ends the work.

    Args:
        localizer: what works on them.
        folder: where they are kept, a folder each.
    """

    def __init__(self, localizer: Localizer, folder: Path):
        self.localizer, self.folder = localizer, folder
        self._jobs: dict[str, Job] = {}
        self._queue: SimpleQueue[Job | None] = SimpleQueue()
        self._worker = threading.Thread(target=self._work, name="dsol serve", daemon=True)

    def __enter__(self) -> "Jobs":
        self._worker.start()
        return self

    def __exit__(self, *_: object) -> None:
        for job in list(self._jobs.values()):
            job.removed = True
        self._queue.put(None)
        self._worker.join(CLOSING_S)

    def new(self, name: str) -> Job:
        """A job whose folder is still to be made; it waits for nothing before it is given to `add`."""
        return Job(name, self.folder / secrets.token_urlsafe(16))

    def add(self, job: Job) -> None:
        """Put a job whose video is there at the end of the queue."""
        self._jobs[job.id] = job
        self._queue.put(job)

    def find(self, id: str) -> Job | None:
        """The job of that id, if it is still there."""
        return self._jobs.get(id)

    def ahead(self, job: Job) -> int:
        """How many jobs are done before this one; 0 unless it waits."""
        if job.state != "waiting":
            return 0
        unfinished = [other for other in list(self._jobs.values()) if other.state in ("waiting", "running")]
        return unfinished.index(job) if job in unfinished else 0

    def remove(self, job: Job) -> None:
        """Forget a job and delete its files; work on it ends at the next second or frame."""
        job.removed = True
        self._jobs.pop(job.id, None)
        shutil.rmtree(job.folder, ignore_errors=True)

    def _work(self) -> None:
        for job in iter(self._queue.get, None):
            try:
                if not job.removed:
                    job.run(self.localizer)
            except Exception:  # the others still want their turn
                job.fail()
            if job.removed:  # the work may have written once more
                shutil.rmtree(job.folder, ignore_errors=True)
