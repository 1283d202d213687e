"""The routes: upload a video, follow it, get its files, delete it. The page uses these like any client."""

import shutil
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import StreamingResponse
from fastapi.routing import APIRoute
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, Field
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException as AnyHTTPException
from starlette.requests import ClientDisconnect

import dsol
from dsol.errors import DsolError
from dsol.localize.files import FILES
from dsol.serve import metrics
from dsol.serve.events import MEDIA_TYPE, events
from dsol.serve.guard import LOOPBACK, Guard, ResultFile, refuse_input, refuse_request, refuse_words
from dsol.serve.jobs import Job, Jobs, Standing
from dsol.serve.limits import MAKE_ROOM, Refusal
from dsol.serve.results import ORIGINAL, formats, is_result, result_of
from dsol.serve.shown import POSTER, WATCH
from dsol.serve.uploads import linger, plain_name, receive
from dsol.serve.worker import check_apart

HERE = Path(__file__).parent
PAGE, SAMPLE = HERE / "page", HERE / "sample.mp4"
SAMPLE_NAME = "guitar and flute, drawn.mp4"
RETRY_S = 20  # seconds after which a client may ask again for a place in the queue
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]
BODY = {  # FastAPI cannot see from a function that it reads the body as it comes
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


class Failure(BaseModel):
    """The response to every refused request."""

    error: str = Field(description="One line: what, where, and what to do about it.")


class Taken(BaseModel):
    """What the server takes."""

    mb: int = Field(description="Size of a video, millions of bytes.")
    minutes: float = Field(description="Length of a video.")
    queue: int = Field(description="Videos that may wait.")
    disk_mb: int = Field(description="All uploads and results together, millions of bytes.")
    keep_hours: float = Field(description="How long a video that is done is kept; 0: no end.")
    visitor: int = Field(description="Videos of one visitor.")


class Format(BaseModel):
    """A format of results."""

    files: list[str]
    told: str = Field(description="What it is for.")


class About(BaseModel):
    """The server."""

    version: str
    model: str
    categories: list[str] = Field(description="What the model can name.")
    limit_mb: int = Field(description="The largest video that is taken, millions of bytes.")
    threshold: float = Field(description="The score from which a category counts as sounding.")
    limits: Taken
    formats: dict[str, Format] = Field(description="What results can be had in, see docs/formats.md.")
    sample: str = Field(description="Name of the video that POST /api/sample gives.")


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
    more: list[str] = Field(description="What else can be fetched now, besides the files of all formats.")
    playable: bool = Field(description="Browsers play the original.")
    expires_s: float = Field(description="When it goes, seconds since 1970; 0 where that is not known.")


TOLD = {
    400: "Not whole, or a Range that is none", 403: "Another web site asked, or by another name of the server",
    404: "Not there", 408: "It arrives too slowly", 409: "Not done", 413: "Too large or too long",
    416: "A Range beyond the end", 422: "Cannot be read", 429: "Too many videos of one visitor",
    500: "A mistake of dsol", 503: "The queue is full", 507: "Cannot be kept, mostly as the disk is full",
}  # fmt: skip


def refusals(*statuses: int) -> dict[int | str, dict]:
    """For the documentation: the errors that a route may return."""
    some = {status: {"model": Failure, "description": TOLD[status]} for status in (*statuses, 403, 500)}
    return {**some, "default": {"model": Failure, "description": "Any other refusal"}}


def make_app(jobs: Jobs, model: str, names: Collection[str] | None = LOOPBACK) -> FastAPI:
    """The web application.

    Args:
        jobs: works on the videos.
        model: its name, for display.
        names: what the server may be called in an address, see `Guard`; None: anything.
    """
    # FastAPI's own pages of documentation would fetch their scripts from another server.
    app = FastAPI(title="dsol serve", version=dsol.__version__, docs_url=None, redoc_url=None,
                  openapi_url="/api/openapi.json")  # fmt: skip
    app.add_middleware(Guard, names=names)
    handlers = {DsolError: refuse_input, AnyHTTPException: refuse_request, RequestValidationError: refuse_words}
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)
    _add_uploading(app, jobs)
    _add_following(app, jobs)
    _add_results(app, jobs)
    _add_about(app, jobs, Path(model).name)
    _add_the_rest(app)
    app.mount("/", StaticFiles(directory=PAGE, html=True))
    return app


def _add_about(app: FastAPI, jobs: Jobs, model: str) -> None:
    @app.head("/api", include_in_schema=False)
    @app.get("/api", summary="What serves here", responses=refusals())
    def about() -> About:
        limits = jobs.limits
        told = Taken(**{name: getattr(limits, name) for name in Taken.model_fields})
        return About(
            version=dsol.__version__, model=model, categories=jobs.worker.categories, limit_mb=limits.mb,
            threshold=jobs.worker.threshold, limits=told,
            formats={name: Format(**each) for name, each in formats().items()}, sample=SAMPLE_NAME,
        )  # fmt: skip

    @app.get("/metrics", summary="Figures for Prometheus", response_class=Response, responses=refusals())
    def figures() -> Response:
        return Response(jobs.metrics.text(), media_type=metrics.MEDIA_TYPE)


def _add_the_rest(app: FastAPI) -> None:
    """What no route takes: a method that an address does not have, or no address; else the files of the page would."""
    routes = [route for route in app.routes if isinstance(route, APIRoute)]

    @app.api_route("/api/{path:path}", methods=METHODS, include_in_schema=False)
    def no_route(request: Request) -> None:
        there = [route.methods or set() for route in routes if route.path_regex.match(request.url.path)]
        if not there:
            raise HTTPException(404)
        raise HTTPException(405, headers={"Allow": ", ".join(sorted(set().union(*there)))})


def _add_uploading(app: FastAPI, jobs: Jobs) -> None:
    async def taken(request: Request, name: str, fill: Callable[[Job], Any]) -> State:
        """A new job whose video `fill` brings; every way in which that goes wrong is counted and told."""
        visitor = request.client.host if request.client else ""
        job = None
        try:
            job = jobs.reserve(name, visitor, _announced(request))
            job.folder.mkdir()
            await fill(job)
            facts = await run_in_threadpool(check_apart, job.video, jobs.limits.minutes, jobs.limits.memory_mb)
            job.kind = facts["kind"]
            if await request.is_disconnected():  # no client would know its id
                raise ClientDisconnect
        except BaseException as error:  # also when the browser disconnects
            if job is not None:
                jobs.release(job)
            told, status = _upload_error(job, name, error)
            jobs.metrics.uploaded(status)
            if told is None:
                raise
            if not isinstance(error, ClientDisconnect) and "expect" not in request.headers:
                await linger(request.stream())
            raise told from None
        jobs.add(job)
        jobs.metrics.uploaded(201)
        return _state(job, jobs)

    @app.post("/api/videos", status_code=201, summary="Give a video", openapi_extra=BODY,
              responses=refusals(400, 408, 413, 422, 429, 503, 507))  # fmt: skip
    async def upload(request: Request, name: str = "") -> State:
        """The body is the video itself, not a form; the response comes once its first second could be read."""

        async def fill(job: Job) -> None:
            def grown(size: int) -> None:
                jobs.check_size(job, size)
                job.bytes = size

            await receive(request.stream(), job.video, job.name, grown)

        return await taken(request, plain_name(name), fill)

    @app.post("/api/sample", status_code=201, summary="Take the sample video", responses=refusals(429, 503, 507))
    async def sample(request: Request) -> State:
        """A few seconds that dsol drew and played itself: a guitar, then a flute."""

        async def fill(job: Job) -> None:
            await run_in_threadpool(shutil.copyfile, SAMPLE, job.video)

        return await taken(request, SAMPLE_NAME, fill)


def _announced(request: Request) -> int:
    """How many bytes are to come; 0 if that is not known: they are counted anyway."""
    try:
        return int(request.headers.get("content-length", 0))
    except ValueError:
        return 0


def _upload_error(job: Job | None, name: str, error: BaseException) -> tuple[Exception | None, int]:
    """The error for the client, None where there is none to report; and its status."""
    if isinstance(error, ClientDisconnect):
        return HTTPException(400, str(DsolError(name, "did not arrive whole", "send it again"))), 400
    if isinstance(error, OSError):
        what = f"cannot be kept: {(error.strerror or str(error)).lower()}"
        return HTTPException(507, str(DsolError(name, what, MAKE_ROOM))), 507
    if isinstance(error, Refusal):
        headers = {"Retry-After": str(RETRY_S)} if error.status == 503 else None
        told = job.named(error) if job else error
        return HTTPException(error.status, str(told), headers), error.status
    if isinstance(error, DsolError):
        return (job.named(error) if job else error), 422
    return None, 500


def _finder(jobs: Jobs) -> Callable[[str], Job]:
    def found(id: str) -> Job:
        job = jobs.find(id)
        if job is None:
            raise HTTPException(404, str(DsolError(id, "is no video of this server", "upload it again")))
        return job

    return found


def _add_following(app: FastAPI, jobs: Jobs) -> None:
    found = _finder(jobs)

    @app.head("/api/videos/{id}", include_in_schema=False)
    @app.get("/api/videos/{id}", summary="How far a video is", responses=refusals(404))
    def state(id: str) -> State:
        return _state(found(id), jobs)

    @app.get("/api/videos/{id}/events", summary="What is found, as it is found", response_class=StreamingResponse,
             responses=refusals(404))  # fmt: skip
    async def follow(request: Request, id: str) -> StreamingResponse:
        """Server-sent events: `head`, a `part` a second, `tracks`; `state` whenever it changes; `end`."""
        job = found(id)
        last = request.headers.get("last-event-id", "")
        after = int(last) if last.isascii() and last.isdigit() else 0
        lines = events(job, lambda: _state(job, jobs).model_dump_json(), after)
        return StreamingResponse(lines, media_type=MEDIA_TYPE, headers={"Cache-Control": "no-store"})

    @app.delete("/api/videos/{id}", status_code=204, summary="Stop and forget a video", responses=refusals(404))
    def remove(id: str) -> None:
        jobs.remove(found(id))


def _add_results(app: FastAPI, jobs: Jobs) -> None:
    found = _finder(jobs)

    @app.head("/api/videos/{id}/{file}", include_in_schema=False)
    @app.get("/api/videos/{id}/{file}", summary="A result", response_class=ResultFile,
             responses=refusals(400, 404, 409, 416, 422))  # fmt: skip
    def result(id: str, file: str, threshold: float | None = None) -> ResultFile:
        """A file; with `threshold` as if the model had had that one."""
        job = found(id)
        if not is_result(file):
            raise HTTPException(404, str(DsolError(file, "is no result", f"ask for one of {', '.join(FILES)}")))
        try:
            made = result_of(job, file, threshold)
        except (OSError, ValueError):
            raise HTTPException(404, str(DsolError(job.name, "is gone", "upload the video again"))) from None
        if made is None:
            raise HTTPException(409, job.error or str(DsolError(job.name, "is not done", "wait until it is done")))
        how = "attachment" if made.folder else "inline"
        return ResultFile(made.path, filename=made.name, media_type=made.kind, content_disposition_type=how,
                          background=BackgroundTask(made.clean))  # fmt: skip


def _state(job: Job, jobs: Jobs) -> State:
    state = job.state  # once: the work goes on in its thread
    more = [name for name, there in ((ORIGINAL, state != "failed"), (POSTER, state == "done"), (WATCH, job.watch))
            if there]  # fmt: skip
    keep_s = 3600 * jobs.limits.keep_hours
    return State(
        id=job.id, name=job.name, state=state, ahead=jobs.ahead(job), step=job.step, done=job.done,
        total=job.total, unit=job.unit, error=job.error, colours=job.colours,
        files=list(FILES) if state == "done" else [], more=more, playable=bool(job.kind),
        expires_s=job.finished_s + keep_s if job.finished_s and keep_s else 0.0,
    )  # fmt: skip
