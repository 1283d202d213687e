"""Stage two: match what is seen to sound with what is heard in scenes (paper, section 3.2, equations 4 to 8).

    scene ─▶ f ─ dictionary ─▶ m_k ─ gate with l ─▶ s_k ─ mean, softmax ─▶ p_v ┐
    sound ─▶ frozen stage-one sound tower ─ class head, softmax ─────────▶ p_a ┴ Lc (equation 7)
    sound, own and another scene's picture ─▶ L1          loss = Lc + λ · L1 (equation 8)

Optionally, before each pass: "listen", the sound tower alone learns p_a of scenes mixed anew; and before all:
"warm-up", Lc alone and without the gate. One pass is the unit of resuming.
"""

import math
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional as F

from dsol.config import StageTwoOptions
from dsol.data.media import SOUND_SUFFIXES, find_sounds
from dsol.data.store import Store
from dsol.errors import DsolError
from dsol.model.audio import sound_view
from dsol.model.network import Network
from dsol.progress import say
from dsol.training.batches import Feed, Picks, open_feed
from dsol.training.losses import matching_loss, other_video, scene_localization_loss
from dsol.training.mixtures import Remix, Sources, heard_in_mixtures, read_others
from dsol.training.processes import mean_over
from dsol.training.run import Run

LOSSES = ("matching", "localization", "listening")  # Lc, L1 and the cross-entropy of hearing p_a
NO_PAIRS = (torch.zeros(0, dtype=torch.long),) * 2


class StageTwoLoss(nn.Module):
    """L2 = Lc + λ · L1 around the network."""

    def __init__(self, network: Network):
        super().__init__()
        self.network = network

    def forward(
        self,
        pictures: Tensor | None,
        log_mel: Tensor,
        teacher: Tensor,
        present: Tensor,
        pairs: tuple[Tensor, Tensor],
        warm: bool,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Lc, L1 and the cross-entropy of listening for a batch; a part that is switched off is zero.

        Args:
            pictures, log_mel: see `Batch`; without pictures the sound tower listens alone.
            teacher: (B, K) logits of p_a.
            present: (B, K), 1 for each cluster that sounds.
            pairs: (M,) sounds and (M,) pictures of the batch that do not match.
            warm: Lc alone and without the gate.
        """
        options, towers = self.network.config.stage_two, self.network.towers
        if pictures is None:
            listening = self._listening(towers.sound_logits(log_mel), teacher, present)
            return listening * 0, listening * 0, listening
        seen, heard, class_maps = self.network(pictures, log_mel)
        matching = localization = listening = class_maps.sum() * 0
        if options.use_matching:
            gated = self.network.sounding_maps(seen, heard, class_maps, "none" if warm else None)
            seen_share = gated.mean(dim=(2, 3))
            p_v = seen_share.clamp(min=1e-6).log() if options.similarity == "cosine" else seen_share
            matching = matching_loss(p_v, teacher, options.matching, options.matching_mean)
        if options.listen:
            listening = self._listening(heard.logits, teacher, present)
        if options.use_localization and not warm:
            sounds, frames = pairs
            mismatched = towers.logits(seen.take(frames), heard.take(sounds))
            localization = scene_localization_loss(towers.logits(seen, heard), mismatched)
        return matching, localization, listening

    def _listening(self, logits: Tensor, teacher: Tensor, present: Tensor) -> Tensor:
        if self.network.config.stage_two.audible == "each":
            return F.binary_cross_entropy_with_logits(logits, present)
        return F.cross_entropy(logits, teacher.softmax(1))


def schedule(options: StageTwoOptions) -> list[str]:
    """Every pass of stage two: "listen", "warm-up" or "match".

    Example:
        >>> schedule(StageTwoOptions(listen_passes=1, epochs=2))
        ['listen', 'match', 'listen', 'match']
    """
    passes = ["warm-up"] * options.warm_up + ["match"] * options.epochs
    if not passes:
        return ["listen"] * options.listen_passes
    return [kind for each in passes for kind in (*["listen"] * options.listen_passes, each)]


def check(options: StageTwoOptions) -> None:
    """Refuse options that do not go together, before anything is trained.

    Raises:
        DsolError: what needs scenes that are mixed anew without them; or no recordings where they should be.
    """
    mixes = options.teacher == "sources" and options.remix
    for name in ("listen_passes", "other_sounds"):
        if getattr(options, name) and not mixes:
            what = "needs scenes that are mixed anew"
            raise DsolError(f"--stage_two.{name}", what, "add --stage_two.teacher sources --stage_two.remix true")
    if options.other_sounds and not find_sounds(options.other_sounds):
        raise DsolError(
            options.other_sounds, "holds no recordings", f"give a folder of {', '.join(SOUND_SUFFIXES)} files"
        )


class StageTwo:
    """Stage two of one run.

    Args:
        fabric: device, precision and processes.
        network: as stage one left it; trained in place.
        scenes: pictures of several objects with the sound of some of them.
        clips: what scenes are composed of; read where their sound is mixed anew.
        labels: pseudo-label of each of these clips, by `Clip.key`.
        run: where metrics and resume points go.
    """

    def __init__(self, fabric: Fabric, network: Network, scenes: Store, clips: Store, labels: dict[str, int], run: Run):
        self.fabric, self.network, self.scenes, self.run = fabric, network, scenes, run
        self.config, self.options = network.config, network.config.stage_two
        self.picks = Picks(scenes, self.options.batch, fabric.global_rank, fabric.world_size)
        self.remix: Remix | None = None
        o = self.options
        if o.teacher == "sources":
            sources = Sources(scenes, labels, self.config.stage_one.clusters)
            self.teacher = sources.teacher(range(len(scenes))).to(fabric.device)
            self.present = sources.present(range(len(scenes))).to(fabric.device)
            if o.remix:
                others = read_others(Path(o.other_sounds)) if o.other_sounds else ()
                self.remix = Remix(sources, clips, o.remix_fewest, others)
        else:
            self.teacher = heard_in_mixtures(network.towers, scenes, o.batch, fabric.device, self.config.workers)
            self.present = self.teacher.softmax(1)
        trained = [p for p in network.parameters() if p.requires_grad]
        optimizer = torch.optim.Adam(trained, o.learning_rate, weight_decay=o.weight_decay)
        self.loss, self.optimizer = fabric.setup(StageTwoLoss(network), optimizer)

    def train(self) -> None:
        """All passes that are still to do."""
        passes = schedule(self.options)
        parts = {"network": self.network, "optimizer": self.optimizer}
        done = self.run.take_up("stage_two", **parts)["done"]
        looks = any(kind != "listen" for kind in passes[done:])
        reading = (self.scenes, self.network.towers, self.fabric.device, self.config.workers, self.options.size)
        feed = open_feed(*reading) if looks else None
        for number, kind in enumerate(passes[done:], start=done):
            start = time.monotonic()
            label = f"Stage two, pass {number + 1} of {len(passes)}, {kind}"
            seed = self.config.seed * 20_011 + number
            self._set_learning_rate(number / len(passes))
            if feed is None or kind == "listen":
                one_pass = self._listen(seed)
            else:
                one_pass = self._one_pass(feed, kind == "warm-up", seed, label)
            losses = dict(zip(LOSSES, one_pass, strict=True))
            told = {name: losses[name] for name in LOSSES if self._is_told(name, kind)}
            seconds = round(time.monotonic() - start, 2)
            self.run.log(stage="two", step=number, kind=kind, **told, seconds=seconds)
            if self.fabric.is_global_zero:
                say(f"{label}: " + ", ".join(f"{name} {loss:.4f}" for name, loss in told.items()))
            self.run.keep("stage_two", number + 1, **parts)

    def _is_told(self, loss: str, kind: str) -> bool:
        if loss == "listening":
            return kind == "listen" or self.options.listen > 0
        return kind == "match" or (kind == "warm-up" and loss == "matching")

    def _set_learning_rate(self, done: float) -> None:
        share = (1 + math.cos(math.pi * done)) / 2 if self.options.decay else 1
        for group in self.optimizer.param_groups:
            group["lr"] = share * self.options.learning_rate

    def _one_pass(self, feed: Feed, warm: bool, seed: int, label: str) -> list[float]:
        generator = torch.Generator().manual_seed(seed)
        view = None if self.scenes.composed else seed  # composed pictures are seen whole, as in the paper

        def losses() -> Iterator[tuple[tuple[Tensor, Tensor, Tensor], int]]:
            for batch in feed.batches(self.picks.shuffled(seed), view, label):
                pairs = other_video(batch.videos, generator)
                if self.remix is None:
                    rows = batch.rows.to(self.teacher.device)
                    heard = batch.log_mel, self.teacher[rows], self.present[rows]
                else:
                    heard = self._mixed_anew(batch.rows.tolist(), seed)
                yield self.loss(batch.pictures, *heard, pairs, warm), len(batch.rows)

        return self._descend(losses(), self.options.weight, self.options.listen)

    def _listen(self, seed: int) -> list[float]:
        def losses() -> Iterator[tuple[tuple[Tensor, Tensor, Tensor], int]]:
            for picks in self.picks.shuffled(seed):
                heard = self._mixed_anew([row for row, _ in picks], seed)
                yield self.loss(None, *heard, NO_PAIRS, False), len(picks)

        return self._descend(losses(), 0, 1)

    def _descend(
        self, batches: Iterator[tuple[tuple[Tensor, Tensor, Tensor], int]], weight: float, listen: float
    ) -> list[float]:
        """Step by step down Lc + weight · L1 + listen · listening; the mean of each part."""
        self.network.train()
        sums, count = np.zeros(3), 0
        for losses, size in batches:
            matching, localization, listening = losses
            self.optimizer.zero_grad(set_to_none=True)
            self.fabric.backward(matching + weight * localization + listen * listening)
            self.optimizer.step()
            sums += np.array([loss.item() for loss in losses]) * size
            count += size
        return mean_over(self.fabric, torch.from_numpy(sums / max(count, 1))).tolist()

    def _mixed_anew(self, rows: list[int], seed: int) -> tuple[Tensor, Tensor, Tensor]:
        """Log-mel (B, T, 64), logits of p_a and what sounds (B, K both) of scenes whose sound is mixed anew."""
        assert self.remix is not None
        waveforms, teacher, present = self.remix(rows, np.random.default_rng([seed, *rows]))
        if self.config.stage_one.vary:
            waveforms = sound_view(waveforms, torch.Generator().manual_seed(seed * 100_003 + rows[0]))
        device = self.fabric.device
        return self.network.towers.spectrogram(waveforms.to(device)), teacher.to(device), present.to(device)
