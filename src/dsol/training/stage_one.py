"""Stage one: an object dictionary from single-source clips (paper, section 3.1, equations 1 to 3).

    epoch 1:       localise
    epoch 2 … E:   localise ─▶ objects o of all clips ─ K-means ─▶ pseudo-labels ─▶ classify, classify, classify
    at the end:    the dictionary is the mean object of each pseudo-label, with the features as they are then

`localise`: binary cross-entropy of matched and mismatched pairs (equation 1). `classify`: cross-entropy of both class
heads, fresh after each clustering, against the pseudo-labels. One pass is the unit of resuming.
"""

import time
from collections.abc import Iterator
from typing import Any

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional as F

from dsol.config import StageOneOptions
from dsol.data.store import Store
from dsol.model.batch import Batch
from dsol.model.clustering import cluster, nmi_with
from dsol.model.dictionary import group_means, mean_of
from dsol.model.network import Network
from dsol.model.pooling import pooled
from dsol.progress import say
from dsol.training.batches import Feed, Picks, open_feed, video_numbers
from dsol.training.losses import all_pairs_loss, contrastive_loss, correspondence_loss, other_video
from dsol.training.processes import mean_over, sum_over
from dsol.training.run import Run


class StageOneLoss(nn.Module):
    """The two losses of stage one around the network: the whole forward pass, so that every process sees it alike."""

    def __init__(self, network: Network):
        super().__init__()
        self.network = network

    def forward(
        self,
        pictures: Tensor,
        log_mel: Tensor,
        videos: Tensor,
        *,
        labels: Tensor | None = None,
        pairs: tuple[Tensor, Tensor] | None = None,
        others: Tensor | None = None,
    ) -> Tensor:
        """The loss of a batch.

        Args:
            pictures, log_mel, videos: see `Batch`.
            labels: (B,) pseudo-labels: classify; None: localise.
            pairs: (M,) sounds and (M,) pictures of the batch that do not match.
            others: (B, 3, S, S) pictures of other videos: "sampled" negatives instead of `pairs`.
        """
        towers = self.network.towers
        seen, heard = towers(pictures, log_mel, classes=labels is not None)
        if labels is not None:
            return F.cross_entropy(seen.logits, labels) + F.cross_entropy(heard.logits, labels)
        options = self.network.config.stage_one
        if options.negatives == "all":
            cosine = pooled(towers.pair_cosines(seen, heard), options.pool, options.pool_sharpness)
            loss = all_pairs_loss(towers.scale * cosine, videos)
            if options.contrast:
                loss = loss + options.contrast * contrastive_loss(cosine, videos[:, None])
            return loss
        if others is not None:
            mismatched = towers.logits(towers.see(others), heard)
        else:
            sounds, frames = pairs or (slice(0, 0), slice(0, 0))
            mismatched = towers.logits(seen.take(frames), heard.take(sounds))
        return correspondence_loss(towers.logits(seen, heard), mismatched)


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
    """(N,) how much each clip counts, photos together as much as videos; None where one kind is missing."""
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
        run: where metrics and resume points go.
    """

    def __init__(self, fabric: Fabric, network: Network, store: Store, run: Run):
        self.fabric, self.network, self.store, self.run = fabric, network, store, run
        self.config, self.options = network.config, network.config.stage_one
        self.picks = Picks(store, self.options.batch, fabric.global_rank, fabric.world_size)
        self.videos = video_numbers(store)
        self.labels = torch.zeros(len(store), dtype=torch.long)
        self.weights = kind_weights(store) if self.options.cluster_balanced else None
        heads = [*network.towers.vision_classes.parameters(), *network.towers.sound_classes.parameters()]
        inside = {id(p) for p in heads}
        body = [p for p in network.towers.parameters() if p.requires_grad and id(p) not in inside]
        o = self.options
        optimizer = torch.optim.Adam(body, o.learning_rate, weight_decay=o.weight_decay)
        self.loss, self.optimizer = fabric.setup(StageOneLoss(network), optimizer)
        self.heads = heads
        self.head_optimizer = self._fresh_head_optimizer()

    def train(self) -> None:
        """All passes that are still to do, then the dictionary."""
        passes = schedule(self.options)
        done = self._restore()
        feed = open_feed(
            self.store,
            self.network.towers,
            self.fabric.device,
            self.config.workers,
            vary=self.options.vary,
        )
        for number, (epoch, kind, step) in enumerate(passes[done:], start=done):
            start = time.monotonic()
            seed = self.config.seed * 10_007 + number
            nmi = self._cluster(feed, seed) if kind == "classify" and step == 1 else None
            loss = self._one_pass(feed, kind, seed, f"Stage one, epoch {epoch} of {self.options.epochs}, {kind}")
            known = {} if nmi is None else {"nmi": nmi}
            self.run.log(
                stage="one",
                step=number,
                epoch=epoch,
                kind=kind,
                loss=loss,
                **known,
                seconds=round(time.monotonic() - start, 2),
            )
            self._report(epoch, kind, loss, nmi)
            self.run.keep("stage_one", number + 1, labels=self.labels, **self._parts())
        self._settle(feed)

    def _one_pass(self, feed: Feed, kind: str, seed: int, label: str) -> float:
        self.network.train()
        total = count = 0.0
        for batch, others, generator in self._batches(feed, kind, seed, label):
            labels = self.labels[batch.rows].to(self.fabric.device) if kind == "classify" else None
            pairs = other_video(batch.videos, generator) if kind == "localize" and others is None else None
            loss = self.loss(batch.pictures, batch.log_mel, batch.videos, labels=labels, pairs=pairs, others=others)
            self.optimizer.zero_grad(set_to_none=True)
            self.head_optimizer.zero_grad(set_to_none=True)
            self.fabric.backward(loss)
            self.optimizer.step()
            if kind == "classify":
                self.head_optimizer.step()
            total += loss.item() * len(batch.rows)
            count += len(batch.rows)
        return float(mean_over(self.fabric, torch.tensor(total / max(count, 1))))

    def _batches(
        self, feed: Feed, kind: str, seed: int, label: str
    ) -> Iterator[tuple[Batch, Tensor | None, torch.Generator]]:
        generator = torch.Generator().manual_seed(seed)
        o = self.options
        picks = self.picks.alike(seed, o.video_passes) if o.batches == "alike" else self.picks.shuffled(seed)
        if kind == "localize" and self.options.negatives == "sampled":
            others = [self.picks.other_videos(chosen, self.videos, seed + i) for i, chosen in enumerate(picks)]
            pairs = zip(feed.batches(picks, seed, label), feed.batches(others, seed + 1, ""), strict=True)
            yield from ((batch, other.pictures, generator) for batch, other in pairs)
        else:
            yield from ((batch, None, generator) for batch in feed.batches(picks, seed, label))

    @torch.no_grad()
    def _objects(self, feed: Feed) -> tuple[Tensor, Tensor]:
        """Objects o (N, C) of all clips, of every process, and what K-means sees of them (N, C + D')."""
        self.network.eval()
        dictionary = self.network.dictionary
        found = [torch.zeros(len(self.store), size) for size in (self.network.towers.channels, len(dictionary.origin))]
        for batch in feed.batches(self.picks.in_order(), None, "Extracting objects"):
            with self.fabric.autocast():
                seen, heard = self.network.towers(batch.pictures, batch.log_mel, classes=False)
                objects, points = self.network.objects(seen, heard)
            found[0][batch.rows], found[1][batch.rows] = objects.float().cpu(), points.float().cpu()
        objects, points = (sum_over(self.fabric, part) for part in found)
        if self.options.cluster_on == "peak" or self.options.cluster_sound:
            dictionary.origin.copy_(mean_of(points, self._weights_on(points.device)))
        return objects, dictionary.place(points)

    def _group(self, points: Tensor, seed: int) -> None:
        o = self.options
        groups = torch.from_numpy(self.videos) if o.cluster_over == "video" else torch.arange(len(points))
        means = group_means(points.cpu(), groups)
        weights = None
        if self.weights is not None:
            weights = torch.zeros(len(means)).index_add_(0, groups, self.weights)
        labels = cluster(means, o.clusters, starts=o.cluster_starts, seed=seed, weights=weights)[groups]
        self.labels = self.fabric.broadcast(labels)

    def _cluster(self, feed: Feed, seed: int) -> float | None:
        """New pseudo-labels, dictionary and class heads; NMI with the categories where they are known."""
        objects, points = self._objects(feed)
        self._group(points, seed)
        self._learn(objects, points)
        self.network.towers.fresh_class_heads(torch.Generator().manual_seed(seed))
        self.head_optimizer = self._fresh_head_optimizer()
        return nmi_with(self.labels, self.store.column("category"))

    def _settle(self, feed: Feed) -> None:
        """The dictionary of the finished features; pseudo-labels keep their numbers, as the class heads know them."""
        objects, points = self._objects(feed)
        if not self.options.classify_from or self.options.epochs < self.options.classify_from:
            self._group(points, self.config.seed)  # never clustered on the way
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
        optimizer = torch.optim.Adam(self.heads, self.options.classify_learning_rate)
        return self.fabric.setup_optimizers(optimizer)  # type: ignore[return-value]

    def _report(self, epoch: int, kind: str, loss: float, nmi: float | None) -> None:
        if self.fabric.is_global_zero:
            extra = "" if nmi is None else f", NMI {nmi:.3f}"
            say(f"Stage one, epoch {epoch} of {self.options.epochs}, {kind}: loss {loss:.4f}{extra}")

    def _parts(self) -> dict[str, Any]:
        return {"network": self.network, "optimizer": self.optimizer, "head_optimizer": self.head_optimizer}

    def _restore(self) -> int:
        state = self.run.take_up("stage_one", **self._parts())
        self.labels = state.get("labels", self.labels)
        return state["done"]
