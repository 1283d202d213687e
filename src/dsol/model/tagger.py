"""The audio encoder of `general`: one second of sound to logits of AudioSet tags.

waveform (16000,) ─ log-mel (96, 64) ─ 14 separable convolutions ─ mean ─▶ embedding (1024) ─ linear ─▶ tags (T)

The shape is that of YAMNet (MobileNet v1). Its two widest 1×1 convolutions are split in two narrow ones, `RANKS`, whose
weights `compressed` fits to the activations for given sounds: 3.0 million weights of 3.7.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dsol.data.clip import SAMPLE_RATE
from dsol.errors import DsolError

WINDOW, FFT, HOP, FRAMES, BANDS = 400, 512, 160, 96, 64  # samples, samples, samples, windows a patch, mel bands
OFFSET = 0.001  # added to each band's magnitude before the logarithm
WIDTHS = (32, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)  # channels after each layer
STRIDED = frozenset({1, 3, 5, 7, 13})  # layers that halve time and frequency
RANKS = {13: 256, 14: 384}  # layer -> channels between its narrow halves


class Layer(nn.Module):
    """Depthwise 3×3, then 1×1 (in two halves where it has a rank): (B, C_in, H, W) -> (B, C, H/stride, W/stride)."""

    def __init__(self, channels_in: int, channels: int, stride: int, rank: int | None):
        super().__init__()
        self.stride = stride
        self.depthwise = nn.Conv2d(channels_in, channels_in, 3, stride, groups=channels_in)
        self.narrow = nn.Conv2d(channels_in, rank, 1, bias=False) if rank else None
        self.pointwise = nn.Conv2d(rank or channels_in, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.linear(x))

    def linear(self, x: Tensor) -> Tensor:
        """Input of the last rectifier."""
        x = F.relu(self.depthwise(_padded(x, self.stride)))
        return self.pointwise(x if self.narrow is None else self.narrow(x))


class AudioTagger(nn.Module):
    """Waveforms to tags.

    Args:
        tags: T.
        ranks: see `RANKS`; empty for YAMNet itself.

    Example:
        >>> AudioTagger(8)(torch.zeros(2, 16_000)).shape
        torch.Size([2, 8])
    """

    mel: Tensor

    def __init__(self, tags: int, ranks: Mapping[int, int] = RANKS):
        super().__init__()
        self.register_buffer("mel", torch.zeros(BANDS, FFT // 2 + 1))
        self.first = nn.Conv2d(1, WIDTHS[0], 3, 2)
        self.layers = nn.ModuleList(
            Layer(WIDTHS[i - 2], WIDTHS[i - 1], 2 if i in STRIDED else 1, ranks.get(i)) for i in range(2, 15)
        )
        self.head = nn.Linear(WIDTHS[-1], tags)

    def separable(self) -> list[Layer]:
        """The layers after the first, in order."""
        return [layer for layer in self.layers if isinstance(layer, Layer)]

    def forward(self, waveforms: Tensor) -> Tensor:
        """Logits of tags (B, T) of waveforms (B, 16000)."""
        return self.head(self.embed(waveforms))

    def embed(self, waveforms: Tensor) -> Tensor:
        """Embeddings (B, 1024)."""
        x = self.patches(waveforms)
        for layer in self.layers:
            x = layer(x)
        return x.mean((2, 3))

    def patches(self, waveforms: Tensor) -> Tensor:
        """Input of the first separable layer, (B, 32, 48, 32).

        Raises:
            DsolError: not waveforms, such as the log-mels of the official synthetic scenes.
        """
        if waveforms.shape[1:] != (SAMPLE_RATE,):
            raise DsolError("general", "needs waveforms, these clips have none", "use a model of --recipe paper")
        windows = waveforms.unfold(1, WINDOW, HOP)[:, :FRAMES] * torch.hann_window(WINDOW, device=waveforms.device)
        log_mel = (torch.fft.rfft(windows, FFT).abs() @ self.mel.T + OFFSET).log()
        return F.relu(self.first(_padded(log_mel[:, None], 2)))


def _padded(x: Tensor, stride: int) -> Tensor:
    """As TensorFlow pads: an odd rest goes to the end."""
    short = [max((-(-n // stride) - 1) * stride + 3 - n, 0) for n in x.shape[:1:-1]]
    return F.pad(x, [side for n in short for side in (n // 2, n - n // 2)])


@torch.no_grad()
def compressed(whole: AudioTagger, waveforms: Tensor, tags: list[int]) -> AudioTagger:
    """A tagger with narrow layers that approximates a whole one.

    Layer by layer, the input of the last rectifier is projected on its principal directions for these sounds.

    Args:
        whole: with `ranks` empty.
        waveforms: (N, 16000), a few thousand.
        tags: indices of the tags to keep.

    Returns:
        The tagger with `RANKS`.
    """
    tagger = AudioTagger(len(tags)).eval()
    tagger.mel.copy_(whole.mel)
    tagger.first.load_state_dict(whole.first.state_dict())
    x = tagger.patches(waveforms)
    for layer, narrow in zip(whole.separable(), tagger.separable(), strict=True):
        narrow.depthwise.load_state_dict(layer.depthwise.state_dict())
        if narrow.narrow is None:
            narrow.pointwise.load_state_dict(layer.pointwise.state_dict())
        else:
            _split(layer, narrow, torch.cat([layer.linear(part).flatten(2) for part in x.split(128)]))
        x = torch.cat([narrow(part) for part in x.split(128)])
    tagger.head.weight.copy_(whole.head.weight[tags])
    tagger.head.bias.copy_(whole.head.bias[tags])
    return tagger


def _split(layer: Layer, narrow: Layer, inputs: Tensor) -> None:
    """Give a narrow layer the principal part of a whole one; inputs (N, C, P) of its rectifier."""
    bias, own = layer.pointwise.bias, narrow.pointwise.bias
    assert narrow.narrow is not None, "only a layer with a rank is split"
    assert bias is not None, "as made"
    assert own is not None, "as made"
    cells = inputs.transpose(1, 2).flatten(0, 1)
    mean = cells.mean(0)
    centred = cells - mean
    directions = torch.linalg.eigh(centred.T @ centred)[1][:, -narrow.pointwise.in_channels :]
    weight = layer.pointwise.weight[:, :, 0, 0]
    narrow.narrow.weight.copy_((directions.T @ weight)[:, :, None, None])
    narrow.pointwise.weight.copy_(directions[:, :, None, None])
    own.copy_(directions @ (directions.T @ (bias - mean)) + mean)
