"""A video as a stream of seconds (frames and sound) or of frames.

Picture and sound are read by two independent readers of the same file, in step: however a file interleaves its
tracks, no more than one second is held.
"""

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np

from dsol.data.clip import FRAMES_PER_SECOND, SAMPLE_RATE
from dsol.data.media.decoding import lasts, pictures, sound_stream, start_of
from dsol.data.media.opening import opened, picture_stream, pixel_aspect
from dsol.data.media.pixels import Screen
from dsol.data.media.timing import GAP_S, clock_of
from dsol.data.media.waveform import Waveform
from dsol.errors import DsolError

ROUNDING_S = 0.0005  # seconds by which containers round time stamps (webm: to milliseconds)
SHORT_S = 0.005  # seconds that the last whole second may lack, by rounding
STILL_S = 1.0  # seconds: of a shorter video with a longer sound the last picture lasts until it ends
LEAST_S = 0.1  # seconds: what is shorter at the end is dropped


@dataclass(frozen=True)
class Second:
    """One second of a video.

    Attributes:
        index: whole seconds from the start of the video.
        frames: (T, height, width, 3) uint8 RGB, the picture on screen at `times_s`.
        times_s: (T,) seconds from the start of the video: index, index + 1/T, …
        waveform: (16000,) float32 in [-1, 1], 16 kHz mono.
        extras: further files: name -> bytes, see `dsol.data.store.shards`. A video has none.
        length_s: less than 1 for an incomplete last second.
    """

    index: int
    frames: np.ndarray
    times_s: np.ndarray
    waveform: np.ndarray
    extras: Mapping[str, bytes] = field(default_factory=dict)
    length_s: float = 1.0


def read_seconds(
    path: str | Path,
    *,
    frames_per_second: int = FRAMES_PER_SECOND,
    size: tuple[int, int] | None = None,
    whole_only: bool = True,
    keep: Container[int] = (),
    audio_track: int | None = None,
) -> Iterator[Second]:
    """Stream a video, second after second.

    The frame for a time is the one on screen then, by time stamp: the last that appeared, or the first of all. So
    video of a low or variable rate repeats frames. Sound that ends before the picture is continued by silence;
    sound after the last picture is left out, unless the whole picture track is shorter than a second.

    Args:
        path: a file of one of `VIDEO_SUFFIXES`.
        frames_per_second: frames a second, T.
        size: (width, height) in pixels to scale to; as shown if None.
        whole_only: drop an incomplete last second. Otherwise it is returned from 0.1 s on, with the frames that it
            has (fewer than T) and its waveform filled up with zeros.
        keep: seconds that are returned however short they are.
        audio_track: which sound track, counted from 1; by default the one that a player takes, or, where that is
            silent, the first that is not.

    Raises:
        DsolError: before any second: no video, no picture, no sound track, too short, nothing can be decoded.
            After the good seconds: the file breaks off, and where; what came before is good.
            (A cut-off avi does not know how long it was: it ends without an error.)

    Example:
        >>> for second in read_seconds("party.mp4", size=(256, 256)):                   # doctest: +SKIP
        ...     print(second.index, second.frames.shape, second.waveform.std())
        0 (4, 256, 256, 3) 0.12
    """
    start_s = start_of(path, audio_track)
    with Waveform(path, start_s, audio_track) as waveform:
        count = 0
        sound_end_s = _sound_end(path, audio_track) - start_s
        for index, frames, length_s in _seconds_of_picture(path, start_s, sound_end_s, frames_per_second, size):
            if index not in keep and length_s < (1 if whole_only else LEAST_S):
                break
            sound = np.zeros(SAMPLE_RATE, np.float32)
            samples = round(length_s * SAMPLE_RATE)
            sound[:samples] = waveform.read(samples)
            times_s = index + np.arange(len(frames)) / frames_per_second
            yield Second(index, np.stack(frames), times_s, sound, length_s=length_s)
            count += 1
    if not count:
        least = "1 s" if whole_only else f"{LEAST_S} s"
        raise DsolError(path, f"is shorter than {least}", "leave it out, or give a longer one")


def _seconds_of_picture(
    path: str | Path, start_s: float, sound_end_s: float, per_second: int, size: tuple[int, int] | None
) -> Iterator[tuple[int, list[np.ndarray], float]]:
    """(second, its frames, its length in s) for every second that is begun; only the last may be shorter than 1."""
    index, frames, end_s = 0, [], 0.0
    screen = None
    for _, end_s, frame in _shown(path, start_s, sound_end_s):
        screen = screen or Screen(frame, size, pixel_aspect(path))
        picture = None
        while True:
            if len(frames) < per_second and index + len(frames) / per_second < end_s - ROUNDING_S:
                picture = screen.show(frame) if picture is None else picture
                frames.append(picture)
            elif len(frames) == per_second and end_s > index + 1 - SHORT_S:
                yield index, frames, 1.0
                index, frames = index + 1, []
            else:
                break
    if frames:
        yield index, frames, end_s - index


def _shown(path: str | Path, start_s: float, sound_end_s: float) -> Iterator[tuple[float, float, av.VideoFrame]]:
    """(appears at, gives way at, frame), in s from the start of the video."""
    with opened(path) as container:
        stream = picture_stream(container)
        held: tuple[float, av.VideoFrame] | None = None
        for time_s, frame in pictures(path):
            if held:
                yield held[0], time_s - start_s, held[1]
            held = time_s - start_s, frame
        if held and stream:
            end_s = held[0] + lasts(held[1], stream)
            stands = end_s < STILL_S or end_s - held[0] > GAP_S  # the end that it states may be anything
            yield held[0], max(min(end_s, held[0] + GAP_S), sound_end_s) if stands else end_s, held[1]


def _sound_end(path: str | Path, audio_track: int | None) -> float:
    """Where the sound ends, in s on the file's own clock."""
    with opened(path) as container:
        stream = sound_stream(path, container, audio_track)
        return clock_of(path).end_of(stream) if stream else float("-inf")


def read_frames(path: str | Path, audio_track: int | None = None) -> Iterator[tuple[float, np.ndarray]]:
    """Stream every frame: (time in s from the start of the video, (height, width, 3) uint8 RGB as shown).

    Args:
        path: of the video.
        audio_track: the sound track that is read with it: where that clearly comes first, the video starts with it.

    Raises:
        DsolError: before any frame: no video or no picture. After the good frames: the file breaks off, and where.

    Example:
        >>> for time_s, frame in read_frames("party.mp4"):                              # doctest: +SKIP
        ...     print(f"{time_s:.2f}", frame.shape)
        0.00 (360, 640, 3)
    """
    start_s = start_of(path, audio_track)
    screen = None
    for time_s, frame in pictures(path):
        screen = screen or Screen(frame, aspect=pixel_aspect(path))
        yield time_s - start_s, screen.show(frame)
