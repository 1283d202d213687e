"""What the page draws over the original video, told while the work goes on: a line of parts.jsonl a second.

    Localizer.stream ─▶ Localization ─┬─▶ scores, boxes, maps of 8 bits a cell ─▶ parts.jsonl
                                      └─▶ boxes of lower scores, too ─▶ timeline.npz   for the threshold slider
    at the end: which box is which object ─▶ parts.jsonl;  poster.jpg;  watch.mp4 where browsers cannot play the video

The lines: {"head": …}, then {"part": …} a second, then {"tracks": …}. docs/serve.md has their keys.
"""

import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from dsol.localize import Localization, Localizer
from dsol.localize.localization import Timeline, joined
from dsol.localize.palette import COLOURS
from dsol.model.vocabulary import vocabulary
from dsol.progress import Track
from dsol.serve.kept import save_timeline
from dsol.serve.watching import Stills, kind_of, write_poster, write_watchable

LOWEST = 0.3  # of the threshold: how far down boxes are known, for whoever lowers it in the page
LEAST_SCORE = 0.01  # what is below is not sent
LEVELS = 255  # of a cell of a map
PARTS, TIMELINE, POSTER, WATCH = "parts.jsonl", "timeline.npz", "poster.jpg", "watch.mp4"
Tell = Callable[[dict[str, Any]], None]


class Shown:
    """A localizer that writes for the page what it finds, while `localize_video` uses it.

    Args:
        localizer: does the work.
        folder: where the files go.
        track: as in `localize_video`.
        tell: called with what changed: {"parts": lines}, {"watch": True}.
    """

    def __init__(self, localizer: Localizer, folder: Path, track: Track, tell: Tell):
        self._localizer, self._folder, self._track, self._tell = localizer, folder, track, tell
        self._lines = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._localizer, name)

    def stream(self, video: str | Path) -> Iterator[Localization]:
        """As `Localizer.stream`."""
        lows: list[Timeline] = []
        surest = Surest()
        playable = bool(kind_of(video))
        with (
            (self._folder / PARTS).open("w", encoding="utf-8") as file,
            Stills(video, self._folder, playable) as stills,
        ):
            for part in self._localizer.stream(video):
                if not lows:
                    self._write(file, {"head": head(part, playable)})
                stills.next()
                lows.append(low(part))
                surest.see(part)
                self._write(file, {"part": part_of(part, lows[-1])})
                yield part
            whole = joined(lows)
            self._write(file, {"tracks": tracks_of(whole)})
        save_timeline(whole, self._folder / TIMELINE)
        write_poster(whole, surest.time_s, surest.maps, video, self._folder / POSTER)
        if not playable:
            write_watchable(video, self._folder / WATCH, self._track)
            self._tell({"watch": True})

    def _write(self, file, line: dict[str, Any]) -> None:
        file.write(json.dumps(line, separators=(",", ":")) + "\n")
        file.flush()
        self._lines += 1
        self._tell({"parts": self._lines})


class Surest:
    """The answer with the highest score of all that sounds, for the poster.

    Attributes:
        time_s: when it is.
        maps: (K, H, W) its maps.
    """

    def __init__(self):
        self.time_s, self._score = 0.0, -1.0
        self.maps = np.zeros((0, 0, 0), np.float32)

    def see(self, part: Localization) -> None:
        """Take note of another second."""
        score = np.where(part.timeline().sounding, part.score, 0).max(axis=1)
        t = int(score.argmax())
        if score[t] > self._score:
            self._score, self.time_s, self.maps = float(score[t]), float(part.times_s[t]), part.maps[t]


def low(part: Localization) -> Timeline:
    """The timeline of a part, with boxes of what scores as low as the page's slider goes."""
    threshold = part.threshold
    return replace(replace(part, threshold=LOWEST * threshold).timeline(), threshold=threshold)


def head(part: Localization, playable: bool) -> dict[str, Any]:
    """What is known before anything is found."""
    above = vocabulary().ancestors(part.categories) if part.state is not None else np.zeros((0, 0), bool)
    return {
        "categories": list(part.categories),
        "threshold": part.threshold,
        "lowest": LOWEST * part.threshold,
        "duration_s": round(part.duration_s, 4),
        "width": part.size[0],
        "height": part.size[1],
        "tells_states": part.state is not None,
        "above": {str(k): np.flatnonzero(row).tolist() for k, row in enumerate(above) if row.any()},
        "colours": ["#{:02x}{:02x}{:02x}".format(*colour) for colour in COLOURS],
        "playable": playable,
    }


def part_of(part: Localization, low: Timeline) -> dict[str, Any]:
    """One second.

    Args:
        part: its T answers.
        low: its timeline, of `low`.
    """
    told = (part.score.max(axis=0) >= LEAST_SCORE) | (low.states >= 0).any(axis=0)
    state = {} if part.state is None else {int(k): part.state[:, k].tolist() for k in np.flatnonzero(told)}
    boxes = low.parts
    assert boxes is not None, "made with maps"
    at = sorted({(int(t), int(k)) for t, k in boxes.at if part.maps[t, k].max() > 0})
    maps = [_levels(part.maps[t, k]) for t, k in at]
    return {
        "times_s": np.round(part.times_s, 4).tolist(),
        "loudness": np.round(part.loudness.astype(float), 4).tolist(),
        "score": {int(k): np.round(part.score[:, k].astype(float), 4).tolist() for k in np.flatnonzero(told)},
        "state": state,
        "boxes": [[int(t), int(k), *np.round(xywh.astype(float), 4).tolist()]
                  for (t, k), xywh in zip(boxes.at, boxes.xywh, strict=True)],
        "size": list(part.maps.shape[2:]),
        "at": [list(each) for each in at],
        "maps": b64encode(b"".join(maps)).decode("ascii"),
    }  # fmt: skip


def _levels(map_: np.ndarray) -> bytes:
    """A map (H, W) in bytes, its own maximum the brightest."""
    return np.round(np.clip(map_ / map_.max(), 0, 1) * LEVELS).astype(np.uint8).tobytes()


def tracks_of(whole: Timeline) -> dict[str, Any]:
    """Which box is which object: names, and for each box of all parts in their order the place of its name, or -1."""
    parts = whole.parts
    assert parts is not None, "made with maps"
    of = np.full(len(parts.at), -1)
    for n, ((t, k), xywh) in enumerate(zip(parts.at, parts.xywh, strict=True)):
        for track in whole.tracks:
            if track.place == k and track.present[t] and np.array_equal(track.xywh[t], xywh):
                of[n] = track.id - 1
    return {"names": [track.name for track in whole.tracks], "of": of.tolist()}
