"""The queue: one at a time, in the order of arrival."""

from tests.serve.systems import Gated, Greedy, Mortal, until
from tests.serve.visiting import visiting


def test_videos_are_done_one_at_a_time_in_the_order_of_arrival(gated, short):
    visitor, system = gated
    first, second, third = (visitor.give(short, f"{n}.mp4")["id"] for n in (1, 2, 3))
    visitor.until(first, lambda state: state["step"])
    states = [visitor.state(id) for id in (first, second, third)]
    assert [s["state"] for s in states] == ["running", "waiting", "waiting"]
    assert [s["ahead"] for s in states] == [0, 1, 2]
    assert (states[0]["step"], states[0]["total"], states[0]["unit"]) == ("Listening to 1.mp4", 1, "seconds")
    assert "wait until it is done" in visitor.refused(409, "GET", f"/api/videos/{first}/result.json")
    system.gate.touch()
    assert visitor.finished(third)["state"] == "done"
    assert [visitor.state(id)["state"] for id in (first, second)] == ["done", "done"]


def test_a_removed_video_leaves_nothing_wherever_it_was(gated, short):
    visitor, system = gated
    running, waiting, last = (visitor.give(short)["id"] for _ in range(3))
    until(system.asked.exists)
    for id in (running, waiting):
        assert visitor.delete(f"/api/videos/{id}").status_code == 204
        assert "is no video" in visitor.refused(404, "GET", f"/api/videos/{id}")
        assert "is no video" in visitor.refused(404, "DELETE", f"/api/videos/{id}")
    assert visitor.state(last)["ahead"] == 0
    system.gate.touch()
    assert visitor.finished(last)["state"] == "done", "the worker goes on"
    assert [p.name for p in visitor.jobs.folder.iterdir()] == [last]
    visitor.delete(f"/api/videos/{last}")
    assert not list(visitor.jobs.folder.iterdir())


def test_closing_ends_the_work_in_progress(short, folder, tmp_path):
    system = Gated(tmp_path)
    with visiting(system, folder) as visitor:
        ids = [visitor.give(short)["id"] for _ in range(2)]
        until(system.asked.exists)
    assert not visitor.jobs._thread.is_alive()
    assert visitor.jobs.worker.pid == 0
    assert [visitor.state(id)["files"] for id in ids] == [[], []]
    assert not list(folder.rglob("localized.mp4"))


def test_a_killed_worker_costs_its_video_one_line_and_no_other(folder, party, short):
    with visiting(Mortal(), folder) as visitor:
        killed, next = visitor.give(party)["id"], visitor.give(short)["id"]
        failed = visitor.finished(killed)
        assert failed["error"] == (
            "my party.mp4: could not be localised: the process that did it was killed by SIGKILL "
            "(try again; if it is always so, a smaller video may do)"
        )
        assert visitor.finished(next)["state"] == "done"
        assert visitor.jobs.worker.deaths == 1
        assert [p.name for p in (folder / killed).iterdir()] == ["job.json"], "nothing half-made stays"


def test_a_worker_that_does_not_listen_is_ended_for_a_removed_video(folder, short, tmp_path, monkeypatch):
    monkeypatch.setattr("dsol.serve.worker.STOPPING_S", 0.1)
    system = Gated(tmp_path)
    with visiting(system, folder) as visitor:
        stuck, next = visitor.give(short)["id"], visitor.give(short)["id"]
        until(system.asked.exists)
        visitor.delete(f"/api/videos/{stuck}")
        until(lambda: visitor.state(next)["state"] == "running")
        system.gate.touch()
        assert visitor.finished(next)["state"] == "done"


def test_work_that_hangs_is_ended(folder, short, tmp_path, monkeypatch):
    with visiting(Gated(tmp_path), folder) as visitor:
        visitor.jobs.worker.start()
        monkeypatch.setattr("dsol.serve.worker.QUIET_S", 0.5)
        assert "hangs: nothing has come of it" in visitor.finished(visitor.give(short)["id"])["error"]
        (tmp_path / "gate").touch()
        monkeypatch.undo()
        assert visitor.finished(visitor.give(short)["id"])["state"] == "done"


def test_what_wants_all_memory_is_refused_with_a_line(folder, short):
    with visiting(Greedy(), folder) as visitor:
        error = visitor.finished(visitor.give(short)["id"])["error"]
        assert error.startswith("short.mp4: takes more than 6000 MB of memory (make its picture smaller")
