"""Sound-of-Pixels: Zhao et al., "The Sound of Pixels", ECCV 2018.

    picture ─ dilated ResNet-18, 3×3 ─ sigmoid ─▶ v (B, K, H, W) ─ maximum over space ─▶ (B, K) ┐
    sound + another clip's ─ log spectrogram ─ U-Net ─▶ s (B, K, F, T) ────────────────────────┤
                     mask = sigmoid(Σ_k weight_k · v_k · s_k + bias)  (B, F, T) ◀───────────────┘
    loss: the mask of each of the two clips is where it is the louder one, weighted by the mixture's log-magnitude

    localisation map: share of the sound's energy that passes the mask of each single pixel
    class maps: v_k · share of the sound's energy that passes the mask of channel k alone

Here K are the channels, F the frequencies, T the windows. Channels become categories as clusters do: a single-source
clip belongs to the channel whose response is highest relative to its mean over the training clips.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import NamedTuple, Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dsol.baselines.base import BaselineNetwork, BaselineSystem, Pairs
from dsol.baselines.unet import UNet
from dsol.config import Config
from dsol.data.clip import SAMPLE_RATE
from dsol.errors import DsolError
from dsol.model.batch import Batch
from dsol.model.encoders import VisualEncoder
from dsol.model.maps import Maps, join_names
from dsol.model.pooling import pooled

LOWEST_HZ = 40.0  # of the logarithmic frequencies; the highest is half the sampling rate
QUIETEST = 1e-5  # smallest magnitude told apart from zero
EMPTY = -2.0  # start of the mask's bias: the mask of a pixel without any visual channel passes nothing
WEIGHTS = (1e-3, 10.0)  # range of a point's weight in the loss


class Sizes(NamedTuple):
    """Of the U-Net and the spectrogram that it masks."""

    channels: int  # K, that picture and sound share
    levels: int  # times that the U-Net halves the spectrogram; bands and steps are divisible by 2 to this power
    width: int  # channels after the first halving; they double until eight times this
    bands: int  # frequencies, logarithmically spaced
    steps: int  # windows in a second of sound
    window: int = 1022  # samples of the Hann window and the FFT


SIZES = {  # `baselines.unet`
    "published": Sizes(32, 7, 64, 256, 128),
    "small": Sizes(16, 5, 16, 64, 64),
    "tiny": Sizes(8, 4, 8, 64, 32),
}


def separation_loss(logits: Tensor, dominant: Tensor, magnitude: Tensor) -> Tensor:
    """Binary cross-entropy of masks, each point weighted by log(1 + magnitude of the mixture).

    Args:
        logits: (M, S, F, T) of the masks of S clips of each mixture.
        dominant: (M, S, F, T), 1 where the clip is the loudest of its mixture.
        magnitude: (M, F, T) of the mixtures.

    Returns:
        The mean over all points, as released: not divided by the sum of weights.
    """
    weight = magnitude.log1p().clamp(*WEIGHTS)[:, None].expand_as(logits)
    return F.binary_cross_entropy_with_logits(logits, dominant, weight)


@cache
def _log_frequencies(bands: int, window: int) -> np.ndarray:
    """(bands, window // 2 + 1) float32: reads a spectrum at logarithmically spaced frequencies, between its bins."""
    bins = window // 2 + 1
    hz = np.geomspace(LOWEST_HZ, SAMPLE_RATE / 2, bands)
    place = np.clip(hz * window / SAMPLE_RATE, 0, bins - 1)
    return np.maximum(0, 1 - np.abs(place[:, None] - np.arange(bins))).astype(np.float32)


def log_frequency_magnitudes(waveforms: Tensor, sizes: Sizes) -> Tensor:
    """(B, F, T) magnitudes of one-second sounds (B, 16000).

    Raises:
        DsolError: other sounds, such as log-mels without their waveform.
    """
    if waveforms.ndim != 2:
        raise DsolError("sound_of_pixels", "needs waveforms, these clips have none", "give another store or system")
    spectrum = torch.stft(
        waveforms.float(),
        sizes.window,
        SAMPLE_RATE // sizes.steps,
        window=torch.hann_window(sizes.window, device=waveforms.device),
        pad_mode="constant",
        return_complex=True,
    )
    matrix = torch.from_numpy(_log_frequencies(sizes.bands, sizes.window)).to(waveforms.device)
    return matrix @ spectrum.abs()[:, :, : sizes.steps]


class Network(BaselineNetwork):
    """Visual encoder, U-Net, and the weights of the channels' products."""

    mixes = True
    reach: Tensor

    def __init__(self, config: Config, load_weights: bool = True):
        super().__init__(config, VisualEncoder(config.encoders, load_weights))
        o = SIZES[config.baselines.unet]
        self.sizes, self.clusters = o, o.channels
        norm = [nn.BatchNorm2d(self.encoders.channels)] if config.encoders.head_norm else []
        self.look_head = nn.Sequential(*norm, nn.Conv2d(self.encoders.channels, o.channels, 3, 1, 1))
        self.unet = UNet(o.channels, o.levels, o.width)
        self.weight = nn.Parameter(torch.ones(o.channels))
        self.bias = nn.Parameter(torch.tensor(EMPTY))
        self.register_buffer("reach", torch.ones(o.channels))  # mean response of each channel to training clips

    def forward(self, pictures: Tensor, log_mel: Tensor, waveforms: Tensor, pairs: Pairs) -> Tensor:
        both = torch.stack(pairs, dim=1)  # (M, 2): each clip and the one that is mixed in
        parts = log_frequency_magnitudes(waveforms, self.sizes)[both]
        mixture = log_frequency_magnitudes(waveforms[both].mean(1), self.sizes)
        visual = pooled(self.visual_logits(pictures), self.config.baselines.pool, 1.0).sigmoid()
        logits = self.mask_logits(visual[both], self.encode_sounds(mixture))
        return separation_loss(logits, (parts == parts.amax(1, keepdim=True)).to(logits.dtype), mixture)

    def encode_pictures(self, pictures: Tensor) -> Tensor:
        """v (B, K, H, W) in [0, 1] of pictures (B, 3, S, S)."""
        return self.visual_logits(pictures).sigmoid()

    def visual_logits(self, pictures: Tensor) -> Tensor:
        """v before its sigmoid."""
        return self.look_head(self.encoders.features(pictures))

    def encode_sounds(self, magnitude: Tensor) -> Tensor:
        """s (B, K, F, T) of magnitudes (B, F, T)."""
        return self.unet(magnitude.clamp(min=QUIETEST).log()[:, None])

    def mask_logits(self, visual: Tensor, audio: Tensor) -> Tensor:
        """Masks before the sigmoid: visual (B, S, K) and audio (B, K, F, T) features to (B, S, F, T)."""
        return torch.einsum("bsk,bkft->bsft", visual * self.weight, audio) + self.bias

    def localization_map(self, pictures: Tensor, log_mel: Tensor, waveforms: Tensor) -> Tensor:
        return self.pixel_energy(*self.encode(pictures, waveforms))

    def encode(self, pictures: Tensor, waveforms: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """v (B, K, H, W), s (B, K, F, T) and magnitudes (B, F, T) of pictures with their sounds."""
        magnitude = log_frequency_magnitudes(waveforms, self.sizes)
        return self.encode_pictures(pictures), self.encode_sounds(magnitude), magnitude

    def pixel_energy(self, visual: Tensor, audio: Tensor, magnitude: Tensor) -> Tensor:
        """The localisation map (B, H, W). One picture at a time, since its masks are H·W spectrograms."""
        pixels = visual.flatten(2).transpose(1, 2)  # (B, H·W, K)
        pictures = zip(pixels.split(1), audio.split(1), magnitude.split(1), strict=True)
        shares = [kept_energy(self.mask_logits(p, s), m) for p, s, m in pictures]
        return torch.cat(shares).unflatten(1, visual.shape[2:])

    def channel_maps(self, visual: Tensor, audio: Tensor, magnitude: Tensor) -> Tensor:
        """One map a channel, (B, K, H, W): v_k times how audible the channel is."""
        alone = self.weight[:, None, None] * audio + self.bias
        return visual * kept_energy(alone, magnitude)[:, :, None, None]

    @torch.no_grad()
    def finalise(self, batches: Iterable[Batch]) -> None:
        """Measure the mean response of each channel, without labels."""
        responses = [self.channel_maps(*self.encode(b.pictures, b.waveforms)).amax((2, 3)) for b in batches]
        self.reach.copy_(torch.cat(responses).mean(0))


def kept_energy(logits: Tensor, magnitude: Tensor) -> Tensor:
    """The share of a sound's energy that passes masks; at inference masks are binary, as released.

    Args:
        logits: (B, S, F, T) masks before the sigmoid.
        magnitude: (B, F, T).

    Returns:
        (B, S) in [0, 1]; 0 for silence.

    Example:
        >>> kept_energy(torch.tensor([[[[1.0, -1.0]]]]), torch.tensor([[[1.0, 2.0]]])).item()
        0.20000000298023224
    """
    power = magnitude.square()
    kept = torch.einsum("bsft,bft->bs", (logits > 0).to(power.dtype), power)
    return kept / power.sum((1, 2)).clamp(min=QUIETEST**2)[:, None]


class SoundOfPixels(BaselineSystem):
    """The system; see above."""

    network_type = Network
    network: Network
    fast: Network

    @torch.inference_mode()
    def predict(self, frames: Sequence[np.ndarray], waveforms: np.ndarray, keys: Sequence[str]) -> Maps:
        """See `dsol.model.system.System.predict`."""
        features = self._encode(frames, waveforms)
        maps = self.fast.channel_maps(*features)
        localization_map = self.fast.pixel_energy(*features).cpu().numpy()
        score = self._score(maps).cpu().numpy()
        return join_names(Maps(tuple(keys), localization_map, maps.cpu().numpy(), score, self.card.categories))

    def named(self, names: Sequence[str]) -> Self:
        """See `dsol.model.system.ClusteringSystem.named`."""
        return type(self)(self.network, self.renamed(names), self.size, self.sources)

    @torch.inference_mode()
    def points(self, frames: Sequence[np.ndarray], waveforms: np.ndarray) -> np.ndarray:
        """The responses (B, K) of the channels to single-source pictures with their sound."""
        return self._score(self.fast.channel_maps(*self._encode(frames, waveforms))).cpu().numpy()

    def nearest(self, points: np.ndarray) -> np.ndarray:
        """The strongest channel (N,) of responses (N, K)."""
        return points.argmax(axis=1)

    def _encode(self, frames: Sequence[np.ndarray], waveforms: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
        pictures, _, sounds = self.inputs(frames, waveforms)
        return self.fast.encode(pictures, sounds)

    def _score(self, maps: Tensor) -> Tensor:
        """(B, K) in [0, 1]: 0.5 where the response of a channel is its mean over the training clips."""
        response, reach = maps.amax((2, 3)), self.network.reach
        return response / (response + reach + 0.01 * reach.mean())
