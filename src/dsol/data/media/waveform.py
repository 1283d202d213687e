"""The sound of a video as 16 kHz mono, read piece by piece.

decoded frames ──gaps filled by time stamp──▶ aligned ──channels mixed──▶ mono ──soxr──▶ 16 kHz
"""

from collections.abc import Generator, Iterator
from pathlib import Path

import av
import numpy as np
import soxr
from av.error import FFmpegError

from dsol.data.clip import SAMPLE_RATE
from dsol.data.media.decoding import floats, sounds
from dsol.data.media.opening import reason
from dsol.errors import DsolError

RECORDINGS = "ogg,wav,flac,mp3,mov,mp4,m4a"  # containers of sound alone
GAP_S = 0.05  # seconds by which time stamps may stray from the count of samples: rounding, not a gap
CANCELLED = 0.2  # power of the mean of the channels, relative to that of uncorrelated ones
HALF_LIFE_S = 0.5  # of past sound in the correlation of channels
REENCODE = "write it anew: ffmpeg -i IN -ar 48000 -ac 2 OUT.mp4"


class Waveform:
    """The sound of a video from a given moment on.

    Args:
        path: a video.
        start_s: where to begin, in s on the file's own clock; sound that starts later is preceded by zeros.
        audio_track: which sound track, counted from 1; see `dsol.data.media.decoding.sound_stream`.

    Raises:
        DsolError: no sound track; while reading: it cannot be decoded, or breaks off.

    Example:
        >>> with Waveform("party.mp4", 0.0) as waveform:                                # doctest: +SKIP
        ...     first_second = waveform.read(16_000)
    """

    def __init__(self, path: str | Path, start_s: float, audio_track: int | None = None):
        self._parts = _resampled(path, start_s, audio_track)
        self._held = np.zeros(0, np.float32)

    def __enter__(self) -> "Waveform":
        return self

    def __exit__(self, *error: object) -> None:
        self._parts.close()

    def read(self, samples: int) -> np.ndarray:
        """The next `samples` at 16 kHz, (samples,) float32 in [-1, 1]; zeros after the end of the sound."""
        parts = [self._held]
        missing = samples - len(self._held)
        while missing > 0:
            part = next(self._parts, None)
            part = np.zeros(missing, np.float32) if part is None else part
            parts.append(part)
            missing -= len(part)
        sound = np.concatenate(parts)
        self._held = sound[samples:]
        return sound[:samples].clip(-1, 1)


def _resampled(path: str | Path, start_s: float, audio_track: int | None) -> Generator[np.ndarray]:
    resampler, mono = None, Mono()
    for chunk, rate in aligned(path, start_s, audio_track):
        resampler = resampler or soxr.ResampleStream(rate, SAMPLE_RATE, 1, "float32", "HQ")
        yield resampler.resample_chunk(mono(chunk, rate))
    if resampler:
        yield resampler.resample_chunk(np.zeros(0, np.float32), last=True)


class Mono:
    """Mixes channels to one, piece after piece: their mean, unless they would cancel each other.

    Channels of opposite phase, as from a wrongly wired cable, are audible from two loudspeakers but have a mean of
    zero. Where that is so, the channels that are opposed to the loudest are inverted.
    """

    def __init__(self):
        self._alike = np.zeros((0, 0))

    def __call__(self, chunk: np.ndarray, rate: int) -> np.ndarray:
        """(channels, n) float32 as (n,)."""
        if len(chunk) == 1:
            return chunk[0]
        products = chunk.astype(np.float64) @ chunk.T
        if self._alike.shape == products.shape:
            products += self._alike * 0.5 ** (chunk.shape[1] / (rate * HALF_LIFE_S))
        self._alike = products
        if products.sum() >= CANCELLED * np.trace(products):
            return chunk.mean(0)
        opposed = products[np.argmax(np.diag(products))] < 0
        return np.where(opposed[:, None], -chunk, chunk).mean(0)


def aligned(path: str | Path, start_s: float, audio_track: int | None = None) -> Iterator[tuple[np.ndarray, int]]:
    """The sound as stored, from `start_s` on, with silence wherever its time stamps leave a gap.

    Yields:
        (samples (channels, n) float32 in [-1, 1], Hz), a fraction of a second at a time.

    Raises:
        DsolError: as `sounds`; or the rate or number of channels changes on the way.
    """
    done = 0
    form = None
    for time_s, frame in sounds(path, audio_track):
        channels, rate = frame.layout.nb_channels, frame.sample_rate
        form = form or (channels, rate)
        if form != (channels, rate):
            raise DsolError(path, f"changes its sound to {channels} channels at {rate} Hz on the way", REENCODE)
        samples = floats(frame)
        gap = round((time_s - start_s) * rate) - done
        if done and abs(gap) < GAP_S * rate:
            gap = 0
        while gap > 0:
            zeros = min(gap, rate)
            yield np.zeros((len(samples), zeros), np.float32), rate
            gap, done = gap - zeros, done + zeros
        samples = samples[:, -gap:]  # overlaps earlier samples, or lies before the start
        done += samples.shape[1]
        yield samples, rate


def read_sound(path: str | Path) -> np.ndarray:
    """A recording without picture, whole: (n,) float32 in [-1, 1], 16 kHz mono.

    Args:
        path: an ogg, wav, flac, mp3 or m4a file that fits into memory.

    Raises:
        DsolError: it cannot be read, or holds no sound.
    """
    try:
        options = {"format_whitelist": RECORDINGS, "protocol_whitelist": "file"}
        with av.open(f"file:{path}", options=options, metadata_errors="ignore") as container:
            stream = container.streams.audio[0]
            mono = Mono()
            parts = [mono(floats(frame), stream.rate) for frame in container.decode(stream)]
            sound = soxr.resample(np.concatenate(parts), stream.rate, SAMPLE_RATE)
    except (FFmpegError, ValueError, IndexError) as error:
        what = f"is no recording: {reason(error)}"
        raise DsolError(path, what, "give an ogg, wav, flac, mp3 or m4a file") from None
    return sound.astype(np.float32).clip(-1, 1)
