"""Checks before the routes: which requests are allowed, and the form of errors. Every error is one line of JSON."""

import re
from collections.abc import Collection
from http import HTTPStatus

from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dsol.errors import DsolError
from dsol.serve.jobs import log
from dsol.serve.limits import Refusal

HEADERS = {  # restrictions for the browser on what we send
    "Content-Security-Policy": "default-src 'self'; media-src 'self' blob:; img-src 'self' blob:; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",  # blob: the visitor's own file, before it is sent
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}
LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})


class Guard:
    """No other web site may send requests through its visitor's browser; no mistake of ours becomes a traceback.

    Args:
        app: the application.
        names: of this server, as the header Host gives them without the port. Any other is refused: another site can
            make its own name lead to this machine, and would then be its "same site". None takes every name.
    """

    def __init__(self, app: ASGIApp, names: Collection[str] | None):
        self.app, self.names = app, names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        begun = False

        async def send_guarded(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        request = Request(scope)
        try:
            await (self._refusal(request) or self.app)(scope, receive, send_guarded)
        except Exception:
            if begun:  # too late for another response; uvicorn logs it and ends the connection
                raise
            log.exception("%s %s: a mistake of dsol", request.method, request.url.path)
            response = refusal(500, "dsol serve: could not answer (the terminal of dsol serve says why)")
            await response(scope, receive, send_guarded)

    def _refusal(self, request: Request) -> JSONResponse | None:
        host = re.sub(r":\d*$", "", request.headers.get("host", "")).lower()
        if self.names is not None and host not in self.names:
            what, remedy = "is no name of this server", f"open it as {' or '.join(sorted(self.names))}"
            return refusal(403, str(DsolError(host or "no host", what, remedy)))
        if request.method not in ("GET", "HEAD") and is_foreign(request):
            return refusal(403, "dsol serve: another web site asked (open the page of dsol serve itself)")
        return None


def is_foreign(request: Request) -> bool:
    """Whether a page of another site sent it.

    What the browser itself found out decides. Browsers tell it only to HTTPS and to this machine, and old ones never:
    then the page's address must be ours. Programs that are no browser send neither.
    """
    if site := request.headers.get("sec-fetch-site"):
        return site not in ("same-origin", "none")
    origin, host = request.headers.get("origin"), request.headers.get("host", "").lower()
    return origin is not None and origin.lower() not in (f"http://{host}", f"https://{host}")


class ResultFile(FileResponse):
    """A file that may be removed at any moment; what is wrong with it or with the Range is reported like all errors."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        held: list[Message] = []
        begun = False

        async def send_late(message: Message) -> None:
            """The status is sent with the first bytes: only then it is certain that there are any."""
            nonlocal begun
            held.append(message)
            if message["type"] == "http.response.start":
                return _check_range(message, self.filename or "the file")
            begun = True
            while held:
                await send(held.pop(0))

        try:
            await super().__call__(scope, receive, send_late)
        except (FileNotFoundError, RuntimeError):  # the latter where Starlette looks before it opens
            if begun:
                raise
            raise HTTPException(404, str(DsolError(self.filename, "is gone", "upload the video again"))) from None


def _check_range(start: Message, name: str) -> None:
    if start["status"] >= 400:
        size = MutableHeaders(scope=start).get("content-range")
        line = DsolError(name, "does not have this range", "ask for bytes=FIRST-LAST within it")
        raise HTTPException(start["status"], str(line), {"Content-Range": size} if size else None)


def refusal(status: int, line: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """The form of every refusal."""
    return JSONResponse({"error": line}, status, headers)


async def refuse_input(request: Request, error: Exception) -> JSONResponse:
    """For `DsolError`."""
    return refusal(error.status if isinstance(error, Refusal) else 422, str(error))


async def refuse_request(request: Request, error: Exception) -> JSONResponse:
    """For requests that a route, or Starlette before any route, refuses."""
    assert isinstance(error, HTTPException)
    ours = error.detail != HTTPStatus(error.status_code).phrase
    line = error.detail if ours else f"{request.url.path}: {error.detail.lower()} (see docs/serve.md)"
    return refusal(error.status_code, line, dict(error.headers or {}))


async def refuse_words(request: Request, error: Exception) -> JSONResponse:
    """For a query that FastAPI cannot read."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    return refusal(422, f"{first['loc'][-1]}: {first['msg'].lower()} (see docs/serve.md)")
