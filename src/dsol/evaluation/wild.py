"""The protocol `wild`: everyday videos, labelled with what sounds and whether its source is visible.

    clips.csv ─▶ labelled seconds ─ own sound ─▶ names, scores      ─▶ name@1, name@3, off_screen_auroc
                                  ─ ten sounds of clips with other labels ─▶ scores ─▶ mismatch_auroc
    boxes of the store ─▶ annotated frames ─▶ localisation map ─▶ iou@0.5, auc (as `solo`)

A name is right by `Vocabulary.right`: the label or a synonym, its child, or its parent one level up, never a root.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from dsol.data.store import Store
from dsol.errors import DsolError, explained
from dsol.evaluation.bootstrap import Statistic, difference_of, draws_of, interval, mean_of, ranking_of, value
from dsol.evaluation.evaluate import annotated_frames, predict_frames, swapped
from dsol.evaluation.result import Evaluation
from dsol.evaluation.score import score
from dsol.model.maps import Maps, join_names
from dsol.model.system import System, load_system
from dsol.model.vocabulary import Vocabulary, vocabulary
from dsol.progress import say, track

COLUMNS = ("video", "label", "source_visible", "time_s")
MISMATCHED = 10  # sounds of clips with other labels for each picture
BATCH = 8  # pictures
BEST = (1, 3)  # so many of the best names may be right
SAYS = "what sounds, where, and whether it is visible; localisation map above 0.1 of its maximum"
GREY = np.full((64, 64, 3), 127, np.uint8)  # an empty picture


@dataclass(frozen=True)
class Labelled:
    """Seconds of everyday videos.

    Attributes:
        video, label: of each.
        visible: (N,) bool, whether its source is in the picture.
        places: row of the store and frame of its clip.
    """

    video: tuple[str, ...]
    label: tuple[str, ...]
    visible: np.ndarray
    places: list[tuple[int, int]]


@dataclass(frozen=True)
class Predicted:
    """What a system predicts for labelled seconds.

    Attributes:
        names: (N, 3) the best names, or as many as there are.
        by_ear, by_eye: likewise with a grey picture, and from the picture alone; None where a system has none.
        surest: (N,) the highest score of a category.
        mismatched: (V, 10) the same for the V visible ones, with mismatched sounds.
    """

    names: np.ndarray
    by_ear: np.ndarray
    by_eye: np.ndarray | None
    surest: np.ndarray
    mismatched: np.ndarray


def evaluate_wild(
    model: Path, store: Path, labels: Path, size: int | None = None, bootstrap: int = 1000, seed: int = 0
) -> Evaluation:
    """Score a model on everyday videos.

    Args:
        model: model file, run folder or the name of a shipped model.
        store: the videos, with boxes of some of the frames.
        labels: CSV file with the columns `COLUMNS`.
        size: side of the model's input picture, pixels; its own where None.
        bootstrap: draws of videos for the intervals.
        seed: of these, and of the mismatched sounds.

    Raises:
        DsolError: a file that cannot be read, or nothing in it that the store holds.
    """
    clips, system = Store.open(store), load_system(model, size, sources=1)
    return evaluate_system(system, clips, read_labels(labels, clips), bootstrap, seed)


def evaluate_system(
    system: System,
    clips: Store,
    labelled: Labelled,
    bootstrap: int = 1000,
    seed: int = 0,
    words: Vocabulary | None = None,
) -> Evaluation:
    """As `evaluate_wild`, of what is loaded; `words` says what is a right name, the shipped vocabulary where None."""
    words = words or vocabulary()
    located = _located(system, clips, bootstrap, seed)
    predicted = _predict(system, clips, labelled, seed)
    found = _statistics(predicted, labelled, system.categories, words)
    draws = draws_of(len(set(labelled.video)), bootstrap, seed)
    figures = {of: {name: value(s, draws.shape[1]) for name, s in each.items()} for of, each in found.items()}
    own, figures_own = found.pop("own"), figures.pop("own")
    ahead = {of: {name: interval(difference_of(own[name], s), draws) for name, s in each.items()} or None
             for of, each in found.items()}  # fmt: skip
    return replace(
        located,
        protocol="wild",
        says=SAYS,
        metrics=located.metrics | figures_own,
        ci95=located.ci95 | {name: interval(statistic, draws) for name, statistic in own.items()},
        floors=located.floors | {of: each or None for of, each in figures.items()},
        ahead=located.ahead | ahead,
        per_category={},
        notes=(_note(labelled),),
    )


def _note(labelled: Labelled) -> str:
    hidden = int((~labelled.visible).sum())
    return (
        f"names and scores: {len(labelled.video)} clips, {hidden} of them without a visible source; "
        "names over labels that are in the vocabulary"
    )


def read_labels(path: Path, clips: Store) -> Labelled:
    """The labelled seconds that a store holds.

    Raises:
        DsolError: the file cannot be read, lacks a column, or has no second of the store.
    """
    with (
        explained(path, "cannot be read: {.strerror}", "give a CSV file of labels", OSError),
        open(path, newline="", encoding="utf-8") as file,
    ):
        rows = list(csv.DictReader(file))
    missing = [name for name in COLUMNS if not rows or rows[0].get(name) is None]
    if missing:
        raise DsolError(path, f"has no column {', '.join(missing)}", f"give a CSV file with {', '.join(COLUMNS)}")
    found = [(row, clips.find(row["video"], _seconds(row, path))) for row in rows]
    kept = [(row, place) for row, place in found if place is not None]
    if not kept:
        raise DsolError(path, f"has no second that {clips.path} holds", "prepare the videos that it names")
    if len(kept) < len(rows):
        say(f"{len(rows) - len(kept)} of {len(rows)} labelled seconds are not in the store and are left out")
    return Labelled(
        tuple(row["video"] for row, _ in kept),
        tuple(row["label"] for row, _ in kept),
        np.array([row["source_visible"] == "yes" for row, _ in kept]),
        [place for _, place in kept],
    )


def _seconds(row: dict[str, str], path: Path) -> float:
    try:
        return float(row["time_s"])
    except ValueError:
        raise DsolError(path, f"time_s of {row['video']} is '{row['time_s']}'", "write seconds, 2.500") from None


def _located(system: System, clips: Store, bootstrap: int, seed: int) -> Evaluation:
    """The annotated frames, scored as `solo`."""
    frames = annotated_frames(clips)
    sounds = [frames.sound, frames.take(swapped(frames)).sound]
    own, other = zip(*predict_frames(system, frames, sounds, True, "Localising, wild"), strict=True)
    return score(own, frames.boxes, "solo", swapped=other, bootstrap=bootstrap, seed=seed)


def _predict(system: System, clips: Store, labelled: Labelled, seed: int) -> Predicted:
    """The predictions for each second: with its own sound, with mismatched ones, and with an empty picture."""
    strange = iter(_mismatched_sounds(labelled, seed))
    rows = range(len(labelled.video))
    starts = track(rows[::BATCH], "Predicting, wild", unit=f"batches of {BATCH} clips")
    parts = (rows[start : start + BATCH] for start in starts)
    found = zip(*(_predict_part(system, clips, labelled, part, strange) for part in parts), strict=True)
    return Predicted(*(None if any(each is None for each in one) else np.concatenate(one) for one in found))  # type: ignore[arg-type]


def _predict_part(system: System, clips: Store, labelled: Labelled, part: range, rows: Iterator[list[int]]) -> tuple:
    frames = [clips.frame(*labelled.places[i]) for i in part]
    sounds = [clips.waveform(labelled.places[i][0]) for i in part]
    own = _maps(system, frames, sounds)
    shown = [frame for i, frame in zip(part, frames, strict=True) if labelled.visible[i] for _ in range(MISMATCHED)]
    strange = [j for i in part if labelled.visible[i] for j in next(rows)]
    mismatched = np.zeros(0)
    if shown:
        mismatched = _scores(_maps(system, shown, [clips.waveform(labelled.places[j][0]) for j in strange])).max(1)
    by_ear = _maps(system, [GREY] * len(frames), sounds)
    by_eye = None if own.seen is None else _best(own.seen)
    return _named(own), _named(by_ear), by_eye, _scores(own).max(1), mismatched.reshape(-1, MISMATCHED)


def _maps(system: System, frames: Sequence[np.ndarray], sounds: Sequence[np.ndarray]) -> Maps:
    return join_names(system.predict(frames, np.stack(sounds), [str(n) for n in range(len(frames))]))


def _scores(maps: Maps) -> np.ndarray:
    if maps.score is None:
        raise DsolError("--protocol wild", "names what sounds, and this model has no categories", "give another model")
    return maps.score


def _named(maps: Maps) -> np.ndarray:
    return _best(_scores(maps) if maps.heard is None else maps.heard)


def _best(likely: np.ndarray) -> np.ndarray:
    """(N, 3) places of the highest of (N, K)."""
    return np.argsort(-likely, axis=1, kind="stable")[:, : max(BEST)]


def _mismatched_sounds(labelled: Labelled, seed: int) -> list[list[int]]:
    """For each second with a visible source, ten seconds with other labels."""
    rng, label = np.random.default_rng(seed), np.array(labelled.label)
    found = []
    for i in np.flatnonzero(labelled.visible):
        different = np.flatnonzero(label != label[i])
        if not len(different):
            raise DsolError("--labels", "all clips have one label", "give clips of several, for mismatched sounds")
        found.append(rng.choice(different, MISMATCHED, replace=len(different) < MISMATCHED).tolist())
    return found


def _statistics(
    predicted: Predicted, labelled: Labelled, categories: Sequence[str], words: Vocabulary
) -> dict[str, dict[str, Statistic]]:
    """Figures of the protocol's own, and those from sound or picture alone."""
    names, video = np.unique(labelled.video, return_inverse=True)
    spoken = [_as_in(words, name) for name in dict.fromkeys(categories)]
    known = np.array([any(_names(words, name, label) for name in spoken) for label in labelled.label])

    def named(best: np.ndarray | None) -> dict[str, Statistic]:
        if best is None:
            return {}
        right = np.array([[words.right(spoken[k], label) for k in row]
                          for row, label in zip(best, labelled.label, strict=True)])  # fmt: skip
        values = {f"name@{n}": np.where(known, right[:, :n].any(1), np.nan) for n in BEST}
        return {name: mean_of(found, video, len(names)) for name, found in values.items()}

    visible = np.flatnonzero(labelled.visible)
    scores = np.concatenate([predicted.surest[visible], predicted.mismatched.ravel()])
    owned = np.arange(len(scores)) < len(visible)
    of = np.concatenate([video[visible], np.repeat(video[visible], MISMATCHED)])
    own = named(predicted.names) | {
        "in_vocabulary": mean_of(known.astype(float), video, len(names)),
        "mismatch_auroc": ranking_of(scores, owned, of, len(names)),
        "off_screen_auroc": ranking_of(predicted.surest, labelled.visible, video, len(names)),
    }
    return {"own": own, "by_ear": named(predicted.by_ear), "by_eye": named(predicted.by_eye)}


def _as_in(words: Vocabulary, category: str) -> str:
    """A system's category as the vocabulary writes it: "acoustic_guitar" is its "Acoustic guitar"."""
    return words.known(category.replace("_", " ").capitalize()) or category


def _names(words: Vocabulary, category: str, label: str) -> bool:
    """Whether a category is a label or a synonym of it."""
    return category == label or words.known(label) == category
