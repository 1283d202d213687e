"""Visitors of a server."""

import re
import socket
import threading
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import uvicorn
from fastapi.testclient import TestClient

from dsol.localize import Localizer
from dsol.serve.app import make_app
from dsol.serve.guard import LOOPBACK
from dsol.serve.jobs import Jobs
from dsol.serve.limits import Limits
from dsol.serve.worker import Worker
from tests.serve.systems import until

LIMIT_MB = 1
LIMITS = Limits(mb=LIMIT_MB)


class Visitor(TestClient):
    """Someone at the other end, with short words for what visitors do."""

    def __init__(self, jobs: Jobs, names=LOOPBACK):
        super().__init__(make_app(jobs, "two tones", names), base_url="http://127.0.0.1:8000")
        self.jobs = jobs

    def give(self, video: Path, name: str | None = None) -> dict:
        answer = self.post("/api/videos", params={"name": name or video.name}, content=video.read_bytes())
        assert answer.status_code == 201, answer.text
        return answer.json()

    def state(self, id: str) -> dict:
        return self.get(f"/api/videos/{id}").json()

    def finished(self, id: str) -> dict:
        return self.until(id, lambda state: state["state"] in ("done", "failed"))

    def until(self, id: str, wanted) -> dict:
        until(lambda: wanted(self.state(id)))
        return self.state(id)

    def refused(self, status: int, method: str, path: str, **options) -> str:
        """The one line with which a request is refused."""
        answer = self.request(method, path, **options)
        assert answer.status_code == status, answer.text
        assert list(answer.json()) == ["error"]
        line = answer.json()["error"]
        assert re.fullmatch(r"[^\n]+: [^\n]+ \(.+\)", line), "it names what, where and the remedy"
        return line


@contextmanager
def visiting(system, folder: Path, limits: Limits = LIMITS):
    with Jobs(Worker(partial(Localizer, system), limits), folder, limits) as jobs:
        yield Visitor(jobs)


@contextmanager
def running(app):
    """An address at which a browser finds the app."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
