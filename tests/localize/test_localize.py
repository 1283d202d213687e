"""Localizing: what is answered for which moment, and what is written of it."""

import json
from collections import defaultdict
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dsol.data.media import read_seconds
from dsol.data.states import SEEN, SILENT
from dsol.errors import DsolError
from dsol.localize import Localization, Localizer, Timeline, localize_videos, render
from dsol.localize.files import FILES
from dsol.localize.localization import STAY, _without_blinks, box_of, joined
from dsol.localize.localizer import _states
from dsol.model.maps import Maps
from tests.oracles.sounding import sounding as slow_sounding
from tests.two_tones import CELLS, TwoTones, hum_then_whistle, spot
from tests.videos import silence, write_silent, write_text, write_truncated, write_video


class AnySound:
    """A system that knows no categories."""

    categories = ()

    def predict(self, frames, waveforms, keys) -> Maps:
        return Maps(tuple(keys), np.repeat(spot(0.5, 0.5)[None], len(frames), axis=0) * 0.9)


def timeline_of(score: np.ndarray, threshold: float = 0.5) -> Timeline:
    count, categories = score.shape
    return Timeline(
        video="party.mp4",
        size=(320, 240),
        duration_s=count / 4,
        threshold=threshold,
        categories=tuple("abcdefghijkl"[:categories]),
        times_s=np.arange(count) / 4,
        score=score,
        strength=score.max(axis=1),
        loudness=np.full(count, 0.1),
        xywh=np.broadcast_to(np.array([0.25, 0.25, 0.5, 0.5]), (count, categories, 4)),
    )


@pytest.fixture(scope="module")
def party(tmp_path_factory) -> Path:
    return write_video(tmp_path_factory.mktemp("videos") / "party.mp4", seconds=5.6, sound=hum_then_whistle)


@pytest.fixture(scope="module")
def found(party) -> Localization:
    return Localizer(TwoTones())(party)


def test_a_whole_video_is_answered_four_times_a_second_to_its_very_end(found):
    assert np.allclose(found.times_s, np.arange(0, 5.6, 0.25))
    assert found.maps.shape == (23, 2, CELLS, CELLS)
    assert found.area.shape == (23, CELLS, CELLS)
    assert found.score.shape == (23, 2)
    assert found.loudness.shape == (23,)


def test_who_sounds_when(found):
    first, second = found.timeline().segments()
    assert (first.category, second.category) == ("hummer", "whistler")
    assert first.start_s == 0
    assert first.end_s == pytest.approx(2, abs=0.4)
    assert second.start_s == pytest.approx(2, abs=0.4)
    assert second.end_s == pytest.approx(4, abs=0.4)


def test_boxes_lie_on_what_sounds_then(found):
    by_time = {frame.time_s: frame.boxes for frame in found.boxes()}
    (hummer,), (whistler,), silence = by_time[1.0], by_time[3.0], by_time[5.25]
    assert hummer.category == "hummer"
    assert hummer.xywh[0] + hummer.xywh[2] / 2 == pytest.approx(0.25, abs=0.03)
    assert whistler.xywh[0] + whistler.xywh[2] / 2 == pytest.approx(0.75, abs=0.03)
    assert silence == ()


def test_each_frame_is_heard_with_the_second_of_sound_around_it(tmp_path):
    def ramp(times_s):  # its level tells the time
        return (times_s / 10).astype(np.float32)

    video = write_video(tmp_path / "a.mkv", seconds=3.6, sound=ramp, layout="mono", rate=16_000)
    system = TwoTones()
    found = Localizer(system)(video)
    middles_s = 10 * np.concatenate(system.waveforms).mean(axis=1)
    assert np.allclose(middles_s, np.clip(found.times_s, 0.5, 3.1), atol=0.02)


class Watched(TwoTones):
    """Remembers at how many pictures of each second it looked, and how bright they were."""

    def __init__(self):
        super().__init__()
        self.looked: list[list[int]] = []

    def predict(self, frames, waveforms, keys) -> Maps:
        self.looked.append([round(float(frame.mean())) for frame in {id(frame): frame for frame in frames}.values()])
        return super().predict(frames, waveforms, keys)


@pytest.mark.parametrize(("unchanged", "counts"), [(4.0, [1, 2, 1]), (-1.0, [4, 4, 4])])
def test_a_picture_is_looked_at_again_where_it_has_changed(unchanged, counts, tmp_path):
    def jumps(time_s: float, width: int, height: int) -> np.ndarray:  # at 1.5 s
        return np.full((height, width, 3), 40 if time_s < 1.5 else 200, np.uint8)

    video = write_video(tmp_path / "jumps.mp4", seconds=3.0, picture=jumps, sound=hum_then_whistle)
    system = Watched()
    found = Localizer(system, unchanged=unchanged)(video)
    assert [len(second) for second in system.looked] == counts
    assert [second[0] < 100 for second in system.looked] == [True, True, False]
    assert system.looked[1][-1] > 100
    assert len(found.times_s) == 12
    assert all(len(waveforms) == 4 for waveforms in system.waveforms)  # each answer has its own sound


def test_a_stream_answers_before_it_has_read_on(party):
    system = TwoTones()
    next(iter(Localizer(system).stream(party)))
    assert len(system.waveforms) == 1


def test_the_parts_of_a_stream_make_the_whole(party, found):
    parts = list(Localizer(TwoTones()).stream(party))
    assert joined([part.timeline() for part in parts]).to_json() == found.to_json()


def test_the_threshold_is_the_systems_own_unless_another_is_asked_for():
    assert Localizer(TwoTones()).threshold == 0.4
    assert Localizer(AnySound()).threshold == 0.5
    assert Localizer(TwoTones(), threshold=0.7).threshold == 0.7


def test_a_system_without_categories_finds_sound(party):
    found = Localizer(AnySound())(party)
    assert found.categories == ("sound",)
    assert np.array_equal(found.maps[:, 0], found.area)
    assert [s.category for s in found.timeline().segments()] == ["sound"]


def test_nothing_sounds_in_a_silent_video_whatever_the_system_answers(tmp_path):
    found = Localizer(AnySound())(write_silent(tmp_path / "silent.mp4"))
    assert not found.score.any()
    assert not found.area.any()
    assert found.timeline().segments() == []
    assert render(found, found.video, tmp_path / "found.mp4").is_file()


def test_silence_ends_what_sounds_where_it_begins(party):
    (segment,) = Localizer(AnySound())(party).timeline().segments()
    assert segment.start_s == 0
    assert segment.end_s == pytest.approx(4.5, abs=0.26), "the sound stops at 4 s, half a second around a frame counts"


@given(arrays(np.float64, st.tuples(st.integers(1, 12), st.integers(1, 3)), elements=st.floats(0, 1)))
def test_sounding_begins_at_the_threshold_and_ends_clearly_below_it(score):
    assert np.array_equal(timeline_of(score).sounding, slow_sounding(score, 0.5, STAY))


def test_a_score_that_hovers_at_the_threshold_is_one_segment():
    hovering = np.array([[0.1], [0.51], [0.49], [0.52], [0.45], [0.5], [0.1]])
    (segment,) = timeline_of(hovering).segments()
    assert (segment.start_s, segment.end_s) == (0.125, 1.375)


def test_a_box_takes_the_largest_bright_part_only():
    two = spot(0.3, 0.3, 0.15) + spot(0.85, 0.85, 0.04)
    x, y, w, h = box_of(two)
    assert x + w < 0.6
    assert y + h < 0.6
    assert x + w / 2 == pytest.approx(0.3, abs=0.03)


@given(arrays(np.float32, (5, 7), elements=st.floats(-1, 1, width=32)))
def test_every_map_has_a_box_inside_the_frame(map_):
    x, y, w, h = box_of(map_)
    assert min(x, y) >= 0
    assert min(w, h) > 0
    assert max(x + w, y + h) <= 1 + 1e-9


def test_coco_refers_to_what_it_lists_and_stays_in_the_picture(found):
    coco = json.loads(json.dumps(found.timeline().to_coco()))
    images = {image["id"]: image for image in coco["images"]}
    names = {category["id"]: category["name"] for category in coco["categories"]}
    assert len(images) == len(found.times_s)
    assert set(names.values()) == {"hummer", "whistler"}
    assert len({a["id"] for a in coco["annotations"]}) == len(coco["annotations"]) > 10
    for annotation in coco["annotations"]:
        image, (x, y, w, h) = images[annotation["image_id"]], annotation["bbox"]
        assert annotation["category_id"] in names
        assert 0 <= x < x + w <= image["width"] + 0.01
        assert 0 <= y < y + h <= image["height"] + 0.01
        assert annotation["area"] == pytest.approx(w * h, abs=0.01)


def test_result_json_has_a_column_entry_for_every_time(found):
    result = json.loads(json.dumps(found.to_json()))
    assert (result["format"], result["version"]) == ("dsol.localization", 1)
    assert (result["width"], result["height"]) == (64, 48)
    assert {len(result[column]) for column in ("times_s", "score", "strength", "loudness", "boxes")} == {23}
    assert {len(row) for row in result["score"]} == {len(result["categories"])}
    assert result["boxes"][4][0]["category"] == "hummer"
    assert result["boxes"][4][0]["score"] == result["score"][4][0]


def test_four_files_are_written_for_a_video_and_nothing_else(party, tmp_path):
    (folder,) = localize_videos([party], Localizer(TwoTones()), tmp_path / "out")
    assert folder == tmp_path / "out" / "party"
    assert sorted(p.name for p in folder.iterdir()) == sorted(FILES)
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["party"]
    assert json.loads((folder / "result.json").read_text())["segments"][0]["category"] == "hummer"


def test_a_bad_video_is_reported_and_the_others_are_done(tmp_path, capsys):
    good = write_video(tmp_path / "good.mp4", seconds=1.0)
    bad = write_text(tmp_path / "bad.mp4")
    with pytest.raises(DsolError, match=r"bad\.mp4.*1 of 3"):
        localize_videos([good, bad, good], Localizer(TwoTones()), tmp_path / "out")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["good", "good-2"]
    lines = [line for line in capsys.readouterr().err.splitlines() if "bad.mp4" in line]
    assert len(lines) == 1
    assert lines[0].startswith("skipped ")


def test_the_error_of_a_single_video_is_the_error(tmp_path):
    with pytest.raises(DsolError, match="none"):
        localize_videos([tmp_path / "none.mp4"], Localizer(TwoTones()), tmp_path / "out")


def test_earlier_results_survive_a_video_that_breaks_off(tmp_path):
    broken = write_truncated(tmp_path / "broken.mp4")
    folder = tmp_path / "out" / "broken"
    folder.mkdir(parents=True)
    for name in FILES:
        (folder / name).write_text("earlier")
    with pytest.raises(DsolError, match="broken"):
        localize_videos([broken], Localizer(TwoTones()), tmp_path / "out")
    assert [(folder / name).read_text() for name in FILES] == ["earlier"] * len(FILES)
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["broken"]


def test_a_failure_leaves_no_folder_that_was_not_there(tmp_path):
    broken = write_truncated(tmp_path / "broken.mp4")
    (tmp_path / "here").mkdir()
    for out in (tmp_path / "new" / "er", tmp_path / "here"):
        with pytest.raises(DsolError, match="broken"):
            localize_videos([broken], Localizer(TwoTones()), out)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["broken.mp4", "here"]


def test_what_a_killed_run_left_is_thrown_away(tmp_path):
    video = write_video(tmp_path / "party.mp4", seconds=1.0)
    left = tmp_path / "out" / ".party.partial"
    left.mkdir(parents=True)
    (left / "maps").write_bytes(bytes(9))
    localize_videos([video], Localizer(TwoTones()), tmp_path / "out")
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["party"]


def test_a_result_that_cannot_be_written_is_named_by_its_place(tmp_path, monkeypatch):
    def full(timeline, maps, video, out, *others, **options):
        raise DsolError(out, "cannot be written", "free some space")

    monkeypatch.setattr("dsol.localize.files.film", full)
    video = write_video(tmp_path / "party.mp4", seconds=1.0)
    with pytest.raises(DsolError, match=r"out/party/localized\.mp4: cannot be written"):
        localize_videos([video], Localizer(TwoTones()), tmp_path / "out")


def test_a_result_never_replaces_the_video_it_is_made_of(tmp_path):
    video = tmp_path / "localized" / "localized.mp4"
    video.parent.mkdir()
    before = write_video(video, seconds=1.0).read_bytes()
    with pytest.raises(DsolError, match="is the video itself"):
        localize_videos([video], Localizer(TwoTones()), tmp_path)
    assert video.read_bytes() == before


def test_no_video_at_all_is_an_error(tmp_path):
    with pytest.raises(DsolError, match="no video"):
        localize_videos([], Localizer(TwoTones()), tmp_path)


class Hears:
    """Sees a dog sound in the upper half; hears a voice, too, which it does not see, and perhaps a helicopter."""

    helicopter = 0.1
    categories, threshold = ("Dog", "Speech", "Wind", "Helicopter"), 0.5

    def predict(self, frames, waveforms, keys) -> Maps:
        count = len(frames)
        maps = np.zeros((count, 4, 2, 2))
        maps[:, 0, 0] = 1
        score, heard = np.tile([0.9, 0, 0, 0], (count, 1)), np.tile([0.7, 0.8, 0.3, self.helicopter], (count, 1))
        seen = np.tile([0.9, 0.1, 0.1, np.nan], (count, 1))
        return Maps(tuple(keys), maps.max(1), maps, score, self.categories, heard, seen)


def test_what_is_heard_and_not_seen_is_told_apart(tmp_path):
    video = write_video(tmp_path / "a.mp4")
    found = Localizer(Hears())(video).timeline()
    assert {(s.category, s.state) for s in found.stretches()} == {("Dog", "seen"), ("Speech", "off screen")}
    assert {box.category for frame in found.boxes().frames for box in frame.boxes} == {"Dog"}


def test_whether_a_sound_is_in_the_picture_is_unknown_where_no_picture_can_tell(tmp_path):
    system = Hears()
    system.helicopter = 0.9
    found = Localizer(system)(write_video(tmp_path / "a.mp4")).timeline()
    assert ("Helicopter", "unknown") in {(s.category, s.state) for s in found.stretches()}


def test_of_a_category_and_one_below_it_the_narrower_is_told():
    scores = np.array([[0.9, 0.8, 0.0], [0.0, 0.8, 0.0]])
    found = Maps(("a", "b"), np.zeros((2, 1, 1)), np.zeros((2, 3, 1, 1)), scores,
                 ("Acoustic guitar", "Guitar", "Dog"), scores, scores)  # fmt: skip
    assert _states(found, 0.5).tolist() == [[SEEN, -1, -1], [-1, SEEN, -1]]


def test_what_lasts_for_one_answer_only_is_no_sound_where_there_are_many():
    state = np.full((6, 2), -1)
    state[1, 0] = state[3:5, 0] = state[:2, 1] = SEEN
    steady = _without_blinks(state)
    assert steady[:, 0].tolist() == [-1, -1, -1, SEEN, SEEN, -1]
    assert steady[:, 1].tolist() == state[:, 1].tolist()
    assert (_without_blinks(state[:3]) == state[:3]).all()


BAND = ("Violin", "Cello", "Drum", "Horse", "Water", "Speech", "Bowed string instrument")


def silent_in(seen, heard, sounding=(), drawn=range(6)) -> list[str]:
    """What is told to be silent in a picture in which so much of the first six of `BAND` is seen and heard."""
    maps = np.zeros((1, 7, 2, 2))
    maps[0, list(drawn), 0, 0] = 0.01
    score = np.array([[0.9 * (name in sounding) for name in BAND]])
    found = Maps(("a",), np.zeros((1, 2, 2)), maps, score, BAND, np.array([[*heard, 0.1]]),
                 np.array([[*seen, 0.1]]))  # fmt: skip
    return [name for name, state in zip(BAND, _states(found, 0.5)[0], strict=True) if state == SILENT]


def test_what_is_surely_seen_and_not_heard_is_silent():
    seen, unheard = [0.95, 0.5, 0.1, 0.2, 0.1, 0.1], [0.1] * 6
    assert silent_in(seen, unheard) == ["Violin"]
    assert silent_in([0.7, *seen[1:]], unheard) == [], "not surely seen"
    assert silent_in([0.95, 0.5, 0.1, 0.9, 0.1, 0.1], unheard) == [], "a violin, or a horse?"
    assert silent_in([0.95, 0.94, *seen[2:]], unheard) == ["Violin"], "a cello would be of its family"
    assert silent_in(seen, unheard, drawn=[1]) == [], "it has no place"


def test_what_sounds_or_is_much_like_it_is_not_silent():
    seen = [0.95, 0.5, 0.1, 0.2, 0.1, 0.1]
    assert silent_in(seen, [0.4, *[0.1] * 5]) == []
    assert silent_in(seen, [0.1, 0.9, *[0.1] * 4], sounding=["Cello"]) == [], "perhaps the cello that sounds"
    assert silent_in(seen, [0.1, 0.1, 0.9, *[0.1] * 3], sounding=["Drum"]) == ["Violin"]


def test_water_and_people_are_no_silent_objects():
    assert silent_in([0.1, 0.1, 0.1, 0.1, 0.99, 0.99], [0.1] * 6) == []


def test_a_silent_object_of_a_silent_video_has_its_box(tmp_path):
    found = Localizer(Hears())(write_video(tmp_path / "a.mp4", sound=silence)).timeline()
    assert {(s.category, s.state) for s in found.stretches()} == {("Dog", "silent")}
    (track,) = found.tracks
    assert track.xywh[2].tolist() == [0, 0, 1, 0.5]
    assert found.segments() == []
    assert found.boxes().frames[2].boxes == ()


def test_the_next_second_is_read_while_one_is_looked_at(tmp_path, monkeypatch):
    """Looking at the first second ends only when the third has been read; the second is around the first's sound."""
    was_read, in_time = defaultdict(Event), []

    def reading(*args, **how):
        for second in read_seconds(*args, **how):
            was_read[second.index].set()
            yield second

    class Patient(TwoTones):
        def predict(self, frames, waveforms, keys) -> Maps:
            index = int(float(keys[0].rsplit("@", 1)[1]))
            in_time.append(index > 2 or was_read[index + 2].wait(10))
            return super().predict(frames, waveforms, keys)

    monkeypatch.setattr("dsol.localize.localizer.read_seconds", reading)
    video = write_video(tmp_path / "a.mp4", seconds=5, sound=hum_then_whistle)
    assert [part.times_s[0] for part in Localizer(Patient()).stream(video)] == [0, 1, 2, 3, 4]
    assert in_time == [True] * 5
