"""What a server finds again when it starts with a folder that another one has left."""

import json
import os

import numpy as np
import pytest

from dsol.localize import Localizer
from dsol.serve.kept import at_threshold, load_timeline, save_timeline
from dsol.serve.shown import low
from tests.serve.systems import Gated, until
from tests.serve.visiting import visiting
from tests.two_tones import TwoTones


def test_results_survive_a_restart_and_work_begins_anew(folder, party, short, tmp_path):
    system = Gated(tmp_path)
    with visiting(TwoTones(), folder) as visitor:
        done = visitor.finished(visitor.give(party)["id"])
        failed = visitor.give(short, "broken.mp4")["id"]
        visitor.finished(failed)
        visitor.jobs.find(failed).finish("broken.mp4: breaks off (cut it)")
    with visiting(system, folder) as visitor:
        running, waiting = (visitor.give(short, name)["id"] for name in ("b.mp4", "c.mp4"))
        until(system.asked.exists)
    (folder / "half an upload").mkdir()
    (folder / "no record").mkdir()
    (folder / "no record" / "job.json").write_text("[]")
    with visiting(TwoTones(), folder) as visitor:
        assert visitor.state(done["id"]) == done | {"step": "", "done": 0, "total": 0, "unit": ""}
        assert visitor.get(f"/api/videos/{done['id']}/result.json").json()["video"] == "my party.mp4"
        assert visitor.state(failed)["error"] == "broken.mp4: breaks off (cut it)"
        assert [visitor.finished(id)["name"] for id in (running, waiting)] == ["b.mp4", "c.mp4"]
        assert [visitor.state(id)["state"] for id in (running, waiting)] == ["done", "done"]
        assert sorted(os.listdir(folder)) == sorted([done["id"], failed, running, waiting])
        assert not [path for path in folder.rglob("*") if "partial" in path.name]


def test_records_hold_no_more_than_is_needed(done):
    visitor, id = done
    record = json.loads((visitor.jobs.folder / id / "job.json").read_text())
    assert set(record) == {"name", "state", "error", "colours", "parts", "watch", "kind", "visitor", "created_s",
                           "finished_s"}  # fmt: skip


@pytest.mark.parametrize("threshold", [0.2, 0.4, 0.9])
def test_a_kept_timeline_says_at_any_threshold_what_the_model_says_at_it(party, tmp_path, threshold):
    whole = Localizer(TwoTones())(party)
    save_timeline(low(whole), tmp_path / "timeline.npz")
    kept = at_threshold(load_timeline(tmp_path / "timeline.npz"), threshold)
    expected = Localizer(TwoTones(), threshold=threshold)(party).timeline()
    assert kept.to_json() == expected.to_json()
    assert np.array_equal(kept.parts.at, low(whole).parts.at)
