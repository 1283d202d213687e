"""What `dsol localize` and `dsol serve` write: videos in, four files a video out, in the memory of a few seconds.

    video ─Localizer.stream─▶ maps ─▶ temporary file ┐
                     └─▶ Timeline ───────────────────┴─film─▶ localized.mp4
                            └─▶ timeline.png, result.json, boxes.coco.json

Two passes: what is drawn at one moment (colours, lanes, fades) depends on the whole video.
"""

import json
import math
import os
import shutil
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np

from dsol.data.media import probe
from dsol.errors import DsolError
from dsol.files import partial_of
from dsol.localize.figure import draw_timeline
from dsol.localize.film import film, refuse_to_replace
from dsol.localize.localization import Timeline, joined
from dsol.localize.localizer import Localizer
from dsol.progress import Track, say, track
from dsol.text import name_of

FILES = ("localized.mp4", "timeline.png", "result.json", "boxes.coco.json")


def localize_videos(videos: Sequence[str | Path], model: str | Path | Localizer, out: str | Path) -> list[Path]:
    """Write OUT/<name of the video>/ with `FILES` for each video.

    A video that fails is reported in one line and leaves what was there before; the others are done.

    Args:
        videos: the files; two of one name get folders `name` and `name-2`.
        model: a localizer, or what `Localizer.load` takes.
        out: the folder for the results; made if missing.

    Returns:
        The folders written.

    Raises:
        DsolError: at the end, if any video failed, or at the start if there is none.
    """
    if not videos:
        raise DsolError("localize", "was given no video", "name at least one file")
    localizer = model if isinstance(model, Localizer) else Localizer.load(model)
    folders = _folders(videos, Path(out))
    failed: list[DsolError] = []
    for video, folder in zip(videos, folders, strict=True):
        try:
            localize_video(video, localizer, folder)
            say(f"{video}: localized, see {folder}")
        except DsolError as error:
            failed.append(error)
            if len(videos) > 1:
                say(f"skipped {error}")
        except Exception as error:
            if len(videos) == 1:
                raise
            failed.append(_unforeseen(video, error))
            say(f"skipped {failed[-1]}")
    if len(videos) == 1 and failed:
        raise failed[0]
    if failed:
        names = ", ".join(name_of(error.where) for error in failed)
        raise DsolError(names, f"{len(failed)} of {len(videos)} videos failed", "see the lines above; the rest is done")
    return folders


def _unforeseen(video: str | Path, error: Exception) -> DsolError:
    """A mistake of the program's own costs one video, not the others; it is reported with where it is."""
    at = traceback.extract_tb(error.__traceback__)[-1]
    what = f"failed in {Path(at.filename).name}, line {at.lineno}: {type(error).__name__}: {error}"
    return DsolError(video, what, "this is a mistake of dsol's: please report it")


def _folders(videos: Sequence[str | Path], out: Path) -> list[Path]:
    """One folder a video, its name without suffix; a number is added to a name that is taken."""
    folders: list[Path] = []
    for video in videos:
        stem = Path(video).stem
        names = (stem if n == 1 else f"{stem}-{n}" for n in count(1))
        folders.append(next(out / name for name in names if out / name not in folders))
    return folders


def localize_video(
    video: str | Path, localizer: Localizer, folder: Path, name: str | None = None, track: Track = track
) -> Timeline:
    """Write `FILES` of one video into a folder, made aside and put in place together once they are whole.

    Args:
        video: the file.
        localizer: what finds the sounding objects.
        folder: for the results; made if missing.
        name: what the results call the video; its path if None.
        track: who is told how far it is, as `dsol.progress.track` is; what it raises ends the work.

    Returns:
        Who sounds when.

    Raises:
        DsolError: the video cannot be read, or a file cannot be written. What was there before is kept.
    """
    video = Path(video)
    if not video.is_file():
        raise DsolError(video, "is not a file", "give the path of a video")
    for file in FILES:
        refuse_to_replace(video, folder / file)
    aside = partial_of(folder.with_name(f".{folder.name}"))
    try:
        with _kept_if_used(folder.parent), _made_anew(aside):
            timeline = _write_files(video, localizer, aside, name or name_of(video), track)
            folder.mkdir(exist_ok=True)
            for file in FILES:
                os.replace(aside / file, folder / file)
    except DsolError as error:
        if Path(error.where).is_relative_to(aside):
            raise DsolError(folder / Path(error.where).name, error.what, error.remedy) from None
        raise
    except OSError as error:
        raise DsolError(
            folder, f"cannot be written: {error.strerror or error}", "free some space, or choose another folder"
        ) from error
    return timeline


@contextmanager
def _kept_if_used(folder: Path) -> Iterator[None]:
    """Make a folder; what was made for it is removed again where nothing has come into it."""
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    finally:
        with suppress(OSError):  # the first that is not empty ends it
            for place in made:
                place.rmdir()


@contextmanager
def _made_anew(folder: Path) -> Iterator[None]:
    """An empty folder for a while; what a run that was killed has left there is thrown away."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write_files(video: Path, localizer: Localizer, folder: Path, name: str, track: Track) -> Timeline:
    timeline = replace(_spool(localizer, video, folder / "maps", Path(name).name, track), video=name)
    kept = {} if localizer.audio_track is None else {"audio_track": localizer.audio_track}
    film(timeline, _spooled(folder / "maps", len(timeline.times_s)), video, folder / "localized.mp4", track, **kept)
    draw_timeline(timeline, folder / "timeline.png")
    _write_json(timeline.to_json(), folder / "result.json")
    _write_json(timeline.to_coco(), folder / "boxes.coco.json")
    return timeline


def _spool(localizer: Localizer, video: Path, maps: Path, name: str, track: Track) -> Timeline:
    """Localise the video; its maps go to a file as half floats, what is small is kept."""
    parts = []
    with maps.open("wb") as file:
        seconds = math.ceil(probe(video).duration_s)
        for part in track(localizer.stream(video), f"Listening to {name}", seconds, "seconds"):
            parts.append(part.timeline())
            for each in part.maps:
                np.save(file, each.astype(np.float16))
    return joined(parts)


def _spooled(maps: Path, times: int) -> Iterator[np.ndarray]:
    with maps.open("rb") as file:
        for _ in range(times):
            yield np.load(file).astype(np.float32)


def _write_json(content: dict, path: Path) -> None:
    """A line a key: a person finds the segments, and a long video's numbers do not take a line each."""
    lines = (f"{json.dumps(key)}: {json.dumps(value)}" for key, value in content.items())
    path.write_text("{" + ",\n ".join(lines) + "}\n", encoding="utf-8")
