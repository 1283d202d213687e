"""Identity over time: which box is which object, and what it does from when to when."""

from dataclasses import replace

import numpy as np
import pytest

from dsol.data.states import OFF_SCREEN, SEEN, SILENT
from dsol.localize import Localization, Localizer
from dsol.localize.localization import box_of, joined
from dsol.localize.tracks import Parts, iou, link, parts_of
from tests.localize.test_localize import CELLS, AnySound, spot
from tests.videos import tone, write_video

RED, BLUE = (220, 30, 30), (30, 30, 220)


def scene(places, colours=None, score=None, categories=("violin",)) -> Localization:
    """Four answers a second; `places`, one list an answer of (x, y) of like objects, all of category 0.

    `colours` gives each place of an answer the colour of the picture there; the rest of it is grey.
    """
    maps = np.zeros((len(places), len(categories), CELLS, CELLS), np.float32)
    pictures = np.full((len(places), 54, 96, 3), 128, np.uint8)
    for t, spots in enumerate(places):
        for n, (x, y) in enumerate(spots):
            maps[t, 0] = np.maximum(maps[t, 0], spot(x, y, 0.07))
            if colours:
                pictures[t, int(54 * y) - 8 : int(54 * y) + 8, int(96 * x) - 12 : int(96 * x) + 12] = colours[t][n]
    count = len(places)
    score = np.array([[0.9] + [0.0] * (len(categories) - 1)] * count) if score is None else score
    return Localization("party.mp4", (640, 360), count / 4, 0.5, categories, np.arange(count) / 4, maps,
                        maps.max(axis=1), score, np.full(count, 0.1),
                        pictures=pictures if colours else None)  # fmt: skip


def test_two_alike_in_one_picture_stay_two():
    tracks = scene([[(0.25, 0.5), (0.75, 0.5)]] * 8).timeline().tracks
    assert [(track.name, track.number) for track in tracks] == [("violin #1", 1), ("violin #2", 2)]
    assert all(track.present.all() for track in tracks)
    assert [round(float(track.xywh[3, 0] + track.xywh[3, 2] / 2), 1) for track in tracks] == [0.2, 0.8]


def test_two_that_move_keep_their_numbers():
    x = np.linspace(0.2, 0.8, 24)
    first, second = scene([[(a, 0.25), (1 - a, 0.75)] for a in x]).timeline().tracks
    assert np.allclose(first.xywh[:, 1] + first.xywh[:, 3] / 2, 0.25, atol=0.05)
    assert np.allclose(second.xywh[:, 1] + second.xywh[:, 3] / 2, 0.75, atol=0.05)


def test_an_object_alone_has_no_number_in_its_name():
    (track,) = scene([[(0.5, 0.5)]] * 8).timeline().tracks
    assert (track.name, track.number, track.id) == ("violin", 1, 1)


def test_one_that_pauses_and_plays_on_in_its_place_keeps_its_number():
    score = np.array([[0.9]] * 8 + [[0.0]] * 12 + [[0.9]] * 8)
    found = scene([[(0.3, 0.5)]] * 28, [[RED]] * 28, score).timeline()
    (track,) = found.tracks
    assert [(s.name, s.start_s, s.end_s) for s in found.stretches()] == [("violin", 0, 1.875), ("violin", 4.875, 7.0)]
    assert not track.present[8:20].any()


def test_another_one_in_its_place_after_a_pause_is_another_object():
    score = np.array([[0.9]] * 8 + [[0.0]] * 12 + [[0.9]] * 8)
    colours = [[RED]] * 14 + [[BLUE]] * 14
    assert len(scene([[(0.3, 0.5)]] * 28, colours, score).timeline().tracks) == 2
    assert len(scene([[(0.3, 0.5)]] * 28, None, score).timeline().tracks) == 1, "nothing tells them apart without"


def test_colours_tell_who_moved_where_overlap_does_not():
    places = [[(0.3, 0.5), (0.6, 0.5)]] * 4 + [[(0.56, 0.5), (0.86, 0.5)]] * 4  # the camera moves by one object
    colours = [[RED, BLUE]] * 8
    first, second = scene(places, colours).timeline().tracks
    middle = [float(track.xywh[6, 0] + track.xywh[6, 2] / 2) for track in (first, second)]
    assert middle == pytest.approx([0.56, 0.86], abs=0.05)


def test_a_flicker_is_no_object():
    places = [[(0.3, 0.5)]] * 20
    places[7] = [(0.3, 0.5), (0.8, 0.5)]  # a second bright part for one answer
    places[12] = [(0.8, 0.2)]  # the box elsewhere for one answer
    (track,) = scene(places).timeline().tracks
    assert track.present.all()


def test_where_two_melt_into_one_for_a_moment_both_go_on():
    places = [[(0.3, 0.5), (0.7, 0.5)]] * 8 + [[(0.3, 0.5)]] * 2 + [[(0.3, 0.5), (0.7, 0.5)]] * 8
    found = scene(places).timeline()
    assert len(found.stretches()) == 2
    assert {s.end_s - s.start_s for s in found.stretches()} == {4.5}


def test_a_faint_or_small_part_is_no_second_object():
    for other in (0.6 * spot(0.75, 0.5, 0.07), spot(0.75, 0.5, 0.02)):
        assert len(parts_of(np.maximum(spot(0.25, 0.5, 0.1), other))) == 1


def test_parts_that_are_barely_apart_are_one_object():
    deep, shallow = (np.maximum(spot(0.25, 0.5, 0.1), spot(0.75, 0.5, 0.1)) for _ in range(2))
    shallow[6:8] = np.maximum(shallow[6:8], 0.4)
    assert len(parts_of(deep)) == 2
    assert len(parts_of(shallow)) == 1


def test_the_first_part_is_the_box():
    random = np.random.default_rng(0)
    for _ in range(50):
        map_ = random.random((7, 9)).astype(np.float32)
        assert parts_of(map_)[0] == box_of(map_)


def test_the_parts_of_a_stream_make_the_same_objects(tmp_path):
    video = write_video(tmp_path / "a.mp4", seconds=2.6, sound=tone)
    localizer = Localizer(AnySound())
    whole, parts = localizer(video).timeline(), joined([part.timeline() for part in localizer.stream(video)])
    assert np.array_equal(whole.parts.at, parts.parts.at)
    assert np.array_equal(whole.parts.look, parts.parts.look)
    assert whole.stretches() == parts.stretches()
    assert whole.parts.look.shape[1] == 64


def test_a_stretch_has_its_box_at_its_surest_moment():
    score = np.array([[0.6], [0.7], [0.95], [0.6]])
    (stretch,) = scene([[(0.1 + 0.2 * t, 0.5)] for t in range(4)], score=score).timeline().stretches()
    assert stretch.at_s == 0.5
    assert stretch.xywh[0] + stretch.xywh[2] / 2 == pytest.approx(0.5, abs=0.05)
    assert stretch.score == pytest.approx(score.mean())
    assert stretch.state == "seen"


def test_what_sounds_off_screen_has_no_box_and_what_is_silent_has_one():
    state = np.array([[SEEN, OFF_SCREEN]] * 4 + [[SILENT, -1]] * 4)
    found = replace(scene([[(0.5, 0.5)]] * 8, categories=("violin", "drum")), state=state).timeline()
    drum, seen, silent = found.stretches()
    assert (drum.category, drum.state, drum.xywh, drum.track) == ("drum", "off screen", None, 0)
    assert (seen.state, silent.state) == ("seen", "silent")
    assert (seen.track, seen.end_s) == (silent.track, silent.start_s) == (1, 0.875)
    assert [s.sounding for s in (drum, seen, silent)] == [True, True, False]


def test_segments_and_stretches_agree_where_each_category_has_one_object():
    score = np.random.default_rng(1).random((40, 1))
    found = scene([[(0.5, 0.5)]] * 40, score=score).timeline()
    assert [(s.start_s, s.end_s) for s in found.segments()] == [(s.start_s, s.end_s) for s in found.stretches()]


def test_result_json_tells_the_objects(tmp_path):
    result = scene([[(0.25, 0.5), (0.75, 0.5)]] * 8).to_json()
    assert [track["name"] for track in result["tracks"]] == ["violin #1", "violin #2"]
    assert [[entry["track"] for entry in now] for now in result["objects"]] == [[1, 2]] * 8
    assert [len(now) for now in result["boxes"]] == [1] * 8, "as ever: one box a category"
    assert {stretch["state"] for stretch in result["stretches"]} == {"seen"}


def test_nothing_to_link_is_no_object():
    assert link(Parts(), np.arange(4) / 4, ("violin",)) == []
    assert scene([[(0.5, 0.5)]] * 4, score=np.zeros((4, 1))).timeline().stretches() == []


def test_overlap_of_boxes():
    one = np.array([0.0, 0.0, 0.5, 0.5])
    assert iou(one, one) == pytest.approx(1)
    assert iou(one, np.array([0.25, 0.0, 0.5, 0.5])) == pytest.approx(1 / 3)
    assert iou(one, np.array([0.5, 0.5, 0.5, 0.5])) == 0
