"""The clock of a video file, read before anything is decoded, so that no time stamp is believed that others contradict.

    stamps of all packets ──runs──▶ outliers corrected ──▶ restarts appended ──▶ gaps of all tracks cut

Wild: a few stamps far from those before and after them. Starting anew: stamps fall back for good, as where two files
were joined. Gap: no track has anything for longer than `GAP_S`; recorders jump by hours when their clock is set.
In almost every file none of these occurs, and nothing is changed.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import accumulate, pairwise
from math import inf, nan
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Stream

from dsol.data.media.opening import is_cover, opened, state_of
from dsol.progress import say

GAP_S = 10.0  # seconds without anything from which a gap is an error of the clock
LONGEST_STEP_S = 600.0  # seconds from which it is one even in a file whose packets are usually far apart
CUT_S = 1.0  # seconds that are left of such a gap
LEAP_S = 1.0  # seconds between two packets of one track that make a new run, or
LEAP_STEPS = 20  # times the usual step: decoding order is not the order of time
FEW = 8  # packets that can be wild together, or
FEW_SHARE = 0.05  # of all of the track
MOST_RUNS = 500  # a file with more has no usable clock: only its gaps are cut


@dataclass
class Track:
    """What is changed in one track.

    Attributes:
        put: number of a packet -> its time in s, for wild stamps.
        starts, shifts_s: from packet `starts[k]` on, `shifts_s[k]` seconds are added.
        end_s: where its last packet ends, changes made; -inf without any.
    """

    put: dict[int, float] = field(default_factory=dict)
    starts: list[int] = field(default_factory=lambda: [0])
    shifts_s: list[float] = field(default_factory=lambda: [0.0])
    end_s: float = -inf


@dataclass
class Clock:
    """When the packets of a file are due.

    Attributes:
        tracks: by the track's index.
        cuts: (time in s up to which nothing came, seconds that are cut there), in the order of time.
        first_s, last_s: where the first packet starts and the last one ends, changes made.
        notes: what was changed, for people.
    """

    tracks: dict[int, Track] = field(default_factory=dict)
    cuts: list[tuple[float, float]] = field(default_factory=list)
    first_s: float = 0.0
    last_s: float = 0.0
    notes: tuple[str, ...] = ()

    def cut(self, time_s: float) -> float:
        """A time after the gaps before it are cut."""
        before = bisect_left(self.cuts, (time_s,))
        return time_s - self._cut_s[before]

    @cached_property
    def _cut_s(self) -> list[float]:
        """Seconds that are cut before the first gap, before the second, …, and in all."""
        return [0.0, *accumulate(seconds for _, seconds in self.cuts)]

    def end_of(self, stream: Stream) -> float:
        """Where the last packet of a track ends, in s; -inf without any."""
        return self.tracks.get(stream.index, Track()).end_s

    def packets(self, container: InputContainer, stream: Stream) -> Iterator[av.Packet]:
        """The packets of one track with the times that they are due. Raises FFmpegError where the file ends early."""
        track = self.tracks.get(stream.index, Track())
        for number, packet in enumerate(packets_of(container, stream)):
            if self.notes and packet.size and packet.time_base:
                self._set(packet, number, track)
            yield packet

    def _set(self, packet: av.Packet, number: int, track: Track) -> None:
        if number in track.put:
            packet.pts = packet.dts = round(self.cut(track.put[number]) / packet.time_base)
            return
        shift_s = track.shifts_s[bisect_right(track.starts, number) - 1]
        for name in ("pts", "dts"):
            value = getattr(packet, name)
            if value is not None:
                due_s = self.cut(float(value * packet.time_base) + shift_s)
                setattr(packet, name, round(due_s / packet.time_base))


def clock_of(path: str | Path) -> Clock:
    """The clock of a video file; reports once what is changed.

    Raises:
        DsolError: it cannot be opened.
    """
    return _read(str(path), state_of(path))


@lru_cache(maxsize=16)
def _read(path: str, state: tuple[int, int]) -> Clock:
    stamps, lengths = _stamps(path)
    clock, told = Clock(), []
    clock.tracks = {index: Track() for index in stamps}
    times = {index: _one_track(raw, clock.tracks[index], told) for index, raw in stamps.items()}
    _together(clock.tracks, times, told)
    clock.cuts = _gaps(times)
    if clock.cuts:
        (at_s, cut_s), more = clock.cuts[0], len(clock.cuts) - 1
        first = f"a gap of {cut_s + CUT_S:.0f} s after {at_s:.1f} s is cut to {CUT_S:.0f} s"
        told.append(f"{first}, and so are {more} more" if more else first)
    known = {index: due[np.isfinite(due)] for index, due in times.items() if np.isfinite(due).any()}
    for index, due in known.items():
        clock.tracks[index].end_s = clock.cut(float(due.max())) + min(lengths[index], GAP_S)
    if known:
        clock.first_s = min(float(due.min()) for due in known.values())
        clock.last_s = max(clock.tracks[index].end_s for index in known)
    clock.notes = tuple(dict.fromkeys(told))
    if clock.notes:
        say(f"{path}: {'; '.join(clock.notes)}")
    return clock


def packets_of(container: InputContainer, *streams: Stream) -> Iterator[av.Packet]:
    """The packets of these tracks. A track that first appears midway, as in joined .ts files, is passed over.

    PyAV raises IndexError at each packet of such a track, and then reads on behind it.
    """
    passed = True
    while passed:
        passed = False
        try:
            yield from container.demux(*streams)
        except IndexError:
            passed = True


def _stamps(path: str) -> tuple[dict[int, np.ndarray], dict[int, float]]:
    """Track -> time of each packet in s, in the order of the file, nan where unknown; how long its last one lasts."""
    found: dict[int, array] = {}
    lengths: dict[int, float] = {}
    with opened(path) as container, suppress(FFmpegError):
        for stream in (*container.streams.video, *container.streams.audio):
            if not is_cover(stream):
                found[stream.index], lengths[stream.index] = array("d"), 0.0
        for packet in packets_of(container, *container.streams):
            if packet.stream_index in found and packet.size:
                stamp = packet.dts if packet.pts is None else packet.pts
                due_s = float(stamp * packet.time_base) if stamp is not None and packet.time_base else nan
                found[packet.stream_index].append(due_s)
                lengths[packet.stream_index] = float((packet.duration or 0) * (packet.time_base or 0))
    return {index: np.array(stamps) for index, stamps in found.items()}, lengths


def _one_track(raw: np.ndarray, track: Track, told: list[str]) -> np.ndarray:
    """The times of one track after outliers and restarts are corrected; changes go into `track`."""
    known = np.flatnonzero(np.isfinite(raw))
    if len(known) < 3:
        return raw
    steps = np.diff(raw[known])
    usual = float(np.median(np.abs(steps)))
    leap = max(LEAP_S, LEAP_STEPS * usual)
    borders = [0, *(np.flatnonzero(np.abs(steps) > leap) + 1).tolist(), len(known)]
    if not 3 <= len(borders) <= MOST_RUNS:
        return raw
    runs = [known[a:b] for a, b in pairwise(borders)]
    due = raw.copy()
    wild = _wild(raw, runs, leap)
    _put_right(due, runs, wild, usual, track)
    if track.put:
        told.append(f"{len(track.put)} time stamps that those after them contradict are put right")
    _start_anew([run for n, run in enumerate(runs) if n not in wild], due, usual, leap, track)
    return due


def _wild(raw: np.ndarray, runs: list[np.ndarray], leap: float) -> set[int]:
    """The runs of few packets that do not fit into the heaviest rising row of runs."""
    few = max(FEW, FEW_SHARE * sum(map(len, runs)))
    best, before = [len(run) for run in runs], [-1] * len(runs)
    for n, run in enumerate(runs):
        for m in range(n):
            if raw[runs[m]].max() - leap <= raw[run].min() and best[m] + len(run) > best[n]:
                best[n], before[n] = best[m] + len(run), m
    at, chosen = int(np.argmax(best)), set()
    while at >= 0:
        chosen.add(at)
        at = before[at]
    return {n for n, run in enumerate(runs) if n not in chosen and len(run) <= few}


def _put_right(due: np.ndarray, runs: list[np.ndarray], wild: set[int], usual: float, track: Track) -> None:
    """Wild packets follow the one before them in the usual step, or go before the first good one."""
    good = [n for n in range(len(runs)) if n not in wild]
    for n in sorted(wild):
        earlier = [m for m in good if m < n]
        if earlier:
            numbers, from_s, step = runs[n], float(due[runs[n][0] - 1]), usual
            from_s = float(due[runs[earlier[-1]]].max()) if not np.isfinite(from_s) else from_s
        else:
            numbers, from_s, step = runs[n][::-1], float(due[runs[good[0]]].min()), -usual
        for k, number in enumerate(numbers.tolist(), start=1):
            due[number] = track.put[number] = from_s + k * step


def _start_anew(runs: list[np.ndarray], due: np.ndarray, usual: float, leap: float, track: Track) -> None:
    """Where stamps fall back for good, all that follow come after what there was: how much later goes into `track`."""
    end_s, shift_s = -inf, 0.0
    for run in runs:
        first_s = float(due[run].min()) + shift_s
        if first_s < end_s - leap:
            shift_s += end_s + usual - first_s
            track.starts.append(int(run[0]))
            track.shifts_s.append(shift_s)
        end_s = max(end_s, float(due[run].max()) + shift_s)


def _together(tracks: dict[int, Track], times: dict[int, np.ndarray], told: list[str]) -> None:
    """Tracks that start anew at the same times are moved alike, so that picture and sound stay together."""
    anew = {index: track for index, track in tracks.items() if len(track.starts) > 1}
    shifts = [track.shifts_s for track in anew.values()]
    if len({len(each) for each in shifts}) == 1:
        latest = np.max(shifts, axis=0)
        for track in anew.values():
            if np.abs(latest - track.shifts_s).max() < LEAP_S:
                track.shifts_s = latest.tolist()
    for index, track in anew.items():
        for start, shift_s in zip(track.starts[1:], np.diff(track.shifts_s), strict=True):
            times[index][start:] += shift_s
    if anew:
        most = max(len(track.starts) - 1 for track in anew.values())
        told.append(f"its clock starts again {most} times: what follows is put behind what came before")


def _gaps(times: dict[int, np.ndarray]) -> list[tuple[float, float]]:
    """Where no track has anything: (up to when, how much of it to cut)."""
    parts = [due[np.isfinite(due)] for due in times.values()]
    merged = np.sort(np.concatenate([*parts, np.zeros(0)]))
    if len(merged) < 2:
        return []
    steps = np.diff(merged)
    least = min(max(GAP_S, LEAP_STEPS * float(np.median(steps))), LONGEST_STEP_S)
    return [(float(merged[n]) + 1e-3, float(steps[n]) - CUT_S) for n in np.flatnonzero(steps > least)]
