"""Starts and stops the web page."""

import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from dsol.errors import DsolError, check_installed
from dsol.localize import Localizer
from dsol.progress import say
from dsol.serve.limits import Limits

if TYPE_CHECKING:
    import uvicorn

GRACE_S = 2  # seconds that open connections get when the server stops
CONNECTIONS = 512  # at a time; more are refused by uvicorn
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # listen at -> what a browser on this machine opens
MARK, VIDEOS = "dsol-serve.lock", "videos"  # in a folder of `--data`


def serve(
    model: str | Path = "general",
    host: str = "127.0.0.1",
    port: int = 8000,
    limit_mb: int = 500,
    data: str | Path | None = None,
    limits: Limits | None = None,
) -> None:
    """Serve the page until Ctrl-C. Uploads and results are deleted afterwards, unless they have a folder.

    Args:
        model: what `Localizer.load` takes.
        host: the address to listen at; with "0.0.0.0" every machine that reaches this one can use it.
        port: the TCP port; 0 takes a free one.
        limit_mb: the largest video that is taken, in millions of bytes; `limits` says it, too.
        data: folder for uploads and results that stay over a restart; made if missing.
        limits: what is taken.

    Raises:
        DsolError: before anything is served: FastAPI or uvicorn is missing, the address or the folder cannot be
            used, or the model cannot.
        KeyboardInterrupt: Ctrl-C.
    """
    check_installed("dsol serve", "serve", "fastapi", "uvicorn", "prometheus_client")
    limits = limits or Limits(mb=limit_mb)
    with _listening(host, port) as listener, _folder(data) as folder:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that the folder is deleted
        address = _address(host, listener)
        _run(str(model), folder, listener, limits, address, _names(host, listener))


@contextmanager
def _folder(data: str | Path | None) -> Iterator[Path]:
    """The folder for videos: of one's own, used by one server at a time, or one that is removed."""
    if data is None:
        with TemporaryDirectory(prefix="dsol-serve-", ignore_cleanup_errors=True) as folder:
            yield Path(folder)
        return
    data = Path(data)
    try:
        data.mkdir(parents=True, exist_ok=True)
        if not (data / MARK).exists() and any(data.iterdir()):
            raise DsolError(data, "holds something else", "give --data a new or empty folder")
        with (data / MARK).open("w") as mark:
            _lock(mark, data)
            (data / VIDEOS).mkdir(exist_ok=True)
            yield data / VIDEOS
    except OSError as error:
        raise DsolError(data, f"cannot be used: {(error.strerror or str(error)).lower()}", "choose another") from None


def _lock(mark, data: Path) -> None:
    with suppress(ImportError):  # Windows has no such locks
        import fcntl

        try:
            fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            what = "is used by another dsol serve"
            raise DsolError(data, what, "stop that one, or give another --data") from None


def _listening(host: str, port: int) -> socket.socket:
    """A socket that owns the port from now on."""
    if not host.strip():  # it would mean all addresses of the machine, which must be explicit
        raise DsolError("--host", "is empty", "give an address; 0.0.0.0 lets others use the page, too")
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        why = (getattr(error, "strerror", None) or str(error)).lower().rstrip(".")
    except (TypeError, ValueError):  # what Python cannot encode as a network name
        why = "it is no name of a machine"
    remedy = "choose another --port, or 0 for a free one, or another --host"
    raise DsolError(f"{host}:{port}", f"cannot be listened at: {why}", remedy)


def _in_address(host: str, listener: socket.socket) -> str:
    """The host as a browser writes it."""
    return EVERYWHERE.get(listener.getsockname()[0]) or (f"[{host}]" if ":" in host else host)


def _address(host: str, listener: socket.socket) -> str:
    return f"http://{_in_address(host, listener)}:{listener.getsockname()[1]}"


def _names(host: str, listener: socket.socket) -> set[str] | None:
    """What this server may be called; None, any, where other machines may use it: their name for it is not known."""
    from dsol.serve.guard import LOOPBACK

    at = ip_address(listener.getsockname()[0])
    return {*LOOPBACK, _in_address(host, listener).lower()} if at.is_loopback else None


def _run(
    model: str, folder: Path, listener: socket.socket, limits: Limits, address: str, names: set[str] | None
) -> None:
    import uvicorn

    from dsol.serve.app import make_app
    from dsol.serve.jobs import Jobs
    from dsol.serve.worker import Worker

    worker = Worker(partial(Localizer.load, model), limits)
    try:
        worker.start()
        if not worker.offline:
            say("dsol serve: this system leaves the network to the process that reads videos, see SECURITY.md")
        with Jobs(worker, folder, limits) as jobs:
            print(f"dsol: open {address} in a browser; Ctrl-C stops", flush=True)
            app = make_app(jobs, model, names)
            options = uvicorn.Config(app, log_level="warning", lifespan="off", timeout_graceful_shutdown=GRACE_S,
                                     limit_concurrency=CONNECTIONS)  # fmt: skip
            server = uvicorn.Server(options)
            with _quiet_end(server):
                server.run(sockets=[listener])
    finally:
        worker.kill()


@contextmanager
def _quiet_end(server: "uvicorn.Server") -> Iterator[None]:
    """Clients cut off when the server stops are not logged as errors."""
    from dsol.serve.jobs import log

    def is_told(_: object) -> bool:
        return not server.should_exit

    log.addFilter(is_told)
    try:
        yield
    finally:
        log.removeFilter(is_told)
