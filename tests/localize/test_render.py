"""Rendering: what the annotated video and the timeline show."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dsol.data.media import probe, read_frames, read_seconds
from dsol.data.media.planes import ToPlanes, planes_of
from dsol.errors import DsolError
from dsol.localize import Localization, Localizer, draw_timeline, render
from dsol.localize.film import Gliding
from dsol.localize.painter import Painter
from dsol.localize.palette import COLOURS, colours_of
from dsol.localize.show import Show
from tests.localize.test_localize import TwoTones, hum_then_whistle, spot
from tests.videos import corners, time_of, tone, write_truncated, write_video

GREY = np.full((240, 320, 3), 100, np.uint8)


def found_with(score, size=(320, 240)) -> Localization:
    """A localization of given score (T, K), four a second; category k at its own place in the picture."""
    score = np.asarray(score, np.float32)
    count, categories = score.shape
    spots = np.stack([spot((k + 0.5) / categories, 0.5, 0.4 / (categories + 2)) for k in range(categories)])
    maps = np.broadcast_to(spots, (count, *spots.shape))
    return Localization(
        video="party.mp4",
        size=size,
        duration_s=count / 4,
        threshold=0.5,
        categories=tuple(f"object_{k}" for k in range(categories)),
        times_s=np.arange(count) / 4,
        maps=maps,
        area=maps.max(axis=1),
        score=score,
        loudness=np.linspace(0, 0.5, count),
    )


def painted(found: Localization, time_s: float, frame=GREY) -> np.ndarray:
    painter = Painter(found.timeline())
    canvas = painter.canvas()
    if frame.shape[1::-1] != painter.picture:
        frame = np.asarray(Image.fromarray(frame).resize(painter.picture))
    painter.paint(canvas, planes_of(ToPlanes()(frame)), time_s, found.maps[0][painter.places])
    return np.asarray(canvas.image())


@pytest.fixture(scope="module")
def party(tmp_path_factory) -> Path:
    return write_video(tmp_path_factory.mktemp("videos") / "party.mp4", seconds=5, sound=hum_then_whistle)


@pytest.fixture(scope="module")
def film(party) -> Path:
    return render(Localizer(TwoTones())(party), party, party.with_name("found.mp4"))


def test_every_frame_of_the_original_is_shown_at_its_time(party, film):
    before, after = list(read_frames(party)), list(read_frames(film))
    assert np.allclose([t for t, _ in before], [t for t, _ in after], atol=0.002)
    for time_s, frame in after[108:]:  # nothing sounds, nothing covers the picture
        assert time_of(frame[:300]) == pytest.approx(time_s, abs=0.15)


def test_the_original_sound_is_kept(party, film):
    pairs = zip(read_seconds(party), read_seconds(film), strict=True)
    for before, after in pairs:
        assert np.allclose(before.waveform, after.waveform, atol=1e-3)


def test_the_light_falls_where_the_sound_comes_from(film):
    frames = dict(read_frames(film))
    hum, whistle = (next(f for t, f in frames.items() if t >= at).astype(int) for at in (1.0, 3.0))
    width = hum.shape[1]
    left, right = (slice(int(width * (x - 0.05)), int(width * (x + 0.05))) for x in (0.25, 0.75))
    colourful = [[np.ptp(frame[140:196, side].mean(axis=(0, 1))) for side in (left, right)] for frame in (hum, whistle)]
    assert min(colourful[0][0], colourful[1][1]) > 30 > 15 > max(colourful[0][1], colourful[1][0])


def test_nothing_is_painted_over_the_picture_while_nothing_sounds():
    assert np.array_equal(painted(found_with([[0.2, 0.3]] * 8), 1.0)[:240, :320], GREY)


def test_a_silent_category_is_not_drawn_beside_a_sounding_one():
    alone, beside = found_with([[0.9, 0.0]] * 8), found_with([[0.9, 0.3]] * 8)
    assert np.array_equal(painted(alone, 1.0)[:240], painted(beside, 1.0)[:240])


def test_what_begins_to_sound_fades_in():
    found = found_with([[0.0]] * 4 + [[0.9]] * 4)
    differences = [np.abs(painted(found, t)[:240, :320].astype(int) - 100).mean() for t in (0.75, 0.85, 0.95, 1.0)]
    assert differences[0] == 0
    assert differences == sorted(differences)
    assert len(set(differences)) == 4


def steady_boxes(left: np.ndarray) -> np.ndarray:
    """(T, objects) left edges as drawn, of boxes a fifth of the picture wide that were found at `left` (T,)."""
    timeline = found_with([[0.9]] * len(left)).timeline()
    xywh = np.tile([0.0, 0.4, 0.2, 0.2], (len(left), 1, 1))
    xywh[:, 0, 0] = left
    return Painter(replace(timeline, xywh=xywh, parts=None)).marks.xywh[:, :, 0]


def test_a_trembling_box_is_drawn_steadily():
    trembling = 0.5 + 0.03 * np.random.default_rng(0).standard_normal(200)
    (drawn,) = steady_boxes(trembling).T
    assert drawn.std() < 0.6 * trembling.std()
    assert drawn.mean() == pytest.approx(0.5, abs=0.01)


def test_a_box_that_jumps_never_rests_between_the_two_places():
    jumping = np.random.default_rng(0).choice([0.1, 0.7], 200)
    drawn = steady_boxes(jumping)
    assert set(np.round(drawn.ravel(), 6)) == {0.1, 0.7}
    assert drawn.shape[1] == 2, "two places are two objects"


@pytest.mark.parametrize("size", [(64, 48), (101, 77), (320, 240), (240, 426), (1280, 720)])
def test_painted_frames_of_any_size_are_even_and_no_smaller(size):
    found = found_with([[0.9, 0.8]] * 4, size)
    image = painted(found, 0.5, np.zeros((size[1], size[0], 3), np.uint8))
    assert image.shape[0] % 2 == image.shape[1] % 2 == 0
    assert image.shape[0] > size[1]
    assert image.shape[1] >= size[0]
    assert min(image.shape[:2]) >= 320 or min(size) >= 320


def test_many_sounding_categories_leave_room_for_the_picture():
    painter = Painter(found_with([[0.9] * 12] * 4).timeline())
    assert len(painter.places) == 12
    assert painter.strip.height < painter.picture[1]


def test_the_strip_is_bright_up_to_now_and_dark_after():
    painter = Painter(found_with([[0.9]] * 40).timeline())
    strip = np.asarray(painter.strip.at(5.0)).astype(int).sum(axis=2)
    left, right = painter.strip.left, painter.strip.right
    middle = (left + right) // 2
    past, coming = strip[:, left + 5 : middle - 5], strip[:, middle + 5 : right - 5]
    assert past[-30:].mean() > 1.5 * coming[-30:].mean()


def test_colours_are_distinct_as_long_as_there_are_enough():
    chosen = colours_of(range(3, 3 + len(COLOURS)))
    assert len(set(chosen.values())) == len(COLOURS)
    assert set(colours_of(range(30))) == set(range(30))


def test_a_category_keeps_its_colour_from_video_to_video():
    assert colours_of([2, 5])[5] == colours_of([5])[5] == colours_of([0, 1, 5])[5]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6), st.lists(st.floats(-1, 3), max_size=9))
def test_maps_glide_linearly_between_two_answers(values, moments):
    times = np.arange(len(values)) * 0.25
    gliding = Gliding(times, (np.full((1, 2, 2), v, np.float32) for v in values))
    for moment in sorted(moments):
        assert gliding.at(moment) == pytest.approx(np.interp(moment, times, values), abs=1e-6)


def test_the_video_is_never_written_over_itself(tmp_path):
    video = write_video(tmp_path / "a.mp4", seconds=1.0)
    before = video.read_bytes()
    with pytest.raises(DsolError, match="is the video itself"):
        render(found_with([[0.9]] * 4, (64, 48)), video, tmp_path / "." / "a.mp4")
    assert video.read_bytes() == before


def test_what_was_there_survives_a_video_that_breaks_off(tmp_path):
    video, out = write_truncated(tmp_path / "a.mp4"), tmp_path / "found.mp4"
    out.write_text("earlier")
    with pytest.raises(DsolError):
        render(found_with([[0.9]] * 24, (64, 48)), video, out)
    assert out.read_text() == "earlier"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.mp4", "found.mp4"]


def test_a_video_in_portrait_is_rendered_as_shown(tmp_path):
    video = write_video(tmp_path / "a.mp4", seconds=1.0, size=(64, 48), rotation=90, sound=tone)
    out = render(Localizer(TwoTones())(video), video, tmp_path / "found.mp4")
    info = probe(out)
    assert info.width == 48 * 7
    assert info.height > 64 * 7


ODD = {
    "rotated.mp4": {"rotation": 90},
    "mirrored.mkv": {"rotation": 270, "mirrored": True},
    "anamorphic.mp4": {"size": (180, 144), "aspect": Fraction(16, 11)},
    "rotated and anamorphic.mkv": {"aspect": Fraction(4, 3), "rotation": 90},
    "narrow.mp4": {"aspect": Fraction(1, 2)},
    "odd.mp4": {"size": (333, 247)},
    "vertical.mp4": {"size": (360, 640)},
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_video_is_painted_as_a_player_shows_it(tmp_path, name):
    video = write_video(tmp_path / name, seconds=0.4, picture=corners, **({"size": (64, 48)} | ODD[name]))
    found = Localizer(TwoTones())(video)
    out = render(found, video, tmp_path / "found.mp4", show=Show(heat=False, boxes=False))
    (before, after), (width, height) = (list(read_frames(file)) for file in (video, out)), found.size
    zoom = max(1, -(-320 // min(width, height)))
    assert len(before) == len(after)
    shown = Image.fromarray(before[0][1]).resize((width * zoom, height * zoom), Image.Resampling.BILINEAR)
    picture = after[0][1][: height * zoom, : width * zoom].astype(int)
    assert np.abs(picture - np.asarray(shown)).mean() < 3
    with av.open(str(out)) as film:
        assert film.streams.video[0].sample_aspect_ratio in (None, 1), "square pixels"


@pytest.mark.parametrize("loudest", [0.9, 0.1])
def test_the_timeline_is_a_png_with_a_row_for_what_sounds(tmp_path, loudest):
    found = found_with([[loudest, 0.2, loudest]] * 12)
    image = Image.open(draw_timeline(found.timeline(), tmp_path / "timeline.png"))
    assert image.format == "PNG"
    wanted = COLOURS[0] in {pixel for _, pixel in image.convert("RGB").getcolors(10**6)}
    assert wanted == (loudest > 0.5)
    assert [p.name for p in tmp_path.iterdir()] == ["timeline.png"]
