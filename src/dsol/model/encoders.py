"""The visual and the audio encoder, and the localisation map between them (paper, section 3.1; docs/method.md).

    picture (B, 3, S, S) ─ visual backbone ─▶ f (B, C, H, W) ─ head ─▶ (B, D, H, W) ┐
                                                                                    ├ cosine · scale ─ sigmoid ─▶ l
    log-mel (B, T, 64) ── audio backbone ─ max pool ─▶ (B, C') ─── head ─▶ (B, D) ──┘              (B, H, W)

Class heads on the mean-pooled f and on the max-pooled audio features (of the mixture encoder, where there is one)
predict the K pseudo-labels. Stage one trains both encoders; stage two compares f with the object dictionary, and the
audio class head is its teacher.
"""

import copy
from typing import NamedTuple, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dsol.config import EncoderOptions
from dsol.errors import DsolError
from dsol.model.audio import spectrogram
from dsol.model.backbones import FINE, Backbone, audio_backbone, vision_backbone
from dsol.model.folding import folded
from dsol.model.images import IMAGENET_MEAN, IMAGENET_STD, LITE0_MEAN, LITE0_STD, normalise
from dsol.model.pca import Pca

SCALE = 5.0  # start of the learned factor on the cosine before the sigmoid, as in the paper


class VisualFeatures(NamedTuple):
    """The visual encoder's output for B pictures."""

    features: Tensor  # f (B, C, H, W)
    embedding: Tensor  # (B, D, H, W), each cell of length 1 (but for `encoders.correspondence` dot)
    logits: Tensor  # (B, K) class head

    def take(self, which: Tensor | slice) -> "VisualFeatures":
        """Some of the pictures."""
        return VisualFeatures(*(value[which] for value in self))

    def flipped(self) -> "VisualFeatures":
        """The same, flipped left to right."""
        return VisualFeatures(self.features.flip(3), self.embedding.flip(3), self.logits)


class AudioFeatures(NamedTuple):
    """The audio encoder's output for B sounds."""

    embedding: Tensor  # (B, D), length 1
    logits: Tensor  # (B, K) class head; (B, 0) where it was not run


class VisualEncoder(nn.Module):
    """A visual backbone, frozen if so configured, and the adapter on top of it.

    Args:
        options: sizes and backbones.
        load_weights: fill the backbone with its starting weights; False when a model file follows.
    """

    def __init__(self, options: EncoderOptions, load_weights: bool = True):
        super().__init__()
        self.options = options
        self.vision = vision_backbone(options.vision, options.vision_weights if load_weights else None)
        size = options.pca or self.vision.channels
        if size > self.vision.channels:
            what = f"cannot be {size}, {options.vision} has {self.vision.channels} channels"
            raise DsolError("--encoders.pca", what, "choose fewer, or 0")
        self.pca = Pca(self.vision.channels, size) if options.pca else nn.Identity()
        self.channels = options.adapter or size
        self.adapter = nn.Conv2d(size, options.adapter, 1) if options.adapter else nn.Identity()
        lite = options.vision == "efficientnet_lite0"
        self.mean, self.std = (LITE0_MEAN, LITE0_STD) if lite else (IMAGENET_MEAN, IMAGENET_STD)
        if options.freeze_vision:
            self.vision.requires_grad_(False).eval()

    def train(self, mode: bool = True):
        """The batch statistics of a frozen backbone do not change either."""
        super().train(mode)
        if self.options.freeze_vision:
            self.vision.eval()
        return self

    def backbone(self, images: Tensor) -> Tensor:
        """Backbone features (B, C, H, W) of pictures (B, 3, S, S) in [0, 1], their principal components if so
        configured; no gradient where it is frozen."""
        return self.pca(self.raw_features(images))

    def raw_features(self, images: Tensor) -> Tensor:
        """As `backbone`, before the projection on principal components."""
        images = normalise(images, self.mean, self.std).contiguous(memory_format=torch.channels_last)
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.options.freeze_vision):
            return self.vision(images)

    def spectrogram(self, waveforms: Tensor) -> Tensor:
        """The audio encoder's input: waveforms (B, 16000) to (B, T, 64), T by the backbone."""
        return spectrogram(waveforms, self.options.sound in FINE)

    def features(self, pictures: Tensor) -> Tensor:
        """f (B, C, H, W) of pictures (B, 3, S, S) in [0, 1], or of backbone features computed before."""
        return self.adapter(self.backbone(pictures) if pictures.shape[1] == 3 else pictures)

    def for_inference(self) -> Self:
        """A copy for inference, faster: batch normalisation folded into the convolutions."""
        fast = copy.deepcopy(self).eval().requires_grad_(False)
        fast.vision = folded(self.vision)
        return fast


class JointEmbedding(VisualEncoder):
    """Visual and audio encoder, and the heads that project both to D channels.

    Args:
        options: sizes and backbones.
        load_weights: see `VisualEncoder`.
    """

    def __init__(self, options: EncoderOptions, load_weights: bool = True):
        super().__init__(options, load_weights)
        self.sound = _audio_backbone(options, load_weights)
        d = options.embedding
        norm = [nn.BatchNorm2d(self.channels)] if options.head_norm else []
        self.vision_head = nn.Sequential(*norm, nn.Conv2d(self.channels, d, 1), nn.ReLU(), nn.Conv2d(d, d, 1))
        self.sound_head = nn.Sequential(nn.Linear(self.sound.channels, d), nn.ReLU(), nn.Linear(d, d))

    def sound_maps(self, log_mel: Tensor) -> Tensor:
        """Audio features (B, C', H', W') of log-mels (B, 201, 64); H' is time, W' frequency."""
        return _maps(self.sound, log_mel)

    def for_inference(self) -> Self:
        """See `VisualEncoder.for_inference`; the audio backbone is folded, too."""
        fast = super().for_inference()
        fast.sound = folded(self.sound)
        return fast


class Encoders(JointEmbedding):
    """Visual and audio encoder with projection and class heads.

    Args:
        options: sizes and backbones.
        clusters: K.
        load_weights: fill the visual backbone with its starting weights; False when a model file follows.

    Example:
        >>> net = Encoders(EncoderOptions(vision="small", vision_weights=None, sound="small", size=64), clusters=3)
        >>> visual, audio = net(torch.rand(2, 3, 64, 64), torch.rand(2, 201, 64))
        >>> net.localization_map(visual, audio).shape
        torch.Size([2, 4, 4])
    """

    def __init__(self, options: EncoderOptions, clusters: int, load_weights: bool = True):
        super().__init__(options, load_weights)
        self.dot = options.correspondence == "dot"
        self.scale = nn.Parameter(torch.tensor(options.embedding**-0.5 if self.dot else SCALE))  # logits start near 0
        self.bias = nn.Parameter(torch.tensor(0.0)) if self.dot else None
        self.vision_classes = nn.Linear(self.channels, clusters)
        self.sound_classes = nn.Linear(self.sound.channels, clusters)
        self.mixture_encoder = _audio_backbone(options, load_weights) if options.mixture_encoder else None

    def forward(self, pictures: Tensor, log_mel: Tensor, classes: bool = True) -> tuple[VisualFeatures, AudioFeatures]:
        """Both encoders.

        Args:
            pictures: (B, 3, S, S) in [0, 1], or backbone features (B, C, H, W) computed before.
            log_mel: (B', T, 64).
            classes: run the audio class head, too.
        """
        return self.encode_pictures(pictures), self.encode_sounds(log_mel, classes)

    def encode_pictures(self, pictures: Tensor) -> VisualFeatures:
        """The visual encoder: pictures (B, 3, S, S), or backbone features, to `VisualFeatures`."""
        features = self.features(pictures)
        embedding = self._placed(self.vision_head(features))
        return VisualFeatures(features, embedding, self.vision_classes(features.mean(dim=(2, 3))))

    def encode_sounds(self, log_mel: Tensor, classes: bool = True) -> AudioFeatures:
        """The audio encoder: log-mel (B, T, 64) to `AudioFeatures`; `logits` only with `classes`."""
        pooled = self.sound_maps(log_mel).amax(dim=(2, 3))
        logits = pooled[:, :0]
        if classes:
            logits = self.sound_classes(pooled) if self.mixture_encoder is None else self.sound_logits(log_mel)
        return AudioFeatures(self._placed(self.sound_head(pooled)), logits)

    def _placed(self, embedding: Tensor) -> Tensor:
        return embedding if self.dot else F.normalize(embedding, dim=1)

    def sound_logits(self, log_mel: Tensor) -> Tensor:
        """The audio class head alone: log-mel (B, 201, 64) to (B, K)."""
        backbone = self.sound if self.mixture_encoder is None else self.mixture_encoder
        return self.sound_classes(_maps(backbone, log_mel).amax(dim=(2, 3)))

    def for_inference(self) -> Self:
        """See `VisualEncoder.for_inference`; both audio backbones are folded, too."""
        fast = super().for_inference()
        fast.mixture_encoder = None if self.mixture_encoder is None else folded(self.mixture_encoder)
        return fast

    def logits(self, cells: Tensor, sounds: Tensor) -> Tensor:
        """Scaled cosine of each cell (B, D, H, W) with its sound (B, D), or their inner product with scale and bias,
        (B, H, W): the localisation map before its sigmoid."""
        logits = self.scale * torch.einsum("bdhw,bd->bhw", cells, sounds)
        return logits if self.bias is None else logits + self.bias

    def pair_cosines(self, cells: Tensor, sounds: Tensor) -> Tensor:
        """Cosine of each cell of every picture (B', D, H, W) with every sound (B, D): (B, B', H, W)."""
        return torch.einsum("bdhw,ad->abhw", cells, sounds)

    def localization_map(self, visual: VisualFeatures, audio: AudioFeatures) -> Tensor:
        """The localisation map l, (B, H, W) in [0, 1] (equation 1)."""
        return self.logits(visual.embedding, audio.embedding).sigmoid()

    def fresh_class_heads(self, generator: torch.Generator) -> None:
        """Initialise the class heads anew: weights N(0, 0.01), bias 0."""
        for head in (self.vision_classes, self.sound_classes):
            noise = torch.randn(head.weight.shape, generator=generator) * 0.01
            head.weight.data.copy_(noise)
            head.bias.data.zero_()


def _audio_backbone(options: EncoderOptions, load_weights: bool) -> Backbone:
    return audio_backbone(options.sound, load_weights)


def _maps(backbone: nn.Module, log_mel: Tensor) -> Tensor:
    return backbone(log_mel[:, None].contiguous(memory_format=torch.channels_last))
