"""The web page: every route, every bad input, the queue, and what a browser makes of it."""

import importlib.util
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import unicodedata
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest
import uvicorn
from fastapi.testclient import TestClient

from dsol.cli import main
from dsol.errors import DsolError
from dsol.localize import Localizer
from dsol.localize.files import FILES
from dsol.serve.app import _state, make_app
from dsol.serve.guard import LOOPBACK
from dsol.serve.jobs import Job, Jobs
from dsol.serve.server import serve
from dsol.serve.uploads import plain_name
from tests.browser import CHROMIUM, Browser
from tests.localize.test_localize import TwoTones, hum_then_whistle
from tests.videos import BROKEN, write_silent, write_truncated, write_video

LIMIT_MB = 1
PATIENCE_S = 20


class Gated(TwoTones):
    """`TwoTones` that answers when it is let, and counts."""

    def __init__(self):
        super().__init__()
        self.gate, self.asked = threading.Event(), threading.Event()

    def predict(self, frames, waveforms, keys):
        self.asked.set()
        assert self.gate.wait(PATIENCE_S)
        return super().predict(frames, waveforms, keys)


class Mistaken(TwoTones):
    """A system with a bug."""

    def predict(self, frames, waveforms, keys):
        raise ZeroDivisionError


def until(condition) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


class Visitor(TestClient):
    """Someone at the other end, with short words for what visitors do."""

    def __init__(self, jobs: Jobs, names=LOOPBACK):
        super().__init__(make_app(jobs, "two tones", LIMIT_MB, names), base_url="http://127.0.0.1:8000")
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
def visiting(system, folder: Path):
    with Jobs(Localizer(system), folder) as jobs:
        yield Visitor(jobs)


@pytest.fixture
def visitor(tmp_path):
    (tmp_path / "served").mkdir()
    with visiting(TwoTones(), tmp_path / "served") as visitor:
        yield visitor


@pytest.fixture
def gated(tmp_path):
    (tmp_path / "served").mkdir()
    system = Gated()
    with visiting(system, tmp_path / "served") as visitor:
        yield visitor, system
        system.gate.set()


@pytest.fixture(scope="module")
def short(tmp_path_factory) -> Path:
    return write_video(tmp_path_factory.mktemp("short") / "short.mp4", seconds=1.0)


@pytest.fixture(scope="module")
def party(tmp_path_factory) -> Path:
    return write_video(tmp_path_factory.mktemp("party") / "my party.mp4", 5.0, sound=hum_then_whistle)


@pytest.fixture(scope="module")
def done(short, tmp_path_factory):
    """A visitor whose video is done, and its id; for looking only."""
    with visiting(TwoTones(), tmp_path_factory.mktemp("done")) as visitor:
        id = visitor.give(short)["id"]
        visitor.finished(id)
        yield visitor, id


# What goes well.


def test_a_video_comes_in_and_its_four_files_come_out(visitor, party):
    begun = visitor.give(party)
    assert (begun["name"], begun["error"], begun["files"]) == ("my party.mp4", "", [])
    done = visitor.finished(begun["id"])
    assert done["state"] == "done"
    assert done["files"] == list(FILES)
    assert done["colours"] == {"hummer": "#56b4e9", "whistler": "#e69f00"}
    files = {file: visitor.get(f"/api/videos/{begun['id']}/{file}") for file in FILES}
    assert all(answer.status_code == 200 for answer in files.values())
    assert files["localized.mp4"].headers["content-type"] == "video/mp4"
    assert files["timeline.png"].content.startswith(b"\x89PNG")
    result = files["result.json"].json()
    assert result["video"] == "my party.mp4", "the visitor's name, not our folder"
    assert [s["category"] for s in result["segments"]] == ["hummer", "whistler"]
    assert files["boxes.coco.json"].json()["images"][0]["file_name"] == "my party.mp4@0.000"
    assert "my%20party.result.json" in files["result.json"].headers["content-disposition"]


def test_a_film_can_be_fetched_in_parts_as_players_do(done):
    visitor, id = done
    part = visitor.get(f"/api/videos/{id}/localized.mp4", headers={"Range": "bytes=4-7"})
    assert (part.status_code, part.content) == (206, b"ftyp")
    for status, wanted in [(400, "seconds=1-2"), (400, "bytes=7-4"), (416, "bytes=99999999-")]:
        line = visitor.refused(status, "GET", f"/api/videos/{id}/localized.mp4", headers={"Range": wanted})
        assert line.startswith("short.localized.mp4: does not have this range")
    beyond = visitor.get(f"/api/videos/{id}/localized.mp4", headers={"Range": "bytes=99999999-"})
    assert re.fullmatch(r"bytes \*/\d+", beyond.headers["content-range"])


def test_what_can_be_read_can_be_asked_about(done):
    visitor, id = done
    for path in ("/", "/api", f"/api/videos/{id}", f"/api/videos/{id}/localized.mp4"):
        size = int(visitor.get(path).headers["content-length"])
        answer = visitor.head(path)
        assert (answer.status_code, int(answer.headers["content-length"])) == (200, size), path
    assert visitor.head("/api/videos/x").status_code == 404


def test_what_was_uploaded_is_not_kept_once_it_is_done(done):
    visitor, id = done
    assert sorted(p.name for p in (visitor.jobs.folder / id).iterdir()) == ["found"]


def test_silence_is_an_answer(visitor, tmp_path):
    done = visitor.finished(visitor.give(write_silent(tmp_path / "silent.mp4", 1.0))["id"])
    assert (done["state"], done["colours"]) == ("done", {})


def test_the_server_says_what_it_is(visitor):
    about = visitor.get("/api").json()
    assert (about["model"], about["limit_mb"]) == ("two tones", LIMIT_MB)
    assert about["categories"] == ["hummer", "whistler"]
    paths = visitor.get("/api/openapi.json").json()["paths"]
    assert set(paths) == {"/api", "/api/videos", "/api/videos/{id}", "/api/videos/{id}/{file}"}
    post = paths["/api/videos"]["post"]
    assert "application/octet-stream" in post["requestBody"]["content"]
    assert set(post["responses"]) == {"201", "400", "403", "413", "422", "500", "507", "default"}
    assert set(paths["/api/videos/{id}/{file}"]["get"]["responses"]) >= {"400", "403", "404", "409", "416", "500"}
    forms = {str(answer["content"]) for path in paths.values() for verb in path.values()
             for status, answer in verb["responses"].items() if status[0] != "2"}  # fmt: skip
    assert len(forms) == 1, "every refusal looks the same"


def test_the_page_and_all_that_it_needs_come_from_here(visitor):
    page = visitor.get("/")
    assert page.status_code == 200
    assert "default-src 'self'" in page.headers["content-security-policy"]
    folder = Path(importlib.util.find_spec("dsol.serve").origin).parent / "page"
    for file in folder.iterdir():
        text = visitor.get(f"/{file.name}").text
        assert text == file.read_text(encoding="utf-8")
        assert not re.search(r"(src|href|url|import|from|fetch)\W{1,3}(https?:)?//", text), "nothing from elsewhere"


# The queue.


def test_videos_are_done_one_at_a_time_in_the_order_of_arrival(gated, short):
    visitor, system = gated
    first, second, third = (visitor.give(short, f"{n}.mp4")["id"] for n in (1, 2, 3))
    visitor.until(first, lambda state: state["step"])
    states = [visitor.state(id) for id in (first, second, third)]
    assert [s["state"] for s in states] == ["running", "waiting", "waiting"]
    assert [s["ahead"] for s in states] == [0, 1, 2]
    assert (states[0]["step"], states[0]["total"], states[0]["unit"]) == ("Listening to 1.mp4", 1, "seconds")
    assert "wait until it is done" in visitor.refused(409, "GET", f"/api/videos/{first}/result.json")
    system.gate.set()
    assert visitor.finished(third)["state"] == "done"
    assert [visitor.state(id)["state"] for id in (first, second)] == ["done", "done"]


def test_a_removed_video_leaves_nothing_wherever_it_was(gated, short):
    visitor, system = gated
    running, waiting, last = (visitor.give(short)["id"] for _ in range(3))
    assert system.asked.wait(PATIENCE_S)
    for id in (running, waiting):
        assert visitor.delete(f"/api/videos/{id}").status_code == 204
        assert "is no video" in visitor.refused(404, "GET", f"/api/videos/{id}")
        assert "is no video" in visitor.refused(404, "DELETE", f"/api/videos/{id}")
    assert visitor.state(last)["ahead"] == 0
    system.gate.set()
    assert visitor.finished(last)["state"] == "done", "the worker goes on"
    assert [p.name for p in visitor.jobs.folder.iterdir()] == [last]
    visitor.delete(f"/api/videos/{last}")
    assert not list(visitor.jobs.folder.iterdir())


def test_closing_ends_the_work_in_progress(short, tmp_path):
    system = Gated()
    with visiting(system, tmp_path) as visitor:
        ids = [visitor.give(short)["id"] for _ in range(2)]
        assert system.asked.wait(PATIENCE_S)
        threading.Timer(0.2, system.gate.set).start()
    assert not visitor.jobs._worker.is_alive()
    assert [visitor.state(id)["files"] for id in ids] == [[], []]
    assert not list(tmp_path.rglob("localized.mp4"))


# What does not.


def test_bad_videos_are_refused_by_name_and_harm_no_other(visitor, short, tmp_path):
    for kind, write in BROKEN.items():
        bad = write(tmp_path / f"{kind}.mp4").read_bytes()
        line = visitor.refused(422, "POST", "/api/videos?name=mine.mp4", content=bad)
        assert line.startswith("mine.mp4: "), kind
        assert str(visitor.jobs.folder) not in line
    assert not list(visitor.jobs.folder.iterdir())
    assert visitor.finished(visitor.give(short)["id"])["state"] == "done"


def test_a_video_that_breaks_off_later_fails_with_its_line(visitor, short, tmp_path):
    broken = write_truncated(tmp_path / "broken.mp4", seconds=3.0)
    failed = visitor.finished(visitor.give(broken)["id"])
    assert failed["state"] == "failed"
    assert re.fullmatch(r"broken\.mp4: breaks off after .* s: .* \(.*\)", failed["error"])
    assert visitor.refused(409, "GET", f"/api/videos/{failed['id']}/result.json") == failed["error"]
    assert not list(visitor.jobs.folder.rglob("*.mp4"))
    assert visitor.finished(visitor.give(short)["id"])["state"] == "done"


def test_a_mistake_of_ours_is_one_line_too(short, tmp_path, caplog):
    with visiting(Mistaken(), tmp_path) as visitor:
        failed = visitor.finished(visitor.give(short)["id"])
        assert failed["error"] == "short.mp4: could not be localised (the terminal of dsol serve says why)"
        assert visitor.finished(visitor.give(short)["id"])["state"] == "failed", "and the worker goes on"
    assert "ZeroDivisionError" in caplog.text


def test_a_mistake_in_a_route_is_one_line_too(visitor, monkeypatch, caplog):
    monkeypatch.setattr(visitor.jobs, "find", lambda id: 1 / 0)
    assert "could not answer" in visitor.refused(500, "GET", "/api/videos/x")
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("told", [True, False])
def test_what_is_too_large_is_refused_whether_or_not_it_says_so(visitor, told):
    data = bytes(LIMIT_MB * 1_000_000 + 1)
    content = data if told else (data[n : n + 65536] for n in range(0, len(data), 65536))
    line = visitor.refused(413, "POST", "/api/videos?name=long.mp4", content=content)
    assert line.startswith("long.mp4: is larger than 1 MB")
    assert not list(visitor.jobs.folder.iterdir())


def test_a_length_that_is_no_number_is_counted_instead(visitor, short):
    answer = visitor.post("/api/videos", content=short.read_bytes(), headers={"Content-Length": "abc"})
    assert answer.status_code == 201


def test_a_visitor_who_went_away_before_the_answer_leaves_nothing(visitor, short, monkeypatch):
    checking, gone = threading.Event(), threading.Event()

    def check(_):
        checking.set()
        assert gone.wait(PATIENCE_S)

    monkeypatch.setattr("dsol.serve.app.check_video", check)
    with running(visitor.app) as address:
        connection = HTTPConnection(address.removeprefix("http://"))
        connection.request("POST", "/api/videos", body=short.read_bytes())
        assert checking.wait(PATIENCE_S)
        connection.close()
        time.sleep(0.2)  # the server hears of it
        gone.set()
        until(lambda: not list(visitor.jobs.folder.iterdir()))
    assert not visitor.jobs._jobs


def test_a_full_disk_is_said(visitor, short, monkeypatch):
    async def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("dsol.serve.app.receive", full)
    line = visitor.refused(507, "POST", "/api/videos?name=a.mp4", content=short.read_bytes())
    assert "no space left on device" in line
    assert not list(visitor.jobs.folder.iterdir())


def test_a_folder_that_cannot_be_made_is_said(visitor):
    visitor.jobs.folder = visitor.jobs.folder / "gone"
    assert "no such file or directory" in visitor.refused(507, "POST", "/api/videos?name=a.mp4", content=b"x")


def test_a_full_disk_while_results_are_written_is_said_with_what_a_visitor_can_do(visitor, short, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("dsol.localize.files.draw_timeline", full)
    failed = visitor.finished(visitor.give(short)["id"])
    assert failed["error"] == (
        "short.mp4: cannot be written: No space left on device (remove videos that are done, or free some space)"
    )


def test_an_upload_that_cannot_be_deleted_harms_nobody(visitor, short, monkeypatch):
    unlink = Path.unlink

    def kept(path, *args, **options):
        if path.name == "video":
            raise PermissionError(13, "Permission denied")
        return unlink(path, *args, **options)

    monkeypatch.setattr(Path, "unlink", kept)
    assert visitor.finished(visitor.give(short)["id"])["state"] == "done"


def test_the_worker_survives_any_mistake(visitor, short, monkeypatch, caplog):
    with monkeypatch.context() as patch:
        patch.setattr(Job, "_localize", lambda *_: 1 / 0)
        failed = visitor.finished(visitor.give(short)["id"])
    assert failed["error"] == "short.mp4: could not be localised (the terminal of dsol serve says why)"
    assert "ZeroDivisionError" in caplog.text
    assert visitor.finished(visitor.give(short)["id"])["state"] == "done"


@pytest.mark.parametrize("moment", ["before it is looked at", "before it is opened"])
def test_a_result_that_vanishes_is_not_there(visitor, short, monkeypatch, caplog, moment):
    id = visitor.give(short)["id"]
    visitor.finished(id)
    place = visitor.jobs.folder / id / "found" / "result.json"
    if moment == "before it is opened":
        stat = os.stat(place)
        monkeypatch.setattr("starlette.responses.os.stat", lambda *_, **__: stat)
    place.unlink()
    assert "is gone" in visitor.refused(404, "GET", f"/api/videos/{id}/result.json")
    assert not caplog.text


def test_a_state_holds_together_while_the_work_goes_on(tmp_path, monkeypatch):
    states = iter(["running", "done", "done", "done"])
    job = Job("a.mp4", tmp_path)
    monkeypatch.setattr(Job, "state", property(lambda _: next(states)), raising=False)
    state = _state(job, Jobs(Localizer(TwoTones()), tmp_path))
    assert (state.state, state.files) == ("running", [])


def test_nothing_else_is_served(done):
    visitor, id = done
    video = f"/api/videos/{id}"
    for path in (
        *(
            f"{video}/video",
            f"{video}/found/result.json",
            f"{video}/..%2f..%2fetc%2fpasswd",
            f"/api/videos/..%2f{id}/x",
        ),
        *("/api/videos/%00/result.json", "/api/videos", "/nothing", "/..%2fapp.py", "/%2e%2e/app.py", "/docs"),
    ):
        answer = visitor.get(path)
        assert answer.status_code in (404, 405), path
        assert list(answer.json()) == ["error"]


def test_videos_are_not_listed(visitor):
    assert visitor.get("/api/videos").headers["allow"] == "POST"
    visitor.refused(405, "GET", "/api/videos")
    visitor.refused(405, "PUT", "/api/videos/x")


OURS = "http://127.0.0.1:8000"


@pytest.mark.parametrize("headers", [
    {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1:3000"},
    {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": "http://127.0.0.1:3000"},
])  # fmt: skip
def test_other_web_sites_cannot_use_it_through_a_visitors_browser(visitor, short, headers):
    options = {"content": short.read_bytes(), "headers": headers}
    assert "another web site" in visitor.refused(403, "POST", "/api/videos?name=a.mp4", **options)
    assert "another web site" in visitor.refused(403, "DELETE", "/api/videos/x", headers=headers)
    assert not list(visitor.jobs.folder.iterdir())


@pytest.mark.parametrize("headers", [
    {}, {"Sec-Fetch-Site": "same-origin", "Origin": OURS}, {"Sec-Fetch-Site": "none"}, {"Origin": OURS},
    {"Sec-Fetch-Site": "same-origin", "Origin": "https://videos.example"},  # through a server in front
])  # fmt: skip
def test_its_own_page_and_programs_can(visitor, headers):
    assert visitor.delete("/api/videos/x", headers=headers).status_code == 404


def test_on_this_machine_it_answers_to_no_other_name(visitor):
    for host in ("127.0.0.1", "localhost:8000", "LOCALHOST", "[::1]:8000"):
        assert visitor.get("/api", headers={"Host": host}).status_code == 200
    for host in ("evil.example", "evil.example:8000", "127.0.0.1.evil.example", "", "[::1"):
        assert "no name of this server" in visitor.refused(403, "GET", "/api", headers={"Host": host})
    everywhere = Visitor(visitor.jobs, names=None)
    assert everywhere.get("/api", headers={"Host": "party.example"}).status_code == 200


@pytest.mark.parametrize(("given", "kept"), [
    ("party.mp4", "party.mp4"), ("../../etc/passwd", "passwd"), ("C:\\films\\a.mp4", "a.mp4"), ("", "video"),
    ("..", "video"), ("a\nb\x1b[31m\".mp4", "a_b_[31m_.mp4"), ("häuser 2.mp4", "häuser 2.mp4"),
    (unicodedata.normalize("NFD", "häuser.mp4"), "häuser.mp4"), ("हिन्दी.mp4", "हिन्दी.mp4"),
    ("x [a]'s.mp4", "x [a]_s.mp4"), ("100 % #1 (a & b); c!.mp4", "100 % #1 (a & b); c!.mp4"),
    ("a`b$c<d>e|f:g*h?.mp4", "a_b_c_d_e_f_g_h_.mp4"), ("4pm.\u202ecod.mp4", "4pm._cod.mp4"), ("a\u2028b", "a_b"),
    ("x" * 300 + ".mp4", "x" * 116 + ".mp4"), ("x" * 10 + " " + "y" * 119, "y" * 119),
])  # fmt: skip
def test_names_are_made_harmless(given, kept):
    assert plain_name(given) == kept


def test_a_name_of_letters_of_several_bytes_fits_on_a_disk():
    kept = plain_name("あ" * 300 + ".mp4")
    assert kept.endswith("あ.mp4")
    assert len(kept.encode()) <= 200


# The verb.


@contextmanager
def program(cwd: Path):
    """`dsol serve` as a program, once it is up: the process and its address."""
    command = [sys.executable, "-m", "dsol", "serve", "--port", "0"]
    environment = {**os.environ, "TMPDIR": str(cwd)}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    try:
        line = process.stdout.readline()
        found = re.fullmatch(r"dsol: open http://(127\.0\.0\.1:\d+) in a browser; Ctrl-C stops\n", line)
        assert found, line + process.stderr.read()
        yield process, found[1]
    finally:
        process.kill()
        process.communicate()


def test_small_serves_until_it_is_stopped_and_leaves_nothing(party, tmp_path):
    with program(tmp_path) as (process, address):
        connection = HTTPConnection(address)
        connection.request("POST", "/api/videos?name=party.mp4", body=party.read_bytes())
        assert json.load(connection.getresponse())["state"] in ("waiting", "running")
        connection.request("GET", "/api", headers={"Host": "evil.example"})
        assert connection.getresponse().status == 403
        assert [p.name.startswith("dsol-serve-") for p in tmp_path.iterdir()] == [True]
        half = send_half(address, party)
        until(lambda: len(list(tmp_path.glob("*/*/video"))) == 2)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=PATIENCE_S)
        half.close()
        assert (process.returncode, said) == (130, "dsol: stopped\n"), "in the midst of work and of an upload"
        assert not list(tmp_path.iterdir())


def send_half(address: str, video: Path) -> HTTPConnection:
    """An upload that stays open."""
    connection = HTTPConnection(address)
    data = video.read_bytes()
    connection.putrequest("POST", "/api/videos?name=half.mp4")
    connection.putheader("Content-Length", str(len(data)))
    connection.endheaders(data[: len(data) // 2])
    return connection


@pytest.fixture
def terminable():
    """Being told to end, as the system does, is for the test alone."""
    before = signal.signal(signal.SIGTERM, lambda *_: pytest.fail("it did not listen"))
    yield
    signal.signal(signal.SIGTERM, before)


def test_being_terminated_leaves_nothing_either(terminable, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(Localizer, "load", lambda _: Localizer(TwoTones()))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    folders = []

    def terminate():
        until(lambda: list(tmp_path.iterdir()))
        connection = HTTPConnection("127.0.0.1", port)
        connection.request("GET", "/api")
        assert connection.getresponse().status == 200
        folders.extend(tmp_path.iterdir())
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=terminate).start()
    with pytest.raises(SystemExit, match="143"):
        serve(port=port)
    assert len(folders) == 1
    assert not list(tmp_path.iterdir())


def refusal(capfd, *words) -> str:
    """The one line with which the verb is refused before anything is served."""
    with pytest.raises(SystemExit, match="2"):
        main(["serve", *map(str, words)])
    out, err = capfd.readouterr()
    assert (out, err.count("\n")) == ("", 1), err
    assert re.fullmatch(r"dsol: .+: .+ \(.+\)\n", err)
    return err


def test_a_port_in_use_is_refused(capfd):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"127.0.0.1:{port}: cannot be listened at: address already in use" in refusal(capfd, "--port", port)


@pytest.mark.parametrize(("words", "says"), [
    (["--port", 70000], "port must be 0-65535"),
    (["--host", "no.such.host.invalid"], "no.such.host.invalid:8000: cannot be listened at"),
    (["--model", "huge", "--port", 0], "huge"),
    (["--limit", "x"], "--limit"),
    (["--host", ""], "--host: is empty"), (["--host", "é" * 70], "it is no name of a machine"),
])  # fmt: skip
def test_what_cannot_be_served_is_refused_before_the_server_starts(capfd, words, says):
    assert says in refusal(capfd, *words)


@pytest.mark.parametrize(("host", "opens", "names"), [
    ("127.0.0.1", "127.0.0.1", LOOPBACK), ("127.0.0.2", "127.0.0.2", LOOPBACK | {"127.0.0.2"}),
    ("0.0.0.0", "127.0.0.1", None), ("0", "127.0.0.1", None), ("::", "[::1]", None), ("::1", "[::1]", LOOPBACK),
])  # fmt: skip
def test_the_address_that_is_printed_opens_in_a_browser(capfd, monkeypatch, host, opens, names):
    if ":" in host and not has_ipv6():
        pytest.skip("no IPv6 here")
    given = []
    monkeypatch.setattr("dsol.serve.server._run", lambda *words: given.extend(words))
    monkeypatch.setattr("dsol.serve.server.signal.signal", lambda *_: None)
    monkeypatch.setattr(Localizer, "load", lambda _: None)
    serve(host=host, port=0)
    assert re.fullmatch(rf"dsol: open http://{re.escape(opens)}:\d+ in a browser; .+\n", capfd.readouterr().out)
    assert given[-1] == names


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize("missing", ["fastapi", "uvicorn"])
def test_without_the_extra_it_says_what_to_install(monkeypatch, missing):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr("dsol.errors.find_spec", lambda name: None if name == missing else find_spec(name))
    with pytest.raises(DsolError, match=rf"needs {missing}, not installed \(pip install 'dsol\[serve\]'\)"):
        serve()


# The page.


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


@pytest.mark.skipif(not CHROMIUM, reason="no Chromium here")
def test_a_visit(visitor, party, tmp_path):
    text = BROKEN["text"](tmp_path / "text.mp4")
    (tmp_path / "large.mp4").write_bytes(bytes(LIMIT_MB * 1_000_000 + 1))
    with running(visitor.app) as address, Browser(tmp_path / "profile") as browser:
        browser.open(address)
        browser.wait("document.querySelector('#model').textContent.includes('hummer, whistler')")
        browser.choose_file("#choose", tmp_path / "large.mp4")
        browser.wait("document.querySelector('#failed').innerText.includes('large.mp4: is larger than 1 MB')")
        browser.run("document.querySelector('.away').click()")
        browser.choose_file("#choose", party, text)
        browser.wait("document.querySelector('#videos .failed small').textContent.includes('cannot be opened')")
        browser.wait("document.querySelector('#film').readyState > 1")
        address_of_film = browser.run("location.href")
        check_result(browser)
        check_seeking(browser)

        browser.run("document.querySelector('.failed .pick').click()")
        assert "text.mp4: cannot be opened as a video" in browser.run("document.querySelector('#failed').innerText")
        browser.run("document.querySelector('.failed .away').click()")
        browser.wait("!document.querySelector('#result').hidden")
        browser.open("about:blank")
        browser.open(address_of_film)
        browser.wait("document.querySelectorAll('.lane').length == 3")
        browser.run("document.querySelector('.away').click()")
        browser.wait("!document.querySelector('#empty').hidden && document.querySelector('#visit').hidden")
        assert browser.run("document.querySelector('#problem').hidden")
        assert not browser.mistakes
        assert not list(visitor.jobs.folder.iterdir())


HELD = """
    const ask = window.fetch;
    window.asked = 0;
    window.release = new Promise((resolve) => (window.let = resolve));
    window.fetch = async (path, options) => {
      window.asked += 1;
      if (window.hold && !options) await window.release;
      const answer = await ask(path, options);
      window.answered = answer.status;
      return answer;
    };"""


@pytest.mark.skipif(not CHROMIUM, reason="no Chromium here")
def test_a_late_answer_is_no_news_and_a_good_one_hides_no_problem(gated, short, tmp_path):
    visitor, _ = gated
    with running(visitor.app) as address, Browser(tmp_path / "profile") as browser:
        browser.open(address)
        browser.wait("document.querySelector('#model').textContent.includes('hummer')")
        browser.run(f"(() => {{ {HELD} }})()")
        browser.choose_file("#choose", short)
        browser.wait("window.asked > 1")
        browser.run("window.dispatchEvent(new ErrorEvent('error', { message: 'a test' })), (window.asked = 0)")
        browser.wait("window.asked > 1")
        assert browser.run("document.querySelector('#problem').innerText") == "The page has a mistake: a test"

        browser.run("(window.hold = true, window.asked = 0)")
        browser.wait("window.asked == 1")
        browser.run("document.querySelector('.away').click()")
        browser.wait("window.answered == 204")
        browser.run("window.let()")
        browser.wait("window.answered == 404")
        assert browser.run("new Promise((resolve) => setTimeout(resolve, 100))") is None
        assert browser.run("document.querySelector('#said').textContent") == ""


def check_result(browser: Browser) -> None:
    names = browser.run("[...document.querySelectorAll('.name')].map((e) => e.innerText)")
    assert names == ["sound", "hummer", "whistler"]
    stretches = browser.run("[...document.querySelectorAll('.segments b')].map((e) => e.textContent)")
    assert stretches == ["hummer", "whistler"]
    downloads = browser.run("[...document.querySelectorAll('.downloads a')].map((e) => e.download)")
    assert downloads == [f"my party.{file}" for file in FILES]
    dots = browser.run("[...document.querySelectorAll('.names .dot')].map((e) => e.style.background)")
    assert dots[1:] == ["rgb(86, 180, 233)", "rgb(230, 159, 0)"], "as in the film"
    assert browser.run("document.querySelector('#now').innerText").startswith("0:00.0")


def check_seeking(browser: Browser) -> None:
    slider = "document.querySelector('.seek')"
    browser.run(f"{slider}.focus()")
    for key, time_s, sounds in [("End", 5, "nothing sounds"), ("PageDown", 0, "hummer"), ("ArrowRight", 1, "hummer")]:
        browser.press(key)
        assert browser.run(f"{slider}.ariaValueText").startswith(f"{time_s:.1f} seconds: {sounds}")
    browser.run("document.querySelectorAll('.segments button')[1].click()")
    browser.wait("document.querySelector('#now').innerText.includes('whistler')")
    assert browser.run("document.querySelector('#film').currentTime") == pytest.approx(2, abs=0.4)
    browser.run("document.querySelector('#film').muted = true, document.querySelector('#film').play()")
    browser.wait(f"{slider}.ariaValueNow > 3")  # the playhead goes with the film
