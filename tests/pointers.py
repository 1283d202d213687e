"""Files that are no video but name other files or addresses, which a player would open; and an address that counts who
calls."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

POINTERS: dict[str, Callable[[str], str]] = {  # ending -> what names a place
    ".m3u8": lambda place: f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{place}\n#EXT-X-ENDLIST\n",
    ".ffconcat": lambda place: f"ffconcat version 1.0\nfile '{place}'\n",
    ".sdp": lambda place: (
        f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns={place}\na=control:{place}\nc=IN IP4 127.0.0.1\nt=0 0\n"
        "m=video 9 RTP/AVP 96\na=rtpmap:96 H264/90000\n"
    ),
    ".mpd": lambda place: (
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        f'mediaPresentationDuration="PT2S"><BaseURL>{place}</BaseURL><Period><AdaptationSet mimeType="video/mp4">'
        f'<Representation id="1" bandwidth="1"><BaseURL>{place}</BaseURL></Representation></AdaptationSet>'
        "</Period></MPD>"
    ),
}


@contextmanager
def listening() -> Iterator[tuple[str, Callable[[], int]]]:
    """An address of this machine, and how many have called there."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        calls: list[object] = []

        def answer() -> None:
            while True:
                try:
                    line, who = server.accept()
                except OSError:
                    return
                calls.append(who)
                line.close()

        threading.Thread(target=answer, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}", lambda: len(calls)
        server.shutdown(socket.SHUT_RDWR)
