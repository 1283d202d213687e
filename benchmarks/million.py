"""Do clustering, naming, matching and evaluation stand a million clips?

    python benchmarks/million.py [--clips 1000000] [--parts cluster,name,evaluate] [--seed 0]

Everything is synthetic: points around sixteen centres (unit length, 128 visual and 128 audio channels, as of the recipe
`best`), ten clips a video; frames with a sounding and a silent box, and maps of four categories. Each part runs in a
process of its own, so that its peak memory is its own.

    cluster    K-means over single clips, fifty starts, and NMI with the categories
    name       means of videos, nearest centres, pseudo-labels, dictionary, table of clusters and categories, matching
    evaluate   all figures, baselines and intervals of the protocol duet, maps read batch by batch

Prints seconds, processor seconds and peak memory of each part, beside what is wanted; exits with 1 where a part needs
more, or gives a wrong answer.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator

import numpy as np
import torch
from torch.nn import functional as F

from dsol.data.boxes import Box, Boxes, Frame
from dsol.evaluation import score
from dsol.model.clustering import cluster, nmi_with
from dsol.model.dictionary import ObjectDictionary, group_means
from dsol.model.maps import Maps
from dsol.naming.matching import cluster_table, match_clusters

CLUSTERS, CHANNELS, OF_VIDEO = 16, 128, 10
CATEGORIES = ("cello", "dog", "drum", "train")
BATCH = 1000  # frames whose maps are in memory
WANTED = {"seconds": 180, "GB": 8}  # of a million clips on two cores, each part


def clips(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Points (N, 256) and the category (N,) of each."""
    random = torch.Generator().manual_seed(seed)
    categories = torch.arange(count) // OF_VIDEO % CLUSTERS
    centres = F.normalize(torch.randn(CLUSTERS, 2 * CHANNELS, generator=random), dim=1)
    points = torch.empty(count, 2 * CHANNELS)
    for part in torch.arange(count).split(100_000):
        noise = torch.randn(len(part), 2 * CHANNELS, generator=random)
        points[part] = F.normalize(centres[categories[part]] + 0.08 * noise, dim=1)
    return points, categories


def run_cluster(count: int, seed: int) -> dict[str, float]:
    """K-means."""
    points, categories = clips(count, seed)
    start = clock()
    labels = cluster(points, CLUSTERS, starts=50, seed=seed)
    nmi = nmi_with(labels, [f"category {k}" for k in categories.tolist()])
    assert nmi is not None
    assert nmi > 0.95, f"NMI {nmi}"
    return since(start)


def run_name(count: int, seed: int) -> dict[str, float]:
    """What follows K-means."""
    points, categories = clips(count, seed)
    start = clock()
    videos = torch.arange(count) // OF_VIDEO
    of_video = group_means(points, videos)
    dictionary = ObjectDictionary(CLUSTERS, CHANNELS, sound=CHANNELS, sound_weight=1.0)
    first = torch.stack([points[categories == k][0] for k in range(CLUSTERS)])
    dictionary.centres.copy_(first)
    labels = dictionary.nearest(of_video[videos])
    dictionary.learn(points[:, :CHANNELS], points, labels)
    json.dumps(dict(zip((f"video{n}@{n}" for n in range(count)), labels.tolist(), strict=True)))
    names = match_clusters(cluster_table(categories.numpy(), labels.numpy(), CLUSTERS, CLUSTERS))
    right = (names[labels.numpy()] == categories.numpy()).mean()
    assert right > 0.95, f"{right} of the clips"
    return since(start)


def boxes_of(count: int, seed: int) -> Boxes:
    """Frames, each with a sounding and a silent box."""
    random = np.random.default_rng(seed)
    sizes, chosen = random.uniform(0.2, 0.5, (count, 2, 2)), random.permuted(np.tile(np.arange(4), (count, 1)), axis=1)
    corners = random.uniform(0, 1, (count, 2, 2)) * (1 - sizes)
    boxed = np.concatenate([corners, sizes], axis=2).tolist()
    frames = [
        Frame(
            f"video{n // OF_VIDEO}",
            float(n % OF_VIDEO),
            (Box(CATEGORIES[one], tuple(first)), Box(CATEGORIES[other], tuple(second), sounding=False)),
        )
        for n, ((one, other, *_), (first, second)) in enumerate(zip(chosen.tolist(), boxed, strict=True))
    ]
    return Boxes(CATEGORIES, tuple(frames))


def answers(boxes: Boxes, seed: int) -> Iterator[Maps]:
    """Maps (B, 4, 14, 14) of all frames: noise, highest in the middle."""
    random = np.random.default_rng(seed)
    hill = np.hanning(16)[1:-1]
    for start in range(0, len(boxes.frames), BATCH):
        keys = tuple(frame.key for frame in boxes.frames[start : start + BATCH])
        maps = (random.random((len(keys), 4, 1, 1), np.float32) * np.outer(hill, hill)).astype(np.float32)
        yield Maps(keys, maps.max(axis=1), maps, categories=CATEGORIES)


def run_evaluate(count: int, seed: int) -> dict[str, float]:
    """All figures."""
    boxes = boxes_of(count, seed)
    start = clock()
    found = score(answers(boxes, seed), boxes, "duet")
    assert found.frames == count
    assert abs((found.metrics["silent_auroc"] or 0) - 0.5) < 0.05
    return since(start)


PARTS = {"cluster": run_cluster, "name": run_name, "evaluate": run_evaluate}


def clock() -> tuple[float, float]:
    """Seconds, and processor seconds of this process."""
    return time.perf_counter(), time.process_time()


def since(start: tuple[float, float]) -> dict[str, float]:
    """Seconds and processor seconds since then, and the peak memory so far, GB."""
    wall, processor = (now - then for now, then in zip(clock(), start, strict=True))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return {"seconds": wall, "processor": processor, "GB": peak}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=1_000_000)
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)  # this process is for one part
    args = parser.parse_args()
    if args.alone:
        print(json.dumps(PARTS[args.parts](args.clips, args.seed)))
        return
    allowed = {"seconds": WANTED["seconds"] * max(1, args.clips / 1e6), "GB": WANTED["GB"] * max(1, args.clips / 1e6)}
    print(f"{args.clips} clips; wanted: {allowed['seconds']:.0f} s and {allowed['GB']:.0f} GB for each part")
    good = True
    for part in args.parts.split(","):
        words = [sys.executable, __file__, "--alone", "--parts", part, "--clips", str(args.clips)]
        done = subprocess.run([*words, "--seed", str(args.seed)], capture_output=True, text=True, check=True)
        found = json.loads(done.stdout.splitlines()[-1])
        good &= all(found[name] <= most for name, most in allowed.items())
        print(f"{part:<9} {found['seconds']:6.0f} s, {found['processor']:6.0f} processor s, {found['GB']:5.1f} GB")
    sys.exit(not good)


if __name__ == "__main__":
    main()
