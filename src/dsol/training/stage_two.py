"""Stage two: match what is seen to sound with what is heard in scenes (paper, section 3.2, equations 4 to 8).

    scene ─▶ f ─ dictionary ─▶ m_k ─ gate with l ─▶ s_k ─ mean, softmax ─▶ p_v ┐
    sound ─▶ frozen stage-one sound tower ─ class head, softmax ─────────▶ p_a ┴ Lc (equation 7)
    sound, own and another scene's picture ─▶ L1          loss = Lc + λ · L1 (equation 8)

An optional warm-up trains Lc alone without the gate. One pass is the unit of resuming.
"""

import time

import numpy as np
import torch
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional as F

from dsol.config import StageTwoOptions
from dsol.progress import say
from dsol.sound import log_mel
from dsol.store import Store
from dsol.systems.ours import Network
from dsol.training.checkpoints import Run
from dsol.training.data import Batch, Feed, Picks, open_feed
from dsol.training.losses import matching_loss, other_video, scene_localization_loss
from dsol.training.teachers import Remix, Sources, heard_in_mixtures


class StageTwoLoss(nn.Module):
    """L2 = Lc + λ · L1 around the network."""

    def __init__(self, network: Network):
        super().__init__()
        self.network = network

    def forward(
        self, pictures: Tensor, log_mel: Tensor, teacher: Tensor, pairs: tuple[Tensor, Tensor], warm: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Lc, L1 and the cross-entropy of listening for a batch; a part that is switched off is zero.

        Args:
            pictures, log_mel: see `Batch`.
            teacher: (B, K) logits of p_a.
            pairs: (M,) sounds and (M,) pictures of the batch that do not match.
            warm: Lc alone and without the gate.
        """
        options, towers = self.network.config.stage_two, self.network.towers
        seen, heard, class_maps = self.network(pictures, log_mel)
        matching = localization = listening = class_maps.sum() * 0
        if options.use_matching:
            gated = self.network.sounding_maps(seen, heard, class_maps, "none" if warm else None)
            seen_share = gated.mean(dim=(2, 3))
            p_v = seen_share.clamp(min=1e-6).log() if options.similarity == "cosine" else seen_share
            matching = matching_loss(p_v, teacher, options.matching, options.matching_mean)
        if options.listen:
            listening = F.cross_entropy(heard.logits, teacher.softmax(1))
        if options.use_localization and not warm:
            sounds, frames = pairs
            mismatched = towers.logits(seen.take(frames), heard.take(sounds))
            localization = scene_localization_loss(towers.logits(seen, heard), mismatched)
        return matching, localization, listening


def schedule(options: StageTwoOptions) -> list[str]:
    """Every pass of stage two: "warm-up" or "match"."""
    return ["warm-up"] * options.warm_up + ["match"] * options.epochs


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

    def __init__(
        self, fabric: Fabric, network: Network, scenes: Store, clips: Store, labels: dict[str, int], run: Run
    ):
        self.fabric, self.network, self.scenes, self.labels, self.run = fabric, network, scenes, labels, run
        self.config, self.options = network.config, network.config.stage_two
        self.picks = Picks(scenes, self.options.batch, fabric.global_rank, fabric.world_size)
        self.composed = any(scenes.column("sources"))  # composed pictures are seen whole, as in the paper
        self.remix: Remix | None = None
        o = self.options
        if o.teacher == "sources":
            sources = Sources(scenes, labels, self.config.stage_one.clusters)
            self.teacher = sources.teacher(range(len(scenes)))
            self.remix = Remix(sources, clips) if o.remix else None
        else:
            self.teacher = heard_in_mixtures(network.towers, scenes, o.batch, fabric.device, self.config.workers)
        trained = [p for p in network.parameters() if p.requires_grad]
        optimizer = torch.optim.Adam(trained, o.learning_rate, weight_decay=o.weight_decay)
        self.loss, self.optimizer = fabric.setup(StageTwoLoss(network), optimizer)

    def train(self) -> None:
        """All passes that are still to do."""
        passes = schedule(self.options)
        done = self._restore()
        feed = open_feed(self.scenes, self.network.towers, self.fabric.device, self.config.workers, self.options.size)
        for number, kind in enumerate(passes[done:], start=done):
            start = time.monotonic()
            label = f"Stage two, pass {number + 1} of {len(passes)}, {kind}"
            seed = self.config.seed * 20_011 + number
            matching, localization, listening = self._one_pass(feed, kind == "warm-up", seed, label)
            self.run.log(
                stage="two",
                step=number,
                kind=kind,
                matching=matching,
                localization=localization,
                listening=listening,
                seconds=round(time.monotonic() - start, 2),
            )
            if self.fabric.is_global_zero:
                say(f"{label}: Lc {matching:.4f}, L1 {localization:.4f}")
            self._save(number + 1)

    def _one_pass(self, feed: Feed, warm: bool, seed: int, label: str) -> list[float]:
        self.network.train()
        generator = torch.Generator().manual_seed(seed)
        sums, count = np.zeros(3), 0
        view = None if self.composed else seed
        for batch in feed.batches(self.picks.shuffled(seed), view, label):
            pairs = other_video(batch.videos, generator)
            sound, teacher = self._sound_of(batch, seed)
            losses = self.loss(batch.pictures, sound, teacher, pairs, warm)
            self.optimizer.zero_grad(set_to_none=True)
            matching, localization, listening = losses
            o = self.options
            self.fabric.backward(matching + o.weight * localization + o.listen * listening)
            self.optimizer.step()
            sums += np.array([loss.item() for loss in losses]) * len(batch.rows)
            count += len(batch.rows)
        return self.fabric.all_reduce(torch.from_numpy(sums / max(count, 1)), reduce_op="mean").tolist()

    def _sound_of(self, batch: Batch, seed: int) -> tuple[Tensor, Tensor]:
        """Log-mel (B, 201, 64) and logits of p_a (B, K): as composed, or mixed anew."""
        device = self.fabric.device
        if self.remix is None:
            return batch.log_mel, self.teacher[batch.rows.to(self.teacher.device)].to(device)
        rows = batch.rows.tolist()
        waveforms, teacher = self.remix(rows, np.random.default_rng([seed, *rows]))
        return log_mel(waveforms.to(device)), teacher.to(device)

    def _save(self, done: int) -> None:
        self.run.save_state(
            "stage_two", {"done": done, "network": self.network.state_dict(), "optimizer": self.optimizer.state_dict()}
        )

    def _restore(self) -> int:
        state = self.run.load_state("stage_two")
        if state is None:
            return 0
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        return state["done"]
