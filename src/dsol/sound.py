"""One second of sound as the network sees it, and the mixing of several.

waveform (16000,) ──Hann STFT──▶ magnitude (201, 81) ──mel──▶ (201, 64) ──dB──▶ log-mel (F = 64 bands)

The front end of the paper's released code, figure for figure: mel filters on the magnitude (not the power), then
10·log10. With windows this short the filters 0 and 13 lie between two bins and are empty, there as here.
"""

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from dsol.clip import SAMPLE_RATE

if TYPE_CHECKING:  # torch is imported where it is needed: scenes are mixed without it
    import torch

WINDOW = 160  # samples, 10 ms: the Hann window and the FFT
HOP = 80  # samples, 5 ms
STEPS = SAMPLE_RATE // HOP + 1  # 201 windows, the first and last centred on the ends of the second
BANDS = 64  # F, Slaney mel bands, 0 to 8 kHz
FLOOR = 1e-10  # smallest magnitude told apart from zero: -100 dB
RANGE_DB = 80.0  # kept below each clip's own maximum
SILENCE_DB = -60.0  # root mean square relative to full scale; below it nothing is heard


def log_mel(waveform: "torch.Tensor") -> "torch.Tensor":
    """The log-mel spectrogram of one-second sounds.

    Computed in double precision where the device has it: 80 dB of a magnitude are eight digits, one more than
    single precision holds; and mixed precision leaves doubles alone.

    Args:
        waveform: (B, 16000) float in [-1, 1], 16 kHz. What is such a spectrogram already, (B, 201, 64), comes back
            as it is: of the official synthetic scenes nothing else is to be had.

    Returns:
        (B, 201, 64) float32 in dB, on the same device.

    Source:
        The released code: librosa's `stft`, `filters.mel` and `power_to_db` at their defaults.

    Example:
        >>> log_mel(torch.randn(8, 16_000)).shape                                       # doctest: +SKIP
        torch.Size([8, 201, 64])
    """
    import torch

    if waveform.shape[1:] == (STEPS, BANDS):
        return waveform.float()
    precise = torch.float32 if waveform.device.type == "mps" else torch.float64
    hann, filters = (torch.from_numpy(a).to(waveform.device, precise) for a in (_hann(), mel_filters()))
    padded = torch.nn.functional.pad(waveform.to(precise), (WINDOW // 2, WINDOW // 2))
    magnitude = torch.fft.rfft(padded.unfold(1, WINDOW, HOP) * hann).abs()  # (B, 201, 81)
    decibel = 10 * (magnitude @ filters.T).clamp(min=FLOOR).log10()
    return torch.maximum(decibel, decibel.amax((1, 2), keepdim=True) - RANGE_DB).float()


@cache
def _hann() -> np.ndarray:
    return np.hanning(WINDOW + 1)[:-1]  # periodic


@cache
def mel_filters() -> np.ndarray:
    """Triangles on Slaney's mel scale, each of area one: (64, 81) float64, bands × bins of the FFT.

    Source:
        M. Slaney, Auditory Toolbox, 1998.
    """
    bins_hz = np.arange(WINDOW // 2 + 1) * SAMPLE_RATE / WINDOW
    edges_hz = _mel_to_hz(np.linspace(0, _hz_to_mel(SAMPLE_RATE / 2), BANDS + 2))
    left, centre, right = edges_hz[:-2, None], edges_hz[1:-1, None], edges_hz[2:, None]
    rising, falling = (bins_hz - left) / (centre - left), (right - bins_hz) / (right - centre)
    return np.maximum(0, np.minimum(rising, falling)) * 2 / (right - left)


# Slaney's scale: linear up to 1 kHz (15 mel), then 27 mel for every factor of 6.4.
LINEAR_HZ, KNEE_HZ, KNEE_MEL, LOG_STEP = 200 / 3, 1000.0, 15.0, np.log(6.4) / 27


def _hz_to_mel(hz: float) -> float:
    return hz / LINEAR_HZ if hz < KNEE_HZ else KNEE_MEL + np.log(hz / KNEE_HZ) / LOG_STEP


def _mel_to_hz(mel: np.ndarray) -> np.ndarray:
    return np.where(mel < KNEE_MEL, mel * LINEAR_HZ, KNEE_HZ * np.exp(LOG_STEP * (mel - KNEE_MEL)))


def mix(waveforms: ArrayLike, random: np.random.Generator, *, gain_db: float = 3.0, shift_s: float = 0.1) -> np.ndarray:
    """Sum sounds with jitter, so that no mixture is heard twice.

    Args:
        waveforms: (..., S, samples) float32 in [-1, 1], 16 kHz: S sounds for each mixture.
        random: source of the jitter.
        gain_db: each sound is made louder or softer by up to this.
        shift_s: each sound is moved in time by up to this, around the end.

    Returns:
        (..., samples) float32; a mixture that would exceed full scale is scaled down to it.

    Example:
        >>> mix(np.zeros((8, 2, 16_000), np.float32), np.random.default_rng(0)).shape
        (8, 16000)
    """
    sounds = np.asarray(waveforms)
    *each, samples = sounds.shape
    furthest = round(shift_s * SAMPLE_RATE)
    shift = random.integers(-furthest, furthest, (*each, 1), endpoint=True)
    gain = 10 ** (random.uniform(-gain_db, gain_db, (*each, 1)) / 20)
    moved = np.take_along_axis(sounds, (np.arange(samples) - shift) % samples, axis=-1)
    mixture = (gain * moved).sum(-2)
    return (mixture / np.maximum(1, np.abs(mixture).max(-1, keepdims=True))).astype(np.float32)


def rms(waveform: np.ndarray) -> np.ndarray:
    """Root mean square over the last axis: (..., samples) to (...)."""
    return np.sqrt(np.mean(np.square(waveform, dtype=np.float64), axis=-1))


def is_silent(waveform: np.ndarray, threshold_db: float = SILENCE_DB) -> np.ndarray:
    """Whether nothing is heard: (..., samples) to (...) bool.

    Args:
        waveform: in [-1, 1].
        threshold_db: root mean square below which a sound is silence, relative to full scale.

    Example:
        >>> bool(is_silent(np.zeros(16_000)))
        True
    """
    return rms(waveform) < 10 ** (threshold_db / 20)
