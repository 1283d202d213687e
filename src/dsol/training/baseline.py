"""Training of the compared systems: one loss, pass after pass over single-source clips.

    batch, mismatched pairs of it ─ network ─▶ loss ─▶ step

One pass is the unit of resuming.
"""

from collections.abc import Iterator

import torch
from lightning.fabric import Fabric
from torch import Tensor

from dsol.baselines.base import BaselineNetwork
from dsol.config import BaselineOptions
from dsol.data.store import Store
from dsol.training.batches import Feed, Picks, open_feed
from dsol.training.loop import Pass, descend, run_passes
from dsol.training.losses import other_video
from dsol.training.run import Run

MOMENTUM = 0.9  # of gradient descent


class Fit:
    """The training of one run.

    Args:
        fabric: device, precision and processes.
        network: trained in place.
        store: single-source clips.
        run: where metrics and checkpoints go.
    """

    def __init__(self, fabric: Fabric, network: BaselineNetwork, store: Store, run: Run):
        self.fabric, self.network, self.store, self.run = fabric, network, store, run
        self.config, self.options = network.config, network.config.baselines
        self.picks = Picks(store, self.options.batch, fabric.global_rank, fabric.world_size)
        self.loss, self.optimizer = fabric.setup(network, optimizer_of(network, self.options))

    def train(self) -> None:
        """All passes that are still to do, then the statistics that the network measures at the end."""
        reading = (self.store, self.network.encoders, self.fabric.device, self.config.workers)
        feed = open_feed(*reading, augment=self.config.stage_one.augment)
        parts = {"network": self.network, "optimizer": self.optimizer}
        done = self.run.load_checkpoint("fit", **parts)["done"]
        passes = [
            Pass(n, "fit", f"{self.config.system}, epoch {n + 1} of {self.options.epochs}", {"epoch": n + 1})
            for n in range(done, self.options.epochs)
        ]
        run_passes(self.fabric, self.run, "fit", passes, lambda each: self._one_pass(feed, each), lambda: parts)
        every_clip = Picks(self.store, self.options.batch).in_order()
        self.network.eval().finalise(feed.batches(every_clip, None, "Measuring"))

    def _one_pass(self, feed: Feed, each: Pass) -> dict[str, float]:
        self.network.train()
        seed = self.config.seed * 10_007 + each.number
        generator = torch.Generator().manual_seed(seed)
        one_each = self.network.mixes or self.config.stage_one.negatives != "all"

        def losses() -> Iterator[tuple[tuple[Tensor, ...], int]]:
            for batch in feed.batches(self.picks.shuffled(seed), seed, each.label):
                pairs = mismatched(batch.videos, generator if one_each else None)
                yield (self.loss(batch.pictures, batch.log_mel, batch.waveforms, pairs),), len(batch.rows)

        return {"loss": descend(self.fabric, losses(), [self.optimizer])[0]}


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
