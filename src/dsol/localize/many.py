"""Many videos: one after another, or shared out to workers; each named where it fails, none done twice.

videos ─▶ those not done yet ─▶ workers with a model each ─▶ OUT/NAME/ ─▶ record ─▶ index
"""

import hashlib
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dsol import __version__
from dsol.data import engines
from dsol.data.media import find_videos
from dsol.data.media.info import VIDEO_SUFFIXES
from dsol.errors import DsolError
from dsol.localize.archive import Archive, Found, rows_of
from dsol.localize.files import Wanted, localize_video
from dsol.localize.localizer import Localizer
from dsol.model.file import find_model
from dsol.places import at_hand, child, files_below, is_remote, written_to
from dsol.progress import say
from dsol.text import name_of

MOST_TOLD = 20  # videos of which each has its own line when it is done already


@dataclass(frozen=True)
class Job:
    """A video to localise.

    Attributes:
        video: the file.
        name: of the folder of its results.
        made: see `Archive.is_done`; None where that cannot be told.
    """

    video: str | Path
    name: str
    made: str | None


def localize_videos(
    videos: Sequence[str | Path],
    model: str | Path | Localizer,
    out: str | Path,
    wanted: Wanted | None = None,
    engine: str = "local",
    workers: int = 1,
    options: Mapping[str, Any] | None = None,
) -> list[str | Path]:
    """Write OUT/<name of the video>/ with what is wanted of each video, `FILES` if nothing is said.

    A video that fails is reported in one line and leaves what was there before; the others are done. Where the model
    is given by name, videos that are done already are passed over, and OUT/index.parquet lists what is heard in all
    (with pyarrow installed).

    Args:
        videos: files, folders of them, or URLs of either; two of one name get folders `name` and `name-2`.
        model: a localizer, or what `Localizer.load` takes.
        out: the folder for the results, made if missing, or its URL.
        wanted: what to write.
        engine, workers: see `engines.run`. On Ray all machines must see the videos, the model and `out`, as they do
            where these are URLs.
        options: for `Localizer.load`, beyond the model.

    Returns:
        The folders of all.

    Raises:
        DsolError: at the end, if any video failed, or at the start if there is none.
    """
    wanted, archive = wanted or Wanted(), Archive(out)
    jobs = _jobs(_files(videos), model, archive, wanted, options or {})
    folders = [archive.place(job.name) for job in jobs]
    left = [job for job in jobs if job.made is None or not archive.is_done(job.name, job.made, wanted.files)]
    waiting = {job.name for job in left}
    _tell_done([folder for job, folder in zip(jobs, folders, strict=True) if job.name not in waiting])
    work = Work(model, dict(options or {}), out, wanted, alone=len(jobs) == 1)
    if left and engine == "local":
        work.load()  # its errors are not those of the first video
    try:
        failed = _run(work, left, archive, engine, workers)
    finally:
        archive.write_index()
    if len(jobs) == 1 and failed:
        raise failed[0]
    if failed:
        names = ", ".join(name_of(error.where) for error in failed)
        raise DsolError(names, f"{len(failed)} of {len(jobs)} videos failed", "see the lines above; the rest is done")
    return folders


def _run(work: "Work", jobs: Sequence[Job], archive: Archive, engine: str, workers: int) -> list[DsolError]:
    """Do the jobs; returns what failed."""
    failed = []
    results = engines.run(work, jobs, engine, workers, _crashed, gpu=True)
    for job, result in zip(jobs, results, strict=True):
        folder = archive.place(job.name)
        if not isinstance(result, DsolError) and isinstance(folder, Path) and not folder.is_dir():
            result = DsolError(folder, "was written on another machine", "choose a folder that all machines see")
        if isinstance(result, DsolError):
            failed.append(result)
            if not work.alone:
                say(f"skipped {result}")
            continue
        if job.made is not None:
            archive.note(job.name, name_of(job.video), job.made, result)
        say(f"{job.video}: localized, see {folder}")
    return failed


def _crashed(job: Job) -> DsolError:
    return DsolError(job.video, "killed the process that worked on it", "is there enough memory? is the file whole?")


@dataclass
class Work:
    """What a worker does; it loads its model at the first video."""

    model: str | Path | Localizer
    options: dict[str, Any]
    out: str | Path
    wanted: Wanted
    alone: bool
    localizer: Localizer | None = field(default=None, repr=False)

    def __getstate__(self) -> dict:
        return vars(self) | {"localizer": None}

    def load(self) -> Localizer:
        """The model."""
        if isinstance(self.model, Localizer):
            return self.model
        if self.localizer is None:
            self.localizer = Localizer.load(self.model, **self.options)
        return self.localizer

    def __call__(self, job: Job) -> list[Found] | DsolError:
        """Localise one video; what is wrong with it is returned."""
        try:
            with at_hand(job.video) as video, written_to(child(self.out, job.name)) as folder:
                how = {"name": name_of(job.video), "wanted": self.wanted}
                return rows_of(localize_video(video, self.load(), folder, **how), job.name)
        except DsolError as error:
            return error
        except Exception as error:
            if self.alone:
                raise
            return _unforeseen(job.video, error)


def _unforeseen(video: str | Path, error: Exception) -> DsolError:
    """A mistake of the program's own costs one video, not the others; it is reported with where it is."""
    at = traceback.extract_tb(error.__traceback__)[-1]
    what = f"failed in {Path(at.filename).name}, line {at.lineno}: {type(error).__name__}: {error}"
    return DsolError(video, what, "this is a mistake of dsol's: please report it")


def _files(videos: Sequence[str | Path]) -> list[tuple[str | Path, str | None]]:
    """The videos, with those of a folder in its place, and what changes with each; None where it is not there.

    Raises:
        DsolError: none, or none in a folder.
    """
    if not videos:
        raise DsolError("localize", "was given no video", "name at least one file")
    return [found for video in videos for found in _below(video)]


def _below(video: str | Path) -> list[tuple[str | Path, str | None]]:
    if isinstance(video, str) and is_remote(video):
        there = files_below(video, lambda name: name.lower().endswith(VIDEO_SUFFIXES))
        found: list = [(f"{video.rstrip('/')}/{name}" if name else video, state) for name, state in there.items()]
    elif Path(video).is_dir():
        found = [(file, _state(file)) for file in find_videos(video)]
    else:
        found = [(video, _state(Path(video)))]
    if not found:
        raise DsolError(video, "has no videos in it", "give a video, or a folder that videos lie in")
    return found


def _state(file: Path) -> str | None:
    return f"{file.stat().st_size} {file.stat().st_mtime_ns}" if file.is_file() else None


def _jobs(
    videos: Sequence[tuple[str | Path, str | None]],
    model: str | Path | Localizer,
    archive: Archive,
    wanted: Wanted,
    options: Mapping,
) -> list[Job]:
    how = None
    if not isinstance(model, Localizer):
        content = hashlib.sha256(find_model(model).read_bytes()).hexdigest()
        how = [__version__, content, repr(wanted), repr(sorted(options.items()))]
    names = archive.names([str(video) for video, _ in videos])
    found = zip(videos, names, strict=True)
    return [Job(video, name, _made(state, how)) for (video, state), name in found]


def _made(state: str | None, how: list[str] | None) -> str | None:
    """What the results of a video depend on, as 16 hexadecimal digits."""
    if how is None or state is None:
        return None
    return hashlib.sha256(repr([*how, state]).encode()).hexdigest()[:16]


def _tell_done(folders: Sequence[str | Path]) -> None:
    if len(folders) > MOST_TOLD:
        say(f"{len(folders)} videos are done already")
        return
    for folder in folders:
        say(f"{folder}: done already; remove it to do it again")
