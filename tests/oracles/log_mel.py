"""The paper's sound features by librosa, as its released code computes them."""

import warnings

import librosa
import numpy as np


def log_mel(waveform: np.ndarray) -> np.ndarray:
    """(16000,) to (201, 64) dB."""
    magnitude = np.abs(librosa.stft(waveform, n_fft=160, hop_length=80, window="hann", pad_mode="constant"))
    return librosa.power_to_db(mel_filters() @ magnitude).T


def mel_filters() -> np.ndarray:
    """(64, 81)"""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # filters 0 and 13 are empty: so in the paper's data
        return librosa.filters.mel(sr=16_000, n_fft=160, n_mels=64)
