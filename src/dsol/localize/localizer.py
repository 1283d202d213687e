"""Video in, localization out, a second at a time.

video ─read_seconds─▶ 4 frames + the second of sound round each ─system─▶ Maps ─▶ Localization

One second is read while the one before it is looked at.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from dsol.data.ahead import ahead
from dsol.data.clip import FRAMES_PER_SECOND, SAMPLE_RATE
from dsol.data.levels import is_silent, rms
from dsol.data.media import Moment, Second, VideoInfo, is_live, probe, read_live, read_seconds
from dsol.data.media.source import shown
from dsol.data.states import OFF_SCREEN, SEEN, SILENT, UNKNOWN
from dsol.errors import DsolError
from dsol.localize.localization import USUAL_FPS, Localization, joined
from dsol.model.maps import Maps
from dsol.model.system import System
from dsol.model.vocabulary import vocabulary
from dsol.progress import in_notebook, track
from dsol.text import name_of

HEARD = 0.7  # how surely a category must be heard to count as sounding off screen
ABSENT = 0.5  # how surely it may be in the picture at most
MOST_OFF_SCREEN = 2  # at a time: the surest
UNHEARD = 0.3  # how surely anything of its group may be heard at most where a category is silent
SILENT_SEEN = 0.8  # how surely it must be in the picture then
LEAD = 1.5  # log odds by which it is ahead of what else, of another family, may be there and silent
NO_OBJECTS = ("Human voice", "Human action", "Nature", "Contact")  # families: a face is no voice; wind is no thing
FAINT = 0.01  # share of its brightness that a map keeps in silence: a silent object has a place
UNCHANGED = 4.0  # of 255
USUAL_THRESHOLD = 0.5  # for systems that state none of their own
SMALL = 96  # pixels; the longer side of the pictures that tell objects apart, at most
ANY_SOUND = "sound"  # the one category of a system that knows no categories


class Localizer:
    """Finds the sounding objects of videos with one system.

    Args:
        system: any `dsol.model.system.System`.
        threshold: the score from which a category counts as sounding; the system's own by default.
        frames_per_second: how many answers a second, each of the second of sound round it.
        unchanged: looking takes most of the time, so a picture that differs on average by at most so much (of 255)
            from the last one looked at in its second shares the answers of that, each with its own sound; negative:
            every picture is looked at.
        audio_track: which sound track of a video, counted from 1; by default the one that a player takes, or, where
            nothing is heard in that, the first in which something is.

    Example:
        >>> localizer = dsol.Localizer.load("run")                  # a run folder, a model file, or "general"
        >>> found = localizer("party.mp4")
        >>> found
        Localization('party.mp4', 2.0 s, 8 answers: …)
    """

    def __init__(
        self,
        system: System,
        threshold: float | None = None,
        frames_per_second: int = FRAMES_PER_SECOND,
        audio_track: int | None = None,
        unchanged: float = UNCHANGED,
    ):
        self.audio_track, self.unchanged = audio_track, unchanged
        self.system = system
        self.threshold = getattr(system, "threshold", USUAL_THRESHOLD) if threshold is None else threshold
        self.frames_per_second = frames_per_second

    @classmethod
    def load(
        cls,
        model: str | Path = "general",
        threshold: float | None = None,
        sources: int | None = None,
        inference: Mapping[str, Any] | None = None,
        audio_track: int | None = None,
        exact: bool = False,
    ) -> "Localizer":
        """The localizer of a model file, a run folder or the name of a shipped model.

        Args:
            model: which one; "general" knows everyday things, "small" eleven instruments.
            threshold, audio_track: see `Localizer`.
            sources: how many objects sound, for a system that cannot find it out (DMC).
            inference: changed options of inference, see `dsol.config.InferenceOptions`.
            exact: the slow way: look at every picture, and run a shipped model in torch, not in its
                faster ONNX form, see `dsol.model.system.load_system`.

        Raises:
            DsolError: there is no such model, it cannot be read, or it needs `sources`, or torch where that is missing.
        """
        from dsol.model.system import load_system

        system = load_system(model, sources=sources, inference=inference, exact=exact)
        return cls(system, threshold, audio_track=audio_track, unchanged=-1 if exact else UNCHANGED)

    def __call__(self, video: str | Path, progress: bool | None = None) -> Localization:
        """The whole video at once; its maps stay in memory: of `small` 200 kB a second.

        One localizer may be called from several threads. It blocks: in an event loop, `await
        asyncio.to_thread(localizer, video)`.

        Args:
            video: the file.
            progress: show how far it is; by default in a notebook only.

        Raises:
            DsolError: the video cannot be read, holds no picture or no sound, or is a live source.
        """
        if is_live(video):
            raise DsolError(shown(video), "has no end", "Localizer.stream gives a Localization a second")
        parts = self.stream(video)
        if in_notebook() if progress is None else progress:
            seconds = math.ceil(probe(video).duration_s)
            parts = track(parts, f"Listening to {Path(video).name}", seconds, "seconds")
        return joined(list(parts))

    def stream(self, video: str | Path) -> Iterator[Localization]:
        """The video second by second, in the memory of four seconds; of a live source one answer a second.

        Args:
            video: the file; or the URL of a stream, a camera, "-": what `dsol.data.media.is_live` says.

        Raises:
            DsolError: the video cannot be read or holds no picture or no sound; a stream breaks off.

        Example:
            >>> for now in localizer.stream("rtsp://camera/1"):                 # doctest: +SKIP
            ...     print(now.times_s, [segment.category for segment in now.timeline().segments()])
        """
        if is_live(video):
            for moment in read_live(video, audio_track=self.audio_track):
                yield self.at(shown(video), moment)
            return
        info = probe(video, self.audio_track)
        how = {"frames_per_second": self.frames_per_second, "audio_track": self.audio_track}
        with closing(ahead(read_seconds(video, whole_only=False, **how), most=1)) as seconds:
            for second, waveforms in _with_sound_around(seconds, info.duration_s):
                yield self._localized(video, info, second, waveforms)

    def at(self, name: str, moment: Moment) -> Localization:
        """One moment of a stream.

        Args:
            name: of the stream.
            moment: a picture and the second of sound round it.
        """
        height, width = moment.picture.shape[:2]
        info = VideoInfo(Path(name), moment.end_s, width, height, 0.0, SAMPLE_RATE, 1)
        second = Second(int(moment.start_s), moment.picture[None], np.array([moment.time_s]), moment.waveform)
        found = self._localized(name, info, second, moment.waveform[None])
        return replace(found, loudness=rms(moment.waveform[None]))

    def _localized(self, video: str | Path, info: VideoInfo, second: Second, waveforms: np.ndarray) -> Localization:
        name = name_of(video)
        keys = [f"{name}@{t:.3f}" for t in second.times_s]
        pictures = thumbnails(second.frames)
        frames = list(second.frames)
        looked_at = [frames[n] for n in looks(pictures, self.unchanged)]
        answer = _silenced(self.system.predict(looked_at, waveforms, keys), is_silent(waveforms))
        maps, score, categories = _with_categories(answer)
        return Localization(
            video=name,
            size=(info.width, info.height),
            duration_s=info.duration_s,
            threshold=float(self.threshold),
            categories=categories,
            times_s=np.asarray(second.times_s, np.float64),
            maps=maps,
            area=answer.area,
            score=score,
            loudness=self._loudness(second),
            pictures=pictures,
            state=_states(answer, self.threshold),
            fps=info.fps or USUAL_FPS,
        )

    def _loudness(self, second: Second) -> np.ndarray:
        """(T,) of the T parts into which the answers cut the second."""
        parts = np.array_split(second.waveform, self.frames_per_second)[: len(second.times_s)]
        return np.array([np.sqrt(np.mean(np.square(part))) for part in parts])


def looks(pictures: np.ndarray, unchanged: float) -> list[int]:
    """Which of T small pictures (T, h, w, 3) answers for each: itself, or the last one before from which it differs on
    average by at most `unchanged`.

    Example:
        >>> looks(np.full((4, 2, 2, 3), [[[[0]]], [[[1]]], [[[90]]], [[[91]]]], np.uint8), 8.0)
        [0, 0, 2, 2]
    """
    grey = pictures.astype(np.float32).mean(axis=-1)
    places = [0]
    for n in range(1, len(grey)):
        same = np.abs(grey[n] - grey[places[-1]]).mean() <= unchanged
        places.append(places[-1] if same else n)
    return places


def _silenced(answer: Maps, silent: np.ndarray) -> Maps:
    """Nothing sounds in the frames of `silent` (B,): systems are trained on sound alone and cannot tell. Where they
    tell what is seen, their maps keep a shape."""
    if not silent.any():
        return answer
    parts = {name: getattr(answer, name) for name in ("area", "maps", "score", "heard")}
    zeroed = {name: part.copy() for name, part in parts.items() if part is not None}
    for name, part in zeroed.items():
        part[silent] *= FAINT if name == "maps" and answer.seen is not None else 0
    return replace(answer, **zeroed)


def _states(answer: Maps, threshold: float) -> np.ndarray | None:
    """(T, K) places in `STATES` of what a system that tells hearing from seeing says: it sounds and is seen, or it is
    among the surest that are heard, and nothing of its family is seen: off screen, or unknown where no picture can tell
    of it; or it is silent. -1 for nothing. Of a category and one below it only the narrower is told. None for any other
    system."""
    if answer.heard is None or answer.seen is None or answer.score is None:
        return None
    above = vocabulary().ancestors(answer.categories)
    seen = answer.score >= threshold
    seen &= ~(seen @ above)  # "Guitar" says nothing more where "Acoustic guitar" is seen to sound
    rank = np.argsort(np.argsort(-answer.heard, axis=1, kind="stable"), axis=1, kind="stable")
    explained = seen @ vocabulary().families(answer.categories)
    heard = (answer.heard >= HEARD) & (rank < MOST_OFF_SCREEN) & ~explained
    heard &= ~(heard @ above)
    hidden, untold = heard & (answer.seen < ABSENT), heard & np.isnan(answer.seen)
    state = np.select([seen, untold, hidden], [SEEN, UNKNOWN, OFF_SCREEN], -1)
    return np.where(_silent(answer, state >= 0), SILENT, state)


def _silent(answer: Maps, sounding: np.ndarray) -> np.ndarray:
    """(T, K) bool: what is surely in the picture and not heard, nor anything of its group; one at a time.

    Args:
        answer: of a system that tells hearing from seeing.
        sounding: (T, K) what is told to sound already.
    """
    maps, heard, seen = (np.asarray(part) for part in (answer.maps, answer.heard, answer.seen))
    words, names = vocabulary(), answer.categories
    reach = words.ancestors(names) | np.eye(len(names), dtype=bool)
    explained = (sounding | (heard >= UNHEARD)) @ (reach @ reach.T)  # a group: all below one child of a root
    objects = np.array([name in words.entries and words.root(name) not in NO_OBJECTS for name in names])
    odds = np.nan_to_num(seen).clip(1e-6, 1 - 1e-6)
    odds = np.where(objects & ~explained, np.log(odds / (1 - odds)), -np.inf)
    rows, best = np.arange(len(odds)), odds.argmax(axis=1)
    rivals = np.where(words.families(names)[best], -np.inf, odds).max(axis=1)
    sure = (odds[rows, best] >= np.log(SILENT_SEEN / (1 - SILENT_SEEN))) & (odds[rows, best] >= rivals + LEAD)
    found = np.zeros(odds.shape, bool)
    found[rows, best] = sure & maps[rows, best].any(axis=(1, 2))
    return found


def thumbnails(frames: np.ndarray) -> np.ndarray:
    """(T, …, 3) frames with at most `SMALL` rows and columns, every so many of the original ones."""
    step = max(1, -(-max(frames.shape[1:3]) // SMALL))
    return np.ascontiguousarray(frames[:, step // 2 :: step, step // 2 :: step])


def _with_categories(answer: Maps) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """(maps, score, categories), one entry a name; a class-agnostic answer gets one, as sure as its area is bright."""
    if answer.maps is not None and answer.score is not None:
        return answer.maps, answer.score, answer.categories  # type: ignore[return-value]
    brightest = answer.area.max(axis=(1, 2))[:, None]
    return answer.area[:, None], brightest, (ANY_SOUND,)


def _with_sound_around(seconds: Iterable[Second], duration_s: float) -> Iterator[tuple[Second, np.ndarray]]:
    """Each second with (T, 16000): the second of sound that has each of its T frames in the middle.

    At both ends of the video the second of sound is the first and the last one: silence put beside the sound
    would not be what the system was trained on.
    """
    before: Second | None = None
    now: Second | None = None
    for after in chain(seconds, [None]):
        if now is not None:
            yield now, _around(now, before, after, duration_s)
        before, now = now, after


def _around(now: Second, before: Second | None, after: Second | None, duration_s: float) -> np.ndarray:
    """(T, 16000) sound around the frames of `now`, cut from it and its neighbours where these are adjacent."""
    silence = np.zeros(SAMPLE_RATE, np.float32)
    earlier = before.waveform if before and before.index == now.index - 1 else None
    later = after.waveform if after and after.index == now.index + 1 else None
    sound = np.concatenate([silence if part is None else part for part in (earlier, now.waveform, later)])
    origin_s = now.index - 1
    earliest = SAMPLE_RATE if earlier is None else 0
    latest = min((duration_s - origin_s - 1) * SAMPLE_RATE, (1 if later is None else 2) * SAMPLE_RATE)
    latest = max(int(latest), earliest)
    starts = np.round((np.asarray(now.times_s) - 0.5 - origin_s) * SAMPLE_RATE).astype(int)
    return np.stack([sound[s : s + SAMPLE_RATE] for s in np.clip(starts, earliest, latest)])
