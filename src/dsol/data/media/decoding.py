"""The tracks of a video decoded frame by frame, with trustworthy time stamps."""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Stream
from av.video.stream import VideoStream

from dsol.data.levels import is_silent
from dsol.data.media.opening import (
    REPAIR,
    is_cover,
    no_track,
    opened,
    picture_stream,
    refuse_vast,
    sound_streams,
    state_of,
)
from dsol.data.media.timing import Clock, clock_of
from dsol.errors import DsolError
from dsol.progress import say

HOLE_S = 0.5  # seconds that may fail to decode before a track counts as broken
PRIMING_S = 0.05  # seconds by which a sound encoder may start early; not a start of the video
MATROSKA_DURATION = re.compile(r"(\d{1,6}):(\d{1,2}):(\d{1,2}(?:\.\d+)?)")
PLANES = 8  # of a frame of sound from which PyAV does not know their number
LISTENED_S = 0.25  # seconds of sound that are tested together for silence


def sound_stream(path: str | Path, container: InputContainer, audio_track: int | None = None) -> AudioStream | None:
    """The sound track to read; None if there is none.

    Args:
        path: of the video.
        container: it, open.
        audio_track: which sound track, counted from 1; by default the one that a player takes, or, where that
            is silent, the first that is not.

    Raises:
        DsolError: there is no such sound track.
    """
    streams = sound_streams(container)
    if audio_track is None:
        return streams[chosen_track(path) - 1] if streams else None
    if not 1 <= audio_track <= len(streams):
        there = "one sound track" if len(streams) == 1 else f"{len(streams)} sound tracks"
        what = f"has {there}, and no track {audio_track}" if streams else "has no sound track"
        raise DsolError(path, what, "dsol inspect lists them")
    return streams[audio_track - 1]


def chosen_track(path: str | Path) -> int:
    """The number, from 1, of the sound track that is read by default; with a message where a player takes another.

    Raises:
        DsolError: the file cannot be opened.
    """
    return _chosen(str(path), state_of(path))


@lru_cache(maxsize=64)
def _chosen(path: str, state: tuple[int, int]) -> int:
    with opened(path) as container:
        streams = sound_streams(container)
        best = container.streams.best("audio")
        usual = next((n for n, stream in enumerate(streams, start=1) if best and stream.index == best.index), 1)
    rest = [n for n in range(1, len(streams) + 1) if n != usual]
    if not rest:
        return usual
    found = next((n for n in (usual, *rest) if _is_audible(path, n)), usual)
    if found != usual:
        say(f"{path}: sound track {usual} is silent, track {found} is used")
    return found


def _is_audible(path: str, number: int) -> bool:
    """Whether a sound track is not silent; of one that breaks off, what is there counts."""
    parts, length_s = [], 0.0
    try:
        for _, frame in sounds(path, number):
            parts.append(np.abs(floats(frame)).max(axis=0))
            length_s += frame.samples / frame.sample_rate
            if length_s >= LISTENED_S:
                if not is_silent(np.concatenate(parts)):
                    return True
                parts, length_s = [], 0.0
    except DsolError:
        length_s = 0.0  # the reader of the track reports it
    return bool(parts) and not is_silent(np.concatenate(parts))


def _packed(frame: av.AudioFrame) -> av.AudioFrame:
    """A frame with its channels interleaved. Of eight planes or more, PyAV would read past the last."""
    (packed,) = av.AudioResampler(frame.format.packed.name, frame.layout, frame.sample_rate).resample(frame)
    return packed


def floats(frame: av.AudioFrame) -> np.ndarray:
    """A decoded frame of any format and layout as (channels, samples) float32 in [-1, 1]."""
    frame = _packed(frame) if frame.format.is_planar and frame.layout.nb_channels >= PLANES else frame
    samples = frame.to_ndarray()
    samples = samples if frame.format.is_planar else samples.reshape(-1, frame.layout.nb_channels).T
    if samples.dtype == np.uint8:
        return (samples.astype(np.float32) - 128) / 128
    if samples.dtype.kind == "i":
        return samples.astype(np.float32) / 2 ** (8 * samples.dtype.itemsize - 1)
    return np.nan_to_num(samples.astype(np.float32), posinf=0, neginf=0)


def pictures(path: str | Path) -> Iterator[tuple[float, av.VideoFrame]]:
    """The pictures of a video, see `_decoded`."""
    return _decoded(path, "picture", picture_stream)


def sounds(path: str | Path, audio_track: int | None = None) -> Iterator[tuple[float, av.AudioFrame]]:
    """The sound of a video, of the track that `sound_stream` finds, see `_decoded`."""
    return _decoded(path, "sound track", partial(sound_stream, path, audio_track=audio_track))


def _decoded(path: str | Path, name: str, track: Callable[[InputContainer], Any]) -> Iterator[tuple[float, Any]]:
    """Decode one track: (time in s on the file's own clock, frame), in the order of time.

    A packet that does not decode is skipped, as in players; `HOLE_S` without any is a break. Wrong time stamps
    are corrected and gaps of hours are cut, see `dsol.data.media.timing`.

    Args:
        path: a video.
        name: of the track, for errors.
        track: finds it in the open file.

    Raises:
        DsolError: no such track, none of it decodes, or, after what does, that it breaks off and where.
    """
    clock = clock_of(path)
    with opened(path) as container:
        stream = track(container)
        if stream is None:
            raise no_track(path, name)
        refuse_vast(path, stream)
        started = failed = False
        start_s = last_s = end_s = 0.0
        for frames in _frames(container, stream, clock):
            failed = failed or frames is None
            for frame in frames or ():
                time_s = end_s if frame.time is None else frame.time
                if not started:
                    start_s = last_s = time_s
                elif failed and time_s - end_s > HOLE_S:
                    raise _break(path, end_s - start_s)
                last_s = max(last_s, time_s)
                yield last_s, frame
                started, failed, end_s = True, False, last_s + lasts(frame, stream)
        if not started:
            raise DsolError(path, f"has a {name} that cannot be decoded", REPAIR)
        stated_s = end_s if clock.notes or is_cover(stream) else _stated_end(stream) or end_s
        # A last picture may stand longer than it says; then at least the sound reaches the stated end.
        if stated_s - end_s > HOLE_S and (failed or stated_s - clock.last_s > HOLE_S):
            raise _break(path, end_s - start_s)


def _frames(container: InputContainer, stream: VideoStream | AudioStream, clock: Clock) -> Iterator[list | None]:
    """The frames of packet after packet; None for a packet that fails."""
    packets = clock.packets(container, stream)
    while True:
        try:
            packet = next(packets, None)
        except FFmpegError:  # the rest of the file cannot be split into packets
            yield None
            packet = None
        if packet is None or not packet.size:
            break
        yield decode(packet)
    flush = av.Packet()
    flush.stream = stream
    if stream.time_base is not None:
        flush.time_base = stream.time_base
    yield decode(flush)


def decode(packet: av.Packet) -> list | None:
    """The frames of a packet; None where it does not decode."""
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
    told = MATROSKA_DURATION.fullmatch(stream.metadata.get("DURATION") or "")
    return 3600 * float(told[1]) + 60 * float(told[2]) + float(told[3]) if told else None


def _break(path: str | Path, after_s: float) -> DsolError:
    return DsolError(path, f"breaks off after {after_s:.1f} s: the rest cannot be decoded", REPAIR)


def start_of(path: str | Path, audio_track: int | None = None) -> float:
    """Where a video starts on its own clock: the time stamp in s of its first picture or sound.

    The sound counts only if it comes clearly first; otherwise all pictures would be late by the few
    milliseconds of delay of sound encoders.
    """
    picture_s = next(pictures(path))[0]
    try:
        sound_s = next(sounds(path, audio_track))[0]
    except DsolError:  # no sound: its reader reports that
        return picture_s
    return sound_s if sound_s < picture_s - PRIMING_S else picture_s
