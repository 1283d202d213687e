"""Video files opened, and their tracks decoded frame by frame with trustworthy time stamps."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from math import inf
from pathlib import Path
from typing import Literal, overload

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from dsol.errors import DsolError

Kind = Literal["video", "audio"]
# Only true containers: a playlist that calls itself .mp4 must not make the reader open other files.
CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi"
HOLE_S = 0.5  # seconds that may fail to decode before a track counts as broken
PRIMING_S = 0.05  # seconds by which a sound encoder may start early; not a start of the video
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
    options = {"format_whitelist": CONTAINERS}
    try:
        container = av.open(f"file:{path}", options=options, metadata_errors="ignore")
    except PermissionError:
        raise DsolError(path, "may not be read", "allow it: chmod +r") from None
    except (FFmpegError, ValueError) as error:
        what = f"cannot be opened as a video: {reason(error)}"
        raise DsolError(path, what, "give a whole mp4, webm, mkv, avi or mov file") from None
    with container:
        yield container


def reason(error: Exception) -> str:
    """What FFmpeg or the system says, without the names of its functions."""
    return (getattr(error, "strerror", None) or str(error)).lower()


@overload
def stream_of(container: InputContainer, kind: Literal["video"]) -> VideoStream | None: ...
@overload
def stream_of(container: InputContainer, kind: Literal["audio"]) -> AudioStream | None: ...
def stream_of(container: InputContainer, kind: Kind) -> VideoStream | AudioStream | None:
    """The track that a player takes, set to decode in one thread; None if there is none.

    Args:
        container: an open video.
        kind: "video" or "audio". The cover picture of a song is no video.
    """
    stream = container.streams.best(kind)
    if stream is None or stream.codec_context is None or stream.disposition & Disposition.attached_pic:
        return None
    assert isinstance(stream, VideoStream | AudioStream), "the track asked for"
    stream.codec_context.thread_count = 1
    return stream


@overload
def decoded(path: str | Path, kind: Literal["video"]) -> Iterator[tuple[float, av.VideoFrame]]: ...
@overload
def decoded(path: str | Path, kind: Literal["audio"]) -> Iterator[tuple[float, av.AudioFrame]]: ...
def decoded(path: str | Path, kind: Kind) -> Iterator[tuple[float, av.VideoFrame | av.AudioFrame]]:
    """Decode one track: (time in s on the file's own clock, frame), in the order of time.

    A packet that does not decode is passed over, as players do; `HOLE_S` without any is a break.

    Args:
        path: a video.
        kind: "video" or "audio".

    Raises:
        DsolError: no such track, none of it decodes, or, after what does, that it breaks off and where.
    """
    with opened(path) as container:
        stream = stream_of(container, kind)
        if stream is None:
            raise _no_track(path, kind)
        seen = failed = False
        start_s = last_s = end_s = 0.0
        for frames in _frames(container, stream):
            failed = failed or frames is None
            for frame in frames or ():
                time_s = end_s if frame.time is None else frame.time
                if not seen:
                    start_s = last_s = time_s
                elif failed and time_s - end_s > HOLE_S:
                    raise _break(path, end_s - start_s)
                last_s = max(last_s, time_s)
                yield last_s, frame
                seen, failed, end_s = True, False, last_s + lasts(frame, stream)
        if not seen:
            raise DsolError(path, f"has a {_NAMES[kind]} that cannot be decoded", REPAIR)
        stated_s = _stated_end(stream) or end_s
        # A last picture may stand longer than it says; then at least the sound reaches the stated end.
        if stated_s - end_s > HOLE_S and (failed or stated_s - packet_span(path)[1] > HOLE_S):
            raise _break(path, end_s - start_s)


def _frames(container: InputContainer, stream: VideoStream | AudioStream) -> Iterator[list | None]:
    """The frames of packet after packet; None for a packet that fails."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except FFmpegError:  # the rest of the file cannot be told apart into packets
            yield None
            packet = None
        if packet is None or not packet.size:
            break
        yield _decode(packet)
    flush = av.Packet()
    flush.stream = stream
    if stream.time_base is not None:
        flush.time_base = stream.time_base
    yield _decode(flush)


def _decode(packet: av.Packet) -> list | None:
    try:
        return packet.decode()
    except FFmpegError:
        return None


def lasts(frame: av.VideoFrame | av.AudioFrame, stream: Stream) -> float:
    """How long a frame lasts, in s; by the track's average rate where a picture does not say."""
    if isinstance(frame, av.AudioFrame):
        return frame.samples / frame.sample_rate
    if frame.duration and frame.time_base:
        return float(frame.duration * frame.time_base)
    rate = picture_rate(stream)
    return float(1 / rate) if rate else 0.0


def picture_rate(stream: Stream) -> float:
    """Pictures a second: the average, or else a guess; 0 if unknown."""
    if not isinstance(stream, VideoStream):
        return 0.0
    return float(stream.average_rate or stream.guessed_rate or 0)


def _stated_end(stream: Stream) -> float | None:
    """Where a track says that it ends, in s on the file's own clock."""
    if stream.duration and stream.time_base:
        return float(((stream.start_time or 0) + stream.duration) * stream.time_base)
    hours, minutes, seconds = (stream.metadata.get("DURATION") or "::").split(":")  # Matroska
    return 3600 * float(hours) + 60 * float(minutes) + float(seconds) if hours else None


def packet_span(path: str | Path) -> tuple[float, float]:
    """Where the first packet of any track starts and the last one ends, in s on the file's own clock.

    Nothing is decoded. In a file that is cut off, this is what is there, whatever it says of itself.
    """
    first_s, last_s = inf, -inf
    with opened(path) as container, suppress(FFmpegError):
        for packet in container.demux():
            if packet.pts is not None:
                start_s = float(packet.pts * packet.time_base)
                first_s = min(first_s, start_s)
                last_s = max(last_s, start_s + float((packet.duration or 0) * packet.time_base))
    return (first_s, last_s) if last_s >= first_s else (0.0, 0.0)


_NAMES = {"video": "picture", "audio": "sound track"}


def _no_track(path: str | Path, kind: str) -> DsolError:
    return DsolError(path, f"has no {_NAMES[kind]}", "give a video with picture and sound, or leave this one out")


def _break(path: str | Path, after_s: float) -> DsolError:
    return DsolError(path, f"breaks off after {after_s:.1f} s: the rest cannot be decoded", REPAIR)


def start_of(path: str | Path) -> float:
    """Where a video starts on its own clock: the time stamp in s of its first picture or sound.

    The sound counts only if it comes clearly first; otherwise all pictures would be late by the few
    milliseconds that sound encoders need to get going.
    """
    picture_s = next(decoded(path, "video"))[0]
    try:
        sound_s = next(decoded(path, "audio"))[0]
    except DsolError:  # no sound: who needs it will say so
        return picture_s
    return sound_s if sound_s < picture_s - PRIMING_S else picture_s
