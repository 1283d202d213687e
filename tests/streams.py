"""Streams for the tests, made on this machine: a video as MPEG-TS that is sent at the speed at which it plays.

Example:
    >>> with sent_by_tcp(transport(video)) as url:                                        # doctest: +SKIP
    ...     list(read_live(url))
"""

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from itertools import count
from pathlib import Path

import av

Chunk = tuple[float, bytes]  # when it is sent, in s; what
PACKETS = 7 * 188  # bytes of TS in a datagram
PAYLOAD_TS = 33  # of RTP


def transport(video: str | Path, offset_s: float = 0.0) -> list[Chunk]:
    """A video as MPEG-TS.

    Args:
        video: of H.264 and AAC.
        offset_s: added to its time stamps.
    """
    file = BytesIO()
    chunks, done = [], 0
    with (
        av.open(str(video)) as source,
        av.open(file, "w", format="mpegts", options={"flush_packets": "1"}) as out,
    ):
        tracks = {stream.index: out.add_stream_from_template(stream) for stream in source.streams}
        for packet in source.demux():
            if packet.dts is None:
                continue
            time_s = float(packet.dts * packet.time_base)
            shift = round(offset_s / packet.time_base)
            packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
            packet.stream = tracks[packet.stream_index]
            out.mux(packet)
            if file.tell() > done:
                chunks.append((time_s, file.getvalue()[done:]))
                done = file.tell()
    return [*chunks, (chunks[-1][0], file.getvalue()[done:])]


def after(chunks: list[Chunk], more: list[Chunk], pause_s: float = 0.05) -> list[Chunk]:
    """One stream and then another, as where an encoder starts again."""
    return chunks + [(time_s + chunks[-1][0] + pause_s, data) for time_s, data in more]


def play(chunks: list[Chunk], write: Callable[[bytes], object], speed: float = 1.0) -> None:
    """Send a stream, and end quietly where nobody listens any more."""
    start = time.monotonic()
    with suppress(OSError):
        for time_s, data in chunks:
            time.sleep(max(0.0, start + time_s / speed - time.monotonic()))
            write(data)


@contextmanager
def in_thread(work: Callable[[], object]) -> Iterator[None]:
    """Do something meanwhile."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    yield
    thread.join(5)
    assert not thread.is_alive()


@contextmanager
def sent_by_tcp(chunks: list[Chunk], speed: float = 1.0, reset: bool = False) -> Iterator[str]:
    """The address at which a stream waits for one visitor.

    Args:
        chunks: the stream.
        speed: over that at which it plays.
        reset: break off at the end, in place of ending.
    """

    def serve() -> None:
        with suppress(OSError):
            visitor, _ = listener.accept()
            play(chunks, visitor.sendall, speed)
            if reset:
                visitor.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            visitor.close()

    with socket.create_server(("127.0.0.1", 0)) as listener, in_thread(serve):
        yield f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)


@contextmanager
def sent_by_udp(chunks: list[Chunk]) -> Iterator[str]:
    """The address to which a stream is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def send(data: bytes) -> None:
        for at in range(0, len(data), PACKETS):
            sender.sendto(data[at : at + PACKETS], ("127.0.0.1", port))

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender, in_thread(lambda: play(chunks, send)):
        yield f"udp://127.0.0.1:{port}"


@contextmanager
def sent_by_rtsp(chunks: list[Chunk]) -> Iterator[str]:
    """The address of a server that speaks as much RTSP as one visitor needs: MPEG-TS in RTP, interleaved."""

    def serve() -> None:
        with suppress(OSError):
            visitor, _ = listener.accept()
            with visitor, visitor.makefile("rb") as lines:
                if _asked_to_play(visitor, lines):
                    numbers = count()
                    play(chunks, lambda data: _send_rtp(visitor, data, numbers))
                    visitor.shutdown(socket.SHUT_WR)
                    lines.read()  # its reports: closed with these unread, the connection would be reset

    with socket.create_server(("127.0.0.1", 0)) as listener, in_thread(serve):
        yield f"rtsp://me:secret@127.0.0.1:{listener.getsockname()[1]}/1"
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)


def _asked_to_play(visitor: socket.socket, lines) -> bool:
    """Answer what comes before the stream; false where the visitor leaves."""
    sdp = "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=a\r\nt=0 0\r\nm=video 0 RTP/AVP 33\r\na=control:track\r\n"
    answers = {
        "DESCRIBE": f"Content-Type: application/sdp\r\nContent-Length: {len(sdp)}\r\n\r\n{sdp}",
        "OPTIONS": "Public: DESCRIBE, SETUP, PLAY\r\n\r\n",
        "SETUP": "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n\r\n",
        "PLAY": "Session: 1\r\n\r\n",
    }
    while verb := lines.readline().decode().partition(" ")[0]:
        headers = dict(line.decode().strip().split(": ", 1) for line in iter(lines.readline, b"\r\n"))
        visitor.sendall(f"RTSP/1.0 200 OK\r\nCSeq: {headers['CSeq']}\r\n{answers[verb]}".encode())
        if verb == "PLAY":
            return True
    return False


def _send_rtp(visitor: socket.socket, data: bytes, numbers: Iterator[int]) -> None:
    for at in range(0, len(data), PACKETS):
        part, stamp = data[at : at + PACKETS], round(90_000 * time.monotonic()) % 2**32
        header = struct.pack("!BBHII", 0x80, PAYLOAD_TS, next(numbers) % 2**16, stamp, 1)
        visitor.sendall(b"$" + struct.pack("!BH", 0, len(header) + len(part)) + header + part)
