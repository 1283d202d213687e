"""Starts and stops the web page."""

import signal
import socket
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from dsol.errors import DsolError, check_installed
from dsol.localize import Localizer

GRACE_S = 2  # seconds that open connections get when the server stops


def serve(model: str | Path = "small", host: str = "127.0.0.1", port: int = 8000, limit_mb: int = 500) -> None:
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
            _run(localizer, str(model), Path(folder), listener, limit_mb)


def _listening(host: str, port: int) -> socket.socket:
    """A socket that has the port to itself from now on."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        what = f"cannot be listened at: {(getattr(error, 'strerror', None) or str(error)).lower().rstrip('.')}"
        raise DsolError(
            f"{host}:{port}", what, "choose another --port, or 0 for a free one, or another --host"
        ) from None


def _address(host: str, listener: socket.socket) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"


def _run(localizer: Localizer, model: str, folder: Path, listener: socket.socket, limit_mb: int) -> None:
    import uvicorn

    from dsol.serve.app import make_app
    from dsol.serve.jobs import Jobs

    with Jobs(localizer, folder) as jobs:
        app = make_app(jobs, model, limit_mb)
        options = uvicorn.Config(app, log_level="warning", lifespan="off", timeout_graceful_shutdown=GRACE_S)
        uvicorn.Server(options).run(sockets=[listener])
