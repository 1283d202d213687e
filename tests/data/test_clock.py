"""Time stamps that lie."""

import av
import numpy as np
import pytest

from dsol.data.media import VideoWriter, probe, read_frames, read_seconds
from dsol.data.media.timing import clock_of
from tests.videos import clock, restamped, time_of, tone, write_video


def whole(path) -> list:
    return list(read_seconds(path))


def shown(path) -> list[float]:
    return [time_of(frame) for second in whole(path) for frame in second.frames]


def wild(number: int, count: int = 1, to_s: float = 320.0, kind: str = "video"):
    def stamp(track: str, n: int, time_s: float) -> float:
        return to_s + time_s if track == kind and number <= n < number + count else time_s

    return stamp


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    folder = tmp_path_factory.mktemp("good")
    return write_video(folder / "a.mkv", seconds=3.0, codecs=("mpeg4", "pcm_s16le"))


@pytest.mark.parametrize(
    "stamp",
    [wild(30), wild(30, 5), wild(30, to_s=4.0), wild(0), wild(0, 3), wild(60, kind="audio"), wild(30, to_s=1e6)],
    ids=["one", "five", "by seconds", "the first", "the first three", "of the sound", "by days"],
)
def test_a_stamp_that_those_after_it_contradict_does_not_count(good, tmp_path, capsys, stamp):
    path = restamped(good, tmp_path / "wild.mkv", stamp)
    np.testing.assert_allclose(shown(path), np.arange(12) / 4, atol=0.15)
    assert all(second.waveform.std() > 0.2 for second in whole(path))
    assert probe(path).duration_s == pytest.approx(3, abs=0.2)
    assert len(list(read_frames(path))) == 75
    said = capsys.readouterr().err
    assert said.count("wild.mkv") == 1, "said once"
    assert "time stamps that those after them contradict" in said


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".ts"])
def test_an_hour_of_nothing_is_cut_to_a_second_and_said(tmp_path, capsys, suffix):
    good = write_video(tmp_path / "good.mp4", seconds=3.0)
    path = restamped(good, tmp_path / f"jump{suffix}", lambda track, n, s: s + 3600 * (s >= 1.2))
    seconds = whole(path)
    assert 3 <= len(seconds) <= 4
    times = [time_of(second.frames[-1]) for second in seconds]
    np.testing.assert_allclose(times, [0.75, 1.2, 1.75, 2.75][: len(times)], atol=0.2)
    assert seconds[0].waveform.std() > 0.2 < seconds[-1].waveform.std() + 0.1
    assert probe(path).duration_s == pytest.approx(4, abs=0.2)
    assert probe(path).notes[0].startswith("a gap of 3600 s after 1.")
    assert "a gap of 3600 s" in capsys.readouterr().err


def test_two_recordings_in_one_file_follow_each_other(tmp_path):
    part = write_video(tmp_path / "part.ts", seconds=3.0).read_bytes()
    path = tmp_path / "both.ts"
    path.write_bytes(part + part)
    times = shown(path)
    np.testing.assert_allclose(times[:12], np.arange(12) / 4, atol=0.15)
    np.testing.assert_allclose(times[13:], np.arange(1, 12) / 4, atol=0.15)
    assert len(probe(path).notes) == 1
    assert "starts again" in probe(path).notes[0]


def test_a_track_that_appears_midway_is_passed_over(tmp_path):
    def noise(time_s, width, height):
        return np.random.default_rng(round(25 * time_s)).integers(0, 256, (height, width, 3), np.uint8)

    silent = write_video(tmp_path / "silent.ts", 3.0, (256, 256), picture=noise, sound=None).read_bytes()
    heard = write_video(tmp_path / "heard.ts", 3.0, (256, 256), picture=noise).read_bytes()
    path = tmp_path / "joined.ts"
    path.write_bytes(3 * silent + heard + silent)
    with av.open(str(path)) as container, pytest.raises(IndexError):
        list(container.demux(*container.streams))
    assert len(list(read_frames(path))) >= 5 * 75 - 5
    assert probe(path).duration_s == pytest.approx(15, abs=0.5)


def test_the_copied_sound_keeps_to_the_clock(good, tmp_path):
    path = restamped(good, tmp_path / "jump.mkv", lambda track, n, s: s + 3600 * (s >= 1.2))
    with VideoWriter(tmp_path / "copy.mp4", 64, 48, 25, sound_from=path) as video:
        for time_s, frame in read_frames(path):
            video.write(frame, time_s)
    before, after = whole(path), whole(tmp_path / "copy.mp4")
    assert len(before) == len(after) == 3
    for one, other in zip(before, after, strict=True):
        assert one.waveform.std() == pytest.approx(other.waveform.std(), abs=0.02)


@pytest.mark.parametrize(
    "options",
    [
        {"times_s": [0.0, 15.0, 30.0], "seconds": 45.0, "sound": tone},
        {"times_s": [0.0, 12.0, 24.0, 36.0], "seconds": 40.0, "sound": None},
        {"times_s": [*np.arange(0, 1.0, 0.04), 8.0, 8.1, 8.2], "seconds": 9.0},
        {"seconds": 3.0, "picture_start_s": 5.0, "sound_start_s": 5.0},
    ],
    ids=["pictures that stand long", "without sound", "a pause", "a late start"],
)
def test_what_is_only_unusual_is_left_as_it_is(tmp_path, capsys, options):
    path = write_video(tmp_path / "a.mkv", picture=clock, **options)
    assert not clock_of(path).notes
    first_s, last_s = clock_of(path).first_s, clock_of(path).last_s
    assert last_s - first_s == pytest.approx(options["seconds"], abs=1.0) or options["sound"] is None
    assert not capsys.readouterr().err


@pytest.mark.parametrize("packets", [2, 3, 4])
def test_a_few_packets_at_the_ends_of_time_are_no_month_of_video(tmp_path, packets):
    good = write_video(
        tmp_path / "good.mkv", times_s=np.arange(packets) / 4, codecs=("mpeg4", "pcm_s16le"), sound_seconds=0.02
    )
    path = restamped(good, tmp_path / "a.mkv", lambda track, n, s: s + 1_000_000 * n)
    assert probe(path).duration_s < 60
    assert len(list(read_seconds(path, whole_only=False))) < 60
