"""Which files of a video can be fetched, and the files of other tools, made when they are asked for.

timeline.npz ──at_threshold──▶ Timeline ──Format──▶ localized.srt, sounds.eaf, …
"""

import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import mkdtemp

from dsol.errors import DsolError
from dsol.localize import draw_timeline
from dsol.localize.files import FILES, FILM
from dsol.localize.formats import FORMATS, chosen, write_formats
from dsol.serve.jobs import Job
from dsol.serve.kept import at_threshold, load_timeline
from dsol.serve.shown import POSTER, TIMELINE, WATCH

ORIGINAL = "original"
STILL = re.compile(r"still-\d{1,6}\.jpg")
FIGURE = "timeline.png"
MADE_BY = {file: name for name, format in FORMATS.items() for file in format.files}  # file -> format
UNKNOWN_TYPE = "application/octet-stream"
BINARY = {".eaf", ".TextGrid", ".rttm", ".xml", ".zip"}  # downloaded, never shown by a browser as a page


@dataclass(frozen=True)
class Result:
    """A file to send.

    Attributes:
        path: where it lies.
        name: what it is called.
        kind: its media type; None where its name says it.
        folder: to be removed after sending.
    """

    path: Path
    name: str
    kind: str | None = None
    folder: Path | None = None

    def clean(self) -> None:
        """Remove what was made for this once."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)


def formats() -> dict[str, dict]:
    """Name -> {"files", "told"}: the formats that can be fetched here."""
    found = {}
    for name, format in FORMATS.items():
        try:
            chosen(name)
        except DsolError:  # its package is not installed
            continue
        found[name] = {"files": list(format.files), "told": format.told}
    return found


def is_result(file: str) -> bool:
    """Whether there is ever a result of that name."""
    return file in (*FILES, POSTER, WATCH, ORIGINAL) or file in MADE_BY or bool(STILL.fullmatch(file))


def result_of(job: Job, file: str, threshold: float | None) -> Result | None:
    """A file of a video; None where it is not there, or not yet.

    Args:
        job: the video.
        file: its name, one of `is_result`.
        threshold: what counts as sounding; None: what did when it was localised.

    Raises:
        DsolError: a threshold for what does not depend on one, or that is not possible; a missing package.
    """
    name = f"{Path(job.name).stem}.{file}"
    if file == ORIGINAL:
        return Result(job.video, job.name, job.kind or UNKNOWN_TYPE) if job.state != "failed" else None
    if file in (POSTER, WATCH) or STILL.fullmatch(file):
        path = job.folder / file
        return Result(path, name) if job.state != "failed" and path.is_file() else None
    if threshold is None and file in FILES:
        path = job.file(file)
        return Result(path, name) if path else None
    if file == FILM and threshold is not None:
        raise DsolError(file, "is painted once, at the threshold of the model", "leave threshold out")
    if job.state != "done":
        return None
    return _made(job, file, name, threshold)


def _made(job: Job, file: str, name: str, threshold: float | None) -> Result:
    if threshold is not None and not 0 < threshold <= 1:
        raise DsolError("threshold", f"{threshold:g} is not possible", "give a number above 0 and up to 1")
    timeline = replace(load_timeline(job.folder / TIMELINE), video=job.name)
    if threshold is not None:
        timeline = at_threshold(timeline, threshold)
    folder = Path(mkdtemp(prefix="made-", dir=job.folder))
    try:
        if file == FIGURE:
            draw_timeline(timeline, folder / file)
        else:
            write_formats(timeline, folder, MADE_BY[file])
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return Result(folder / file, name, UNKNOWN_TYPE if Path(file).suffix in BINARY else None, folder)
