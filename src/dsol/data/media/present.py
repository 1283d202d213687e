"""What is there of a stream now: pictures and sound of the last seconds, their times, and what is due next.

Readers add, one consumer takes; who asks late gets the present. `dsol.data.media.live` puts both together.
"""

import threading
import time
from collections import deque
from collections.abc import Iterator
from math import inf
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import soxr

from dsol.data.clip import SAMPLE_RATE
from dsol.data.media.source import nothing_came
from dsol.data.media.waveform import GAP_S

WINDOW_S = 1.0  # of sound, round a picture
APART_S = 0.1  # seconds between two pictures in memory
LEAP_S, BACK_S = 10.0, 1.0  # seconds by which time stamps go on or back at most; beyond that they have begun anew
SLACK_S = 1.0  # seconds for which one track waits for the other
IN_TIME_S = 0.5  # seconds within which an answer is given for when it was due; after that it is for now
AHEAD_S = 0.5  # seconds by which a file or pipe may be ahead of the clock before it waits to be asked
USUAL_S = 60.0  # seconds over which is measured how late what arrives usually is
TICK_S = 0.05

Piece = tuple[float, int, np.ndarray]  # from when on, in s; Hz; (n,) samples


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
