"""Loudness and silence of sounds, mixing, noise; and the size of the paper's log-mel."""

import numpy as np
from numpy.typing import ArrayLike

from dsol.data.clip import SAMPLE_RATE

HOP = 80  # samples, 5 ms: from one window of the paper's log-mel to the next
STEPS = SAMPLE_RATE // HOP + 1  # T = 201 windows, the first and last centred on the ends of the second
BANDS = 64  # F, Slaney mel bands, 0 to 8 kHz
SILENCE_DB = -60.0  # root mean square relative to full scale; below it a sound is silence


def mix(waveforms: ArrayLike, random: np.random.Generator, *, gain_db: float = 3.0, shift_s: float = 0.1) -> np.ndarray:
    """Sum sounds with jitter, so that no mixture occurs twice.

    Args:
        waveforms: (..., S, samples) float32 in [-1, 1], 16 kHz: S sounds for each mixture.
        random: source of the jitter.
        gain_db: each sound is made louder or softer by up to this.
        shift_s: each sound is shifted in time by up to this, circularly.

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


def noise(random: np.random.Generator) -> np.ndarray:
    """A second of noise whose spectrum falls by 0 to 12 dB an octave: (16000,) float32."""
    spectrum = np.fft.rfft(random.standard_normal(SAMPLE_RATE))
    spectrum /= np.maximum(1, np.arange(len(spectrum))) ** random.uniform(0, 2)
    waveform = np.fft.irfft(spectrum, SAMPLE_RATE)
    return (0.1 * waveform / waveform.std()).astype(np.float32)


def rms(waveform: np.ndarray) -> np.ndarray:
    """Root mean square over the last axis: (..., samples) to (...)."""
    return np.sqrt(np.mean(np.square(waveform, dtype=np.float64), axis=-1))


def is_silent(waveform: np.ndarray, threshold_db: float = SILENCE_DB) -> np.ndarray:
    """Whether a sound is silence: (..., samples) to (...) bool.

    Args:
        waveform: in [-1, 1].
        threshold_db: root mean square below which a sound is silence, relative to full scale.

    Example:
        >>> bool(is_silent(np.zeros(16_000)))
        True
    """
    return rms(waveform) < 10 ** (threshold_db / 20)
