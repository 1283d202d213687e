"""Uploads: straight to disk, never larger or slower than allowed. Names of uploads made harmless."""

import asyncio
import re
import time
import unicodedata
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path

from starlette.requests import ClientDisconnect

from dsol.serve.limits import TooSlow

LONGEST_NAME, LONGEST_BYTES = 120, 200  # letters; bytes, where a letter has several
UNNAMED = "video"
# Control letters, halves of letters, ends of lines, turns of direction; quotes and what shells and Windows act on.
UNFIT = "[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028-\u202e\u2066-\u2069\"'`$<>|:*?]"
SILENT_S = 20.0  # seconds without a byte after which an upload is given up: it holds a place in the queue
GRACE_S, SLOWEST = 30.0, 8_000  # after so many seconds so many bytes a second, on average
LINGER_S, LINGER = 3.0, 64_000_000  # seconds and bytes read of an upload that is refused


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


async def receive(chunks: AsyncIterator[bytes], path: Path, name: str, grown: Callable[[int], None]) -> None:
    """Write an upload to `path` as it arrives.

    Args:
        chunks: the bytes.
        path: where to.
        name: what the visitor calls it.
        grown: called with the bytes so far, before they are written; what it raises ends the upload.

    Raises:
        TooSlow: it stands still, or crawls.
    """
    size, start = 0, time.monotonic()
    with path.open("wb") as file:
        while (chunk := await _next(chunks, name)) is not None:
            size += len(chunk)
            grown(size)
            file.write(chunk)
            took = time.monotonic() - start
            if took > GRACE_S and size < SLOWEST * took:
                raise TooSlow(name, f"arrives with {size / took / 1000:.1f} kB a second", "send it over a better line")


async def _next(chunks: AsyncIterator[bytes], name: str) -> bytes | None:
    try:
        return await asyncio.wait_for(anext(chunks, None), SILENT_S)
    except TimeoutError:
        raise TooSlow(name, f"stands still: nothing came for {SILENT_S:.0f} s", "send it again") from None


async def linger(chunks: AsyncIterator[bytes]) -> None:
    """Read on for a while what is not wanted: a browser that is still sending does not listen to the refusal."""
    size = 0
    with suppress(TimeoutError, RuntimeError, ClientDisconnect):  # the second where all was read already
        async with asyncio.timeout(LINGER_S):
            async for chunk in chunks:
                size += len(chunk)
                if size > LINGER:
                    return
