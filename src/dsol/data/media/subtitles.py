"""Subtitles as a track of their own in an mp4, to be switched on and off in a player."""

import struct
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
from av.error import FFmpegError

from dsol.data.media.opening import reason
from dsol.errors import DsolError
from dsol.files import whole

THOUSANDTH = Fraction(1, 1000)  # of a second: the clock of the track
STYLE = b"""[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, \
StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding
Style: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,1

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""  # without a style the encoder of such tracks does not open


def add_subtitles(path: str | Path, captions: Iterable[tuple[float, float, str]]) -> None:
    """Put a track of subtitles into an mp4; picture and sound are copied as they are.

    Args:
        path: the mp4, which is replaced once the new one is whole.
        captions: (start, end, text) in seconds, by start, none within another.

    Raises:
        DsolError: the file cannot be read or written.

    Example:
        >>> add_subtitles("party.mp4", [(0.0, 2.5, "[violin]")])                        # doctest: +SKIP
    """
    waiting = list(captions)
    try:
        with (
            whole(path) as partial,
            av.open(f"file:{path}") as source,
            av.open(f"file:{partial}", "w", format="mp4", options={"movflags": "+faststart"}) as out,
        ):
            copies = {stream.index: out.add_stream_from_template(stream) for stream in source.streams}
            track = out.add_stream("mov_text")
            track.codec_context.subtitle_header, track.time_base = STYLE, THOUSANDTH
            for packet in source.demux():
                if packet.dts is None:
                    continue
                now_s = float(packet.dts * packet.time_base)
                while waiting and waiting[0][0] <= now_s:
                    out.mux(_packet(track, *waiting.pop(0)))
                packet.stream = copies[packet.stream.index]
                out.mux(packet)
            for caption in waiting:
                out.mux(_packet(track, *caption))
    except (FFmpegError, OSError) as error:
        what = f"cannot be given subtitles: {reason(error)}"
        raise DsolError(path, what, "free some space there, or write to another folder") from None


def _packet(track, start_s: float, end_s: float, text: str) -> av.Packet:
    """As mp4 keeps a text: its length in two bytes, then the text."""
    letters = text.encode()[:65535]
    packet = av.Packet(struct.pack(">H", len(letters)) + letters)
    packet.stream, packet.time_base = track, THOUSANDTH
    packet.pts = packet.dts = round(1000 * start_s)
    packet.duration = round(1000 * end_s) - packet.pts
    return packet
