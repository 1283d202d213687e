"""What does not go well: each a line, and the others go on."""

import os
import platform
import re
import sys
import threading
import time
from dataclasses import replace
from http.client import HTTPConnection

import numpy as np
import pytest

from dsol.errors import DsolError
from dsol.serve.app import _state
from dsol.serve.confined import CALLS
from dsol.serve.jobs import Job, Jobs
from dsol.serve.worker import Worker, check_apart
from tests.pointers import POINTERS, listening
from tests.serve.systems import PATIENCE_S, Caller, Full, Gated, Mistaken, until
from tests.serve.visiting import LIMIT_MB, LIMITS, running, visiting
from tests.two_tones import TwoTones
from tests.videos import BROKEN, write_truncated, write_video


def test_bad_videos_are_refused_by_name_and_harm_no_other(visitor, short, tmp_path):
    for kind, write in BROKEN.items():
        bad = write(tmp_path / f"{kind}.mp4").read_bytes()
        line = visitor.refused(422, "POST", "/api/videos?name=mine.mp4", content=bad)
        assert line.startswith("mine.mp4: "), kind
        assert str(visitor.jobs.folder) not in line
    assert not list(visitor.jobs.folder.iterdir())
    assert visitor.finished(visitor.give(short)["id"])["state"] == "done"


def test_a_list_of_other_places_is_refused_and_none_of_them_is_opened(visitor):
    with listening() as (address, callers):
        for kind, write in POINTERS.items():
            for place in (f"http://{address}/a.mp4", "/etc/passwd"):
                line = visitor.refused(422, "POST", f"/api/videos?name=a{kind}", content=write(place).encode())
                assert line.startswith(f"a{kind}: cannot be opened as a video")
        assert not callers()
    assert not list(visitor.jobs.folder.iterdir())


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

    def check(*_):
        checking.set()
        assert gone.wait(PATIENCE_S)
        return {"kind": ""}

    monkeypatch.setattr("dsol.serve.app.check_apart", check)
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


def test_a_full_disk_while_results_are_written_is_said_with_what_a_visitor_can_do(folder, short):
    with visiting(Full(), folder) as visitor:
        failed = visitor.finished(visitor.give(short)["id"])
    assert failed["error"] == (
        "short.mp4: cannot be written: No space left on device (remove videos that are done, or free some space)"
    )


def test_the_worker_survives_any_mistake(visitor, short, monkeypatch, caplog):
    with monkeypatch.context() as patch:
        patch.setattr(Worker, "do", lambda *_: 1 / 0)
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
    state = _state(job, Jobs(Worker(TwoTones), tmp_path))
    assert (state.state, state.files) == ("running", [])


def test_reading_that_ends_its_process_is_a_line(monkeypatch, short):
    monkeypatch.setattr("dsol.serve.worker.check", die)
    with pytest.raises(DsolError, match=r"cannot be read: reading it ended the process that tried"):
        check_apart(short, 1, 0)


def die(*_):
    os._exit(9)


def test_reading_that_takes_for_ever_is_a_line(monkeypatch, short):
    monkeypatch.setattr("dsol.serve.worker.check", sleep)
    monkeypatch.setattr("dsol.serve.worker.CHECK_S", 0.2)
    with pytest.raises(DsolError, match=r"takes longer than 0 s to read its first second"):
        check_apart(short, 1, 0)


def test_work_that_takes_for_ever_is_a_line(folder, short, tmp_path, monkeypatch):
    monkeypatch.setattr("dsol.serve.worker.LEAST_S", 0.2)
    with visiting(Gated(tmp_path), folder, replace(LIMITS, minutes=0.05)) as visitor:
        monkeypatch.setattr("dsol.serve.worker.SLOWEST", 0)
        assert visitor.finished(visitor.give(short)["id"])["error"] == "short.mp4: takes longer than 0 minutes (cut it)"


@pytest.mark.skipif(platform.machine() not in CALLS or sys.platform != "linux", reason="Linux on x86-64 and ARM")
def test_the_process_that_localises_has_no_network_and_writes_no_vast_file(folder, short):
    with listening() as (address, callers), visiting(Caller(address), folder, replace(LIMITS, disk_mb=3)) as visitor:
        failed = visitor.finished(visitor.give(short)["id"])
        assert visitor.jobs.worker.offline
        assert not callers()
    assert failed["error"].startswith("short.mp4: cannot be written: File too large")


def sleep(*_):
    time.sleep(PATIENCE_S)


def test_a_picture_bomb_takes_no_more_memory_than_it_may(tmp_path):
    bomb = write_video(tmp_path / "bomb.mp4", 1.0, size=(4096, 4096), fps=4, picture=grey)
    with pytest.raises(DsolError, match=r"takes more than 350 MB of memory|cannot be decoded|cannot allocate memory"):
        check_apart(bomb, 1, 350)


def grey(time_s, width, height):
    return np.zeros((height, width, 3), np.uint8)
