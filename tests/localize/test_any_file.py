"""Localizing files of every name and kind: what is written is named, shown and heard as it should be."""

import json
import os
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from dsol.data.media import probe, read_frames, read_seconds
from dsol.errors import DsolError
from dsol.localize import Localizer, localize_videos, render
from dsol.localize.files import FILES
from dsol.progress import _bar
from tests.localize.test_localize import TwoTones, hum_then_whistle
from tests.videos import corners, silence, tone, with_tracks, write_video

LONG = "あ" * 83  # 249 bytes


class Chinese(TwoTones):
    """The two tones, named in other scripts."""

    categories = ("大提琴", "цимбалы $x$")

    def predict(self, frames, waveforms, keys):
        return replace(super().predict(frames, waveforms, keys), categories=self.categories)


def localized(tmp_path, *videos, system=None, **options):
    folders = localize_videos(videos, Localizer(system or TwoTones(), **options), tmp_path / "out")
    return [json.loads((folder / "result.json").read_text("utf-8")) for folder in folders]


@pytest.mark.parametrize("name", ["Ba$$in $x_{", "[bold red]x", LONG, "100%", "大提琴", "a b'c\"", "-x"])
def test_a_name_is_only_a_name(tmp_path, name):
    video = write_video(tmp_path / f"{name}.mp4", sound=hum_then_whistle)
    (found,) = localized(tmp_path, video)
    assert found["video"] == str(video)
    assert {path.name for path in (tmp_path / "out" / name).iterdir()} == set(FILES)


def test_a_name_that_is_no_utf_8_costs_nothing(tmp_path):
    good = write_video(tmp_path / "good.mp4")
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.mp4")
    try:
        os.link(good, odd)
    except OSError:
        pytest.skip("this disk takes UTF-8 names only")
    names = [found["video"] for found in localized(tmp_path, odd, good)]
    assert names == [f"{tmp_path}/caf\\xe9.mp4", str(good)]


def test_categories_of_any_script_are_drawn(tmp_path):
    video = write_video(tmp_path / "a.mp4", sound=hum_then_whistle, seconds=4.0)
    (found,) = localized(tmp_path, video, system=Chinese())
    assert [segment["category"] for segment in found["segments"]] == ["大提琴", "цимбалы $x$"]


def test_a_progress_bar_shows_names_as_they_are(capfd):
    assert list(_bar([1, 2], "Listening to [bold red]x.mp4 :smile:", 2, "[b]")) == [1, 2]
    assert "[bold red]x.mp4 :smile:" in capfd.readouterr().err.replace("\n", "")


class Failing(TwoTones):
    """A system with a mistake in it, for loud videos."""

    def predict(self, frames, waveforms, keys):
        if "bad" in keys[0]:
            raise TypeError("of ours")
        return super().predict(frames, waveforms, keys)


def test_a_mistake_of_the_program_costs_one_video_only(tmp_path, capsys):
    videos = [write_video(tmp_path / f"{name}.mp4") for name in ("good", "bad", "well")]
    with pytest.raises(DsolError, match="1 of 3 videos failed"):
        localize_videos(videos, Localizer(Failing()), tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["good", "well"]
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("skipped")]
    assert len(said) == 1
    assert "TypeError: of ours" in said[0]


def test_the_sound_track_that_is_asked_for_is_localized_and_kept(tmp_path):
    video = with_tracks(tmp_path / "a.mkv", [tone, lambda t: tone(t, 880.0), silence])
    for number, names in ((None, ["hummer"]), (1, ["hummer"]), (2, ["whistler"]), (3, [])):
        (found,) = localized(tmp_path, video, audio_track=number)
        assert [segment["category"] for segment in found["segments"]] == names
        kept = next(read_seconds(tmp_path / "out" / "a" / "localized.mp4")).waveform
        hz = np.abs(np.fft.rfft(kept)).argmax()
        assert hz == {"hummer": 440, "whistler": 880}.get("".join(names), 0) or kept.std() < 1e-4


def test_the_film_of_a_still_moves_with_the_sound(tmp_path):
    still = write_video(
        tmp_path / "still.mp4", times_s=[0.0], sound_seconds=4.0, sound=hum_then_whistle, picture=corners
    )
    found = Localizer(TwoTones())(still)
    assert [segment.category for segment in found.timeline().segments()] == ["hummer", "whistler"]
    film = render(found, still, tmp_path / "film.mp4")
    times = [time_s for time_s, _ in read_frames(film)]
    np.testing.assert_allclose(times, np.arange(8) / 2, atol=0.02)
    assert probe(film).duration_s == pytest.approx(4, abs=0.6)
    one, other = (frame.astype(int) for time_s, frame in read_frames(film) if time_s in (times[2], times[6]))
    assert np.abs(one - other).max() > 50, "what sounds is lit"


def test_sizes_and_boxes_are_those_of_the_picture_as_shown(tmp_path):
    video = write_video(tmp_path / "a.mp4", size=(480, 360), aspect=Fraction(4, 3), sound=hum_then_whistle)
    (found,) = localized(tmp_path, video)
    assert (found["width"], found["height"]) == (640, 360)
    coco = json.loads((tmp_path / "out" / "a" / "boxes.coco.json").read_text("utf-8"))
    x, _, w, _ = coco["annotations"][0]["bbox"]
    assert x + w / 2 == pytest.approx(160, abs=20), "a quarter of the width shown"
    frame = next(iter(read_frames(tmp_path / "out" / "a" / "localized.mp4")))[1]
    assert frame.shape[1] == 640
