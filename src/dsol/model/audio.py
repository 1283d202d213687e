"""One second of sound as input of the audio encoder.

waveform (16000,) ──Hann STFT──▶ magnitude (201, 81) ──mel──▶ (201, 64) ──dB──▶ log-mel (F = 64 bands)     "paper"
waveform (16000,) ─loudness─▶ Hann STFT ──▶ power (101, 257) ──mel──▶ (101, 64) ──log──▶ log-mel            "fine"

"paper" is the front end of the paper's released code, figure for figure: mel filters on the magnitude (not the power),
then 10·log10. With windows this short the filters 0 and 13 lie between two bins and are empty, there as here. "fine"
has windows of 25 ms, which resolve the harmonics of low notes, and brings all sounds to one loudness.
"""

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from dsol.data.clip import SAMPLE_RATE
from dsol.data.levels import BANDS, HOP, SILENCE_DB, STEPS
from dsol.errors import DsolError

if TYPE_CHECKING:  # torch is imported where it is needed: scenes are mixed without it
    import torch

    from dsol.model.batch import Part

WINDOW = 160  # samples, 10 ms: the Hann window and the FFT
FLOOR = 1e-10  # smallest magnitude told apart from zero: -100 dB
RANGE_DB = 80.0  # kept below each clip's own maximum
FINE_WINDOW, FINE_FFT, FINE_HOP = 400, 512, 160  # samples: 25 ms in an FFT of 32 ms, every 10 ms
FINE_HZ = (60.0, 7800.0)  # range of the bands
FINE_RMS = 0.1  # loudness that every sound is brought to
FINE_FLOOR, FINE_SHIFT, FINE_SCALE = 1e-7, 5.0, 4.0  # smallest power; (log + shift) / scale lies around 0
VIEW_GAIN_DB = 8.0  # a training view is louder or softer by up to this,
VIEW_NOISE_DB = (-60.0, -15.0)  # with white noise between these levels, relative to the sound


def log_mel(waveform: "torch.Tensor") -> "torch.Tensor":
    """The log-mel spectrogram of one-second sounds.

    Computed in double precision where the device has it: 80 dB of a magnitude are eight digits, one more than
    single precision holds; and mixed precision does not touch doubles.

    Args:
        waveform: (B, 16000) float in [-1, 1], 16 kHz. What is such a spectrogram already, (B, 201, 64), comes back
            as it is: of the official synthetic scenes nothing else is available.

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


def fine_log_mel(waveform: "torch.Tensor") -> "torch.Tensor":
    """The log-mel spectrogram with longer windows, of sounds brought to one loudness.

    Args:
        waveform: (B, 16000) float in [-1, 1], 16 kHz.

    Returns:
        (B, 101, 64) float32, on the same device: natural logarithms of the power in each band, around 0.

    Raises:
        DsolError: not waveforms, such as the log-mels of the official synthetic scenes.
    """
    import torch

    if waveform.ndim != 2:
        raise DsolError("the audio encoder", "needs waveforms, these clips have none", "use --recipe paper")
    loudness = waveform.float().square().mean(1, keepdim=True).sqrt().clamp(min=10 ** (SILENCE_DB / 20))
    hann = torch.hann_window(FINE_WINDOW, device=waveform.device)
    spectrum = torch.stft(
        waveform.float() * (FINE_RMS / loudness),
        FINE_FFT,
        FINE_HOP,
        FINE_WINDOW,
        hann,
        pad_mode="constant",
        return_complex=True,
    )
    power = torch.from_numpy(_fine_filters()).to(waveform.device) @ spectrum.abs().square()  # (B, 64, 101)
    return ((power + FINE_FLOOR).log() + FINE_SHIFT).div(FINE_SCALE).transpose(1, 2)


def spectrogram(waveform: "torch.Tensor", fine: bool) -> "torch.Tensor":
    """`fine_log_mel` or `log_mel`."""
    return fine_log_mel(waveform) if fine else log_mel(waveform)


def sound_view(waveform: "torch.Tensor", generator: "torch.Generator", part: "Part | None" = None) -> "torch.Tensor":
    """Augmented sounds for training: circular time shift, gain, a little noise.

    Args:
        waveform: (B, 16000) in [-1, 1].
        generator: source of the draws, one for each sound.
        part: the sounds are these of a larger batch, and get the views that they have in it.

    Returns:
        (B, 16000).
    """
    import torch

    from dsol.model.batch import Part

    samples, part = waveform.shape[1], part or Part.whole(len(waveform))
    start, gain, noise = torch.rand(3, part.count, 1, generator=generator)[:, part.rows]
    place = (torch.arange(samples) + (start * samples).long()) % samples
    moved = waveform.gather(1, place.to(waveform.device))
    level_db = (VIEW_NOISE_DB[0] + (VIEW_NOISE_DB[1] - VIEW_NOISE_DB[0]) * noise).to(waveform.device)
    gain_db = (VIEW_GAIN_DB * (2 * gain - 1)).to(waveform.device)
    hiss = torch.randn(part.count, samples, generator=generator)[part.rows].to(waveform.device)
    loudness = moved.square().mean(1, keepdim=True).sqrt()
    return moved * 10 ** (gain_db / 20) + hiss * loudness * 10 ** (level_db / 20)


@cache
def _hann() -> np.ndarray:
    return np.hanning(WINDOW + 1)[:-1]  # periodic


@cache
def mel_filters() -> np.ndarray:
    """Triangles on Slaney's mel scale, each of area one: (64, 81) float64, bands × bins of the FFT.

    Source:
        M. Slaney, Auditory Toolbox, 1998.
    """
    triangles, width_hz = _triangles(WINDOW, 0, SAMPLE_RATE / 2)
    return triangles * 2 / width_hz


@cache
def _fine_filters() -> np.ndarray:
    return _triangles(FINE_FFT, *FINE_HZ)[0].astype(np.float32)


def _triangles(fft: int, lowest_hz: float, highest_hz: float) -> tuple[np.ndarray, np.ndarray]:
    """Triangles of height one, (64, fft // 2 + 1), and their widths in Hz, (64, 1)."""
    bins_hz = np.arange(fft // 2 + 1) * SAMPLE_RATE / fft
    edges_hz = _mel_to_hz(np.linspace(_hz_to_mel(lowest_hz), _hz_to_mel(highest_hz), BANDS + 2))
    left, centre, right = edges_hz[:-2, None], edges_hz[1:-1, None], edges_hz[2:, None]
    rising, falling = (bins_hz - left) / (centre - left), (right - bins_hz) / (right - centre)
    return np.maximum(0, np.minimum(rising, falling)), right - left


# Slaney's scale: linear up to 1 kHz (15 mel), then 27 mel for every factor of 6.4.
LINEAR_HZ, KNEE_HZ, KNEE_MEL, LOG_STEP = 200 / 3, 1000.0, 15.0, np.log(6.4) / 27


def _hz_to_mel(hz: float) -> float:
    return hz / LINEAR_HZ if hz < KNEE_HZ else KNEE_MEL + np.log(hz / KNEE_HZ) / LOG_STEP


def _mel_to_hz(mel: np.ndarray) -> np.ndarray:
    return np.where(mel < KNEE_MEL, mel * LINEAR_HZ, KNEE_HZ * np.exp(LOG_STEP * (mel - KNEE_MEL)))
