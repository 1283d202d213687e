"""Are names right, and what would make more of them right? Trials around the names of `general`.

    DSOL_DATA=... python benchmarks/names.py [--model FILE] [--cache DIR]

By ear alone: the loudest second of recordings that the vocabulary has a name for, $DSOL_DATA/sounds (at most 12 of a
label) and stills/sounds (at most 40), two of a recording, the mean over labels. By ear and eye: the labelled second of
each video of `wild`, and the first, middle and last second of each of `music_mini`. Percent: first name right / one of
three. Trials change one thing each; what they learn from is never `wild`. Embeddings are kept in --cache.
"""

import argparse
import csv
import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from general import SURENESS
from torch import Tensor
from torch.nn import functional as F

import dsol.model.general_predictor as rules
from dsol.data.clip import SAMPLE_RATE
from dsol.data.media import find_videos, read_seconds, read_sound
from dsol.errors import DsolError
from dsol.model.general import GeneralSystem
from dsol.model.images import stack
from dsol.model.system import load_system
from dsol.model.vocabulary import vocabulary
from dsol.progress import say

MOST = {"sounds": 12, "stills": 40}
VOLUMES = (0.3, 1.0, 3.0)
NEIGHBOURS = 0.2  # share of the seconds before and after in the probability of a tag
SHORT = 1e-2  # weight decay of the learned layer


@dataclass(frozen=True)
class Seconds:
    """N seconds of one data set.

    Attributes:
        label, source: of each; the source is the recording or the video.
        embedding: (V, N, 1024), at each of `VOLUMES`.
        around: (2, N, 1024), of the seconds before and after; where there are none, its own.
        visible: (N, E), zero where there is no picture.
    """

    label: list[str]
    source: list[str]
    embedding: Tensor
    around: Tensor
    visible: Tensor


def recordings(data: Path) -> dict[str, list[tuple[str, str, np.ndarray]]]:
    """Data set -> (label, recording, its loudest second) of each file."""
    with open(data / "sounds" / "manifest.csv", newline="", encoding="utf-8") as file:
        listed = [("sounds", row["label"], row["repository"] + row["path"], data / "sounds" / row["file"])
                  for row in csv.DictReader(file)]  # fmt: skip
    folder = data / "stills" / "sounds"
    listed += [("stills", row["cls"], row["file"].split("-chunk")[0], folder / row["file"])
               for row in json.loads((folder / "manifest.json").read_text())]  # fmt: skip
    found, many = {name: [] for name in MOST}, Counter()
    for name, label, recording, file in listed:
        known = vocabulary().known(label.replace("_", " ").capitalize())
        if known is None or many[name, label] == MOST[name] or many[name, recording] == 2:
            continue
        try:
            sound = read_sound(file)
        except DsolError as error:
            say(f"Skipped {error}")
            continue
        many.update([(name, label), (name, recording)])
        found[name].append((known, recording, _loudest(sound)))
    return found


def _loudest(sound: np.ndarray) -> np.ndarray:
    sound = np.pad(sound, (0, max(0, SAMPLE_RATE - len(sound))))
    starts = range(0, len(sound) - SAMPLE_RATE + 1, SAMPLE_RATE // 2)
    best = max(starts, key=lambda start: np.square(sound[start : start + SAMPLE_RATE]).sum())
    return sound[best : best + SAMPLE_RATE]


def filmed(data: Path) -> dict[str, Iterator[tuple[str, Path, list[float] | None]]]:
    """Data set -> (label, video, times in seconds; None for the first, middle and last second)."""
    with open(data / "wild" / "clips.csv", newline="", encoding="utf-8") as file:
        wild = [(row["label"], data / "wild" / "videos" / row["video"], [float(row["time_s"])])
                for row in csv.DictReader(file)]  # fmt: skip
    music = [(video.parent.name.replace("_", " ").capitalize(), video, None)
             for video in find_videos(data / "music_mini" / "videos")]  # fmt: skip
    return {"music_mini": iter(music), "wild": iter(wild)}


@torch.inference_mode()
def heard(system: GeneralSystem, waveforms: list[np.ndarray]) -> Tensor:
    """Embeddings (N, 1024)."""
    parts = torch.from_numpy(np.stack(waveforms).astype(np.float32)).split(32)
    return torch.cat([system.network.ear.embed(part) for part in parts])


@torch.inference_mode()
def seen(system: GeneralSystem, picture: np.ndarray) -> Tensor:
    """How visible each entry is, (E,)."""
    views = system.predictor.views(stack([picture], system.size))
    return torch.stack([system.predictor.visible(view)[0] for view in views]).mean(0)


def measured(system: GeneralSystem, data: Path, cache: Path) -> dict[str, Seconds]:
    """Data set -> its seconds."""
    kept = cache / "names.pt"
    if kept.is_file():
        return {name: Seconds(**parts) for name, parts in torch.load(kept, weights_only=True).items()}
    found = {name: _unseen(system, listed) for name, listed in recordings(data).items()}
    for name, videos in filmed(data).items():
        rows = [row for label, video, times in videos for row in _of_video(system, label, video, times)]
        label, source, waveforms, visible = zip(*rows, strict=True)
        own, before, after = zip(*waveforms, strict=True)
        volumes = [heard(system, [np.clip(v * w, -1, 1) for w in own]) for v in VOLUMES]
        around = [heard(system, list(part)) for part in (before, after)]
        found[name] = Seconds(
            list(label), list(source), torch.stack(volumes), torch.stack(around), torch.stack(visible)
        )
    cache.mkdir(parents=True, exist_ok=True)
    torch.save({name: vars(seconds) for name, seconds in found.items()}, kept)
    return found


def _unseen(system: GeneralSystem, listed: list[tuple[str, str, np.ndarray]]) -> Seconds:
    label, source, waveforms = zip(*listed, strict=True)
    volumes = torch.stack([heard(system, [np.clip(v * w, -1, 1) for w in waveforms]) for v in VOLUMES])
    visible = torch.zeros(len(label), len(system.network.words.entries))
    return Seconds(list(label), list(source), volumes, volumes[[1, 1]], visible)


def _of_video(system: GeneralSystem, label: str, video: Path, times: list[float] | None) -> Iterator[tuple]:
    """(label, video, (own, before, after), visible) of each chosen second."""
    seconds = list(read_seconds(video, whole_only=False))
    chosen = (
        sorted({0, len(seconds) // 2, len(seconds) - 1})
        if times is None
        else [min(int(t), len(seconds) - 1) for t in times]
    )
    for n in chosen:
        part = 0.5 if times is None else times[0] % 1
        picture = seconds[n].frames[min(int(4 * part), len(seconds[n].frames) - 1)]
        own = seconds[n].waveform
        around = [seconds[m].waveform if 0 <= m < len(seconds) else own for m in (n - 1, n + 1)]
        yield label, video.name, (own, *around), seen(system, picture)


def mixed(logits: Tensor, shares: list[float]) -> Tensor:
    """Logits (N, T) whose odds are the weighted mean of those of several, (V, N, T)."""
    return (logits + torch.tensor(shares).log()[:, None, None]).logsumexp(0)


@dataclass(frozen=True)
class Trial:
    """One change; as it is where nothing is said."""

    name: str
    sureness: float = 1.0  # factor on the logits of tags
    constants: tuple[tuple[str, float], ...] = ()  # of general_predictor
    volumes: bool = False
    neighbours: bool = False
    centred: float = 0.0  # share of each tag's median over recordings that is subtracted
    learned: float = 0.0  # share of a layer learned on recordings


TRIALS = (
    Trial("as it is"),
    Trial("logits of tags as they come", sureness=1 / SURENESS),
    Trial("of parent and child both are said", constants=(("SAID", 0.0),)),
    Trial("a root lifts its members less", constants=(("LIFT", 3.0),)),
    Trial("tags that others have, too, as good as own", constants=(("WEAK_TAG", 0.0),)),
    Trial("the eye counts more", constants=(("BORNE_OUT", 1.0),)),
    Trial("the eye counts less", constants=(("BORNE_OUT", 0.5),)),
    Trial("three volumes", volumes=True),
    Trial("the seconds around, too, a tenth each", neighbours=True),
    Trial("tags less their medians, a third", centred=0.3),
    Trial("a layer learned on recordings, half", learned=0.5),
)


class Names:
    """Who says which name, for every trial.

    Args:
        system: `general`, in torch.
        sets: what is named.
    """

    def __init__(self, system: GeneralSystem, sets: dict[str, Seconds]):
        self.system, self.sets, self.names = system, sets, system.categories
        recorded = [sets[name] for name in MOST]
        embedding = torch.cat([part.embedding[1] for part in recorded])
        self.median = system.network.ear.head(embedding).median(0).values
        self.mean, self.std = embedding.mean(0), embedding.std(0).clamp(min=0.05)
        self.label = torch.tensor([self.names.index(label) for part in recorded for label in part.label])
        sources = [source for part in recorded for source in part.source]
        number = {source: n for n, source in enumerate(dict.fromkeys(sources))}
        self.fold = torch.tensor([number[source] % 5 for source in sources])
        self.embedding, self.base = embedding, torch.cat([self._logits(Trial(""), part) for part in recorded])

    def right(self, trial: Trial, name: str) -> tuple[float, float]:
        """Percent of first names, and of three, that are right: the mean over labels, or over videos."""
        part = self.sets[name]
        logits = self._logits(trial, part)
        if trial.learned:
            logits = logits + trial.learned * self._learned(name)
        best = logits.topk(3, 1).indices.tolist()
        words = vocabulary()
        right = np.array([[words.right(self.names[k], label) for k in row]
                          for row, label in zip(best, part.label, strict=True)])  # fmt: skip
        groups = part.label if name in MOST else part.source
        known = np.array([words.known(label) in self.names for label in part.label])
        one, three = (
            [found[known & (np.array(groups) == group)].mean() for group in sorted(set(np.array(groups)[known]))]
            for found in (right[:, 0], right.any(1))
        )
        return 100 * float(np.mean(one)), 100 * float(np.mean(three))

    def _logits(self, trial: Trial, part: Seconds) -> Tensor:
        """(N, K), by the rules of the model with a trial's change."""
        head, predictor = self.system.network.ear.head, self.system.predictor
        own = head(part.embedding[1])
        if trial.volumes:
            own = mixed(head(part.embedding), [1 / 3] * 3)
        if trial.neighbours:
            own = mixed(head(torch.cat([part.embedding[1:2], part.around])), [1 - NEIGHBOURS, *[NEIGHBOURS / 2] * 2])
        tags = trial.sureness * (own - trial.centred * (self.median - self.median.mean()) if trial.centred else own)
        usual = {constant: getattr(rules, constant) for constant, _ in trial.constants}
        try:
            for constant, value in trial.constants:
                setattr(rules, constant, value)
            logits, behind = predictor.ranked(predictor.audible_logits_of(tags), part.visible)
            return predictor.said((logits - rules.RIVAL * behind)[:, predictor.answers])
        finally:
            for constant, value in usual.items():
                setattr(rules, constant, value)

    def _learned(self, name: str) -> Tensor:
        """What a layer adds, (N, K): learned on recordings, for these without those of their own fold."""
        start = {"sounds": 0, "stills": len(self.sets["sounds"].label)}.get(name)
        if start is None:
            return self._layer(torch.ones(len(self.label), dtype=torch.bool), self.sets[name].embedding[1])
        mine = slice(start, start + len(self.sets[name].label))
        added = torch.zeros(mine.stop - start, len(self.names))
        for fold in range(5):
            rows = self.fold[mine] == fold
            added[rows] = self._layer(self.fold != fold, self.embedding[mine][rows])
        return added

    def _layer(self, rows: Tensor, asked: Tensor) -> Tensor:
        """Trained on some of the recordings to correct the model's logits, for what is asked, (N, 1024)."""
        shown, asked = ((x - self.mean) / self.std / 32 for x in (self.embedding[rows], asked))
        weight = torch.zeros(len(self.names), shown.shape[1], requires_grad=True)
        optimizer = torch.optim.LBFGS([weight], max_iter=40, line_search_fn="strong_wolfe")
        trained = torch.zeros(len(self.names), dtype=torch.bool)
        trained[self.label] = True

        def loss() -> Tensor:
            optimizer.zero_grad()
            logits = (self.base[rows] + 32 * shown @ weight.T).masked_fill(~trained, -1e9)
            found = F.cross_entropy(logits, self.label[rows]) + SHORT * weight.square().sum()
            found.backward()
            return found

        optimizer.step(loss)
        return 32 * asked @ weight.detach().T


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="general", help="its model file")
    parser.add_argument("--cache", type=Path, default=Path("names"), help="folder for what is computed once of a model")
    args = parser.parse_args()
    system = load_system(args.model, exact=True)
    assert isinstance(system, GeneralSystem), "exact means torch"
    system.network.requires_grad_(False)
    names = Names(system, measured(system, Path(os.environ["DSOL_DATA"]), args.cache))
    print("percent, first / three".ljust(46) + "".join(name.rjust(16) for name in names.sets))
    print("seconds".ljust(46) + "".join(str(len(part.label)).rjust(16) for part in names.sets.values()))
    for trial in TRIALS:
        shown = ("{:.1f} / {:.1f}".format(*names.right(trial, name)).rjust(16) for name in names.sets)
        print(trial.name.ljust(46) + "".join(shown), flush=True)


if __name__ == "__main__":
    main()
