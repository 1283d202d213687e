"""What one server takes, and how the rest is refused."""

import asyncio
import threading
import time
from dataclasses import replace
from http.client import HTTPConnection

import pytest

from dsol.serve.limits import TooSlow
from dsol.serve.uploads import receive
from tests.serve.systems import Gated, until
from tests.serve.visiting import LIMITS, running, visiting
from tests.two_tones import TwoTones
from tests.videos import write_video


def test_a_full_queue_is_said_and_when_to_ask_again(folder, short, tmp_path):
    system = Gated(tmp_path)
    with visiting(system, folder, replace(LIMITS, queue=2)) as visitor:
        first = visitor.give(short)["id"]
        until(lambda: visitor.state(first)["state"] == "running")
        ids = [visitor.give(short)["id"] for _ in range(2)]
        line = visitor.refused(503, "POST", "/api/videos?name=c.mp4", content=short.read_bytes())
        assert line == "c.mp4: finds no place: 2 videos wait already (try again in a few minutes)"
        assert int(visitor.post("/api/sample").headers["retry-after"]) > 0
        assert len(list(folder.iterdir())) == 3
        system.gate.touch()
        assert [visitor.finished(id)["state"] for id in (first, *ids)] == ["done"] * 3
        visitor.give(short)


def test_uploads_hold_their_places_in_the_queue(folder, short):
    with visiting(TwoTones(), folder, replace(LIMITS, queue=1)) as visitor, running(visitor.app) as address:
        open_ = HTTPConnection(address.removeprefix("http://"))
        open_.putrequest("POST", "/api/videos?name=slow.mp4")
        open_.putheader("Content-Length", "1000")
        open_.endheaders(b"x")
        until(lambda: visitor.jobs.count("uploading") == 1)
        assert "finds no place" in visitor.refused(503, "POST", "/api/videos", content=short.read_bytes())
        open_.close()
        until(lambda: visitor.jobs.count("uploading") == 0)
        assert not list(folder.iterdir())
        visitor.give(short)


def test_a_visitor_has_so_many_videos(folder, short):
    with visiting(TwoTones(), folder, replace(LIMITS, visitor=1)) as visitor:
        id = visitor.give(short)["id"]
        line = visitor.refused(429, "POST", "/api/videos?name=b.mp4", content=short.read_bytes())
        assert line.startswith("b.mp4: is one more than the 1 videos that a visitor may have here (remove some")
        visitor.delete(f"/api/videos/{id}")
        visitor.give(short)


@pytest.mark.parametrize("told", [True, False])
def test_all_videos_together_take_so_much_of_the_disk(folder, short, told):
    limits = replace(LIMITS, disk_mb=1)
    with visiting(TwoTones(), folder, limits) as visitor:
        (folder / "x").mkdir()
        visitor.finished(visitor.give(short)["id"])
        data = bytes(990_000)
        content = data if told else (data[n : n + 65536] for n in range(0, len(data), 65536))
        line = visitor.refused(507, "POST", "/api/videos?name=b.mp4", content=content)
        assert line.startswith("b.mp4: cannot be kept: the 1 MB of this server are full (remove videos")


def test_a_video_that_is_too_long_is_refused(folder, tmp_path):
    long = write_video(tmp_path / "long.mp4", 7.0)
    with visiting(TwoTones(), folder, replace(LIMITS, minutes=0.1)) as visitor:
        line = visitor.refused(413, "POST", "/api/videos?name=long.mp4", content=long.read_bytes())
        assert line.startswith("long.mp4: is 0.1 minutes long, more than 0.1 (cut it, or start dsol serve")
        assert not list(folder.iterdir())


def test_results_go_after_their_time(folder, short):
    with visiting(TwoTones(), folder, replace(LIMITS, keep_hours=1)) as visitor:
        old, new = (visitor.give(short)["id"] for _ in range(2))
        assert visitor.finished(old)["expires_s"] == pytest.approx(time.time() + 3600, abs=100)
        visitor.finished(new)
        visitor.jobs.find(old).finished_s -= 3601
        visitor.jobs.expire()
        assert "is no video" in visitor.refused(404, "GET", f"/api/videos/{old}")
        assert [each.name for each in folder.iterdir()] == [new]
        visitor.jobs.limits = replace(LIMITS, keep_hours=0)
        visitor.jobs.find(new).finished_s = 0
        visitor.jobs.expire()
        assert visitor.state(new)["expires_s"] == 0


async def chunks(*waits_s: float):
    for wait_s in waits_s:
        await asyncio.sleep(wait_s)
        yield b"x"


def test_an_upload_that_stands_still_or_crawls_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr("dsol.serve.uploads.SILENT_S", 0.1)
    with pytest.raises(TooSlow, match="stands still: nothing came for 0 s"):
        asyncio.run(receive(chunks(0, 5), tmp_path / "a", "a.mp4", lambda _: None))
    monkeypatch.setattr("dsol.serve.uploads.GRACE_S", 0.05)
    with pytest.raises(TooSlow, match=r"arrives with 0\.\d kB a second"):
        asyncio.run(receive(chunks(*[0.03] * 5), tmp_path / "a", "a.mp4", lambda _: None))


def test_who_is_refused_hears_it_though_still_sending(folder, short):
    """Browsers listen only once they have sent all."""
    with visiting(TwoTones(), folder, replace(LIMITS, visitor=1)) as visitor, running(visitor.app) as address:
        visitor.jobs.find(visitor.give(short)["id"]).visitor = "127.0.0.1"
        line = HTTPConnection(address.removeprefix("http://"))
        body = (bytes(65536) for _ in range(14))  # more than a socket holds
        line.request("POST", "/api/videos?name=b.mp4", body=body, headers={"Content-Length": str(14 * 65536)})
        assert line.getresponse().status == 429
        assert threading.active_count() < 50
