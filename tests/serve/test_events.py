"""Server-sent events: what is found, as it is found."""

import base64
import json
from http.client import HTTPConnection

import numpy as np
import pytest

from dsol.localize import Localizer
from tests.serve.systems import Gated, until
from tests.serve.visiting import running, visiting
from tests.two_tones import TwoTones


def events_of(text: str) -> list[tuple[str, str, dict]]:
    """(kind, id, data) each."""
    found = []
    for block in text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        if lines:
            found.append((lines["event"], lines.get("id", ""), json.loads(lines["data"])))
    return found


@pytest.fixture(scope="module")
def told(party, tmp_path_factory):
    with visiting(TwoTones(), tmp_path_factory.mktemp("told")) as visitor:
        id = visitor.give(party)["id"]
        return events_of(visitor.get(f"/api/videos/{id}/events").text)


def test_a_part_a_second_then_the_objects_then_the_end(told):
    kinds = [kind for kind, _, _ in told]
    assert [kind for kind in kinds if kind != "state"] == ["head", *["part"] * 5, "tracks", "end"]
    assert [id for kind, id, _ in told if kind not in ("state", "end")] == [str(n + 1) for n in range(7)]
    assert told[-1][2]["state"] == "done"
    assert told[-1][2]["files"]


def test_the_head_says_what_it_is_about(told):
    head = next(data["head"] for kind, _, data in told if kind == "head")
    assert head["categories"] == ["hummer", "whistler"]
    assert (head["threshold"], head["width"], head["height"], head["playable"]) == (0.4, 64, 48, True)
    assert head["lowest"] == pytest.approx(0.12)
    assert not head["tells_states"]


def test_parts_hold_scores_boxes_and_maps_of_the_video(told, party):
    parts = [data["part"] for kind, _, data in told if kind == "part"]
    whole = Localizer(TwoTones())(party)
    assert np.allclose(np.concatenate([part["times_s"] for part in parts]), whole.times_s)
    hummer = np.concatenate([part["score"].get("0", [0] * len(part["times_s"])) for part in parts])
    assert np.allclose(hummer, np.where(whole.score[:, 0] >= 0.01, whole.score[:, 0], hummer), atol=1e-4)
    first = parts[0]
    assert first["boxes"][0][:2] == [0, 0]
    assert first["boxes"][0][2:] == pytest.approx(whole.boxes().frames[0].boxes[0].xywh, abs=1e-4)
    rows, columns = first["size"]
    levels = np.frombuffer(base64.b64decode(first["maps"]), np.uint8).reshape(-1, rows, columns)
    assert len(levels) == len(first["at"])
    map_ = whole.maps[0, 0] / whole.maps[0, 0].max()
    assert np.abs(levels[0] / 255 - map_).max() < 1 / 255


def test_tracks_name_each_box(told):
    tracks = next(data["tracks"] for kind, _, data in told if kind == "tracks")
    boxes = [box for kind, _, data in told if kind == "part" for box in data["part"]["boxes"]]
    assert tracks["names"] == ["hummer", "whistler"]
    assert len(tracks["of"]) == len(boxes)
    assert {(box[1], of) for box, of in zip(boxes, tracks["of"], strict=True) if of >= 0} == {(0, 0), (1, 1)}


def test_a_line_that_broke_goes_on_where_it_was(folder, party):
    with visiting(TwoTones(), folder) as visitor:
        id = visitor.give(party)["id"]
        visitor.finished(id)
        rest = events_of(visitor.get(f"/api/videos/{id}/events", headers={"Last-Event-ID": "5"}).text)
        assert [(kind, n) for kind, n, _ in rest if n] == [("part", "6"), ("tracks", "7")]
        odd = events_of(visitor.get(f"/api/videos/{id}/events", headers={"Last-Event-ID": "x"}).text)
        assert len(odd) == 9


def test_they_come_while_the_work_goes_on_and_end_with_a_removed_video(folder, short, tmp_path):
    with visiting(Gated(tmp_path), folder) as visitor, running(visitor.app) as address:
        id = visitor.give(short)["id"]
        line = HTTPConnection(address.removeprefix("http://"))
        line.request("GET", f"/api/videos/{id}/events")
        answer = line.getresponse()
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.readline() == b"event: state\n"
        until((tmp_path / "asked").exists)
        visitor.delete(f"/api/videos/{id}")
        assert answer.read().decode().endswith('event: end\ndata: {"state": "gone"}\n\n')
        assert "is no video" in visitor.refused(404, "GET", f"/api/videos/{id}/events")
