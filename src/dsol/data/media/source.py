"""What is read while it goes on: a stream's URL, a device or pipe, standard input; told from files, and opened."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.error import ExitError, FFmpegError, ProtocolNotFoundError
from av.stream import Stream

from dsol.data.media.opening import (
    CONTAINERS,
    MOST_PIXELS,
    no_track,
    picture_stream,
    reason,
    refuse_vast,
    sound_streams,
)
from dsol.errors import DsolError

STDIN = "-"
SCHEMES = ("rtsp", "rtsps", "rtmp", "rtmps", "rtp", "udp", "tcp", "srt")  # of URLs that are no files
CAMERA, MICROPHONE = "/dev/video", "alsa:"  # how devices begin that FFmpeg has an input of its own for
STREAMED = f"{CONTAINERS},live_flv,wav"  # no playlist: what a stranger sends must not open other files and addresses
ALSO = {  # scheme -> what its streams are, too
    "rtsp": "rtsp,sdp,rtp",
    "rtsps": "rtsp,sdp,rtp",
    "rtp": "rtp,sdp",
    "http": "hls,mpjpeg",
    "https": "hls,mpjpeg",
}
PIPE = "let ffmpeg read it: ffmpeg -i SOURCE -c copy -f mpegts - | dsol localize -"


def is_live(source: str | Path) -> bool:
    """Whether a source goes on by itself: standard input, the URL of a stream, a device or a named pipe.

    Example:
        >>> is_live("rtsp://camera/1"), is_live("-"), is_live("party.mp4"), is_live("https://host/party.mp4")
        (True, True, False, False)
    """
    text = str(source)
    if text == STDIN or text.startswith(MICROPHONE):
        return True
    if "://" in text:
        return text.partition("://")[0].lower() in SCHEMES
    try:
        mode = os.stat(text).st_mode
    except (OSError, ValueError):
        return text.startswith(CAMERA)
    return stat.S_ISCHR(mode) or stat.S_ISFIFO(mode)


def shown(source: str | Path) -> str:
    """A source as messages name it: without the password of a URL.

    Example:
        >>> shown("rtsp://me:secret@camera/1"), shown("-")
        ('rtsp://…@camera/1', 'standard input')
    """
    text = str(source)
    scheme, there, rest = text.partition("://")
    if there and "@" in rest.partition("/")[0]:
        return f"{scheme}://…@{rest.partition('@')[2]}"
    return "standard input" if text == STDIN else text


@contextmanager
def opened_live(source: str | Path, timeout_s: float) -> Iterator[InputContainer]:
    """A live source, open for reading.

    Args:
        source: see `is_live`; or a file, or any URL that FFmpeg reads.
        timeout_s: seconds for which it may give nothing.

    Raises:
        DsolError: it cannot be opened; or, from the body, it breaks off.
    """
    try:
        with _opened(str(source), timeout_s) as container:
            yield container
    except ExitError:
        raise nothing_came(source, timeout_s) from None
    except (FFmpegError, OSError) as error:
        raise DsolError(shown(source), f"broke off: {reason(error)}", "start it again, and this") from None


def _opened(source: str, timeout_s: float) -> InputContainer:
    try:
        return av.open(**_how(source), timeout=timeout_s, metadata_errors="ignore")
    except ExitError:
        raise
    except ProtocolNotFoundError:
        raise DsolError(shown(source), "has a protocol that PyAV's FFmpeg cannot read", PIPE) from None
    except (FFmpegError, OSError, ValueError) as error:
        what = f"cannot be opened: {reason(error)}"
        raise DsolError(shown(source), what, f"check the address, and that it sends; or {PIPE}") from None


def _how(source: str) -> dict[str, Any]:
    """Arguments of `av.open`."""
    options = {"format_whitelist": STREAMED, "max_pixels": str(MOST_PIXELS)}
    for start, form in ((MICROPHONE, "alsa"), (CAMERA, "v4l2")):
        if source.startswith(start):
            options["format_whitelist"] = f"{form},video4linux2,rawvideo"
            return {"file": source.removeprefix(MICROPHONE), "format": form, "options": options}
    if source == STDIN:
        return {"file": "pipe:0", "options": options}
    if "://" not in source:
        return {"file": f"file:{source}", "options": options}
    also = ALSO.get(source.partition("://")[0].lower())
    options["format_whitelist"] = f"{STREAMED},{also}" if also else STREAMED
    return {"file": source, "options": {**options, "rtsp_flags": "prefer_tcp"}}


def nothing_came(source: str | Path, timeout_s: float) -> DsolError:
    """The error of a source that is quiet."""
    return DsolError(shown(source), f"has sent nothing for {timeout_s:g} s", "does it send? --timeout waits longer")


def tracks_of(
    source: str | Path, container: InputContainer, picture: bool, sound: bool, audio_track: int | None
) -> list[Stream]:
    """The tracks to read.

    Args:
        source: for messages.
        container: it, open.
        picture, sound: which kinds are wanted.
        audio_track: which sound track, counted from 1; by default FFmpeg's choice.

    Raises:
        DsolError: one is not there.
    """
    found: list[Stream] = []
    if picture:
        stream = picture_stream(container)
        if stream is None:
            raise no_track(shown(source), "picture")
        refuse_vast(shown(source), stream)
        found.append(stream)
    if sound:
        streams = sound_streams(container)
        best = container.streams.best("audio")
        wanted = streams[audio_track - 1 : audio_track] if audio_track else [each for each in streams if each is best]
        if not wanted:
            number = f" {audio_track}" if audio_track and streams else ""
            remedy = "--sound names another source for it: a URL, or alsa:hw:0, a microphone"
            raise DsolError(shown(source), f"has no sound track{number}", remedy)
        found += wanted
    return found
