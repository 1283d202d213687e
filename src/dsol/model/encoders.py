"""The two-tower localiser (paper, section 3.1; docs/method.md).

    picture (B, 3, S, S) ─ vision backbone ─▶ f (B, C, H, W) ─ head ─▶ (B, D, H, W) ┐
                                                                                     ├ cosine · scale ─ sigmoid ─▶ l
    log-mel (B, 201, 64) ─ sound backbone ─ max pool ─▶ (B, C') ─── head ─▶ (B, D) ──┘              (B, H, W)

Class heads on the mean-pooled f and on the max-pooled sound (of a second backbone where `nets.second_ear` says so)
predict the K pseudo-labels. Stage one trains both
towers; stage two reads f against the object dictionary and the sound's class head as teacher.
"""

import copy
from typing import NamedTuple, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dsol.config import NetOptions
from dsol.errors import DsolError
from dsol.model.audio import spectrogram
from dsol.model.backbones import Backbone, sound_backbone, vision_backbone
from dsol.model.folding import folded
from dsol.model.images import IMAGENET_MEAN, IMAGENET_STD, LITE0_MEAN, LITE0_STD, normalise
from dsol.model.principal import Principal


class Seen(NamedTuple):
    """What the vision tower says of B pictures."""

    features: Tensor  # f (B, C, H, W)
    embedding: Tensor  # (B, D, H, W), each cell of length 1
    logits: Tensor  # (B, K) class head

    def take(self, which: Tensor | slice) -> "Seen":
        """Some of the pictures."""
        return Seen(*(value[which] for value in self))

    def mirrored(self) -> "Seen":
        """The same from the other side: left is right."""
        return Seen(self.features.flip(3), self.embedding.flip(3), self.logits)


class Heard(NamedTuple):
    """What the sound tower says of B sounds."""

    embedding: Tensor  # (B, D), length 1
    logits: Tensor  # (B, K) class head; (B, 0) where it was not asked

    def take(self, which: Tensor | slice) -> "Heard":
        """Some of the sounds."""
        return Heard(*(value[which] for value in self))


class VisionTower(nn.Module):
    """A vision backbone, fixed if so configured, and the adapter on top of it.

    Args:
        options: sizes and backbones.
        load_weights: fill the backbone with its starting weights; False when a model file follows.
    """

    def __init__(self, options: NetOptions, load_weights: bool = True):
        super().__init__()
        self.options = options
        self.vision = vision_backbone(options.vision, options.vision_weights if load_weights else None)
        size = options.principal or self.vision.channels
        if options.principal and not options.freeze_vision:
            what = "needs a backbone that stays as it is"
            raise DsolError("--nets.principal", what, "add --nets.freeze_vision true")
        if size > self.vision.channels:
            what = f"cannot be {size}, {options.vision} has {self.vision.channels} channels"
            raise DsolError("--nets.principal", what, "choose fewer, or 0")
        self.principal = Principal(self.vision.channels, size) if options.principal else nn.Identity()
        self.channels = options.adapter or size
        self.adapter = nn.Conv2d(size, options.adapter, 1) if options.adapter else nn.Identity()
        lite = options.vision == "efficientnet_lite0"
        self.mean, self.std = (LITE0_MEAN, LITE0_STD) if lite else (IMAGENET_MEAN, IMAGENET_STD)
        if options.freeze_vision:
            self.vision.requires_grad_(False).eval()

    def train(self, mode: bool = True):
        """A frozen backbone keeps its batch statistics, too."""
        super().train(mode)
        if self.options.freeze_vision:
            self.vision.eval()
        return self

    def backbone(self, images: Tensor) -> Tensor:
        """Backbone features (B, C, H, W) of pictures (B, 3, S, S) in [0, 1], their principal directions if so
        configured; no gradient where it is frozen."""
        return self.principal(self.raw_features(images))

    def raw_features(self, images: Tensor) -> Tensor:
        """As `backbone`, before the projection on principal directions."""
        images = normalise(images, self.mean, self.std).contiguous(memory_format=torch.channels_last)
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.options.freeze_vision):
            return self.vision(images)

    def spectrogram(self, waveforms: Tensor) -> Tensor:
        """What the sound tower hears of waveforms (B, 16000): (B, T, 64), T by `nets.spectrogram`."""
        return spectrogram(waveforms, self.options.spectrogram)

    def features(self, pictures: Tensor) -> Tensor:
        """f (B, C, H, W) of pictures (B, 3, S, S) in [0, 1], or of backbone features computed before."""
        return self.adapter(self.backbone(pictures) if pictures.shape[1] == 3 else pictures)

    def for_answers(self) -> Self:
        """A copy that answers faster and no longer learns: its backbones folded."""
        fast = copy.deepcopy(self).eval().requires_grad_(False)
        fast.vision = folded(self.vision)
        return fast


class SharedSpace(VisionTower):
    """Vision and sound towers, and the heads that bring both to D channels.

    Args:
        options: sizes and backbones.
        load_weights: see `VisionTower`.
    """

    def __init__(self, options: NetOptions, load_weights: bool = True):
        super().__init__(options, load_weights)
        self.sound = _sound_backbone(options, load_weights)
        d = options.embedding
        norm = [nn.BatchNorm2d(self.channels)] if options.head_norm else []
        self.vision_head = nn.Sequential(*norm, nn.Conv2d(self.channels, d, 1), nn.ReLU(), nn.Conv2d(d, d, 1))
        self.sound_head = nn.Sequential(nn.Linear(self.sound.channels, d), nn.ReLU(), nn.Linear(d, d))

    def sound_maps(self, log_mel: Tensor) -> Tensor:
        """Sound features (B, C', H', W') of log-mels (B, 201, 64); H' is time, W' frequency."""
        return _maps(self.sound, log_mel)

    def for_answers(self) -> Self:
        """See `VisionTower.for_answers`; the sound backbone is folded, too."""
        fast = super().for_answers()
        fast.sound = folded(self.sound)
        return fast


class TwoTower(SharedSpace):
    """Vision and sound towers with localisation and class heads.

    Args:
        options: sizes and backbones.
        clusters: K.
        load_weights: fill the vision backbone with its starting weights; False when a model file follows.

    Example:
        >>> net = TwoTower(NetOptions(vision="small", vision_weights=None, sound="small", size=64), clusters=3)
        >>> seen, heard = net(torch.rand(2, 3, 64, 64), torch.rand(2, 201, 64))
        >>> net.area(seen, heard).shape
        torch.Size([2, 4, 4])
    """

    def __init__(self, options: NetOptions, clusters: int, load_weights: bool = True):
        super().__init__(options, load_weights)
        self.scale = nn.Parameter(torch.tensor(float(options.scale)))
        self.vision_classes = nn.Linear(self.channels, clusters)
        self.sound_classes = nn.Linear(self.sound.channels, clusters)
        self.ear = _sound_backbone(options, load_weights) if options.second_ear else None

    def forward(self, pictures: Tensor, log_mel: Tensor, classes: bool = True) -> tuple[Seen, Heard]:
        """Both towers.

        Args:
            pictures: (B, 3, S, S) in [0, 1], or backbone features (B, C, H, W) computed before.
            log_mel: (B', 201, 64) decibels.
            classes: ask the sound's class head, too.
        """
        return self.see(pictures), self.hear(log_mel, classes)

    def see(self, pictures: Tensor) -> Seen:
        """The vision tower: pictures (B, 3, S, S), or backbone features, to `Seen`."""
        features = self.features(pictures)
        embedding = F.normalize(self.vision_head(features), dim=1)
        return Seen(features, embedding, self.vision_classes(features.mean(dim=(2, 3))))

    def hear(self, log_mel: Tensor, classes: bool = True) -> Heard:
        """The sound tower: log-mel (B, 201, 64) to `Heard`; without `classes` a second ear has nothing to do."""
        pooled = self.sound_maps(log_mel).amax(dim=(2, 3))
        logits = pooled[:, :0]
        if classes:
            logits = self.sound_classes(pooled) if self.ear is None else self.sound_logits(log_mel)
        return Heard(F.normalize(self.sound_head(pooled), dim=1), logits)

    def sound_logits(self, log_mel: Tensor) -> Tensor:
        """The sound's class head alone: log-mel (B, 201, 64) to (B, K)."""
        backbone = self.sound if self.ear is None else self.ear
        return self.sound_classes(_maps(backbone, log_mel).amax(dim=(2, 3)))

    def for_answers(self) -> Self:
        """See `VisionTower.for_answers`; both sound backbones are folded, too."""
        fast = super().for_answers()
        fast.ear = None if self.ear is None else folded(self.ear)
        return fast

    def logits(self, seen: Seen, heard: Heard) -> Tensor:
        """Scaled cosine of each cell with the sound, (B, H, W): the area before its sigmoid."""
        return self.scale * torch.einsum("bdhw,bd->bhw", seen.embedding, heard.embedding)

    def pair_cosines(self, seen: Seen, heard: Heard) -> Tensor:
        """Cosine of each cell of every picture with every sound: (B sounds, B' pictures, H, W)."""
        return torch.einsum("bdhw,ad->abhw", seen.embedding, heard.embedding)

    def area(self, seen: Seen, heard: Heard) -> Tensor:
        """The sounding area l, (B, H, W) in [0, 1] (equation 1's l)."""
        return self.logits(seen, heard).sigmoid()

    def fresh_class_heads(self, generator: torch.Generator) -> None:
        """Throw the class heads away: weights N(0, 0.01), bias 0."""
        for head in (self.vision_classes, self.sound_classes):
            noise = torch.randn(head.weight.shape, generator=generator) * 0.01
            head.weight.data.copy_(noise)
            head.bias.data.zero_()


def _sound_backbone(options: NetOptions, load_weights: bool) -> Backbone:
    if options.sound_weights == "distilled" and options.spectrogram != "fine":
        what = f"distilled ones have learned from fine spectrograms, not from {options.spectrogram!r} ones"
        raise DsolError("--nets.sound_weights", what, "add --nets.spectrogram fine")
    return sound_backbone(options.sound, options.sound_weights if load_weights else None)


def _maps(backbone: nn.Module, log_mel: Tensor) -> Tensor:
    return backbone(log_mel[:, None].contiguous(memory_format=torch.channels_last))
