"""The present of a stream: the picture and the second of sound that are there now, while a thread goes on reading.

    source ─thread: demux, decode─▶ Present: the last seconds ─▶ Moment: a picture and the second of sound round it
    its sound, where it comes from elsewhere ─thread─┘

Whoever asks late gets the present: what was due meanwhile is left out, and counted.
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.stream import Stream
from av.video.stream import VideoStream

from dsol.data.media.decoding import decode, floats, lasts
from dsol.data.media.opening import aspect_of
from dsol.data.media.pixels import Screen
from dsol.data.media.present import WINDOW_S, Clock, Picture, Piece, Present, waveform_of
from dsol.data.media.source import is_live, opened_live, shown, tracks_of
from dsol.data.media.waveform import Mono
from dsol.errors import DsolError

LATE_S = 1.0  # seconds; decoding that is later takes key pictures only until it has caught up
ENDING_S = 1.0  # seconds that a thread gets to end


@dataclass(frozen=True)
class Moment:
    """A second of a stream.

    Attributes:
        start_s, end_s: of its sound, seconds from the start of the stream.
        picture: (height, width, 3) uint8 RGB, from the middle of it.
        waveform: (16000,) float32 in [-1, 1], 16 kHz mono; zeros where nothing came.
        dropped: answers that were due since the last one and are left out.
        came_at: when its end arrived, by `time.monotonic`.
    """

    start_s: float
    end_s: float
    picture: np.ndarray
    waveform: np.ndarray
    dropped: int
    came_at: float

    @property
    def time_s(self) -> float:
        """When the picture is on screen."""
        return (self.start_s + self.end_s) / 2


def read_live(
    source: str | Path,
    every_s: float = 1.0,
    timeout_s: float = 10.0,
    sound: str | Path | None = None,
    audio_track: int | None = None,
) -> Iterator[Moment]:
    """Follow a stream to its end.

    A URL or a device is followed as it goes. What may come faster than it plays, as a file in a pipe does, waits to be
    asked, so that none of it is left out.

    Args:
        source: see `dsol.data.media.source.is_live`.
        every_s: seconds from one moment to the next.
        timeout_s: seconds for which nothing may come.
        sound: where the sound comes from if not from the source.
        audio_track: which sound track, counted from 1.

    Raises:
        DsolError: it cannot be opened, has no picture or no sound, sends nothing, breaks off, or ends within a second.

    Example:
        >>> for moment in read_live("rtsp://camera/1"):                                 # doctest: +SKIP
        ...     print(moment.end_s, moment.picture.shape, moment.waveform.std())
    """
    present = Present(every_s)
    readers = [Reader(present, source, True, sound is None, timeout_s, audio_track)]
    if sound is not None:
        readers.append(Reader(present, sound, False, True, timeout_s, audio_track))
    for reader in readers:
        reader.start()
    screen, count = AsShown(), 0
    try:
        while (taken := present.take(source, timeout_s)) is not None:
            end_s, picture, pieces, dropped, came_at = taken
            waveform = waveform_of(pieces, end_s)
            yield Moment(end_s - WINDOW_S, end_s, screen(picture), waveform, dropped, came_at)
            count += 1
    finally:
        present.stop()
        for reader in readers:
            reader.join(ENDING_S)
    if not count:
        raise DsolError(shown(source), "ended before there was a second of picture and sound", "does it go on?")


class AsShown:
    """Pictures as they are shown, whatever size they have now."""

    def __init__(self):
        self._screen: Screen | None = None
        self._form = (0, 0, 0.0)

    def __call__(self, picture: Picture) -> np.ndarray:
        """(height, width, 3) uint8 RGB."""
        form = (picture.frame.width, picture.frame.height, picture.aspect)
        if self._screen is None or form != self._form:
            self._screen, self._form = Screen(picture.frame, aspect=picture.aspect), form
        return self._screen.show(picture.frame)


class Reader(threading.Thread):
    """Decodes a source as it comes.

    Args:
        present: where it puts what has come.
        source: what it reads.
        picture, sound: of which kinds.
        timeout_s, audio_track: see `read_live`.
    """

    def __init__(
        self, present: Present, source: str | Path, picture: bool, sound: bool, timeout_s: float,
        audio_track: int | None,
    ):  # fmt: skip
        super().__init__(daemon=True, name=f"reads {shown(source)}")  # a pipe that sends nothing must not hold the end
        self._present, self._source, self._kinds = present, source, (picture, sound)
        self._timeout_s, self._audio_track = timeout_s, audio_track
        self._waits = "://" not in str(source) or not is_live(source)  # pipes; https, which comes in pieces
        self._clock, self._mono = Clock(), Mono()

    def run(self) -> None:
        """Read to the end."""
        error = None
        try:
            self._read()
        except Exception as raised:  # the consumer raises it
            error = raised
        self._present.end(error)

    def _read(self) -> None:
        present = self._present
        with opened_live(self._source, self._timeout_s) as container:
            tracks = tracks_of(self._source, container, *self._kinds, self._audio_track)
            for packet in container.demux(tracks):
                for frame in decode(packet) or ():
                    self._add(frame, packet.stream)
                if present.stopped:
                    return
                if self._waits:
                    present.wait_to_be_asked()
                if isinstance(packet.stream, VideoStream):
                    packet.stream.codec_context.skip_frame = "NONKEY" if self._is_late() else "DEFAULT"

    def _is_late(self) -> bool:
        waited = self._waits and self._present.ahead_s() > 0
        return not waited and self._present.late_s() > LATE_S

    def _add(self, frame: av.VideoFrame | av.AudioFrame, stream: Stream) -> None:
        present, track = self._present, stream.type
        time_s, leaps = self._clock(track, frame.time, present.newest_s)
        if isinstance(frame, av.VideoFrame):
            item: Picture | Piece = Picture(time_s, frame, aspect_of(stream))
        else:
            item = time_s, frame.sample_rate, self._mono(floats(frame), frame.sample_rate)
        present.add(track, item, time_s + lasts(frame, stream), leaps)
