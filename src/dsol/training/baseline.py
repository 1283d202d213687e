"""Training of the compared systems: one loss, pass after pass over single-source clips.

    batch, mismatched pairs of it ─ network ─▶ loss ─▶ step

One pass is the unit of resuming.
"""

from collections.abc import Iterator

import torch
from lightning_fabric import Fabric
from torch import Tensor

from dsol.baselines.base import BaselineNetwork
from dsol.config import BaselineOptions
from dsol.data.store import Store
from dsol.training.batches import Picks, open_feed
from dsol.training.loop import Pass, descend, run_passes
from dsol.training.losses import other_video
from dsol.training.run import Run

MOMENTUM = 0.9  # of gradient descent


def fit(fabric: Fabric, network: BaselineNetwork, store: Store, run: Run) -> None:
    """All passes that are still to do, then the statistics that the network measures at the end.

    Args:
        fabric: device, precision and processes.
        network: trained in place.
        store: single-source clips.
        run: where metrics and checkpoints go.
    """
    config, options = network.config, network.config.baselines
    picks = Picks(store, options.batch)
    loss, optimizer = fabric.setup(network, optimizer_of(network, options))
    feed = open_feed(store, network.encoders, fabric.device, config.workers, augment=config.baselines.augment)
    one_each = network.mixes or config.stage_one.negatives != "all"

    def losses(seed: int, label: str) -> Iterator[tuple[tuple[Tensor, ...], int]]:
        generator = torch.Generator().manual_seed(seed)
        for batch in feed.batches(picks.shuffled(seed), seed, label):
            pairs = mismatched(batch.videos, generator if one_each else None)
            yield (loss(batch.pictures, batch.log_mel, batch.waveforms, pairs),), len(batch.rows)

    def one_pass(each: Pass) -> dict[str, float]:
        batches = losses(config.seed * 10_007 + each.number, each.label)
        return {"loss": descend(fabric, network, batches, [optimizer])[0]}

    parts = {"network": network, "optimizer": optimizer}
    passes = [
        Pass(n, "fit", f"{config.system}, epoch {n + 1} of {options.epochs}", {"epoch": n + 1})
        for n in range(run.load_checkpoint("fit", **parts)["done"], options.epochs)
    ]
    run_passes(fabric, run, "fit", passes, one_pass, lambda: parts)
    network.eval().finalise(feed.batches(picks.in_order(), None, "Measuring"))


def mismatched(videos: Tensor, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
    """Mismatched sounds and pictures of a batch.

    Args:
        videos: (B,) number of the video of each clip.
        generator: chooses one clip of another video for each; None: all pairs of different videos.

    Returns:
        (M,) sounds and (M,) pictures. In a batch of one video each clip is paired with its neighbour: there is
        always a loss, and all processes take the same steps.

    Example:
        >>> [found.tolist() for found in mismatched(torch.tensor([5, 5, 8]), None)]
        [[0, 1, 2, 2], [2, 2, 0, 1]]
    """
    if generator is None:
        sounds, pictures = torch.nonzero(videos[:, None] != videos[None], as_tuple=True)
    else:
        sounds, pictures = other_video(videos, generator)
    if len(sounds):
        return sounds, pictures
    everyone = torch.arange(len(videos))
    return everyone, everyone.roll(1)


def optimizer_of(network: BaselineNetwork, options: BaselineOptions) -> torch.optim.Optimizer:
    """Adam or gradient descent, the visual backbone at a rate of its own."""
    vision = [p for p in network.encoders.vision.parameters() if p.requires_grad]
    inside = {id(p) for p in network.encoders.vision.parameters()}
    rest = [p for p in network.parameters() if id(p) not in inside]
    groups = [{"params": rest}, {"params": vision, "lr": options.vision_learning_rate}]
    groups = [group for group in groups if group["params"]]
    if options.optimizer == "adam":
        return torch.optim.Adam(groups, options.learning_rate, weight_decay=options.weight_decay)
    return torch.optim.SGD(groups, options.learning_rate, MOMENTUM, weight_decay=options.weight_decay)
