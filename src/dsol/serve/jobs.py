"""The queue of videos: one at a time, in the order of arrival, in a process of its own.

uploading ──▶ waiting ──▶ running ──▶ done
                             └──────▶ failed         and from each of them: removed
"""

import logging
import os
import secrets
import shutil
import threading
import time
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Literal

from dsol.errors import MALFORMED, DsolError
from dsol.files import read_json, write_json
from dsol.localize.files import FILES
from dsol.serve.limits import MAKE_ROOM, MB, Limits, NoRoom, QueueFull, TooLarge, TooMany
from dsol.serve.metrics import Metrics
from dsol.serve.work import Order
from dsol.serve.worker import Worker

Standing = Literal["waiting", "running", "done", "failed"]
FINISHED = ("done", "failed")
RECORD = "job.json"
RECORDED = ("name", "state", "error", "colours", "parts", "watch", "kind", "visitor", "created_s", "finished_s")
SWEEP_S = 10.0  # seconds between two looks for what has been kept long enough
CLOSING_S = 10.0  # seconds that the thread gets to end
log = logging.getLogger("uvicorn.error")  # the one that uvicorn shows in the terminal


class Job:
    """One video and its state.

    Args:
        name: what the visitor calls the video.
        folder: its own, with the video in it; all results go there.
        visitor: address of who gave it.

    Attributes:
        id: cannot be guessed: who knows it may see the video.
        state: "waiting", "running", "done" or "failed".
        step, done, total, unit: what is being done, and how far it is.
        error: the line that says why it failed.
        colours: category -> its colour in the annotated video, "#rrggbb", of those that ever sound.
        parts: lines of parts.jsonl so far.
        watch: there is a watch.mp4.
        kind: media type of the video where browsers play it, else "".
        bytes: what it takes of the disk.
        created_s, finished_s: seconds since 1970; the latter 0 before.
    """

    def __init__(self, name: str, folder: Path, visitor: str = ""):
        self.id, self.name, self.folder, self.visitor = folder.name, name, folder, visitor
        self.video, self.found = folder / "video", folder / "found"
        self.state: Standing = "waiting"
        self.error = ""
        self.step, self.done, self.total, self.unit = "", 0, 0, ""
        self.colours: dict[str, str] = {}
        self.parts, self.watch, self.kind = 0, False, ""
        self.bytes = 0
        self.created_s, self.finished_s = time.time(), 0.0
        self.removed = False

    def tell(self, told: dict[str, Any]) -> None:
        """Take over what changed."""
        vars(self).update(told)

    def named(self, error: DsolError) -> DsolError:
        """The error with the visitor's name of the video in place of our path, and what a visitor can do."""
        where = Path(error.where)
        if where == self.video:
            return type(error)(self.name, error.what, error.remedy)
        if where.is_relative_to(self.folder):  # results that cannot be written
            return DsolError(self.name, error.what, MAKE_ROOM)
        return error

    def file(self, name: str) -> Path | None:
        """One of `FILES`, or None where there is no such result, or none yet."""
        return self.found / name if self.state == "done" and name in FILES else None

    def finish(self, error: str = "") -> None:
        """The end, well or not; of a failed one only the line stays."""
        self.error, self.finished_s = error, time.time()
        if error:
            self.parts, self.watch = 0, False
            for each in self.folder.glob("*"):
                shutil.rmtree(each, ignore_errors=True) if each.is_dir() else _unlink(each)
        self.state = "failed" if error else "done"
        self.save()

    def save(self) -> None:
        """Write the record from which a server that starts again knows the job."""
        self.bytes = _size(self.folder)
        with suppress(OSError):  # of a removed one, or on a full disk: then it is only not known after a restart
            write_json(self.folder / RECORD, {name: getattr(self, name) for name in RECORDED})

    @classmethod
    def load(cls, folder: Path) -> "Job":
        """The job of a folder; one that was not finished waits again.

        Raises:
            DsolError: there is no whole record.
        """
        record = read_json(folder / RECORD, "remove the folder")
        job = cls(record["name"], folder)
        job.tell({name: record[name] for name in RECORDED})
        if job.state not in FINISHED:
            job.state, job.parts, job.watch = "waiting", 0, False
        job.bytes = _size(folder)
        return job


def _unlink(path: Path) -> None:
    with suppress(OSError):
        path.unlink()


def _size(folder: Path) -> int:
    """Bytes of all files below a folder."""
    size = 0
    for place, _, files in os.walk(folder):
        for file in files:
            with suppress(OSError):
                size += os.stat(Path(place, file)).st_size
    return size


class Jobs:
    """All videos of one server. Use it as a context: leaving it ends the work.

    Args:
        worker: localises them.
        folder: where they are stored, a folder each; those that are there already are taken up again.
        limits: what is taken.
    """

    def __init__(self, worker: Worker, folder: Path, limits: Limits | None = None):
        self.worker, self.folder, self.limits = worker, folder, limits or Limits()
        self._jobs: dict[str, Job] = {}
        self._uploading: list[Job] = []
        self._lock = threading.Lock()
        self._queue: SimpleQueue[Job | None] = SimpleQueue()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="dsol serve", daemon=True)
        self._sweeper = threading.Thread(target=self._sweep, name="dsol serve, sweeping", daemon=True)
        self.metrics = Metrics(self)

    def __enter__(self) -> "Jobs":
        self._take_up()
        self._thread.start()
        self._sweeper.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._queue.put(None)
        self._thread.join(CLOSING_S)
        self.worker.kill()

    def reserve(self, name: str, visitor: str, announced: int = 0) -> Job:
        """A place in the queue for an upload; `add` or `release` it.

        Args:
            name: what the visitor calls it.
            visitor: their address.
            announced: bytes that are to come, 0 if that is not known.

        Raises:
            Refusal: there is no place, or it is too large.
        """
        job = Job(name, self.folder / secrets.token_urlsafe(16), visitor)
        with self._lock:
            self._admit(job, announced)
            self._uploading.append(job)
        return job

    def _admit(self, job: Job, announced: int) -> None:
        limits = self.limits
        self.check_size(job, announced)
        own = sum(each.visitor == job.visitor for each in (*self._jobs.values(), *self._uploading))
        if own >= limits.visitor:
            what = f"is one more than the {limits.visitor} videos that a visitor may have here"
            raise TooMany(job.name, what, "remove some, or wait until they expire")
        waiting = sum(each.state == "waiting" for each in self._jobs.values()) + len(self._uploading)
        if waiting >= limits.queue:
            raise QueueFull(job.name, f"finds no place: {waiting} videos wait already", "try again in a few minutes")

    def check_size(self, job: Job, size: int) -> None:
        """Whether an upload may have so many bytes.

        Raises:
            Refusal: it may not.
        """
        limits = self.limits
        if size > limits.mb * MB:
            remedy = "cut it, or start dsol serve with a larger --limit"
            raise TooLarge(job.name, f"is larger than {limits.mb} MB", remedy)
        if self.used() - job.bytes + size > limits.disk_mb * MB:
            raise NoRoom(job.name, f"cannot be kept: the {limits.disk_mb} MB of this server are full", MAKE_ROOM)

    def used(self) -> int:
        """Bytes of all uploads and results."""
        return sum(job.bytes for job in (*list(self._jobs.values()), *list(self._uploading)))

    def release(self, job: Job) -> None:
        """Give the place of an upload back; its files go."""
        with self._lock:
            if job in self._uploading:
                self._uploading.remove(job)
        shutil.rmtree(job.folder, ignore_errors=True)

    def add(self, job: Job) -> None:
        """Put a job whose video is there at the end of the queue."""
        job.save()
        with self._lock:
            if job in self._uploading:
                self._uploading.remove(job)
            self._jobs[job.id] = job
        self._queue.put(job)

    def find(self, id: str) -> Job | None:
        """The job of that id, if it is still there."""
        return self._jobs.get(id)

    def count(self, state: str) -> int:
        """How many jobs are in a state, or "uploading"."""
        if state == "uploading":
            return len(self._uploading)
        return sum(job.state == state for job in list(self._jobs.values()))

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

    def _take_up(self) -> None:
        """Go on with what an earlier server has left; half uploads go."""
        jobs = []
        for folder in (each for each in self.folder.iterdir() if each.is_dir()):
            try:
                jobs.append(Job.load(folder))
            except (DsolError, *MALFORMED):
                shutil.rmtree(folder, ignore_errors=True)
        for job in sorted(jobs, key=lambda job: job.created_s):
            self._jobs[job.id] = job
            if job.state == "waiting":
                self._queue.put(job)

    def _sweep(self) -> None:
        while not self._closing.wait(SWEEP_S):
            self.expire()

    def expire(self) -> None:
        """Remove what has been kept long enough."""
        oldest_s = time.time() - 3600 * self.limits.keep_hours if self.limits.keep_hours else 0
        for job in list(self._jobs.values()):
            if job.state in FINISHED and job.finished_s < oldest_s:
                self.remove(job)
                self.metrics.expired()

    def _work(self) -> None:
        for job in iter(self._queue.get, None):
            if self._closing.is_set():
                return
            if not job.removed:
                self._run(job)
            if job.removed:  # the work may have written once more
                shutil.rmtree(job.folder, ignore_errors=True)

    def _run(self, job: Job) -> None:
        """Do the work; every outcome becomes the job's state."""
        start = time.monotonic()
        job.state = "running"
        try:
            order = Order(job.folder, job.name)
            mistake = self.worker.do(order, job.tell, lambda: job.removed or self._closing.is_set())
            error = self._mistake(job, mistake) if mistake and not job.removed else ""
        except DsolError as refused:
            error = str(job.named(refused))
        except Exception as unforeseen:  # the remaining videos must go on
            error = self._mistake(job, repr(unforeseen))
        if job.removed or self._closing.is_set():  # unfinished: a server with a folder of its own does it again
            return
        job.finish(error)
        self.metrics.finished(job.state, time.monotonic() - start)

    def _mistake(self, job: Job, told: str) -> str:
        """The line for an error in dsol, whose traceback goes to the terminal."""
        log.error("%s: a mistake of dsol\n%s", job.name, told)
        return f"{job.name}: could not be localised (the terminal of dsol serve says why)"
