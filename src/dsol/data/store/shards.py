"""The bytes of a store: clips as members of tar files that WebDataset reads.

    clip -> <member>.json, <member>.0.jpg, <member>.1.jpg, ..., <member>.wav -> tar body + offsets
                                                             <member>.<extra> where a clip has extras

A body is a tar file without its end marker, so bodies can be joined by joining their bytes. Headers carry no
time, user or machine: the same clips give the same bytes.
"""

import hashlib
import io
import json
import os
import re
import struct
import tarfile
import threading
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from dsol.data.clip import SAMPLE_RATE
from dsol.data.levels import rms
from dsol.places import copy, origin_of

JPEG_QUALITY = 90  # Pillow's scale, 4:2:0
WAV_HEADER = 44  # bytes before the samples of a .wav
END_OF_TAR = bytes(2 * tarfile.BLOCKSIZE)
MAX_MEMBER = 60  # characters of a video's name in its members' names
MASK = "mask.png"  # extra: where the object is in the first frame, one bit a pixel
LOG_MEL = "mel.npy"  # extra: (201, 64) float32 in place of a sound that is available in no other form


def encode_jpeg(frame: np.ndarray) -> bytes:
    """(height, width, 3) uint8 RGB as JPEG."""
    data = io.BytesIO()
    Image.fromarray(frame).save(data, "JPEG", quality=JPEG_QUALITY)
    return data.getvalue()


def decode_jpeg(data: bytes) -> np.ndarray:
    """JPEG as (height, width, 3) uint8 RGB."""
    return np.array(Image.open(io.BytesIO(data)))


def encode_wav(waveform: np.ndarray) -> bytes:
    """(samples,) float in [-1, 1] as a 16-bit mono WAV file of 16 kHz; louder samples are cut."""
    pcm = np.clip(np.rint(waveform * 32768.0), -32768, 32767).astype("<i2").tobytes()
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, SAMPLE_RATE, 2 * SAMPLE_RATE, 2, 16)
    return struct.pack("<4sI4s", b"RIFF", 36 + len(pcm), b"WAVE") + form + struct.pack("<4sI", b"data", len(pcm)) + pcm


def decode_wav(data: bytes) -> np.ndarray:
    """What `encode_wav` wrote, as (samples,) float32."""
    return np.frombuffer(data, "<i2", offset=WAV_HEADER).astype(np.float32) / 32768.0


def encode_log_mel(log_mel: np.ndarray) -> bytes:
    """(201, 64) float as a .npy."""
    data = io.BytesIO()
    np.save(data, log_mel.astype(np.float32), allow_pickle=False)
    return data.getvalue()


def decode_log_mel(data: bytes) -> np.ndarray:
    """What `encode_log_mel` wrote, (201, 64) float32."""
    return np.load(io.BytesIO(data), allow_pickle=False)


def decode_mask(data: bytes) -> np.ndarray:
    """A mask as (height, width) bool."""
    return np.array(Image.open(io.BytesIO(data)).convert("1"))


def member_name(video: str, second: int) -> str:
    """The name of a clip's tar members: no dots, no folders, unique.

    Example:
        >>> member_name("cello/1Ju4S0qeDqw.mp4", 3)
        'cello_1Ju4S0qeDqw_mp4-78ca831a-00003'
    """
    return f"{slug(video)}-{second:05d}"


def slug(name: str) -> str:
    """A name that any file system takes, readable and unique."""
    readable = re.sub(r"[^A-Za-z0-9_-]+", "_", name)[-MAX_MEMBER:]
    return f"{readable}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


class TarBody:
    """Writes clips one after another as tar members.

    Args:
        file: open for writing, at position 0.

    Example:
        >>> import io
        >>> body = TarBody(io.BytesIO())
        >>> body.add("a.json", b"{}")
        (512, 2)
        >>> body.size
        1024
    """

    def __init__(self, file: BinaryIO):
        self.file, self.size = file, 0

    def add(self, name: str, data: bytes) -> tuple[int, int]:
        """Write one member; returns where its data begins and how many bytes it has."""
        info = tarfile.TarInfo(name)
        info.size = len(data)
        self.file.write(info.tobuf(tarfile.USTAR_FORMAT))
        self.file.write(data)
        self.file.write(bytes(-len(data) % tarfile.BLOCKSIZE))
        offset = self.size + tarfile.BLOCKSIZE
        self.size = offset + len(data) + -len(data) % tarfile.BLOCKSIZE
        return offset, len(data)

    def add_clip(
        self, facts: dict, frames: Sequence[np.ndarray], waveform: np.ndarray, extras: Mapping[str, bytes] | None = None
    ) -> dict:
        """Write one clip.

        Args:
            facts: what is known of it, JSON: at least video, second and times_s; goes into the .json member.
            frames: T pictures (height, width, 3) uint8.
            waveform: (16000,) float32.
            extras: further files: `MASK` or `LOG_MEL` -> bytes.

        Returns:
            Its row of the index, with offsets from the beginning of this body.
        """
        facts = {"clip": f"{facts['video']}@{facts['second']}", **facts}
        member = member_name(facts["video"], facts["second"])
        self.add(f"{member}.json", json.dumps(facts, ensure_ascii=False).encode())
        pictures, sound, extras = [encode_jpeg(frame) for frame in frames], encode_wav(waveform), extras or {}
        offsets, sizes = zip(*(self.add(f"{member}.{j}.jpg", each) for j, each in enumerate(pictures)), strict=True)
        row = {**facts, "rms": float(rms(waveform)), "member": member, "frame_offset": offsets, "frame_size": sizes}
        row["sound_offset"], row["sound_size"] = self.add(f"{member}.wav", sound)
        row["checksum"] = checksum(*pictures, sound, *extras.values())
        if extras:
            offsets, sizes = zip(*(self.add(f"{member}.{name}", data) for name, data in extras.items()), strict=True)
            row |= {"extras": list(extras), "extra_offset": offsets, "extra_size": sizes}
        return row


def checksum(*data: bytes) -> int:
    """CRC-32 of some bytes, one after another."""
    value = 0
    for part in data:
        value = zlib.crc32(part, value)
    return value


class ShardFiles:
    """Random access to the shards of a store, from any thread or process.

    Files open when first read. A copy sent to another process opens its own. Those of a store that lies elsewhere are
    fetched first.
    """

    def __init__(self, folder: Path):
        self.folder, self.origin = folder, origin_of(folder)
        self._open: dict[int, int] = {}

    def read(self, shard: int, offset: int, size: int) -> bytes:
        """`size` bytes of a shard. Fewer come back only at the end of a file that was cut."""
        descriptor = self._open.get(shard)
        if descriptor is None:
            file = self.folder / shard_name(shard)
            if self.origin is not None and not file.exists():
                copy(f"{self.origin}/{file.name}", file)
            flags = os.O_RDONLY | getattr(os, "O_BINARY", 0)  # Windows would translate line ends
            descriptor = self._open.setdefault(shard, os.open(file, flags))
        return _read_at(descriptor, size, offset)

    def close(self) -> None:
        """Close the files; reading opens them again."""
        while self._open:
            os.close(self._open.popitem()[1])

    def __del__(self):
        self.close()

    def __getstate__(self) -> dict:
        return {"folder": self.folder, "origin": self.origin, "_open": {}}


_ONE_AT_A_TIME = threading.Lock()


def _read_at(descriptor: int, size: int, offset: int) -> bytes:
    """`os.pread`, or where there is none (Windows) the same with a place that threads share."""
    if hasattr(os, "pread"):
        return os.pread(descriptor, size, offset)
    with _ONE_AT_A_TIME:
        os.lseek(descriptor, offset, os.SEEK_SET)
        return os.read(descriptor, size)


def shard_name(number: int) -> str:
    """File name of a shard."""
    return f"shard-{number:05d}.tar"
