"""What the film shows beyond what sounds and is seen; sheets, GIFs and subtitle tracks."""

from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from dsol.cli import main
from dsol.data.media import probe, read_seconds
from dsol.data.media.subtitles import add_subtitles
from dsol.data.states import OFF_SCREEN, SEEN, SILENT
from dsol.errors import DsolError
from dsol.localize import Localizer, Wanted, localize_videos, render
from dsol.localize.formats.captions import captions_of
from dsol.localize.moments import painted_at, write_gif, write_preview
from dsol.localize.painter import Painter
from dsol.localize.show import Show
from tests.localize.test_localize import TwoTones, hum_then_whistle
from tests.localize.test_tracks import scene
from tests.videos import time_of, tone, write_text, write_video

GREY = np.full((360, 640, 3), 100, np.uint8)


def painted(found, words: str = "", time_s: float = 1.0) -> np.ndarray:
    """(360, 640, 3) the picture without the strip, of grey."""
    painter = Painter(found.timeline(), Show.read(words))
    return np.asarray(painter.paint_picture(GREY, time_s, found.maps[0][painter.places])).astype(int)


def doing(*states, places=((0.3, 0.5),), seconds: int = 2):
    """A scene in which the categories do these all the time; all maps have their spots in the same places."""
    found = scene([list(places)] * (4 * seconds), categories=("violin", "drum", "flute")[: len(states)])
    maps = np.repeat(found.maps[:, :1], len(states), axis=1)
    score = np.full((4 * seconds, len(states)), 0.9)
    return replace(found, maps=maps, score=score, state=np.tile(states, (4 * seconds, 1)))


def changed(picture: np.ndarray) -> np.ndarray:
    """(360, 640) bool: where it is no longer grey."""
    return np.abs(picture - 100).max(axis=2) > 8


def test_words_say_what_is_shown():
    assert Show.read("") == Show(True, True, False, False, False)
    assert Show.read(["boxes", "silent"]) == Show(False, True, True, False, False)
    assert Show.read("heat, off-screen,subtitles") == Show(True, False, False, True, True)
    with pytest.raises(DsolError, match=r"--show: 'fog' is not known \(give some of heat, boxes"):
        Show.read("fog")


def test_what_is_silent_is_shown_only_if_asked_for_and_without_light():
    found = doing(SILENT)
    assert not changed(painted(found)).any()
    asked = changed(painted(found, "silent"))
    assert asked.any()
    assert not asked[160:200, 170:210].any(), "nothing is lit inside its box"
    sounding = changed(painted(doing(SEEN), "silent"))
    assert sounding[160:200, 170:210].any()


def test_the_outline_of_what_is_silent_has_gaps():
    x, y, w, h = (doing(SILENT).timeline().tracks[0].xywh[4] * np.array([640, 360] * 2)).round().astype(int)
    edge = changed(painted(doing(SILENT), "silent"))[y + h - 1 : y + h + 2, x : x + w].any(axis=0)
    assert 0.3 < edge.mean() < 0.8
    solid = changed(painted(doing(SEEN), "boxes"))[y + h - 1 : y + h + 2, x + 12 : x + w - 12].any(axis=0)
    assert solid.all()


def test_what_is_off_screen_stands_at_the_rim_and_nowhere_else():
    found = doing(OFF_SCREEN)
    assert not changed(painted(found)).any()
    asked = changed(painted(found, "off-screen"))
    assert asked[-3:].all()
    assert not asked[:300].any()


def test_two_off_screen_share_the_rim():
    rim = painted(doing(OFF_SCREEN, OFF_SCREEN), "off-screen")[-2]
    assert len({tuple(colour) for colour in rim[[50, 300]]}) == 1
    assert tuple(rim[50]) != tuple(rim[600])


def test_light_without_boxes_and_boxes_without_light():
    found = doing(SEEN)
    light, boxes, both = (changed(painted(found, words)) for words in ("heat", "boxes", ""))
    assert light[180, 192]
    assert not boxes[180, 192]
    assert (both | light | boxes == both).mean() > 0.999
    assert (both & ~light).any(), "the box and the plaque"


def test_two_of_a_kind_have_a_box_each():
    alone, two = (doing(SEEN, places=places) for places in ([(0.25, 0.5)], [(0.25, 0.5), (0.75, 0.5)]))
    right = [changed(painted(found, "boxes"))[:, 400:].sum() for found in (alone, two)]
    assert right[0] == 0
    assert right[1] > 500


def test_subtitles_burnt_in_lie_at_the_lower_rim_while_something_sounds():
    found = doing(SEEN)
    words = changed(painted(found, "boxes,subtitles") - painted(found, "boxes") + 100)
    rows = np.flatnonzero(words.any(axis=1))
    assert rows.min() > 300
    assert not changed(painted(doing(-1), "boxes,subtitles")).any()


def test_many_subtitles_take_several_lines_and_stay_in_the_picture():
    found = doing(*[SEEN] * 3)
    found = replace(
        found, categories=("a very long name of an instrument", "another such name of one more of them", "a third one")
    )
    words = changed(painted(found, "boxes,subtitles", 1.0) - painted(found, "boxes", 1.0) + 100)
    rows = np.flatnonzero(words.any(axis=1))
    assert rows.max() - rows.min() > 30
    assert not words[:, [0, -1]].any()


@pytest.fixture(scope="module")
def party(tmp_path_factory) -> Path:
    return write_video(tmp_path_factory.mktemp("videos") / "party.mp4", seconds=4, sound=hum_then_whistle)


def test_a_sheet_shows_the_surest_moments_with_their_times(party, tmp_path):
    found = Localizer(TwoTones())(party)
    sheet = Image.open(write_preview(found.timeline(), iter(found.maps), party, tmp_path / "preview.jpg"))
    assert sheet.format == "JPEG"
    assert sheet.width > 2 * 420, "two stretches, two pictures side by side"
    assert [p.name for p in tmp_path.iterdir()] == ["preview.jpg"]


def test_a_sheet_of_a_film_in_which_nothing_sounds_shows_the_film(tmp_path):
    video = write_video(tmp_path / "quiet.mp4", seconds=2, sound=lambda times_s: 0 * times_s)
    found = Localizer(TwoTones())(video)
    sheet = np.asarray(Image.open(write_preview(found.timeline(), iter(found.maps), video, tmp_path / "preview.jpg")))
    middle = sheet[120:300]
    assert middle[:, 60].mean() < middle[:, 500].mean() < middle[:, 940].mean(), "grey by time"


def test_the_frame_on_screen_at_a_time_is_the_one_that_is_painted(party):
    found = Localizer(TwoTones())(party)
    times = [0.0, 0.5, 0.52, 3.99]
    shown = list(painted_at(times, found.timeline(), iter(found.maps), party, Show(heat=False, boxes=False)))
    assert [time_s for time_s, _ in shown] == times
    assert [time_of(np.asarray(picture)) for _, picture in shown] == pytest.approx(times, abs=0.15)


def test_a_gif_shows_the_seconds_in_which_most_sounds(tmp_path):
    video = write_video(tmp_path / "late.mp4", seconds=6, sound=lambda times_s: tone(times_s) * (times_s >= 3))
    found = Localizer(TwoTones())(video)
    gif = Image.open(write_gif(found.timeline(), iter(found.maps), video, tmp_path / "a.gif", 2.0))
    assert gif.format == "GIF"
    assert gif.width <= 480
    lasts = [(gif.seek(n), gif.info["duration"])[1] for n in range(gif.n_frames)]  # two alike become a longer one
    assert sum(lasts) == 2000
    assert len(lasts) > 15
    gif.seek(0)
    corner = np.asarray(gif.convert("RGB"))[:20, -40:]
    assert 2.5 < time_of(corner / 0.72) < 4.5, "it begins about where the sound does (in shade, where nothing is lit)"


def test_subtitles_as_a_track_say_the_same_and_leave_picture_and_sound(party, tmp_path):
    found = Localizer(TwoTones())(party)
    film = render(found, party, tmp_path / "found.mp4")
    before = probe(film), [second.waveform for second in read_seconds(film)]
    captions = captions_of(found.timeline())
    add_subtitles(film, [(c.start_s, c.end_s, c.words) for c in captions])
    after = probe(film), [second.waveform for second in read_seconds(film)]
    assert after[0] == before[0]
    assert np.array_equal(after[1], before[1])
    with av.open(str(film)) as container:
        (track,) = container.streams.subtitles
        texts = [(float(packet.pts * packet.time_base), bytes(packet)[2:].decode()) for packet in container.demux(track)
                 if packet.size > 2]  # fmt: skip
    assert texts == [(pytest.approx(c.start_s, abs=1e-3), c.words) for c in captions]
    assert [p.name for p in tmp_path.iterdir()] == ["found.mp4"]


def test_subtitles_of_no_video_are_an_error(tmp_path):
    text = write_text(tmp_path / "a.mp4")
    with pytest.raises(DsolError, match=r"a\.mp4: cannot be given subtitles"):
        add_subtitles(text, [(0, 1, "a")])
    assert [p.name for p in tmp_path.iterdir()] == ["a.mp4"]


def test_everything_that_is_wanted_is_written_together(party, tmp_path):
    wanted = Wanted("srt", show=Show.read("silent,off-screen"), subtitles=True, preview=True, gif_s=1.0)
    (folder,) = localize_videos([party], Localizer(TwoTones()), tmp_path, wanted)
    assert sorted(p.name for p in folder.iterdir()) == sorted(wanted.files)
    assert {"preview.jpg", "localized.gif", "localized.srt"} <= set(wanted.files)


def test_the_command_line_takes_them(party, tmp_path, capsys):
    call = ["localize", str(party), "--model", "small", "--out", str(tmp_path)]
    main([*call, "--no-video", "--preview", "--gif", "0.5", "--show", "heat"])
    assert {"preview.jpg", "localized.gif"} <= {p.name for p in (tmp_path / "party").iterdir()}
    for words in (["--gif", "1000"], ["--show", "fog"]):
        with pytest.raises(SystemExit) as stop:
            main([*call, *words])
        assert stop.value.code == 2
