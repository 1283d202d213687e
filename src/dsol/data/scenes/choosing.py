"""Which clips make a scene: categories with equal probability, no video twice, one split."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dsol.data.boxes import Box
from dsol.data.levels import SILENCE_DB
from dsol.data.store import Store
from dsol.errors import DsolError

TRIES = 100  # orders of the categories to go through before a scene counts as impossible

Pool = dict[str, dict[str, list[tuple[int, int]]]]  # label -> video -> (clip, frame); frame -1: any


@dataclass(frozen=True)
class Choice:
    """The sources of one scene.

    Attributes:
        split: where all of them are from.
        labels: one a source, all different.
        clips: numbers of their clips.
        frames: which frame of each.
        sounds: which of them sound.
    """

    split: str | None
    labels: tuple[str, ...]
    clips: tuple[int, ...]
    frames: tuple[int, ...]
    sounds: tuple[bool, ...]


class Sources:
    """The clips of a store by split, label and video, to choose scenes from.

    Args:
        store: single-source clips.
        objects: sources a scene.
        labels: clip key -> label, in place of the store's categories; clips without one are not used.
        split: use this split only; without it each scene is of one split.
        boxed: use annotated frames only.
        video_weight: how much more often a video is chosen than a photo.

    Raises:
        DsolError: no labels, or fewer than `objects` of them.

    Example:
        >>> chosen = Sources(Store.open("store"), objects=4).choose(2, np.random.default_rng(0))
        >>> sorted(chosen.labels)
        ['bar', 'disc', 'ring', 'square']
    """

    def __init__(
        self,
        store: Store,
        objects: int,
        labels: Mapping[str, str] | None = None,
        split: str | None = None,
        boxed: bool = False,
        video_weight: int = 1,
    ):
        self.store, self.objects, self.boxed, self.video_weight = store, objects, boxed, video_weight
        self.boxes = annotated_frames(store)
        pools = self._pools(
            [labels.get(c) for c in store.column("clip")] if labels is not None else store.column("category")
        )
        wanted = {s: pool for s, pool in pools.items() if split in (None, s)}
        self.pools = {s: pool for s, pool in wanted.items() if len(pool) >= objects}
        self._check(wanted, split, labels is not None)
        sizes = [sum(len(found) for videos in pool.values() for found in videos.values())
                 for pool in self.pools.values()]  # fmt: skip
        self.shares = np.array(sizes) / sum(sizes)

    def _pools(self, labels: list[str | None]) -> dict[str | None, Any]:
        """Split -> `Pool`."""
        pools: dict = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
        frames = defaultdict(list)
        for i, j in self.boxes:
            frames[i].append(j)
        silence = 10 ** (SILENCE_DB / 20)
        facts = zip(
            labels, self.store.column("split"), self.store.column("video"), self.store.column("rms"), strict=True
        )
        for i, (label, split, video, rms) in enumerate(facts):
            if label is not None and rms >= silence and (frames[i] or not self.boxed):
                pools[split][label][video] += [(i, j) for j in frames[i]] if self.boxed else [(i, -1)]
        return dict(pools)

    def _check(self, wanted: dict[str | None, Pool], split: str | None, labelled: bool) -> None:
        if self.pools:
            return
        found = sorted({label for pool in wanted.values() for label in pool})
        if found:
            what = f"has clips of {len(found)} categories ({', '.join(found)}), a scene needs {self.objects}"
            raise DsolError(self.store.path, what, "compose scenes of fewer objects, or add categories")
        if split is not None and split not in self.store.splits:
            raise DsolError(
                self.store.path, f"has no split {split!r}", f"it has: {', '.join(self.store.splits) or 'none'}"
            )
        if self.boxed and not self.boxes:
            raise DsolError(self.store.path, "has no annotated frames", "prepare it with --boxes FILE")
        if labelled:
            raise DsolError(self.store.path, "holds none of the clips that the labels are of",
                            "give the store that the run was trained on")  # fmt: skip
        raise DsolError(self.store.path, "has no category for any clip",
                        "train stage one first and use its clusters in place of categories")  # fmt: skip

    def choose(self, sounding: int, random: np.random.Generator) -> Choice:
        """The sources of a scene of which `sounding` sound."""
        splits = list(self.pools)
        split = splits[int(random.choice(len(splits), p=self.shares))]
        picks = self._pick(self.pools[split], random)
        loud = set(random.choice(self.objects, sounding, replace=False).tolist())
        clips = tuple(i for _, (i, _) in picks)
        frames = tuple(j if j >= 0 else int(random.integers(self.store.frame_count(i))) for _, (i, j) in picks)
        return Choice(split, tuple(label for label, _ in picks), clips, frames,
                      tuple(k in loud for k in range(self.objects)))  # fmt: skip

    def _pick(self, pool: Pool, random: np.random.Generator) -> list[tuple[str, tuple[int, int]]]:
        labels = sorted(pool)
        for _ in range(TRIES):
            picks, used = [], set()
            for label in (labels[k] for k in random.permutation(len(labels))):
                videos = sorted(pool[label].keys() - used)
                if videos:
                    video = videos[self._draw(pool[label], videos, random)]
                    used.add(video)
                    picks.append((label, pool[label][video][int(random.integers(len(pool[label][video])))]))
                if len(picks) == self.objects:
                    return picks
        raise DsolError(self.store.path, f"has no {self.objects} different videos for as many labels", "add videos")

    def _draw(self, found: dict[str, list[tuple[int, int]]], videos: list[str], random: np.random.Generator) -> int:
        if self.video_weight == 1:
            return int(random.integers(len(videos)))
        photos = [self.store.frame_count(found[video][0][0]) == 1 for video in videos]
        weights = np.where(photos, 1, self.video_weight)
        return int(random.choice(len(videos), p=weights / weights.sum()))

    def boxes_of(self, choice: Choice) -> list[tuple[Box, ...]] | None:
        """The annotations of each source; None unless all are annotated."""
        places = list(zip(choice.clips, choice.frames, strict=True))
        return [self.boxes[place] for place in places] if self.boxes.keys() >= set(places) else None


def annotated_frames(store: Store) -> dict[tuple[int, int], tuple[Box, ...]]:
    """The boxes of those frames of a store that have some: (clip, frame) -> boxes."""
    places = ((store.find(frame.video, frame.time_s), frame.boxes) for frame in store.boxes)
    return {place: boxes for place, boxes in places if place is not None and boxes}
