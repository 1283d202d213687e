"""Stage two: match the visual and the audio category distribution of scenes (paper, section 3.2, equations 4 to 8).

    scene ─▶ f ─ dictionary ─▶ class maps m_k ─ product with l ─▶ s_k ─ mean, softmax ─▶ p_v ┐
    sound ─▶ frozen audio encoder of stage one ─ class head, softmax ──────────────▶ p_a ─────┴ Lc (equation 7)
    sound, own and another scene's picture ─▶ L1                  loss = Lc + λ · L1 (equation 8)

With `stage_two.teacher` "sources", p_a are the pseudo-labels of the clips that are mixed, scenes are mixed anew in
every pass, and `mixtures.passes` come before each pass: in them the audio class head alone learns (mixtures.py). The
recipe `best` has these only.
"""

import math
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from dsol.config import Config
from dsol.data.store import Store
from dsol.model.audio import sound_view
from dsol.model.encoders import Encoders
from dsol.model.network import Network
from dsol.training.batches import Feed, Picks, log_mels, open_feed
from dsol.training.loop import Losses, Pass, descend, run_passes, share_of
from dsol.training.losses import matching_loss, other_video, scene_localization_loss, sigmoid_matching_loss
from dsol.training.mixtures import Remix, Sources, mixture_loss, predict_mixtures, read_distractors
from dsol.training.run import Run
from dsol.training.sharing import ALONE, Share

WEIGHT_DECAY = 1e-4  # of Adam, as released; the paper does not print it
NO_PAIRS = (torch.zeros(0, dtype=torch.long),) * 2


class StageTwoLoss(nn.Module):
    """L2 = Lc + λ · L1 around the network, in its parts.

    Args:
        network: what is trained.
        share: see `StageOneLoss`.
    """

    def __init__(self, network: Network, share: Share = ALONE):
        super().__init__()
        self.network, self.share = network, share

    def forward(
        self,
        pictures: Tensor | None,
        log_mel: Tensor,
        teacher: Tensor,
        present: Tensor,
        pairs: tuple[Tensor, Tensor],
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Lc, L1 and the mixture loss for a batch; a part that is switched off is zero.

        Args:
            pictures, log_mel: see `Batch`, of this process's part; without pictures the audio class head alone is run.
            teacher: (B, K) logits of p_a.
            present: (B, K), 1 for each cluster that sounds.
            pairs: (M,) sounds and (M,) pictures of the batch that do not match.
        """
        config, encoders = self.network.config, self.network.encoders
        gathered = partial(self.share.gathered, count=len(teacher))
        if pictures is None:
            logits = gathered(encoders.sound_logits(log_mel))
            mixture = mixture_loss(logits, teacher, present, config.mixtures.audibility)
            return mixture * 0, mixture * 0, mixture
        visual, audio, class_maps = self.network(pictures, log_mel)
        matching = localization = mixture = class_maps.sum() * 0
        if config.stage_two.use_matching and config.stage_two.matching == "audioset":
            matching = sigmoid_matching_loss(gathered(class_maps), teacher)
        elif config.stage_two.use_matching:
            share = gathered(self.network.sounding_maps(visual, audio, class_maps).mean(dim=(2, 3)))
            p_v = share.clamp(min=1e-6).log() if config.stage_two.similarity == "cosine" else share
            matching = matching_loss(p_v, teacher, config.stage_two.matching)
        if config.stage_two.teacher == "sources":
            mixture = mixture_loss(gathered(audio.logits), teacher, present, config.mixtures.audibility)
        if config.stage_two.localization_weight:
            sounds, frames = pairs
            mismatched = encoders.logits(gathered(visual.embedding)[frames], gathered(audio.embedding)[sounds])
            matched = gathered(encoders.logits(visual.embedding, audio.embedding))
            localization = scene_localization_loss(matched, mismatched)
        return matching, localization, mixture


def schedule(config: Config) -> list[str]:
    """Every pass of stage two: "mixtures" or "match".

    Example:
        >>> schedule(Config().replace(mixtures={"passes": 1}, stage_two={"epochs": 2}))
        ['mixtures', 'match', 'mixtures', 'match']
    """
    before, epochs = ["mixtures"] * config.mixtures.passes, config.stage_two.epochs
    return [*before, "match"] * epochs if epochs else before


class StageTwo:
    """Stage two of one run.

    Args:
        fabric: device, precision and processes.
        network: as stage one left it; trained in place.
        scenes: pictures of several objects with the sound of some.
        clips: what scenes are composed of; read where their sound is mixed anew.
        labels: pseudo-label of each of these clips, by `Clip.key`.
        run: where metrics and checkpoints go.
        teacher: audio encoder of stage one, frozen, that predicts p_a; where None that of the network as it is now.
    """

    def __init__(
        self,
        fabric: Fabric,
        network: Network,
        scenes: Store,
        clips: Store,
        labels: dict[str, int],
        run: Run,
        teacher: Encoders | None = None,
    ):
        self.fabric, self.network, self.scenes, self.run = fabric, network, scenes, run
        self.config, self.options = network.config, network.config.stage_two
        self.share, self.picks = share_of(fabric), Picks(scenes, self.options.batch)
        self.remix = self._remix(clips, labels)
        if self.remix is None:
            self.teacher = self._teacher(teacher or network.encoders)
        trained = [p for p in network.parameters() if p.requires_grad]
        optimizer = torch.optim.Adam(trained, self.options.learning_rate, weight_decay=WEIGHT_DECAY)
        self.loss, self.optimizer = fabric.setup(StageTwoLoss(network, self.share), optimizer)

    def _teacher(self, encoders: Encoders) -> Tensor:
        """Logits of p_a (N, K) for all scenes: each process predicts those of its part."""
        part = self.share.part(len(self.scenes))
        reading = (self.options.batch, self.fabric.device, self.config.workers)
        mine = predict_mixtures(encoders, self.scenes.take(range(len(self.scenes))[part.rows]), *reading)
        return self.share.collected(mine.cpu(), self.fabric.device).to(self.fabric.device)

    def _remix(self, clips: Store, labels: dict[str, int]) -> Remix | None:
        if self.options.teacher == "mixture":
            return None
        mixtures = self.config.mixtures
        distractors = read_distractors(Path(mixtures.distractors)) if mixtures.distractors else ()
        sources = Sources(self.scenes, labels, self.config.clustering.clusters)
        return Remix(sources, clips, any_number=mixtures.audibility == "sigmoid", distractors=distractors)

    def train(self) -> None:
        """All passes that are still to do."""
        kinds = schedule(self.config)
        parts = {"network": self.network, "optimizer": self.optimizer}
        done = self.run.load_checkpoint("stage_two", **parts)["done"]
        reading = (self.scenes, self.network.encoders, self.fabric.device, self.config.workers, self.config.scenes.size)
        feed = open_feed(*reading, share=self.share) if "match" in kinds[done:] else None
        passes = [Pass(n, kind, f"Stage two, pass {n + 1} of {len(kinds)}, {kind}") for n, kind in enumerate(kinds)]
        run_passes(self.fabric, self.run, "two", passes[done:], lambda each: self._one_pass(feed, each), lambda: parts)

    def _one_pass(self, feed: Feed | None, each: Pass) -> dict[str, float]:
        self._set_learning_rate(each.number / len(schedule(self.config)))
        seed, remixes = self.config.seed * 20_011 + each.number, self.remix is not None
        if each.kind == "mixtures":
            batches, weights = self._mixtures(seed), (1.0, 0.0, 1.0)
        else:
            assert feed is not None, "opened for these passes"
            batches = self._matches(feed, seed, each.label)
            weights = (1.0, self.options.localization_weight, 1.0 if remixes else 0.0)
        matching, localization, mixture = descend(self.fabric, self.network, batches, [self.optimizer], weights)
        if each.kind == "mixtures":
            return {"hearing": mixture}
        found = {"matching": matching, "localization": localization}
        return {**found, "hearing": mixture} if remixes else found

    def _set_learning_rate(self, done: float) -> None:
        share = (1 + math.cos(math.pi * done)) / 2 if self.options.cosine_decay else 1
        for group in self.optimizer.param_groups:
            group["lr"] = share * self.options.learning_rate

    def _matches(self, feed: Feed, seed: int, label: str) -> Iterator[tuple[Losses, int]]:
        generator = torch.Generator().manual_seed(seed)
        view = None if self.scenes.composed else seed  # composed pictures are never cropped, as in the paper
        for batch in feed.batches(self.picks.shuffled(seed), view, label):
            pairs = other_video(batch.videos, generator)
            if self.remix is None:
                teacher = self.teacher[batch.rows.to(self.teacher.device)]
                sound = batch.log_mel, teacher, teacher.softmax(1)
            else:
                sound = self._mixed_anew(batch.rows.tolist(), seed)
            yield self.loss(batch.pictures, *sound, pairs), len(batch.rows)

    def _mixtures(self, seed: int) -> Iterator[tuple[Losses, int]]:
        for picks in self.picks.shuffled(seed):
            sound = self._mixed_anew([row for row, _ in picks], seed)
            yield self.loss(None, *sound, NO_PAIRS), len(picks)

    def _mixed_anew(self, rows: list[int], seed: int) -> tuple[Tensor, Tensor, Tensor]:
        """Log-mel (b, T, 64) of this process's part, logits of p_a and what sounds (B, K both) of scenes whose sound is
        mixed anew."""
        assert self.remix is not None, "only with the teacher 'sources'"
        part = self.share.part(len(rows))
        waveforms, teacher, present = self.remix(rows, np.random.default_rng([seed, *rows]), part)
        if self.config.stage_one.augment:
            waveforms = sound_view(waveforms, torch.Generator().manual_seed(seed * 100_003 + rows[0]), part)
        device = self.fabric.device
        return log_mels(self.network.encoders, waveforms.to(device)), teacher.to(device), present.to(device)
