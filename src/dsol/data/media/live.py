"""The present of a stream: the picture and the second of sound that are there now, while a thread goes on reading.

    source ─thread: demux, decode─▶ Present: the last seconds ─▶ Moment: a picture and the second of sound round it
    its sound, where it comes from elsewhere ─thread─┘

Whoever asks late gets the present: what was due meanwhile is left out, and counted.
"""

import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import soxr
from av.stream import Stream
from av.video.stream import VideoStream

from dsol.data.clip import SAMPLE_RATE
from dsol.data.media.decoding import decode, floats, lasts
from dsol.data.media.opening import aspect_of
from dsol.data.media.pixels import Screen
from dsol.data.media.source import is_live, nothing_came, opened_live, shown, tracks_of
from dsol.data.media.waveform import GAP_S, Mono
from dsol.errors import DsolError

WINDOW_S = 1.0  # of sound, round a picture
APART_S = 0.1  # seconds between two pictures in memory
LEAP_S, BACK_S = 10.0, 1.0  # seconds by which time stamps go on or back at most; beyond that they have begun anew
SLACK_S = 1.0  # seconds for which one track waits for the other
IN_TIME_S = 0.5  # seconds within which an answer is given for when it was due; after that it is for now
AHEAD_S = 0.5  # seconds by which a file or pipe may be ahead of the clock before it waits to be asked
LATE_S = 1.0  # seconds; decoding that is later takes key pictures only until it has caught up
USUAL_S = 60.0  # seconds over which is measured how late what arrives usually is
TICK_S = 0.05
ENDING_S = 1.0  # seconds that a thread gets to end

Piece = tuple[float, int, np.ndarray]  # from when on, in s; Hz; (n,) samples


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
    screen, count = Shown(), 0
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


class Picture(NamedTuple):
    """A decoded picture: when, what, and the width of its pixels over their height."""

    time_s: float
    frame: av.VideoFrame
    aspect: float


class Taken(NamedTuple):
    """What a moment is made of."""

    end_s: float
    picture: Picture
    pieces: list[Piece]
    dropped: int
    came_at: float


class Shown:
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


class Usual:
    """How late what arrives is: later than the promptest of the last minutes. Clocks of cameras drift."""

    def __init__(self):
        self._least, self._since = [inf, inf], 0.0

    def see(self, time_s: float, now: float) -> None:
        """`time_s` of the stream has come."""
        if now - self._since > USUAL_S:
            self._least, self._since = [self._least[1], inf], now
        self._least[1] = min(self._least[1], now - time_s)

    def forget(self) -> None:
        """The stream's time has begun anew."""
        self._least = [inf, inf]

    def when(self, time_s: float) -> float:
        """When a time of the stream arrives, by `time.monotonic`; inf before anything has."""
        return time_s + min(self._least)


class Clock:
    """Seconds from the start of a stream, from time stamps that begin anywhere and may leap."""

    def __init__(self):
        self._first: float | None = None
        self._starts: dict[str, float] = {}
        self._last: dict[str, float] = {}

    def __call__(self, track: str, stamp_s: float | None, now_s: float) -> tuple[float, bool]:
        """The time of a frame, and whether time stamps have begun anew with it.

        Args:
            track: of the frame.
            stamp_s: its time stamp, seconds; None where it has none.
            now_s: the stream's time, as far as it is known.
        """
        if stamp_s is None:
            return now_s, False
        if self._first is None:
            self._first = stamp_s - now_s
        time_s = stamp_s - self._starts.setdefault(track, self._first)
        moved_s = time_s - self._last.get(track, now_s)
        leaps = moved_s > LEAP_S or moved_s < -(BACK_S if track in self._last else LEAP_S)
        if leaps:
            self._starts[track], time_s = stamp_s - now_s, now_s
        self._last[track] = time_s
        return time_s, leaps


class Present:
    """What is there of a stream now: readers add to it, one consumer takes from it.

    Args:
        every_s: seconds from one moment to the next.
    """

    def __init__(self, every_s: float):
        self.every_s, self.due_s = every_s, WINDOW_S
        self.usual = Usual()
        self.began = self.touched = time.monotonic()
        self.stopped = False
        self._changed = threading.Condition()
        self._pictures: deque[Picture] = deque()
        self._pieces: deque[Piece] = deque()
        self._ends = {"video": 0.0, "audio": 0.0}
        self._over, self._error = False, None

    @property
    def now_s(self) -> float:
        """Up to when picture and sound are there; a track that has stopped is not waited for."""
        return max(min(self._ends.values()), max(self._ends.values()) - SLACK_S)

    @property
    def newest_s(self) -> float:
        """The time of what has come last."""
        return max(self._ends.values())

    def add(self, track: str, item: Picture | Piece, end_s: float, leaps: bool) -> None:
        """A decoded picture or piece of sound, and its end."""
        now = time.monotonic()
        with self._changed:
            if leaps:
                self.usual.forget()
            if self.newest_s == 0:
                self.began = now
            self.usual.see(end_s, now)
            self._ends[track], self.touched = end_s, now
            if not isinstance(item, Picture):
                self._pieces.append(item)
            elif not self._pictures or abs(item.time_s - self._pictures[-1].time_s) >= APART_S:
                self._pictures.append(item)
            self._forget()
            if self._ready():
                self._changed.notify_all()

    def _forget(self) -> None:
        """What no answer asks for any more. Pictures are large."""
        earliest_s = self.now_s - IN_TIME_S
        while len(self._pictures) > 1 and self._pictures[1].time_s < earliest_s - WINDOW_S / 2:
            self._pictures.popleft()
        while self._pieces and self._pieces[0][0] < earliest_s - 2 * WINDOW_S:
            self._pieces.popleft()

    def _ready(self) -> bool:
        return self.now_s >= self.due_s and bool(self._pictures)

    def late_s(self) -> float:
        """How long ago what has come last should have come."""
        return time.monotonic() - self.usual.when(self.newest_s)

    def wait_to_be_asked(self) -> None:
        """Return when the consumer has what was due, or the clock has caught up."""
        with self._changed:
            while self._ready() and not self.stopped and self.ahead_s() > AHEAD_S:
                self._changed.wait(TICK_S)

    def ahead_s(self) -> float:
        """How far ahead of the clock the stream is."""
        return self.newest_s - (time.monotonic() - self.began)

    def take(self, source: str | Path, timeout_s: float) -> Taken | None:
        """Wait for the next moment; None at the end.

        Raises:
            DsolError: nothing comes, or what went wrong in a reader.
        """
        asked = time.monotonic()
        with self._changed:
            while not self._ready() and not self._over:
                self._changed.wait(TICK_S)
                if time.monotonic() - max(self.touched, asked) > timeout_s:
                    raise nothing_came(source, timeout_s)
            if not self._ready():
                if self._error is not None:
                    raise self._error
                return None
            in_time = self.now_s < self.due_s + IN_TIME_S
            end_s = self.due_s if in_time else round(self.now_s, 3)
            dropped = int((end_s - self.due_s) / self.every_s)
            self.due_s = end_s + self.every_s
            picture = min(self._pictures, key=lambda each: abs(each.time_s - end_s + WINDOW_S / 2))
            self._changed.notify_all()
            return Taken(end_s, picture, list(self._pieces), dropped, self.usual.when(end_s))

    def end(self, error: Exception | None) -> None:
        """Nothing more comes."""
        with self._changed:
            self._over, self._error = True, self._error or error
            self._changed.notify_all()

    def stop(self) -> None:
        """Nothing more is wanted."""
        with self._changed:
            self.stopped = True
            self._changed.notify_all()


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


def waveform_of(pieces: list[Piece], end_s: float) -> np.ndarray:
    """The second of sound up to a time, (16000,) float32 at 16 kHz; zeros where nothing came.

    Args:
        pieces: in the order in which they came, of any rates.
        end_s: seconds.
    """
    sound = np.zeros(SAMPLE_RATE, np.float32)
    for start_s, rate, samples in _runs(pieces):
        part = soxr.resample(samples, rate, SAMPLE_RATE)
        at = round((start_s - end_s + WINDOW_S) * SAMPLE_RATE)
        low, high = max(at, 0), min(at + len(part), SAMPLE_RATE)
        if low < high:
            sound[low:high] = part[low - at : high - at]
    return sound.clip(-1, 1)


def _runs(pieces: list[Piece]) -> Iterator[Piece]:
    """Pieces that follow each other, joined."""
    held: list[np.ndarray] = []
    start_s, rate = 0.0, 1
    for piece_s, piece_rate, samples in pieces:
        end_s = start_s + sum(map(len, held)) / rate
        if held and (piece_rate != rate or abs(piece_s - end_s) > GAP_S):
            yield start_s, rate, np.concatenate(held)
            held = []
        if not held:
            start_s, rate = piece_s, piece_rate
        held.append(samples)
    if held:
        yield start_s, rate, np.concatenate(held)
