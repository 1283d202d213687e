"""A corpus as a store.

    CORPUS ──layout──▶ videos ──read, a second at a time──▶ parts ──merge──▶ STORE

Each second has four frames, resized to a square, and its sound. What cannot be read is left out with a message; so are
silent seconds, which are useless for training, and an incomplete last one, unless they are annotated.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from dsol.data import engines, media
from dsol.data.boxes import Boxes
from dsol.data.clip import FRAMES_PER_SECOND
from dsol.data.corpora import Corpus, VideoEntry, read_corpus
from dsol.data.corpora.annotations import read_boxes
from dsol.data.corpora.lists import attach, known_names
from dsol.data.levels import is_silent
from dsol.data.media.info import SOUND_SUFFIXES, VIDEO_SUFFIXES
from dsol.data.purposes import Labels, used_for
from dsol.data.store import Store
from dsol.data.store.build import Part, build, digest, finished
from dsol.data.store.reader import ROUNDING_S, VERSION
from dsol.data.store.shards import LOG_MEL, TarBody, slug
from dsol.errors import DsolError
from dsol.places import at_hand, is_remote, mirror
from dsol.progress import say
from dsol.text import name_of

SMALLEST, LARGEST = 32, 2048  # pixels


def prepare(
    corpus: str | Path,
    out: str | Path,
    layout: str = "folders",
    boxes: str | Path | None = None,
    engine: str = "local",
    workers: int = 0,
    size: int = 256,
    audio_track: int | None = None,
    boxes_for: str = "scoring",
) -> Store:
    """Make a store of a data set. Stopped at any moment, it goes on where it was when called again.

    Args:
        corpus: the folder that the data set lies in, or its URL: each video is then fetched when it is read.
        out: the folder to make.
        layout: how the data set is laid out, a name in `corpora.CORPORA`, or a part of it: `audioset:multi`.
        boxes: annotations of any format to use in place of the data set's own.
        engine: "local" or "ray"; on Ray all machines must see the corpus.
        workers: processes; 0 takes one a core.
        size: pixels; frames are stored as squares of this side, the networks' input.
        audio_track: which sound track of the videos, counted from 1; by default the one that a player takes, or,
            where that is silent, the first that is not.
        boxes_for: what the annotations are for, see `dsol.data.purposes.used_for`.

    Returns:
        The store. What was left out is in its `info`, with reasons.

    Raises:
        DsolError: nothing usable in the corpus, or `out` cannot be made.

    Example:
        >>> store = dsol.prepare("videos", "store_2", size=64, workers=1)
        >>> len(store), store.categories
        (2, ())
    """
    if not SMALLEST <= size <= LARGEST:
        raise DsolError("--size", f"{size} pixels", f"choose {SMALLEST} to {LARGEST}")
    engines.refuse_unguarded()
    url = corpus if isinstance(corpus, str) and is_remote(corpus) else None
    corpus = mirror(url, _is_heavy) if url else Path(corpus)
    found = read_corpus(corpus, layout)
    if audio_track is not None and found.read is not None:
        raise DsolError("--audio-track", f"the layout {layout} has no sound tracks to choose from", "leave it out")
    found, annotations, labels = used_for(boxes_for, found, _annotations(found, boxes))
    made = _how(corpus, layout, size, found, annotations, labels)
    made |= {} if audio_track is None else {"audio_track": audio_track}
    store = finished(out, made)
    if store is not None:
        return store
    jobs = _jobs(found, annotations, size, audio_track, labels)
    parts = [Part(job.part_name, replace(job, origin=(corpus, url) if url else None)) for job in jobs]
    finish = partial(_finish, corpus, found, annotations)
    crashed = {"clips": 0, "silent": 0, "problem": "crashed the process that read it"}
    how = (engine, workers, lambda job: {"video": job.video.name, **crashed})
    store = build(out, made, parts, prepare_video, finish, "Preparing", "videos", *how)
    say(f"{out}: {store.info['videos']} videos, {len(store)} clips")
    return store


@dataclass(frozen=True)
class Job:
    """All that a worker needs to prepare one video: see `VideoEntry` and `prepare`.

    Attributes:
        annotated: seconds that are stored even when they are silent or, at the end, incomplete.
        read: see `Corpus.read`.
        audio_track: see `prepare`.
        labels: second -> its category, where the video has none.
        origin: where the video lies elsewhere: the folder that stands for it here, and its URL.
    """

    video: VideoEntry
    size: int
    annotated: frozenset[int]
    read: Callable[..., Iterable[Any]] | None
    audio_track: int | None = None
    labels: Mapping[int, str] = field(default_factory=dict)
    origin: tuple[Path, str] | None = None

    @property
    def part_name(self) -> str:
        """Changes when the file or what is asked of it changes."""
        files = [file.stat() for file in self.video.files if file.exists()]
        identity = [VERSION, self.video.category, self.video.split, self.size, sorted(self.annotated),
                    [[file.st_size, file.st_mtime_ns] for file in files],
                    *([] if self.audio_track is None else [self.audio_track]),
                    *([sorted(self.labels.items())] if self.labels else [])]  # fmt: skip
        return f"{slug(self.video.name)}-{digest(identity)}"


def prepare_video(job: Job, body: TarBody) -> tuple[list[dict], dict]:
    """Write the seconds of one video.

    Args:
        job: the video.
        body: where its clips go.

    Returns:
        The rows of its clips, and a report: video, silent (number of clips left out), short (number of incomplete
        seconds kept), problem (why the video could not be read, or not to its end, or None). No error of the file is
        raised: it is in the report.
    """
    with ExitStack() as stack:
        return _prepare(replace(job, video=_at_hand(job, stack)), body)


def _at_hand(job: Job, stack: ExitStack) -> VideoEntry:
    """The video with its files here, for a while where they lie elsewhere."""
    if job.origin is None:
        return job.video
    folder, url = job.origin

    def here(file: Path | None) -> Path | None:
        return file and stack.enter_context(at_hand(f"{url.rstrip('/')}/{file.relative_to(folder).as_posix()}"))

    return replace(job.video, path=here(job.video.path), sound=here(job.video.sound))


def _is_heavy(name: str) -> bool:
    return name.lower().endswith((*VIDEO_SUFFIXES, *SOUND_SUFFIXES))


def _prepare(job: Job, body: TarBody) -> tuple[list[dict], dict]:
    video, rows, silent, short = job.video, [], 0, 0
    options: dict[str, Any] = {"size": (job.size, job.size), "sound": video.sound, "audio_track": job.audio_track}
    options = {name: value for name, value in options.items() if value is not None}
    read = job.read or partial(media.read_seconds, keep=job.annotated)
    problems: list[str] = []
    for second in _until_broken(read(video.path, **options), problems):
        audible = LOG_MEL in second.extras or not is_silent(second.waveform)
        if not audible and second.index not in job.annotated:
            silent += 1
            continue
        if second.length_s < 1:
            short, second = short + 1, _filled(second)
        category = video.category or job.labels.get(second.index)
        facts = {"video": video.name, "second": second.index, "category": category, "split": video.split,
                 "times_s": [round(float(t), 6) for t in second.times_s]}  # fmt: skip
        rows.append(body.add_clip(facts, list(second.frames), second.waveform, second.extras))
    problem = next(iter(problems), None) or (None if rows else "is silent" if silent else "has no whole second in it")
    return rows, {"video": video.name, "clips": len(rows), "silent": silent, "short": short, "problem": problem}


def _filled(second: media.Second) -> media.Second:
    """An incomplete second as a whole one: its last picture is repeated, its sound continued by silence. A clip of one
    frame would count as a photo."""
    lacking = FRAMES_PER_SECOND - len(second.frames)
    frames = np.concatenate([second.frames, np.repeat(second.frames[-1:], lacking, axis=0)])
    return replace(second, frames=frames, times_s=second.index + np.arange(FRAMES_PER_SECOND) / FRAMES_PER_SECOND)


def _until_broken(source: Iterable[Any], problems: list[str]) -> Iterator[Any]:
    """What the source yields until it raises; the reason goes into `problems`."""
    try:
        yield from source
    except DsolError as error:
        problems.append(error.what)
    except Exception as error:  # whatever a broken file does to its reader, the rest go on
        problems.append(f"cannot be read: {type(error).__name__}: {error}")


def _finish(folder: Path, corpus: Corpus, boxes: Boxes | None, reports: list[dict]) -> tuple[dict, Boxes | None]:
    """Reports what was left out, on stderr and for store.json."""
    troubled = [({"video": r["video"], "reason": r["problem"]}, r["clips"]) for r in reports if r["problem"]]
    skipped, cut = [e for e, clips in troubled if not clips], [e for e, clips in troubled if clips]
    silent, short = (sum(r.get(name, 0) for r in reports) for name in ("silent", "short"))
    if len(reports) > 1 or not skipped:  # else the message of the error is enough
        for entry, what in [(e, "left out") for e in skipped] + [(e, "kept up to the fault") for e in cut]:
            say(f"{entry['video']}: {entry['reason']} ({what})")
        if silent:
            say(f"{silent} silent clips left out")
        if short:
            say(f"{short} incomplete last seconds kept, since they are annotated, and filled up with silence")
    if len(skipped) == len(reports):
        what = f"has no usable video: {skipped[0]['video']} {skipped[0]['reason']}"
        raise DsolError(folder, what, "give videos with pictures and sound")
    told = {**_told_by_the_corpus(corpus, skipped), "cut_short": cut, "silent_clips": silent}
    told |= {"incomplete_clips": short} if short else {}
    return told, boxes and boxes.of_videos(r["video"] for r in reports if r["clips"])


def _told_by_the_corpus(corpus: Corpus, skipped: list[dict]) -> dict:
    missing, listed, note, twice = corpus.missing, corpus.listed, corpus.note, corpus.twice
    unused = [{"video": name, "reason": reason} for name, reason in corpus.skipped.items()]
    if unused:
        more = f", as are {len(unused) - 1} more" if len(unused) > 1 else ""
        say(f"{unused[0]['video']}: {unused[0]['reason']} (left out{more}; store.json names all)")
    if missing:
        say(f"{len(missing)} of {listed} listed videos are not there ({missing[0]}, …); store.json names all")
    if note:
        say(f"note: {note}")
    if twice:
        say(f"{len(twice)} listed videos are in more than one split ({twice[0]}, …): where one of these is for "
            "testing, it is not trained on; store.json names all")  # fmt: skip
    told = {"skipped": [*unused, *skipped], **({"listed": listed, "missing": list(missing)} if listed else {})}
    found = {"note": note, "in_two_splits": list(twice), "composed": corpus.composed}
    return told | {name: value for name, value in found.items() if value}


def _annotations(corpus: Corpus, file: str | Path | None) -> Boxes | None:
    """The annotations to use; reports how many belong to no video."""
    names = {video.name for video in corpus.videos}
    given = read_boxes(file) if file else None
    boxes = attach(given, known_names(names)) if given is not None else corpus.boxes
    if boxes is None:
        return None
    annotated = {frame.video for frame in boxes}
    unmatched = sorted(annotated - names)
    if file and annotated and len(unmatched) == len(annotated):
        raise DsolError(file, f"annotates no video of the corpus: it has {unmatched[0]}, the corpus {min(names)}",
                        "name videos by their path below the corpus")  # fmt: skip
    if len(unmatched) == len(annotated):
        which = f", the first is {unmatched[0]}" if unmatched else ""
        say(f"no annotation belongs to a video that is there: {len(annotated)} videos are annotated{which}")
    elif unmatched:
        say(f"{len(unmatched)} of {len(annotated)} annotated videos are not there, the first is {unmatched[0]}")
    return boxes.of_videos(names)


def _jobs(corpus: Corpus, boxes: Boxes | None, size: int, audio_track: int | None, labels: Labels) -> list[Job]:
    annotated = defaultdict(set)
    for frame in boxes or ():
        annotated[frame.video].add(int(frame.time_s + ROUNDING_S))
    return [
        Job(video, size, frozenset(annotated[video.name]), corpus.read, audio_track, labels.get(video.name, {}))
        for video in corpus.videos
    ]


def _how(folder: Path, layout: str, size: int, corpus: Corpus, boxes: Boxes | None, labels: Labels) -> dict:
    """What the store depends on: names and sizes represent the content of the files."""
    videos = [[v.name, v.category, v.split, *(file.stat().st_size if file.exists() else None for file in v.files),
               *([] if v.sound is None else [name_of(v.sound.name)])] for v in corpus.videos]  # fmt: skip
    return {
        "by": "prepare",
        "corpus": name_of(folder.resolve().name),
        "layout": layout,
        "size": size,
        "videos": digest(videos),
        "boxes": digest(None if boxes is None else [repr(frame) for frame in boxes]),
        **({"labels": digest(sorted(labels.items()))} if labels else {}),
    }
