"""How many hours and how much money does a data set take? Measured rates, multiplied.

    python benchmarks/scale.py [--videos FOLDER] [--core-hour 0.05] [--seed 0]

Measures, in processor seconds of one core: `dsol prepare` and `dsol localize` (without a film) on a second of video;
reading a clip; features of a clip's frames for the cache of a frozen backbone; and a training step for a clip, of both
stages of the recipes `best` and `paper`. Then the hours of one core and the money for MUSIC, AudioSet-instrument, all
of AudioSet and a million hours, and how much memory and disk they fill. Videos are those of a folder, or toyband's.
What is not measured: reading from a bucket, and that cores of one machine slow one another down.
"""

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from dsol.config import Config, load_recipe
from dsol.data.media import find_videos
from dsol.data.prepare import prepare
from dsol.data.store import Store
from dsol.demo.toyband import make_toyband
from dsol.localize import Localizer
from dsol.model.network import Network
from dsol.training.batches import Picks, read
from dsol.training.stage_one import StageOneLoss
from dsol.training.stage_one import schedule as schedule_one
from dsol.training.stage_two import NO_PAIRS, StageTwoLoss
from dsol.training.stage_two import schedule as schedule_two

SETS = {  # clips of one second
    "MUSIC": 685 * 120,  # videos, taken as two minutes each
    "AudioSet-instrument": 63_989 * 10,
    "AudioSet": 2_084_320 * 10,
    "a million hours": 1_000_000 * 3600,
}
STEPS = 3  # that are timed, after one that is not
MEMORY_GB = 64  # of a machine, for the wall


@dataclass(frozen=True)
class Rates:
    """Processor seconds of one core.

    Attributes:
        prepare, localize: of a second of video.
        read: of a clip.
        cache: of the features of a clip's frames; 0 where the backbone is trained.
        one, two: of a clip or scene in a step of stage one and of stage two.
        store_kb: of a clip on disk.
        cache_kb: of a clip in memory while training.
    """

    prepare: float
    localize: float
    read: float
    cache: float
    one: float
    two: float
    store_kb: float
    cache_kb: float


def took(work: Callable[[], object]) -> float:
    """Processor seconds of this process."""
    start = time.process_time()
    work()
    return time.process_time() - start


def step(module: torch.nn.Module, loss: Callable[[], torch.Tensor]) -> float:
    """Processor seconds of a training step."""
    optimizer = torch.optim.Adam([p for p in module.parameters() if p.requires_grad])

    def once() -> None:
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()

    once()
    return took(lambda: [once() for _ in range(STEPS)]) / STEPS


def training(config: Config) -> tuple[float, float, float, float]:
    """Processor seconds of a clip: features to cache, a step of stage one, of stage two; and kilobytes in memory."""
    network = Network(config).train()
    encoders, size, count = network.encoders, config.encoders.size, config.stage_one.batch
    cache = kilobytes = 0.0
    mel = encoders.spectrogram(torch.rand(count, 16_000) - 0.5)
    if config.encoders.freeze_vision:
        frames, fast = torch.rand(config.encoders.frozen_frames, 3, size, size), encoders.for_inference()
        fast.backbone(frames)
        cache = took(lambda: fast.backbone(frames))
        cells = fast.backbone(frames[:1])
        kilobytes = (len(frames) * cells.numel() * 2 + mel[0].numel() * 4 + 16_000 * 4) / 1e3
        pictures = torch.rand(count, *cells.shape[1:])
    else:
        pictures = torch.rand(count, 3, size, size)
    videos, shifted = torch.arange(count), torch.arange(count).roll(1)
    one = StageOneLoss(network)
    seconds_one = step(one, lambda: one(pictures, mel, videos, pairs=(videos, shifted))) / count
    two, teacher = StageTwoLoss(network), torch.rand(count, config.clustering.clusters)
    alone = not config.stage_two.epochs  # mixtures only
    shown, pairs = (None, NO_PAIRS) if alone else (pictures, (videos, shifted))
    how = (shown, mel, teacher, teacher.round(), pairs)
    return cache, seconds_one, step(two, lambda: sum(two(*how))) / count, kilobytes


def measured(videos: Path, folder: Path, config: Config) -> Rates:
    """All rates, of some videos and a recipe."""
    out = folder / f"store of {config.recipe}"
    prepare(videos, folder / f"first {config.recipe}", workers=1)  # imports and caches
    preparing = took(lambda: prepare(videos, out, workers=1))
    store, localizer = Store.open(out), Localizer.load()
    film = find_videos(videos)[0]
    seconds = len(localizer(film).times_s) / 4  # it answers four times a second
    localizing = took(lambda: localizer(film)) / seconds
    picks = Picks(store, 16).in_order()
    reading = took(lambda: list(read(store, picks, 0))) / len(store)
    disk = sum(file.stat().st_size for file in out.rglob("*") if file.is_file()) / 1e3 / len(store)
    cache, one, two, kilobytes = training(config)
    return Rates(preparing / len(store), localizing, reading, cache, one, two, disk, kilobytes)


def hours_to_train(clips: int, rates: Rates, config: Config) -> float:
    """Of one core, scenes as many as the recipe has."""
    passes = len(schedule_one(config.stage_one)) + 1  # and one that extracts objects, at a third of a step
    cached = rates.cache > 0
    reads = 1 if cached else passes
    one = clips * (rates.cache + reads * rates.read + (passes - 2 / 3) * rates.one)
    return (one + config.scenes.count * len(schedule_two(config)) * rates.two) / 3600


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=Path, default=None, help="folder of videos to measure with")
    parser.add_argument("--core-hour", type=float, default=0.05, help="price of an hour of one core, any currency")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    with TemporaryDirectory() as folder:
        videos = args.videos or make_toyband(Path(folder) / "toy", solos=4, duets=0, seed=args.seed, workers=1)
        for name in ("best", "paper"):
            config = load_recipe(name, encoders={"vision_weights": "imagenet"} if name == "best" else {})
            rates = measured(Path(videos), Path(folder), config)
            print(f"\nrecipe {name}, core seconds:", ", ".join(f"{k} {v:.4g}" for k, v in vars(rates).items()))
            print(f"{'':<20} {'clips':>13} {'prepare':>23} {'train':>23} {'localize':>23} {'store':>10} {'memory':>12}")
            for title, clips in SETS.items():
                hours = (
                    clips * rates.prepare / 3600,
                    hours_to_train(clips, rates, config),
                    clips * rates.localize / 3600,
                )
                told = "".join(f"{h:>11,.0f} h{h * args.core_hour:>10,.0f}" for h in hours)
                sizes = f"{clips * rates.store_kb / 1e6:>7,.0f} GB {clips * rates.cache_kb / 1e6:>9,.0f} GB"
                print(f"{title:<20} {clips:>13,} {told} {sizes}")
            if rates.cache_kb:
                most = MEMORY_GB * 1e6 / rates.cache_kb
                print(f"{MEMORY_GB} GB hold the features of {most:,.0f} clips; --encoders.frozen_frames 1 is a quarter")


if __name__ == "__main__":
    main()
