"""What goes well: a video in, results out."""

import importlib.util
import io
import re
from pathlib import Path

import pytest
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families

from dsol.data.media import probe
from dsol.localize.files import FILES
from dsol.serve.app import SAMPLE
from dsol.serve.watching import kind_of
from tests.serve.visiting import LIMIT_MB
from tests.videos import write_silent, write_video


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


def test_silence_is_an_answer(visitor, tmp_path):
    done = visitor.finished(visitor.give(write_silent(tmp_path / "silent.mp4", 1.0))["id"])
    assert (done["state"], done["colours"]) == ("done", {})


def test_the_server_says_what_it_is(done):
    about = done[0].get("/api").json()
    assert (about["model"], about["limit_mb"], about["threshold"]) == ("two tones", LIMIT_MB, 0.4)
    assert about["categories"] == ["hummer", "whistler"]
    assert about["limits"]["mb"] == LIMIT_MB
    assert about["formats"]["srt"]["files"] == ["localized.srt"]
    paths = done[0].get("/api/openapi.json").json()["paths"]
    videos = {"/api/videos", *(f"/api/videos/{{id}}{part}" for part in ("", "/events", "/{file}"))}
    assert set(paths) == {"/api", "/api/sample", "/metrics", *videos}
    post = paths["/api/videos"]["post"]
    assert "application/octet-stream" in post["requestBody"]["content"]
    told = {"201", "400", "403", "408", "413", "422", "429", "500", "503", "507", "default"}
    assert set(post["responses"]) == told
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


def test_the_page_is_small():
    folder = Path(importlib.util.find_spec("dsol.serve").origin).parent / "page"
    assert sum(file.stat().st_size for file in folder.iterdir()) < 150_000


def test_the_original_and_a_poster_can_be_fetched(done, short):
    visitor, id = done
    original = visitor.get(f"/api/videos/{id}/original")
    assert (original.content, original.headers["content-type"]) == (short.read_bytes(), "video/mp4")
    state = visitor.state(id)
    assert state["more"] == ["original", "poster.jpg"]
    assert state["playable"]
    poster = visitor.get(f"/api/videos/{id}/poster.jpg")
    assert Image.open(io.BytesIO(poster.content)).size == (448, 336), "64×48, enlarged as in the film"


def test_every_format_of_localize_can_be_fetched(done):
    visitor, id = done
    for name, format in visitor.get("/api").json()["formats"].items():
        for file in format["files"]:
            answer = visitor.get(f"/api/videos/{id}/{file}")
            assert answer.status_code == 200, name
            assert answer.content, file
            assert "short." in answer.headers["content-disposition"]
    assert "[hummer]" in visitor.get(f"/api/videos/{id}/localized.srt").text
    assert not list((visitor.jobs.folder / id).glob("made-*")), "made for the answer alone"


def test_results_at_another_threshold(done):
    visitor, id = done
    video = f"/api/videos/{id}"
    as_found = visitor.get(f"{video}/result.json").json()
    assert visitor.get(f"{video}/result.json", params={"threshold": 0.4}).json() == as_found
    strict = visitor.get(f"{video}/result.json", params={"threshold": 1.0}).json()
    assert (strict["threshold"], strict["segments"], len(as_found["segments"])) == (1.0, [], 1)
    assert visitor.get(f"{video}/timeline.png", params={"threshold": 1.0}).content.startswith(b"\x89PNG")
    for wanted in ("0", "2", "-1", "nan", "x"):
        assert "threshold" in visitor.refused(422, "GET", f"{video}/result.json?threshold={wanted}")
    assert "painted once" in visitor.refused(422, "GET", f"{video}/localized.mp4?threshold=0.2")


def test_a_video_that_browsers_do_not_play_gets_one_that_they_do(visitor, tmp_path):
    video = write_video(tmp_path / "old.avi", seconds=1.0)
    done = visitor.finished(visitor.give(video)["id"])
    assert (done["state"], done["playable"], done["more"]) == ("done", False, ["original", "poster.jpg", "watch.mp4"])
    watch = tmp_path / "watch.mp4"
    watch.write_bytes(visitor.get(f"/api/videos/{done['id']}/watch.mp4").content)
    assert kind_of(watch) == "video/mp4"
    assert (probe(watch).width, probe(watch).height) == (64, 48)
    still = visitor.get(f"/api/videos/{done['id']}/still-0.jpg")
    assert still.headers["content-type"] == "image/jpeg"
    assert visitor.get(f"/api/videos/{done['id']}/original").headers["content-type"] == "application/octet-stream"
    for none in ("still-7.jpg", "still-x.jpg", "still-0.jpg.jpg"):
        assert visitor.get(f"/api/videos/{done['id']}/{none}").status_code in (404, 409)


@pytest.mark.parametrize(("suffix", "kind"), [
    (".mp4", "video/mp4"), (".webm", "video/webm"), (".mkv", ""), (".avi", ""), (".mpg", "")
])  # fmt: skip
def test_what_browsers_play(tmp_path, suffix, kind):
    assert kind_of(write_video(tmp_path / f"a{suffix}", seconds=0.5)) == kind


def test_the_sample_is_a_video_of_ours_and_small(visitor):
    given = visitor.post("/api/sample")
    assert given.status_code == 201
    assert given.json()["name"].endswith(".mp4")
    assert SAMPLE.stat().st_size < 500_000
    assert kind_of(SAMPLE) == "video/mp4"
    assert visitor.get(f"/api/videos/{given.json()['id']}/original").content == SAMPLE.read_bytes()


def test_figures_for_prometheus(done):
    text = done[0].get("/metrics")
    assert text.headers["content-type"].startswith("text/plain; version=0.0.4")
    found = {s.name + str(sorted(s.labels.items())): s.value
             for family in text_string_to_metric_families(text.text) for s in family.samples}  # fmt: skip
    assert found["dsol_serve_videos_total[('state', 'done')]"] == 1
    assert found["dsol_serve_uploads_total[('status', '201')]"] == 1
    assert found["dsol_serve_videos_now[('state', 'done')]"] == 1
    assert found["dsol_serve_disk_bytes[]"] > 1000
    assert found["process_resident_memory_bytes[]"] > 1e6
    assert "short" not in text.text, "no names"
