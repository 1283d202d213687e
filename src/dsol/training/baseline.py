"""Training of the compared systems: one loss, pass after pass over single-source clips.

    batch, clips of it that do not belong together ─ network ─▶ loss ─▶ step

One pass is the unit of resuming.
"""

import time

import torch
from lightning.fabric import Fabric
from torch import Tensor

from dsol.baselines.base import ComparedNetwork
from dsol.config import FitOptions
from dsol.data.store import Store
from dsol.progress import say
from dsol.training.batches import Feed, Picks, open_feed
from dsol.training.losses import other_video
from dsol.training.processes import mean_over
from dsol.training.run import Run

MOMENTUM = 0.9  # of gradient descent


class Fit:
    """The training of one run.

    Args:
        fabric: device, precision and processes.
        network: trained in place.
        store: single-source clips.
        run: where metrics and resume points go.
    """

    def __init__(self, fabric: Fabric, network: ComparedNetwork, store: Store, run: Run):
        self.fabric, self.network, self.store, self.run = fabric, network, store, run
        self.config, self.options = network.config, network.config.fit
        self.picks = Picks(store, self.options.batch, fabric.global_rank, fabric.world_size)
        self.loss, self.optimizer = fabric.setup(network, optimizer_of(network, self.options))

    def train(self) -> None:
        """All passes that are still to do, then what the network measures at the end."""
        reading = (self.store, self.network.towers, self.fabric.device, self.config.workers)
        feed = open_feed(*reading, vary=self.options.vary)
        parts = {"network": self.network, "optimizer": self.optimizer}
        done = self.run.take_up("fit", **parts)["done"]
        for epoch in range(done, self.options.epochs):
            start = time.monotonic()
            label = f"{self.config.system}, epoch {epoch + 1} of {self.options.epochs}"
            loss = self._one_pass(feed, self.config.seed * 10_007 + epoch, label)
            seconds = round(time.monotonic() - start, 2)
            self.run.log(stage="fit", step=epoch, epoch=epoch + 1, kind="fit", loss=loss, seconds=seconds)
            if self.fabric.is_global_zero:
                say(f"{label}: loss {loss:.4f}")
            self.run.keep("fit", epoch + 1, **parts)
        every_clip = Picks(self.store, self.options.batch).in_order()
        self.network.eval().settle(feed.batches(every_clip, None, "Measuring"))

    def _one_pass(self, feed: Feed, seed: int, label: str) -> float:
        self.network.train()
        generator = torch.Generator().manual_seed(seed)
        total = count = 0.0
        for batch in feed.batches(self.picks.shuffled(seed), seed, label):
            one_each = self.network.mixes or self.options.negatives == "in_batch"
            pairs = mismatched(batch.videos, generator if one_each else None)
            loss = self.loss(batch.pictures, batch.log_mel, batch.waveforms, pairs)
            self.optimizer.zero_grad(set_to_none=True)
            self.fabric.backward(loss)
            self.optimizer.step()
            total += loss.item() * len(batch.rows)
            count += len(batch.rows)
        return float(mean_over(self.fabric, torch.tensor(total / max(count, 1))))


def mismatched(videos: Tensor, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
    """Sounds and pictures of a batch that do not belong together.

    Args:
        videos: (B,) number of the video of each clip.
        generator: choose one other clip for each clip; None: all pairs of different videos.

    Returns:
        (M,) sounds and (M,) pictures. In a batch of one video each clip serves its neighbour, so that there always is
        a loss and all processes step alike.

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


def optimizer_of(network: ComparedNetwork, options: FitOptions) -> torch.optim.Optimizer:
    """Adam or gradient descent, the vision backbone at a rate of its own."""
    vision = [p for p in network.towers.vision.parameters() if p.requires_grad]
    inside = {id(p) for p in network.towers.vision.parameters()}
    rest = [p for p in network.parameters() if id(p) not in inside]
    groups = [{"params": rest}, {"params": vision, "lr": options.vision_learning_rate}]
    groups = [group for group in groups if group["params"]]
    if options.optimizer == "adam":
        return torch.optim.Adam(groups, options.learning_rate, weight_decay=options.weight_decay)
    return torch.optim.SGD(groups, options.learning_rate, MOMENTUM, weight_decay=options.weight_decay)
