"""Do two of a kind in one picture stay two, and one alone one?

    python benchmarks/identity.py VIDEOS [--model small] [--pairs 1]

VIDEOS holds a folder a category, with videos of one object each. Of each category pairs of videos are put side by side,
their sounds mixed; the model's answer should know two objects of the category, one in each half, and each of the videos
alone should have one. What the model does not hear is no question of identity: pairs and videos in which the category
is never found are counted apart.
"""

import argparse
import tempfile
from itertools import islice, pairwise
from pathlib import Path

import numpy as np

from dsol.data.clip import SAMPLE_RATE
from dsol.data.media import VideoWriter, find_videos, read_seconds
from dsol.localize import Localizer
from dsol.localize.tracks import Track

FPS = 4  # frames a second of the pairs


def side_by_side(one: Path, other: Path, out: Path, side: int = 360) -> Path:
    """A video of two videos beside each other, with both sounds."""
    seconds = list(zip(*(read_seconds(video, size=(side, side)) for video in (one, other)), strict=False))
    sound = np.concatenate([(a.waveform + b.waveform) / 2 for a, b in seconds])
    with VideoWriter(out, 2 * side, side, FPS, waveform=sound, sample_rate=SAMPLE_RATE) as writer:
        for second in seconds:
            for pictures in zip(*(each.frames for each in second), strict=True):
                writer.write(np.concatenate(pictures, axis=1))
    return out


def found(localizer: Localizer, video: Path, category: str) -> list[Track]:
    return [track for track in localizer(video).timeline().tracks if track.category == category]


def halves(tracks: list[Track]) -> set[bool]:
    """Whether objects are in the left (False) or the right half."""
    middles = [float((t.xywh[t.present, 0] + t.xywh[t.present, 2] / 2).mean()) for t in tracks]
    return {middle > 0.5 for middle in middles}


def main(videos: Path, model: str, pairs: int) -> None:
    localizer = Localizer.load(model)
    alone, two = [], []
    for folder in sorted(path for path in videos.iterdir() if path.is_dir()):
        own = find_videos(folder)[: pairs + 1]
        alone += [len(found(localizer, video, folder.name)) for video in own]
        for one, other in islice(pairwise(own), pairs):
            with tempfile.TemporaryDirectory() as place:
                tracks = found(localizer, side_by_side(one, other, Path(place) / "pair.mp4"), folder.name)
            two.append((len(tracks), len(halves(tracks))))
            print(
                f"{folder.name}: alone {alone[-len(own) :]}, side by side {len(tracks)} in {len(halves(tracks))} halves"
            )
    heard, seen = [n for n in alone if n], [pair for pair in two if pair[1] == 2]
    print(f"alone: one object in {sum(n == 1 for n in heard)} of {len(heard)} videos in which the category is found")
    print(f"side by side: found in both halves in {len(seen)} of {len(two)} pairs; "
          f"exactly two objects in {sum(n == 2 for n, _ in seen)} of these")  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("videos", type=Path)
    parser.add_argument("--model", default="small")
    parser.add_argument("--pairs", type=int, default=1)
    args = parser.parse_args()
    main(args.videos, args.model, args.pairs)
