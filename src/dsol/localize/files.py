"""What `dsol localize` and `dsol serve` write: videos in, some files a video out, in the memory of a few seconds.

    video ─Localizer.stream─▶ maps ─▶ temporary file ┐
                     └─▶ Timeline ───────────────────┴─film─▶ localized.mp4
                            └─▶ timeline.png, result.json, boxes.coco.json, and the formats asked for

Two passes: what is drawn at one moment (colours, lanes, fades) depends on the whole video.
"""

import math
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from dsol.data.ahead import ahead
from dsol.data.media import probe
from dsol.data.media.subtitles import add_subtitles
from dsol.data.store.alone import locked
from dsol.errors import DsolError
from dsol.files import partial_of
from dsol.localize.figure import draw_timeline
from dsol.localize.film import film, refuse_to_replace
from dsol.localize.formats import chosen, files_of, write_formats
from dsol.localize.formats.captions import captions_of
from dsol.localize.formats.frames import frame_names, write_frames
from dsol.localize.localization import Timeline, joined
from dsol.localize.localizer import Localizer
from dsol.localize.moments import write_gif, write_preview
from dsol.localize.painter import USUAL
from dsol.localize.show import Show
from dsol.progress import Track, track
from dsol.text import name_of

FILES = ("localized.mp4", "timeline.png", "result.json", "boxes.coco.json")
FILM, PREVIEW, GIF = FILES[0], "preview.jpg", "localized.gif"
LOCK = "lock"  # in the folder that is being written


@dataclass(frozen=True)
class Wanted:
    """What is written of a video.

    Attributes:
        formats: beyond timeline.png, result.json and boxes.coco.json: as `formats.chosen` takes them.
        film: localized.mp4, which takes most of the time.
        frames: folder for the pictures that boxes.coco.json speaks of, one an answer; None for none.
        show: what is painted in the film, the sheet and the GIF.
        subtitles: put what sounds, in words, into the film as a track to switch on.
        preview: preview.jpg, one sheet of the surest moments.
        gif_s: localized.gif of so many seconds, those in which most sounds; 0 for none.
    """

    formats: str | Sequence[str] = ()
    film: bool = True
    frames: Path | None = None
    show: Show = USUAL
    subtitles: bool = False
    preview: bool = False
    gif_s: float = 0.0

    def __post_init__(self):
        object.__setattr__(self, "formats", tuple(dict.fromkeys(("json", "coco", *chosen(self.formats)))))

    @property
    def files(self) -> tuple[str, ...]:
        """Their names."""
        own = FILES if self.film else FILES[1:]
        more = [name for name, wanted in ((PREVIEW, self.preview), (GIF, self.gif_s > 0)) if wanted]
        return tuple(dict.fromkeys((*own, *more, *files_of(self.formats))))


def localize_video(
    video: str | Path,
    localizer: Localizer,
    folder: Path,
    name: str | None = None,
    track: Track = track,
    wanted: Wanted | None = None,
) -> Timeline:
    """Write what is wanted of one video into a folder, made aside and put in place together once it is whole.

    Args:
        video: the file.
        localizer: what finds the sounding objects.
        folder: for the results; made if missing.
        name: what the results call the video; its path if None.
        track: who is told how far it is, as `dsol.progress.track` is; what it raises ends the work.
        wanted: what to write; `FILES` if None.

    Returns:
        Who sounds when.

    Raises:
        DsolError: the video cannot be read, or a file cannot be written. What was there before is kept.
    """
    video, wanted = Path(video), wanted or Wanted()
    if not video.is_file():
        raise DsolError(video, "is not a file", "give the path of a video")
    for file in wanted.files:
        refuse_to_replace(video, folder / file)
    aside = partial_of(folder.with_name(f".{folder.name}"))
    try:
        with _kept_if_used(folder.parent), _made_anew(aside, folder):
            timeline = _write_files(video, localizer, aside, folder.name, name or name_of(video), track, wanted)
            if wanted.frames:
                write_frames(video, timeline, wanted.frames, localizer.audio_track)
            folder.mkdir(exist_ok=True)
            for file in wanted.files:
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
def _made_anew(folder: Path, final: Path) -> Iterator[None]:
    """A folder for a while, for this process alone; what a run that was killed has left there is thrown away."""
    folder.mkdir(exist_ok=True)
    with locked(folder / LOCK) as is_ours:
        if not is_ours:
            raise DsolError(final, "is being written by another process", "wait for it, or choose another folder")
        for left in folder.iterdir():
            if left.name != LOCK:
                shutil.rmtree(left) if left.is_dir() else left.unlink()
        try:
            yield
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _write_files(
    video: Path, localizer: Localizer, folder: Path, final: str, name: str, track: Track, wanted: Wanted
) -> Timeline:
    """All but the frames into `folder`, which will be called `final`."""
    timeline = replace(_spool(localizer, video, folder / "maps", Path(name).name, track), video=name)
    if wanted.frames:
        timeline = replace(timeline, frame_names=frame_names(timeline, final))
    _write_pictures(timeline, video, folder, track, wanted, localizer.audio_track)
    draw_timeline(timeline, folder / "timeline.png")
    write_formats(timeline, folder, wanted.formats)
    return timeline


def _write_pictures(
    timeline: Timeline, video: Path, folder: Path, track: Track, wanted: Wanted, audio_track: int | None
) -> None:
    def maps() -> Iterator[np.ndarray]:
        return _spooled(folder / "maps", len(timeline.times_s))

    how: dict = {"show": wanted.show, "audio_track": audio_track}
    if wanted.film:
        film(timeline, maps(), video, folder / FILM, track, **how)
    if wanted.film and wanted.subtitles:
        add_subtitles(folder / FILM, [(c.start_s, c.end_s, c.words) for c in captions_of(timeline)])
    if wanted.preview:
        write_preview(timeline, maps(), video, folder / PREVIEW, **how)
    if wanted.gif_s > 0:
        write_gif(timeline, maps(), video, folder / GIF, wanted.gif_s, **how)


def _spool(localizer: Localizer, video: Path, maps: Path, name: str, track: Track) -> Timeline:
    """Localise the video; its maps go to a file as half floats, what is small is kept."""
    parts, seconds = [], math.ceil(probe(video).duration_s)
    with maps.open("wb") as file, closing(ahead(localizer.stream(video), most=1)) as found:
        for part in track(found, f"Listening to {name}", seconds, "seconds"):
            parts.append(part.timeline())
            for each in part.maps:
                np.save(file, each.astype(np.float16))
    return joined(parts)


def _spooled(maps: Path, times: int) -> Iterator[np.ndarray]:
    with maps.open("rb") as file:
        for _ in range(times):
            yield np.load(file).astype(np.float32)
