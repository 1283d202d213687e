"""The sound track of a video that is being written: packets copied from another video, or encoded."""

from collections.abc import Generator, Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.error import FFmpegError

from dsol.data.media.decoding import sound_stream, start_of
from dsol.data.media.opening import opened
from dsol.data.media.timing import clock_of
from dsol.data.media.waveform import Mono, aligned
from dsol.errors import DsolError

COPIED = {"aac", "mp3", "mp3float", "opus", "flac", "alac", "ac3", "eac3"}  # what mp4 holds and players play
AAC_RATES = {8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000}  # Hz
LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}  # channels; others are mixed to mono
Chunks = Iterator[tuple[np.ndarray, int]]  # (samples (channels, n) float32, Hz)
Packets = Generator[av.Packet]


def no_sound() -> Packets:
    """A track without packets."""
    yield from ()


def copied_sound(out: OutputContainer, path: str | Path, audio_track: int | None = None) -> Packets:
    """Give `out` the sound track of the video at `path`; its packets, timed from that video's start.

    Packets are copied unchanged where mp4 holds their codec and encoded as AAC otherwise. They end where the sound
    cannot be read any further: the reader of that video reports it.
    """
    with opened(path) as source:
        track = sound_stream(path, source, audio_track)
        if track is None:
            return no_sound()
        start_s = start_of(path, audio_track)
        if track.codec_context.name in COPIED:
            return _copied(path, start_s, audio_track, out.add_stream_from_template(track))
    return _encoded(out, _while_readable(aligned(path, start_s, audio_track)))


def encoded_sound(out: OutputContainer, waveform: np.ndarray, rate: int) -> Packets:
    """Give `out` an AAC sound track.

    Args:
        out: an mp4 to which nothing is written yet.
        waveform: (channels, samples) float32 in [-1, 1].
        rate: Hz.
    """
    return _encoded(out, ((waveform[:, i : i + rate], rate) for i in range(0, waveform.shape[1], rate)))


def _copied(path: str | Path, start_s: float, audio_track: int | None, track: AudioStream) -> Packets:
    with opened(path) as source:
        sound = sound_stream(path, source, audio_track)
        assert sound is not None, "the caller has opened it"
        packets = clock_of(path).packets(source, sound)
        while True:
            try:
                packet = next(packets, None)
            except FFmpegError:
                return
            if packet is None or not packet.size:
                return
            shift = round(start_s / packet.time_base)
            decoded_at = packet.pts if packet.dts is None else packet.dts
            if decoded_at is None:  # its time is not known
                continue
            packet.dts = decoded_at - shift
            packet.pts = packet.dts if packet.pts is None else packet.pts - shift
            packet.stream = track
            yield packet


def _while_readable(chunks: Chunks) -> Chunks:
    try:
        yield from chunks
    except DsolError:
        return


def _encoded(out: OutputContainer, chunks: Chunks) -> Packets:
    first, rate = next(chunks, (np.zeros((1, 0), np.float32), 48_000))
    layout = LAYOUTS.get(len(first), "mono")
    track = out.add_stream("aac", rate=rate if rate in AAC_RATES else 48_000, layout=layout)
    return _encoded_packets(track, chain([(first, rate)], chunks), layout)


def _encoded_packets(track: AudioStream, chunks: Chunks, layout: str) -> Packets:
    resampler = av.AudioResampler("fltp", layout, track.rate, frame_size=1024)  # sets samples an AAC frame
    done, mono = 0, Mono()
    for chunk, rate in chunks:
        samples = chunk if len(chunk) in LAYOUTS else mono(chunk, rate)[None]
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples, np.float32), "fltp", layout)
        frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), done
        done += samples.shape[1]
        for part in resampler.resample(frame):
            yield from track.encode(part)
    for part in resampler.resample(None):
        yield from track.encode(part)
    yield from track.encode(None)
