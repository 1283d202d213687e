"""Uploads: straight to disk, never larger than allowed, and only if their first second can be read."""

import re
import unicodedata
from collections.abc import AsyncIterator
from pathlib import Path

from dsol.data.media import read_seconds
from dsol.errors import DsolError

LONGEST_NAME, LONGEST_BYTES = 120, 200  # letters; bytes, where a letter has several
UNNAMED = "video"
# Control letters, halves of letters, ends of lines, turns of direction; quotes and what shells and Windows act on.
UNFIT = "[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028-\u202e\u2066-\u2069\"'`$<>|:*?]"
MB = 1_000_000  # bytes


class TooLarge(DsolError):
    """More bytes than the server takes."""

    def __init__(self, name: str, limit_mb: int):
        super().__init__(name, f"is larger than {limit_mb} MB", "cut it, or start dsol serve with a larger --limit")


def plain_name(name: str) -> str:
    """The name of an upload without folders and without letters that are special in a terminal, a header or a shell.

    Letters of all scripts and their marks stay, put together as most programs write them.

    Example:
        >>> plain_name("../../etc/my party?.mp4")
        'my party_.mp4'
    """
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    short = re.sub(UNFIT, "_", last)[-LONGEST_NAME:].encode()[-LONGEST_BYTES:].decode(errors="ignore")
    return short.strip(" .") or UNNAMED


async def receive(chunks: AsyncIterator[bytes], path: Path, name: str, limit_mb: int) -> None:
    """Write an upload to `path` as it arrives.

    Raises:
        TooLarge: as soon as there is more than `limit_mb`.
    """
    size = 0
    with path.open("wb") as file:
        async for chunk in chunks:
            size += len(chunk)
            if size > limit_mb * MB:
                raise TooLarge(name, limit_mb)
            file.write(chunk)


def check_video(path: Path) -> None:
    """Read the first second.

    Raises:
        DsolError: it is no video, or has no picture or no sound, or they cannot be decoded, or end at once.
    """
    next(read_seconds(path, whole_only=False))
