"""What sounds now, a line of JSON an answer, while a stream goes on.

    read_live ─Moment─▶ Localizer.at ─▶ parts of its maps ─Objects─▶ which object each is ─▶ a line

docs/live.md has the keys of a line.
"""

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from dsol.assignment import best_assignment
from dsol.data.media import Moment, read_live
from dsol.data.media.source import shown
from dsol.data.states import OFF_SCREEN, STATES
from dsol.errors import DsolError
from dsol.localize.localization import Localization
from dsol.localize.localizer import Localizer
from dsol.localize.tracks import Parts, fit
from dsol.progress import say

NOTHING = -1  # in the place of a state
REMEMBERED_S = 60.0  # seconds for which an object that is gone keeps its number


@dataclass(frozen=True)
class Live:
    """How a live source is followed.

    Attributes:
        every_s: seconds from one answer to the next.
        timeout_s: seconds for which it may send nothing.
        sound: where the sound comes from if not from the source: a URL, "alsa:hw:0", a file.
    """

    every_s: float = 1.0
    timeout_s: float = 10.0
    sound: str | Path | None = None

    def __post_init__(self):
        if not 0.1 <= self.every_s <= 3600:
            raise DsolError("--every", f"{self.every_s:g} seconds", "choose 0.1 to 3600")
        if not self.timeout_s > 0:
            raise DsolError("--timeout", f"{self.timeout_s:g} seconds", "choose more than 0")


def localize_live(source: str | Path, localizer: Localizer, how: Live | None = None) -> None:
    """Print a line of JSON an answer, until the stream ends; then say how much there was, on stderr.

    Args:
        source: a stream's URL, a device, "-".
        localizer: answers.
        how: see `Live`.

    Raises:
        DsolError: as `dsol.data.media.read_live`.
    """
    count = dropped = 0
    for answer in answers(source, localizer, how):
        if answer["dropped"] and not dropped:
            say(f"{shown(source)}: an answer takes longer than --every; what was due meanwhile is left out")
        count, dropped = count + 1, dropped + answer["dropped"]
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    say(f"{shown(source)}: ended after {count} answers; {dropped} were left out")


def answers(source: str | Path, localizer: Localizer, how: Live | None = None) -> Iterator[dict[str, Any]]:
    """What sounds now, again and again; arguments and errors as of `localize_live`.

    Yields:
        "start_s", "end_s", "delay_s", "dropped", "loudness", "objects": docs/live.md.

    Example:
        >>> for answer in answers("rtsp://camera/1", localizer):                # doctest: +SKIP
        ...     print(answer["end_s"], [each["category"] for each in answer["objects"]])
    """
    how, objects = how or Live(), Objects()
    for moment in read_live(source, how.every_s, how.timeout_s, how.sound, localizer.audio_track):
        yield answer_of(moment, localizer.at(shown(source), moment), objects)


def answer_of(moment: Moment, found: Localization, objects: "Objects") -> dict[str, Any]:
    """One line.

    Args:
        moment: what was looked at.
        found: in it.
        objects: those of before; it learns the new ones.
    """
    return {
        "start_s": round(moment.start_s, 3),
        "end_s": round(moment.end_s, 3),
        "delay_s": round(time.monotonic() - moment.came_at, 3),
        "dropped": moment.dropped,
        "loudness": round(float(found.loudness[0]), 4),
        "objects": objects(found),
    }


@dataclass
class Objects:
    """Which object is which, from answer to answer: as in a whole video, but without what comes later."""

    _known: list["Known"] = field(default_factory=list)
    _count: int = 0

    def __call__(self, found: Localization) -> list[dict[str, Any]]:
        """The objects of an answer, the surest first.

        Args:
            found: of one time.
        """
        timeline = found.timeline()
        states, parts, time_s = timeline.states[0], timeline.parts or Parts(), float(found.times_s[0])
        self._known = [each for each in self._known if time_s - each.time_s <= REMEMBERED_S]
        places = parts.at[:, 1].tolist()
        now = [Known(0, k, time_s, xywh, look) for k, xywh, look in zip(places, parts.xywh, parts.look, strict=True)
               if states[k] not in (NOTHING, OFF_SCREEN)]  # fmt: skip
        self._number(now)
        now += [Known(0, k, time_s, None) for k in np.flatnonzero(states == OFF_SCREEN).tolist()]
        told = [_told(found, each, STATES[states[each.place]]) for each in now]
        return sorted(told, key=lambda each: -each["score"])

    def _number(self, now: list["Known"]) -> None:
        """Give the objects of an answer their numbers."""
        before = self._known
        parts, times_s = _as_parts([*before, *now])
        fits = [[fit(i, len(before) + j, parts, times_s) if old.place == new.place else 0.0
                 for j, new in enumerate(now)] for i, old in enumerate(before)]  # fmt: skip
        rows, columns = best_assignment(np.array(fits).reshape(len(before), len(now)))
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
            if fits[row][column] > 0:
                now[column].number = before[row].number
        for each in now:
            if not each.number:
                self._count += 1
                each.number = self._count
        numbers = {each.number for each in now}
        self._known = [each for each in before if each.number not in numbers] + now


@dataclass
class Known:
    """An object where it was last.

    Attributes:
        number: from 1 on; 0 for none.
        place: of its category in the list of categories.
        time_s: when.
        xywh: its box, fractions of the frame; None for what is off screen.
        look: its colours, see `look_of`.
    """

    number: int
    place: int
    time_s: float
    xywh: np.ndarray | None
    look: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))


def _as_parts(objects: list[Known]) -> tuple[Parts, np.ndarray]:
    """One part an object, each in an answer of its own, and the times of these."""
    if not objects:
        return Parts(), np.zeros(0)
    at = np.stack([np.arange(len(objects)), np.zeros(len(objects), int)], axis=1)
    xywh = np.stack([each.xywh for each in objects if each.xywh is not None])
    return Parts(at, xywh, np.stack([each.look for each in objects])), np.array([each.time_s for each in objects])


def _told(found: Localization, known: Known, state: str) -> dict[str, Any]:
    """As in a line."""
    return {
        "track": known.number,
        "category": found.categories[known.place],
        "state": state,
        "score": round(float(found.score[0, known.place]), 4),
        "xywh": None if known.xywh is None else [round(float(v), 4) for v in known.xywh],
    }
