"""Stage one: an object dictionary from single-source clips (paper, section 3.1, equations 1 to 3).

    epoch 1:       localise
    epoch 2 … E:   localise ─▶ objects o of all clips ─ K-means ─▶ pseudo-labels ─▶ classify, classify, classify
    at the end:    the dictionary is the mean object of each pseudo-label, with the features as they are then

`localise`: binary cross-entropy of matched and mismatched pairs (equation 1). `classify`: cross-entropy of both class
heads, fresh after each clustering, against the pseudo-labels. One pass is the unit of resuming.
"""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional as F

from dsol.config import StageOneOptions
from dsol.data.store import Store
from dsol.model.batch import Batch
from dsol.model.clustering import cluster, nmi_with
from dsol.model.dictionary import group_means, mean_of
from dsol.model.network import Network
from dsol.model.pooling import pooled
from dsol.training.batches import Feed, Picks, open_feed
from dsol.training.loop import Pass, descend, run_passes, share_of
from dsol.training.losses import all_pairs_loss, contrastive_loss, correspondence_loss, other_video
from dsol.training.run import Run
from dsol.training.sharing import ALONE, Share

WEIGHT_DECAY = 1e-4  # of Adam, class heads included, as released; the paper does not print it
CLASSIFY_RATE = 1e-3  # of Adam, class heads, which are made fresh for each clustering, as in the released code
POOL_SHARPNESS = 10.0  # factor on the cosine in the soft maximum: 0 would be the mean, infinity the best cell


class StageOneLoss(nn.Module):
    """The two losses of stage one around the network: the whole forward pass, as all processes run it.

    Args:
        network: what is trained.
        share: of the processes this one; it encodes its part of a batch, and has the loss of the whole batch.
    """

    def __init__(self, network: Network, share: Share = ALONE):
        super().__init__()
        self.network, self.share = network, share

    def forward(
        self,
        pictures: Tensor,
        log_mel: Tensor,
        videos: Tensor,
        *,
        labels: Tensor | None = None,
        pairs: tuple[Tensor, Tensor] | None = None,
        negatives: Tensor | None = None,
    ) -> Tensor:
        """The loss of a batch.

        Args:
            pictures, log_mel, videos: see `Batch`.
            labels: (B,) pseudo-labels: classify; None: localise.
            pairs: (M,) sounds and (M,) pictures of the batch that do not match.
            negatives: (b, 3, S, S) pictures of other videos, "sampled", instead of `pairs`.
        """
        encoders, gathered = self.network.encoders, partial(self.share.gathered, count=len(videos))
        visual, audio = encoders(pictures, log_mel, classes=labels is not None)
        if labels is not None:
            return F.cross_entropy(gathered(visual.logits), labels) + F.cross_entropy(gathered(audio.logits), labels)
        options = self.network.config.stage_one
        if options.negatives == "all":
            cosines = encoders.pair_cosines(gathered(visual.embedding), audio.embedding)  # all pictures, own sounds
            cosine = gathered(pooled(cosines, options.pool, POOL_SHARPNESS))
            return all_pairs_loss(encoders.scale * cosine, videos) + contrastive_loss(cosine, videos[:, None])
        if negatives is not None:
            mismatched = gathered(encoders.logits(encoders.encode_pictures(negatives).embedding, audio.embedding))
        else:
            sounds, frames = pairs or (slice(0, 0), slice(0, 0))
            mismatched = encoders.logits(gathered(visual.embedding)[frames], gathered(audio.embedding)[sounds])
        return correspondence_loss(gathered(encoders.logits(visual.embedding, audio.embedding)), mismatched)


def schedule(options: StageOneOptions) -> list[tuple[int, str, int]]:
    """Every pass of stage one: (epoch, "localize" or "classify", number of the pass in its epoch).

    Example:
        >>> schedule(StageOneOptions(epochs=2, classify_passes=1))
        [(1, 'localize', 0), (2, 'localize', 0), (2, 'classify', 1)]
    """
    passes = []
    for epoch in range(1, options.epochs + 1):
        passes.append((epoch, "localize", 0))
        if options.classify_from and epoch >= options.classify_from:
            passes += [(epoch, "classify", i) for i in range(1, options.classify_passes + 1)]
    return passes


def kind_weights(store: Store) -> Tensor | None:
    """(N,) weight of each clip, photos together as much as videos; None where one kind is missing."""
    photo = torch.from_numpy(store.photos)
    if photo.all() or not photo.any():
        return None
    return torch.where(photo, len(photo) / (2 * photo.sum()), len(photo) / (2 * (~photo).sum()))


class StageOne:
    """Stage one of one run.

    Args:
        fabric: device, precision and processes.
        network: trained in place.
        store: single-source clips.
        run: where metrics and checkpoints go.
    """

    def __init__(self, fabric: Fabric, network: Network, store: Store, run: Run):
        self.fabric, self.network, self.store, self.run = fabric, network, store, run
        self.config, self.options, self.clustering = network.config, network.config.stage_one, network.config.clustering
        self.share, self.picks = share_of(fabric), Picks(store, self.options.batch)
        self.videos = store.video_numbers
        self.labels = torch.zeros(len(store), dtype=torch.long)
        self.weights = kind_weights(store) if self.config.balance_photos else None
        self.heads = [*network.encoders.vision_classes.parameters(), *network.encoders.sound_classes.parameters()]
        inside = {id(p) for p in self.heads}
        body = [p for p in network.encoders.parameters() if p.requires_grad and id(p) not in inside]
        optimizer = torch.optim.Adam(body, self.options.learning_rate, weight_decay=WEIGHT_DECAY)
        self.loss, self.optimizer = fabric.setup(StageOneLoss(network, self.share), optimizer)
        self.head_optimizer = self._fresh_head_optimizer()

    def train(self) -> None:
        """All passes that are still to do, then the dictionary."""
        state = self.run.load_checkpoint("stage_one", **self._parts())
        self.labels = state.get("labels", self.labels)
        encoders, augment = self.network.encoders, self.options.augment
        reading = (self.store, encoders, self.fabric.device, self.config.workers)
        feed = open_feed(*reading, augment=augment, share=self.share)
        passes = self._passes()[state["done"] :]
        run_passes(self.fabric, self.run, "one", passes, lambda each: self._one_pass(feed, each), self._state)
        self._finalise(feed)

    def _passes(self) -> list[Pass]:
        label = "Stage one, epoch {} of {}, {}"
        return [
            Pass(n, kind, label.format(epoch, self.options.epochs, kind), {"epoch": epoch})
            for n, (epoch, kind, _) in enumerate(schedule(self.options))
        ]

    def _one_pass(self, feed: Feed, each: Pass) -> dict[str, float]:
        seed = self.config.seed * 10_007 + each.number
        classifies = each.kind == "classify"
        first = classifies and schedule(self.options)[each.number][2] == 1
        nmi = self._cluster(feed, seed) if first else None
        optimizers = [self.optimizer, *([self.head_optimizer] if classifies else [])]
        self.head_optimizer.zero_grad(set_to_none=True)
        loss = descend(self.fabric, self.network, self._losses(feed, each, seed), optimizers)[0]
        return {"loss": loss, **({} if nmi is None else {"nmi": nmi})}

    def _losses(self, feed: Feed, each: Pass, seed: int) -> Iterator[tuple[tuple[Tensor, ...], int]]:
        generator, localizes = torch.Generator().manual_seed(seed), each.kind == "localize"
        picks = self.picks.balanced(seed) if self.config.balance_photos else self.picks.shuffled(seed)
        others: Iterable[Batch | None] = [None] * len(picks)
        if localizes and self.options.negatives == "sampled":
            chosen = [self.picks.other_videos(some, self.videos, seed + i) for i, some in enumerate(picks)]
            others = feed.batches(chosen, seed + 1, "")
        for batch, other in zip(feed.batches(picks, seed, each.label), others, strict=True):
            labels = None if localizes else self.labels[batch.rows].to(self.fabric.device)
            pairs = other_video(batch.videos, generator) if localizes and other is None else None
            how = {"labels": labels, "pairs": pairs, "negatives": None if other is None else other.pictures}
            yield (self.loss(batch.pictures, batch.log_mel, batch.videos, **how),), len(batch.rows)

    @torch.no_grad()
    def _objects(self, feed: Feed) -> tuple[Tensor, Tensor]:
        """Objects o (N, C) of all clips, of every process, and the points (N, C + D') for K-means."""
        self.network.eval()
        dictionary = self.network.dictionary
        sizes = (self.network.encoders.channels, len(dictionary.origin))
        found = [torch.zeros(len(self.store), size) for size in sizes]
        for batch in feed.batches(self.picks.in_order(), None, "Extracting objects"):
            with self.fabric.autocast():
                visual, audio = self.network.encoders(batch.pictures, batch.log_mel, classes=False)
                objects, points = self.network.objects(visual, audio)
            mine = batch.rows[batch.part.rows]
            found[0][mine], found[1][mine] = objects.float().cpu(), points.float().cpu()
        objects, points = (self.share.united(part.to(self.fabric.device)) for part in found)
        if self.clustering.points == "peak" or self.clustering.sound_weight:
            dictionary.origin.copy_(mean_of(points, self._weights_on(points.device)))
        return objects, dictionary.place(points)

    def _group(self, points: Tensor, seed: int) -> None:
        o = self.clustering
        groups = torch.from_numpy(self.videos) if o.unit == "video" else torch.arange(len(points))
        means = group_means(points.cpu(), groups)
        weights = None
        if self.weights is not None:
            weights = torch.zeros(len(means)).index_add_(0, groups, self.weights)
        first, how = self.fabric.is_global_zero, {"starts": o.starts, "seed": seed, "weights": weights}
        labels = cluster(means, o.clusters, **how)[groups] if first else self.labels
        self.labels = self.fabric.broadcast(labels)

    def _cluster(self, feed: Feed, seed: int) -> float | None:
        """New pseudo-labels, dictionary and class heads; NMI with the categories where they are known."""
        objects, points = self._objects(feed)
        self._group(points, seed)
        self._learn(objects, points)
        self.network.encoders.fresh_class_heads(torch.Generator().manual_seed(seed))
        self.head_optimizer = self._fresh_head_optimizer()
        return nmi_with(self.labels, self.store.column("category"))

    def _finalise(self, feed: Feed) -> None:
        """The dictionary of the final features; pseudo-labels keep their numbers, which the class heads depend on."""
        objects, points = self._objects(feed)
        if not self.options.classify_from or self.options.epochs < self.options.classify_from:
            self._group(points, self.config.seed)  # never clustered before
            nmi = nmi_with(self.labels, self.store.column("category"))
            if nmi is not None:
                self.run.log(stage="one", step=len(schedule(self.options)), kind="cluster", nmi=nmi)
        self._learn(objects, points)
        self.run.save_labels(dict(zip(self.store.column("clip"), self.labels.tolist(), strict=True)))

    def _learn(self, objects: Tensor, points: Tensor) -> None:
        weights = self._weights_on(objects.device)
        self.network.dictionary.learn(objects, points, self.labels.to(objects.device), weights)

    def _weights_on(self, device: torch.device) -> Tensor | None:
        return None if self.weights is None else self.weights.to(device)

    def _fresh_head_optimizer(self) -> torch.optim.Optimizer:
        optimizer = torch.optim.Adam(self.heads, CLASSIFY_RATE, weight_decay=WEIGHT_DECAY)
        return self.fabric.setup_optimizers(optimizer)  # type: ignore[return-value]

    def _parts(self) -> dict[str, Any]:
        return {"network": self.network, "optimizer": self.optimizer, "head_optimizer": self.head_optimizer}

    def _state(self) -> dict[str, Any]:
        return {"labels": self.labels, **self._parts()}
