"""Finding video files, and their properties."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from mimetypes import guess_type
from pathlib import Path

from av.audio.stream import AudioStream

from dsol.data.media.decoding import chosen_track, picture_rate, pictures, sound_stream
from dsol.data.media.opening import opened, picture_stream, pixel_aspect, sound_streams
from dsol.data.media.pixels import Screen
from dsol.data.media.timing import GAP_S, clock_of

VIDEO_SUFFIXES = (
    ".mp4", ".m4v", ".mov", ".3gp", ".3g2", ".webm", ".mkv", ".avi", ".ts", ".mts", ".m2ts", ".mpg", ".mpeg", ".vob",
    ".wmv", ".asf", ".flv", ".ogv",
)  # fmt: skip
SOUND_SUFFIXES = (".ogg", ".wav", ".flac", ".mp3", ".m4a")  # of recordings without a picture
OTHER_VIDEOS = (
    ".rm", ".rmvb", ".mxf", ".dv", ".divx", ".f4v", ".m2v", ".m1v", ".y4m", ".h264", ".hevc", ".wtv", ".mjpeg",
)  # fmt: skip


@dataclass(frozen=True)
class SoundTrack:
    """Properties of a sound track.

    Attributes:
        number: counted from 1.
        codec: its name.
        sample_rate: Hz.
        channels: how many.
        title: its title and language, where it has any.
        used: whether it is the one that is read.
    """

    number: int
    codec: str
    sample_rate: int
    channels: int
    title: str
    used: bool


@dataclass(frozen=True)
class VideoInfo:
    """Properties of a video file.

    Attributes:
        path: the file.
        duration_s: seconds, of the longest track; as stated, or measured where a file does not say or is wrong.
        width: pixels, as shown: after the rotation that the file says, of square pixels.
        height: pixels, as shown.
        fps: frames a second, on average.
        sample_rate: Hz, 0 without a sound track.
        channels: of the sound, 0 without a sound track.
        sound_tracks: all of them.
        notes: what was wrong with its time stamps and was corrected, for people.
    """

    path: Path
    duration_s: float
    width: int
    height: int
    fps: float
    sample_rate: int
    channels: int
    sound_tracks: tuple[SoundTrack, ...] = ()
    notes: tuple[str, ...] = ()


def find_videos(folder: str | Path) -> list[Path]:
    """All files under `folder` with one of `VIDEO_SUFFIXES`, in any case, sorted; hidden ones left out.

    Links to folders are followed, each folder once.

    Example:
        >>> find_videos("videos")                                                       # doctest: +SKIP
        [PosixPath('videos/cello/a.mp4'), PosixPath('videos/flute/b.webm')]
    """
    return sorted(path for path in _files(folder) if _ends(path, VIDEO_SUFFIXES) and path.is_file())


def find_sounds(folder: str | Path) -> list[Path]:
    """As `find_videos`: recordings without a picture, with one of `SOUND_SUFFIXES`."""
    return sorted(path for path in _files(folder) if _ends(path, SOUND_SUFFIXES) and path.is_file())


def unread_videos(folder: str | Path) -> dict[Path, str]:
    """Files under `folder` that look like videos and are none that is read: path -> why not."""
    found = {}
    for path in sorted(_files(folder)):
        kind = guess_type(path.name, strict=False)[0] or ""
        if _ends(path, VIDEO_SUFFIXES) and not path.is_file():
            found[path] = "is a link to nothing" if path.is_symlink() else "is no file"
        elif not _ends(path, VIDEO_SUFFIXES) and (_ends(path, OTHER_VIDEOS) or kind.startswith("video/")):
            found[path] = f"is of a kind that is not read; convert it: ffmpeg -i IN{path.suffix} OUT.mp4"
    return found


def _files(folder: str | Path) -> Iterator[Path]:
    """All that is no folder under `folder`, hidden ones left out; a folder that links lead to again is visited once."""
    visited = set()
    for place, folders, files in os.walk(folder, followlinks=True):
        here = os.path.realpath(place)
        folders[:] = [] if here in visited else sorted(folders)
        if here not in visited:
            visited.add(here)
            yield from (Path(place, name) for name in files if not name.startswith("."))


def _ends(path: Path, suffixes: tuple[str, ...]) -> bool:
    return path.suffix.lower() in suffixes


def probe(path: str | Path, audio_track: int | None = None) -> VideoInfo:
    """Open a video and decode its first picture.

    Args:
        path: of the video.
        audio_track: which sound track is meant, counted from 1; see `dsol.data.media.decoding.sound_stream`.

    Raises:
        DsolError: missing, unreadable, empty, no video, without a picture or that sound track.

    Example:
        >>> probe("party.mp4").fps                                                      # doctest: +SKIP
        25.0
    """
    width, height = Screen(next(pictures(path))[1], aspect=pixel_aspect(path)).size
    clock = clock_of(path)
    with opened(path) as container:
        span_s = clock.last_s - clock.first_s
        stated_s = span_s if container.duration is None or clock.notes else container.duration / 1e6
        picture, sound = picture_stream(container), sound_stream(path, container, audio_track)
        assert picture is not None, "one frame of it has been decoded"
        return VideoInfo(
            path=Path(path),
            duration_s=min(max(stated_s, 0.0), span_s + GAP_S) if span_s > 0 else stated_s,
            width=width,
            height=height,
            fps=picture_rate(picture),
            sample_rate=sound.codec_context.sample_rate if sound else 0,
            channels=sound.codec_context.layout.nb_channels if sound else 0,
            sound_tracks=_tracks(path, sound_streams(container), audio_track),
            notes=clock.notes,
        )


def _tracks(path: str | Path, streams: list[AudioStream], asked: int | None) -> tuple[SoundTrack, ...]:
    used = asked or (chosen_track(path) if streams else 0)
    return tuple(
        SoundTrack(
            number=number,
            codec=stream.codec_context.name,
            sample_rate=stream.codec_context.sample_rate,
            channels=stream.codec_context.layout.nb_channels,
            title=" ".join(filter(None, (stream.metadata.get("title"), stream.language))),
            used=number == used,
        )
        for number, stream in enumerate(streams, start=1)
    )
