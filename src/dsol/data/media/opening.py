"""Video files opened, and the tracks in them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from math import isfinite
from pathlib import Path
from typing import TypeVar

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from dsol.errors import DsolError

S = TypeVar("S", VideoStream, AudioStream)
# Only true containers: a playlist that calls itself .mp4 must not make the reader open other files.
CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,asf,flv,ogg"
NAMED = "mp4, m4v, mov, 3gp, webm, mkv, avi, ts, mts, mpg, wmv, flv or ogv"
FLATTEST, NARROWEST = 8.0, 1 / 8  # width of a pixel over its height beyond which a file is wrong about it
MOST_PIXELS = 2**26  # of a picture: 8192×8192; a larger one takes gigabytes to decode
MOST_SIDE = 16_384  # pixels, of a picture's longer side; what encoders write ends there, the rest is damage
REPAIR = "copy it again from its source, or repair it: ffmpeg -i IN -c copy OUT.mp4"


@contextmanager
def opened(path: str | Path) -> Iterator[InputContainer]:
    """A video file, open for reading.

    Raises:
        DsolError: missing, not readable, empty, or not a video.
    """
    if not Path(path).is_file():
        raise DsolError(path, "no such file", "check the path")
    if not Path(path).stat().st_size:
        raise DsolError(path, "is empty, 0 bytes", REPAIR)
    options = {"format_whitelist": CONTAINERS, "protocol_whitelist": "file", "max_pixels": str(MOST_PIXELS)}
    try:
        container = av.open(f"file:{os.fspath(path)}", options=options, metadata_errors="ignore")
    except PermissionError:
        raise DsolError(path, "may not be read", "allow it: chmod +r") from None
    except (FFmpegError, ValueError) as error:
        what = f"cannot be opened as a video: {reason(error)}"
        raise DsolError(path, what, f"give a whole {NAMED} file") from None
    with container:
        yield container


def reason(error: Exception) -> str:
    """What FFmpeg or the system says, without the names of its functions."""
    return (getattr(error, "strerror", None) or str(error)).lower()


def state_of(path: str | Path) -> tuple[int, int]:
    """Time and size of a file, by which cached facts of it are valid.

    Raises:
        DsolError: there is no such file.
    """
    try:
        found = os.stat(path)
    except OSError:
        raise DsolError(path, "no such file", "check the path") from None
    return found.st_mtime_ns, found.st_size


def picture_stream(container: InputContainer) -> VideoStream | None:
    """The picture track that a player takes, set to decode in one thread; None if there is none.

    The cover picture of a song is one that stands still.
    """
    stream = container.streams.best("video")
    return _usable(stream) if isinstance(stream, VideoStream) else None


def refuse_vast(path: str | Path, stream: Stream) -> None:
    """Raises DsolError where a track says that its pictures are larger than any camera's."""
    if isinstance(stream, VideoStream):
        width, height = stream.codec_context.width, stream.codec_context.height
        if max(width, height) > MOST_SIDE or width * height > MOST_PIXELS:
            remedy = f"make it smaller first: ffmpeg -i IN -vf scale=1920:-2 OUT.mp4; or {REPAIR}"
            raise DsolError(path, f"has pictures of {width}×{height} pixels", remedy)


def sound_streams(container: InputContainer) -> list[AudioStream]:
    """The sound tracks of a file that can be decoded, in its order; each set to decode in one thread."""
    return [stream for stream in container.streams.audio if _usable(stream)]


def _usable(stream: S) -> S | None:
    if stream.codec_context is None:
        return None
    stream.codec_context.thread_count = 1
    stream.codec_context.options = {"max_pixels": str(MOST_PIXELS)}
    return stream


def is_cover(stream: Stream) -> bool:
    """Whether a track is a single picture that belongs to a song."""
    return bool(stream.disposition & Disposition.attached_pic)


def pixel_aspect(path: str | Path) -> float:
    """Width of a pixel over its height, as the file or its picture track says; 1 where neither is plausible."""
    with opened(path) as container:
        return aspect_of(picture_stream(container))


def no_track(path: str | Path, name: str) -> DsolError:
    """The error of a file that lacks a track."""
    return DsolError(path, f"has no {name}", "give a video with picture and sound, or leave this one out")


def aspect_of(stream: Stream | None) -> float:
    """Width of a pixel over its height, as a picture track says; 1 where that is not plausible."""
    told = stream.sample_aspect_ratio if isinstance(stream, VideoStream) else None
    aspect = float(told) if told and told.denominator else 1.0
    return aspect if isfinite(aspect) and NARROWEST <= aspect <= FLATTEST else 1.0
