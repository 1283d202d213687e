"""Scenes as a store: one clip of one frame a scene, the same to the byte for the same seed."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dsol.data.boxes import Box, Boxes, Frame
from dsol.data.clip import SAMPLE_RATE
from dsol.data.corpora import SYNTHESIS
from dsol.data.levels import mix
from dsol.data.scenes.choosing import Choice, Sources
from dsol.data.scenes.layouts import LAYOUTS, Tile, backdrop, box_in_scene, canvas_size, free, grid, paint, plain
from dsol.data.store import Store
from dsol.data.store.build import Part, build, digest, finished
from dsol.data.store.reader import source_videos
from dsol.data.store.shards import TarBody
from dsol.errors import DsolError
from dsol.progress import say

SCENES_A_PART = 250  # that a kill may lose, about two seconds of work
BY_CATEGORY = "scenes were composed by the categories of their clips: whoever trains on them uses labels"
MOST_OBJECTS, SMALLEST, LARGEST = 16, 32, 1024


def compose(
    store: Store,
    out: str | Path,
    scenes: int = 1000,
    objects: int = 4,
    sounding: int = 2,
    layout: str = "grid",
    seed: int = 0,
    labels: Mapping[str, str] | None = None,
    split: str | None = None,
    boxed: bool = False,
    tile: int = 224,
    video_weight: int = 1,
    engine: str = "local",
    workers: int = 1,
) -> Store:
    """Make scenes of several objects of which some sound, as MUSIC-Synthetic was made.

    Categories are drawn with equal probability, then a video, then a second of it. All sources of a scene are from one
    split, which becomes the scene's; of the split "synthesis" scenes for training are made, of the split "train". A
    scene is annotated where the frames of all its sources are; boxes of silent sources are included, as not sounding.

    Args:
        store: single-source clips.
        out: the folder to make.
        scenes: how many.
        objects: sources a scene, each of another category.
        sounding: how many of them sound.
        layout: "grid" (2×2 for four, as in the paper) or "free" (random places and sizes, no overlap).
        seed: of everything random.
        labels: clip key -> label (a cluster, say), in place of the store's categories.
        split: use this split's clips only.
        boxed: use annotated frames only, so that every scene is annotated.
        tile: pixels, the side of a source's place; four make a picture of twice this side.
        video_weight: how much more often a video is drawn than a photo, where a category has both.
        engine, workers: see `engines.run`; on Ray all machines must see the store.

    Returns:
        A store with one clip a scene: video "scene/000123", second 0, one frame, `sounding` (labels),
        `sources` (clip keys, in the order of the tiles) and `source_sounds`.

    Raises:
        DsolError: too few labels or annotations, or `out` cannot be made.

    Example:
        >>> scenes = compose(Store.open("store"), "scenes", scenes=2)
        >>> len(scenes), len(scenes.row(0).sounding)
        (2, 2)
    """
    if layout not in LAYOUTS:
        raise DsolError("--layout", f"{layout!r} is not known", f"choose one of {', '.join(LAYOUTS)}")
    check_numbers(scenes, objects, sounding)
    _check_range("--video_weight", video_weight, 1, 10**6)
    _check_range("--seed", seed, 0, 2**32 - 1)
    _check_range("--tile", tile, SMALLEST, LARGEST)
    made = {
        "by": "compose",
        "store": store.fingerprint,
        "scenes": scenes,
        "objects": objects,
        "sounding": sounding,
        "layout": layout,
        "seed": seed,
        "labels": None if labels is None else digest(sorted(labels.items())),
        "split": split,
        "boxed": boxed,
        "tile": tile,
        **({} if video_weight == 1 else {"video_weight": video_weight}),
    }
    there = finished(out, made)
    if there is not None:
        return there
    make = SceneMaker(Sources(store, objects, labels, split, boxed, video_weight), sounding, layout, seed, tile)
    make.by_category = labels is None and not boxed and split != "test"
    starts = range(0, scenes, SCENES_A_PART)
    parts = [Part(f"{s:07d}-{digest(made)}", (s, min(s + SCENES_A_PART, scenes))) for s in starts]
    composed = build(out, made, parts, make, make.finish, "Composing", "parts", engine, workers)
    say(f"{out}: {len(composed)} scenes, {len(composed.boxes)} of them annotated")
    return composed


OPTIONS = ("--scenes", "--objects", "--sounding")


def check_numbers(scenes: int, objects: int, sounding: int, options: Sequence[str] = OPTIONS) -> None:
    """Refuse numbers with which no scenes can be composed.

    Args:
        scenes, objects, sounding: how many.
        options: what they are called where the user gave them.

    Raises:
        DsolError: which of them, and what is possible.
    """
    ranges = ((scenes, 1, 10**6), (objects, 1, MOST_OBJECTS), (sounding, 0, objects))
    for option, (value, least, most) in zip(options, ranges, strict=True):
        _check_range(option, value, least, most)


def _check_range(option: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise DsolError(option, f"{value} is not possible here", f"choose {least} to {most}")


class SceneMaker:
    """Makes the scenes numbered start to stop; each depends on the seed and its number alone.

    Attributes:
        by_category: labels decide what is mixed, in scenes that may be trained on; their note says so.
    """

    by_category = False

    def __init__(self, sources: Sources, sounding: int, layout: str, seed: int, tile: int):
        self.sources, self.store = sources, sources.store
        self.sounding, self.layout, self.seed, self.tile = sounding, layout, seed, tile
        self.clips = self.store.column("clip")
        self.size = canvas_size(sources.objects, tile)

    def __call__(self, task: tuple[int, int], body: TarBody) -> tuple[list[dict], dict]:
        made = [self._scene(number, body) for number in range(*task)]
        return [row for row, _ in made], {"frames": [frame for _, frame in made if frame]}

    def _scene(self, number: int, body: TarBody) -> tuple[dict, Any]:
        random = np.random.default_rng([self.seed, number])
        choice = self.sources.choose(self.sounding, random)
        picture, tiles = self._picture(choice, random)
        facts = {
            "video": f"scene/{number:06d}",
            "second": 0,
            "category": None,
            "split": "train" if choice.split == SYNTHESIS else choice.split,
            "sounding": [label for label, sounds in zip(choice.labels, choice.sounds, strict=True) if sounds],
            "sources": [self.clips[i] for i in choice.clips],
            "source_sounds": list(choice.sounds),
            "times_s": [0.0],
        }
        return body.add_clip(facts, [picture], self._sound(choice, random)), self._boxes(facts["video"], choice, tiles)

    def _picture(self, choice: Choice, random: np.random.Generator) -> tuple[np.ndarray, list[Tile]]:
        frames = [self.store.frame(i, j) for i, j in zip(choice.clips, choice.frames, strict=True)]
        if self.layout == "grid":
            tiles, ground = grid(len(frames), self.tile), plain(self.size)
        else:
            tiles, ground = free(len(frames), self.tile, random), backdrop(self.size, frames, random)
        return paint(ground, frames, tiles), tiles

    def _sound(self, choice: Choice, random: np.random.Generator) -> np.ndarray:
        sounds = [self.store.waveform(i) for i, on in zip(choice.clips, choice.sounds, strict=True) if on]
        return mix(np.stack(sounds)[None], random)[0] if sounds else np.zeros(SAMPLE_RATE, np.float32)

    def _boxes(self, video: str, choice: Choice, tiles: list[Tile]) -> list | None:
        """[video, [[category, xywh, sounding], ...], sources] of a scene whose sources are all annotated."""
        found = self.sources.boxes_of(choice)
        if found is None:
            return None
        return [video, [
            [box.category, box_in_scene(box.xywh, tile, self.size), box.sounding and sounds]
            for boxes, tile, sounds in zip(found, tiles, choice.sounds, strict=True) for box in boxes
        ], source_videos([self.clips[i] for i in choice.clips], choice.sounds)]  # fmt: skip

    def finish(self, reports: list[dict]) -> tuple[dict, Boxes | None]:
        """The annotations of all scenes."""
        frames = tuple(
            Frame(video, 0.0, tuple(Box(name, tuple(xywh), loud) for name, xywh, loud in boxes), sources=tuple(sources))
            for report in reports
            for video, boxes, sources in report["frames"]
        )
        notes = [self.store.info["note"]] if "note" in self.store.info else []
        notes += [BY_CATEGORY] if self.by_category else []
        told = {"note": "; ".join(notes)} if notes else {}
        return told, Boxes(self.store.boxes.categories, frames) if frames else None
