"""The routes: upload a video, get its state and its files, delete it. The page uses these like any client."""

import shutil
from collections.abc import Collection
from pathlib import Path

from fastapi import FastAPI, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException as AnyHTTPException
from starlette.requests import ClientDisconnect

import dsol
from dsol.errors import DsolError
from dsol.localize.files import FILES
from dsol.serve.guard import LOOPBACK, Guard, ResultFile, refuse_input, refuse_request, refuse_words
from dsol.serve.jobs import MAKE_ROOM, Job, Jobs, Standing
from dsol.serve.uploads import MB, TooLarge, check_video, plain_name, receive

PAGE = Path(__file__).parent / "page"
BODY = {  # FastAPI cannot see from a function that it reads the body as it comes
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


class Failure(BaseModel):
    """The response to every refused request."""

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


def refusals(*statuses: int) -> dict[int | str, dict]:
    """For the documentation: the errors that a route may return."""
    told = {400: "Not whole, or a Range that is none", 403: "Another web site asked, or by another name of the server",
            404: "Not there", 409: "Not done", 413: "Too large", 416: "A Range beyond the end", 422: "Cannot be read",
            500: "A mistake of dsol", 507: "Cannot be kept, mostly as the disk is full"}  # fmt: skip
    some = {status: {"model": Failure, "description": told[status]} for status in (*statuses, 403, 500)}
    return {**some, "default": {"model": Failure, "description": "Any other refusal"}}


def make_app(jobs: Jobs, model: str, limit_mb: int, names: Collection[str] | None = LOOPBACK) -> FastAPI:
    """The web application.

    Args:
        jobs: works on the videos.
        model: its name, for display.
        limit_mb: the largest video that is taken, in millions of bytes.
        names: what the server may be called in an address, see `Guard`; None: anything.
    """
    # FastAPI's own pages of documentation would fetch their scripts from another server.
    app = FastAPI(title="dsol serve", version=dsol.__version__, docs_url=None, redoc_url=None,
                  openapi_url="/api/openapi.json")  # fmt: skip
    app.add_middleware(Guard, names=names)
    handlers = {DsolError: refuse_input, AnyHTTPException: refuse_request, RequestValidationError: refuse_words}
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)
    _add_uploading(app, jobs, limit_mb)
    _add_reading(app, jobs)

    @app.head("/api", include_in_schema=False)
    @app.get("/api", summary="What serves here", responses=refusals())
    def about() -> About:
        categories = sorted(set(jobs.localizer.system.categories))
        return About(version=dsol.__version__, model=Path(model).name, categories=categories, limit_mb=limit_mb)

    app.mount("/", StaticFiles(directory=PAGE, html=True))
    return app


def _add_uploading(app: FastAPI, jobs: Jobs, limit_mb: int) -> None:
    @app.post("/api/videos", status_code=201, summary="Give a video", openapi_extra=BODY,
              responses=refusals(400, 413, 422, 507))  # fmt: skip
    async def upload(request: Request, name: str = "") -> State:
        """The body is the video itself, not a form; the response comes once its first second could be read."""
        job = jobs.new(plain_name(name))
        try:
            if _announced(request) > limit_mb * MB:
                raise TooLarge(job.name, limit_mb)
            job.folder.mkdir()
            await receive(request.stream(), job.video, job.name, limit_mb)
            await run_in_threadpool(check_video, job.video)
            if await request.is_disconnected():  # no client would know its id
                raise ClientDisconnect
        except BaseException as error:  # also when the browser disconnects
            shutil.rmtree(job.folder, ignore_errors=True)
            if (told := _upload_error(job, error)) is None:
                raise
            raise told from None
        jobs.add(job)
        return _state(job, jobs)


def _announced(request: Request) -> int:
    """How many bytes are to come; 0 if that is not known: they are counted anyway."""
    try:
        return int(request.headers.get("content-length", 0))
    except ValueError:
        return 0


def _upload_error(job: Job, error: BaseException) -> Exception | None:
    """The error for the client; None where there is none to report."""
    if isinstance(error, ClientDisconnect):
        return HTTPException(400, str(DsolError(job.name, "did not arrive whole", "send it again")))
    if isinstance(error, OSError):
        what = f"cannot be kept: {(error.strerror or str(error)).lower()}"
        return HTTPException(507, str(DsolError(job.name, what, MAKE_ROOM)))
    return job.named(error) if isinstance(error, DsolError) else None


def _add_reading(app: FastAPI, jobs: Jobs) -> None:
    def found(id: str) -> Job:
        job = jobs.find(id)
        if job is None:
            raise HTTPException(404, str(DsolError(id, "is no video of this server", "upload it again")))
        return job

    @app.get("/api/videos", include_in_schema=False)
    def no_list() -> None:
        line = DsolError("/api/videos", "is not listed", "ask for one video by its id")
        raise HTTPException(405, str(line), {"Allow": "POST"})

    @app.head("/api/videos/{id}", include_in_schema=False)
    @app.get("/api/videos/{id}", summary="How far a video is", responses=refusals(404))
    def state(id: str) -> State:
        return _state(found(id), jobs)

    @app.head("/api/videos/{id}/{file}", include_in_schema=False)
    @app.get("/api/videos/{id}/{file}", summary="A result", response_class=ResultFile,
             responses=refusals(400, 404, 409, 416))  # fmt: skip
    def result(id: str, file: str) -> ResultFile:
        job = found(id)
        if file not in FILES:
            raise HTTPException(404, str(DsolError(file, "is no result", f"ask for one of {', '.join(FILES)}")))
        path = job.file(file)
        if path is None:
            raise HTTPException(409, job.error or str(DsolError(job.name, "is not done", "wait until it is done")))
        name = f"{Path(job.name).stem}.{file}"
        return ResultFile(path, filename=name, content_disposition_type="inline")

    @app.delete("/api/videos/{id}", status_code=204, summary="Stop and forget a video", responses=refusals(404))
    def remove(id: str) -> None:
        jobs.remove(found(id))


def _state(job: Job, jobs: Jobs) -> State:
    state = job.state  # once: the work goes on in its thread
    return State(
        id=job.id, name=job.name, state=state, ahead=jobs.ahead(job), step=job.step, done=job.done,
        total=job.total, unit=job.unit, error=job.error, colours=job.colours,
        files=list(FILES) if state == "done" else [],
    )  # fmt: skip
