"""Starts and stops the web page."""

import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from dsol.errors import DsolError, check_installed
from dsol.localize import Localizer

if TYPE_CHECKING:
    import uvicorn

GRACE_S = 2  # seconds that open connections get when the server stops
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # listen at -> what a browser on this machine opens


def serve(model: str | Path = "general", host: str = "127.0.0.1", port: int = 8000, limit_mb: int = 500) -> None:
    """Serve the page until Ctrl-C. What was uploaded and found is gone afterwards.

    Args:
        model: what `Localizer.load` takes.
        host: the address to listen at; with "0.0.0.0" every machine that reaches this one can use it.
        port: the TCP port; 0 takes a free one.
        limit_mb: the largest video that is taken, in millions of bytes.

    Raises:
        DsolError: before anything is served: FastAPI or uvicorn is missing, the address cannot be used, or the
            model cannot.
        KeyboardInterrupt: Ctrl-C.
    """
    check_installed("serve", "fastapi", "uvicorn")
    with _listening(host, port) as listener:
        localizer = Localizer.load(model)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # or the folder would be left
        with TemporaryDirectory(prefix="dsol-serve-", ignore_cleanup_errors=True) as folder:
            print(f"dsol: open {_address(host, listener)} in a browser; Ctrl-C stops", flush=True)
            _run(localizer, str(model), Path(folder), listener, limit_mb, _names(host, listener))


def _listening(host: str, port: int) -> socket.socket:
    """A socket that has the port to itself from now on."""
    if not host.strip():  # it would mean all addresses of the machine, which is to be said aloud
        raise DsolError("--host", "is empty", "give an address; 0.0.0.0 lets others use the page, too")
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        why = (getattr(error, "strerror", None) or str(error)).lower().rstrip(".")
    except (TypeError, ValueError):  # what Python cannot even write as a name of the network
        why = "it is no name of a machine"
    remedy = "choose another --port, or 0 for a free one, or another --host"
    raise DsolError(f"{host}:{port}", f"cannot be listened at: {why}", remedy)


def _in_address(host: str, listener: socket.socket) -> str:
    """The host as a browser writes it."""
    return EVERYWHERE.get(listener.getsockname()[0]) or (f"[{host}]" if ":" in host else host)


def _address(host: str, listener: socket.socket) -> str:
    return f"http://{_in_address(host, listener)}:{listener.getsockname()[1]}"


def _names(host: str, listener: socket.socket) -> set[str] | None:
    """What this server may be called; None, anything, where others may use it: who knows what they call the machine."""
    from dsol.serve.guard import LOOPBACK

    at = ip_address(listener.getsockname()[0])
    return {*LOOPBACK, _in_address(host, listener).lower()} if at.is_loopback else None


def _run(
    localizer: Localizer, model: str, folder: Path, listener: socket.socket, limit_mb: int, names: set[str] | None
) -> None:
    import uvicorn

    from dsol.serve.app import make_app
    from dsol.serve.jobs import Jobs

    with Jobs(localizer, folder) as jobs:
        app = make_app(jobs, model, limit_mb, names)
        options = uvicorn.Config(app, log_level="warning", lifespan="off", timeout_graceful_shutdown=GRACE_S)
        server = uvicorn.Server(options)
        with _quiet_end(server):
            server.run(sockets=[listener])


@contextmanager
def _quiet_end(server: "uvicorn.Server") -> Iterator[None]:
    """Whoever is cut off when the server stops is no mistake to tell of."""
    from dsol.serve.jobs import log

    def is_told(_: object) -> bool:
        return not server.should_exit

    log.addFilter(is_told)
    try:
        yield
    finally:
        log.removeFilter(is_told)
