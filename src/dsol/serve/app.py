"""The routes: a video in, its state, its files, and away with it. The page is a user of these like any other."""

import shutil
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from pathlib import Path

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException as AnyHTTPException
from starlette.requests import ClientDisconnect

import dsol
from dsol.errors import DsolError
from dsol.localize.files import FILES
from dsol.serve.jobs import Job, Jobs, Standing, log
from dsol.serve.uploads import MB, TooLarge, check_video, plain_name, receive

PAGE = Path(__file__).parent / "page"
GUARDS = {  # what the browser must not do with what we send
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
BODY = {  # FastAPI cannot see from a function that it reads the body as it comes
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


class Failure(BaseModel):
    """What every refused request answers."""

    error: str = Field(description="One line: what, where, and what to do about it.")


class About(BaseModel):
    """The server."""

    version: str
    model: str
    categories: list[str] = Field(description="What the model can name.")
    limit_mb: int = Field(description="The largest video that is taken, millions of bytes.")


class State(BaseModel):
    """One video."""

    id: str
    name: str
    state: Standing
    ahead: int = Field(description="How many videos come before this one, while it waits.")
    step: str = Field(description="What is being done, while it runs.")
    done: int = Field(description="How far the step is, in `unit`.")
    total: int = Field(description="Where the step ends, about; 0 if not known.")
    unit: str
    error: str = Field(description="Why it failed.")
    colours: dict[str, str] = Field(description="Category that sounds -> its colour in the annotated video.")
    files: list[str] = Field(description="What can be fetched: all files or none.")


FAILURES: dict[int | str, dict] = {404: {"model": Failure, "description": "No such video"}}


def make_app(jobs: Jobs, model: str, limit_mb: int) -> FastAPI:
    """The web application.

    Args:
        jobs: who works on the videos.
        model: its name, to be shown.
        limit_mb: the largest video that is taken, in millions of bytes.
    """
    # FastAPI's own pages of documentation would fetch their scripts from another server.
    app = FastAPI(title="dsol serve", version=dsol.__version__, docs_url=None, redoc_url=None,
                  openapi_url="/api/openapi.json")  # fmt: skip
    app.middleware("http")(_guard)
    for kind, answer in ((DsolError, _refuse), (AnyHTTPException, _say), (RequestValidationError, _say_invalid)):
        app.add_exception_handler(kind, answer)
    _add_uploading(app, jobs, limit_mb)
    _add_reading(app, jobs)

    @app.get("/api", summary="What serves here")
    def about() -> About:
        categories = sorted(set(jobs.localizer.system.categories))
        return About(version=dsol.__version__, model=Path(model).name, categories=categories, limit_mb=limit_mb)

    app.mount("/", StaticFiles(directory=PAGE, html=True))
    return app


def _add_uploading(app: FastAPI, jobs: Jobs, limit_mb: int) -> None:
    @app.post("/api/videos", status_code=201, summary="Give a video", openapi_extra=BODY,
              responses={413: {"model": Failure}, 422: {"model": Failure}})  # fmt: skip
    async def upload(request: Request, name: str = "") -> State:
        """The body is the video itself, not a form; the answer comes once its first second could be read."""
        job = jobs.new(plain_name(name))
        try:
            if int(request.headers.get("content-length", 0)) > limit_mb * MB:
                raise TooLarge(job.name, limit_mb)
            await receive(request.stream(), job.video, job.name, limit_mb)
            await run_in_threadpool(check_video, job.video)
        except BaseException as error:  # also where the browser goes away
            shutil.rmtree(job.folder, ignore_errors=True)
            if (told := _upload_error(job, error)) is None:
                raise
            raise told from None
        jobs.add(job)
        return _state(job, jobs)


def _upload_error(job: Job, error: BaseException) -> Exception | None:
    """What the visitor is told of it, if it is anything to tell."""
    if isinstance(error, ClientDisconnect):
        return HTTPException(400, str(DsolError(job.name, "did not arrive whole", "send it again")))
    if isinstance(error, OSError):
        what = f"cannot be kept: {(error.strerror or str(error)).lower()}"
        return HTTPException(507, str(DsolError(job.name, what, "remove videos that are done, or free some space")))
    return job.named(error) if isinstance(error, DsolError) else None


def _add_reading(app: FastAPI, jobs: Jobs) -> None:
    def found(id: str) -> Job:
        job = jobs.find(id)
        if job is None:
            raise HTTPException(404, str(DsolError(id, "is no video of this server", "upload it again")))
        return job

    @app.get("/api/videos/{id}", summary="How far a video is", responses=FAILURES)
    def state(id: str) -> State:
        return _state(found(id), jobs)

    @app.get("/api/videos/{id}/{file}", summary="A result", response_class=FileResponse,
             responses={**FAILURES, 409: {"model": Failure, "description": "Not done"}})  # fmt: skip
    def result(id: str, file: str) -> FileResponse:
        job = found(id)
        if file not in FILES:
            raise HTTPException(404, str(DsolError(file, "is no result", f"ask for one of {', '.join(FILES)}")))
        path = job.file(file)
        if path is None:
            raise HTTPException(409, job.error or str(DsolError(job.name, f"is {job.state}", "wait until it is done")))
        name = f"{Path(job.name).stem}.{file}"
        return FileResponse(path, filename=name, content_disposition_type="inline")

    @app.delete("/api/videos/{id}", status_code=204, summary="Stop and forget a video", responses=FAILURES)
    def remove(id: str) -> None:
        jobs.remove(found(id))


def _state(job: Job, jobs: Jobs) -> State:
    return State(
        id=job.id, name=job.name, state=job.state, ahead=jobs.ahead(job), step=job.step, done=job.done,
        total=job.total, unit=job.unit, error=job.error, colours=job.colours,
        files=list(FILES) if job.state == "done" else [],
    )  # fmt: skip


async def _guard(request: Request, handle: Callable[[Request], Awaitable[Response]]) -> Response:
    """No other web site may send us anything through its visitor's browser; no mistake of ours becomes a traceback."""
    if request.method not in ("GET", "HEAD") and request.headers.get("sec-fetch-site") == "cross-site":
        return _failure(403, "dsol serve: another web site asked (open the page of dsol serve itself)")
    try:
        response = await handle(request)
    except Exception:
        log.exception("%s %s: a mistake of dsol", request.method, request.url.path)
        response = _failure(500, "dsol serve: could not answer (the terminal of dsol serve says why)")
    response.headers.update(GUARDS)
    return response


def _failure(status: int, line: str) -> JSONResponse:
    return JSONResponse({"error": line}, status)


async def _refuse(request: Request, error: Exception) -> JSONResponse:
    return _failure(413 if isinstance(error, TooLarge) else 422, str(error))


async def _say(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, AnyHTTPException)
    ours = error.detail != HTTPStatus(error.status_code).phrase
    line = error.detail if ours else f"{request.url.path}: {error.detail.lower()} (see docs/serve.md)"
    return _failure(error.status_code, line)


async def _say_invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    return _failure(422, f"{first['loc'][-1]}: {first['msg'].lower()} (see docs/serve.md)")
