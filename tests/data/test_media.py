import gc
import resource
import tracemalloc
from functools import partial
from pathlib import Path

import av
import numpy as np
import pytest

from dsol.data.media import VideoWriter, find_videos, probe, read_frames, read_seconds
from dsol.data.media.waveform import read_sound
from dsol.errors import DsolError
from tests.pointers import POINTERS, listening
from tests.videos import (
    BROKEN,
    CODECS,
    corners,
    flash_and_beep,
    noise,
    silence,
    time_of,
    tone,
    write_corrupt,
    write_empty,
    write_no_picture,
    write_no_sound,
    write_odd_size,
    write_one_frame,
    write_rotated,
    write_text,
    write_truncated,
    write_variable_rate,
    write_video,
)

A_FRAME_S = 0.12  # how exactly the grey of a coded frame tells the time, and no more


def sound_of(path: Path) -> np.ndarray:
    return np.concatenate([second.waveform for second in read_seconds(path, size=(8, 8))])


def level_db(sound: np.ndarray) -> float:
    return 20 * np.log10(np.sqrt(np.mean(sound.astype(float) ** 2)) + 1e-12)


def packets_of(path: Path, kind: str) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(container.streams.best(kind)) if packet.size]


def flash_times(path: Path) -> tuple[float, float]:
    """When the flash is first seen and the beep first heard, in s."""
    flash = next(time_s for time_s, frame in read_frames(path) if frame.mean() > 128)
    return flash, np.flatnonzero(np.abs(sound_of(path)) > 0.1)[0] / 16_000


# ---- what a file holds


@pytest.mark.parametrize("suffix", CODECS)
def test_probe_tells_what_every_container_holds(tmp_path, suffix):
    info = probe(write_video(tmp_path / f"a{suffix}", seconds=2.0, size=(64, 48), fps=25))
    assert (info.width, info.height, info.fps, info.channels) == (64, 48, 25.0, 2)
    assert info.sample_rate == (48_000 if suffix == ".webm" else 44_100)
    assert info.duration_s == pytest.approx(2.0, abs=0.02)


def test_probe_reports_the_size_as_shown(tmp_path):
    info = probe(write_rotated(tmp_path / "a.mp4", 90))
    assert (info.width, info.height) == (48, 64)


def test_probe_accepts_a_video_without_sound(tmp_path):
    info = probe(write_no_sound(tmp_path / "a.mp4"))
    assert (info.sample_rate, info.channels) == (0, 0)


def test_find_videos_looks_into_folders_and_ignores_everything_else(tmp_path):
    for name in ["b.MP4", "cello/a.webm", "cello/notes.txt", ".hidden.mp4", "a.mkv"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.mp4").mkdir()
    assert [str(p.relative_to(tmp_path)) for p in find_videos(tmp_path)] == ["a.mkv", "b.MP4", "cello/a.webm"]


# ---- seconds: picture


@pytest.mark.parametrize("suffix", CODECS)
def test_every_container_gives_whole_seconds_of_the_right_times(tmp_path, suffix):
    seconds = list(read_seconds(write_video(tmp_path / f"a{suffix}", seconds=2.6)))
    assert [second.index for second in seconds] == [0, 1]
    for second in seconds:
        assert second.frames.shape == (4, 48, 64, 3)
        assert second.frames.dtype == np.uint8
        np.testing.assert_allclose(second.times_s, second.index + np.array([0, 0.25, 0.5, 0.75]))
        np.testing.assert_allclose([time_of(f) for f in second.frames], second.times_s, atol=A_FRAME_S)
        assert second.waveform.shape == (16_000,)
        assert second.waveform.dtype == np.float32
        assert level_db(second.waveform) == pytest.approx(-9, abs=0.3)  # a sine of half scale


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm"])
def test_frames_are_chosen_by_time_stamp(tmp_path, suffix):
    seconds = list(read_seconds(write_variable_rate(tmp_path / f"a{suffix}")))
    shown = [time_of(frame) for second in seconds for frame in second.frames]
    expected = [0, 0.24, 0.48, 0.72, 0.96, 0.96, 0.96, 0.96, 0.96, 2.2, 2.3, 2.6]
    np.testing.assert_allclose(shown, expected, atol=0.07)


@pytest.mark.parametrize("fps", [1, 2.5, 4, 29.97, 60])
def test_the_frame_rate_does_not_matter(tmp_path, fps):
    seconds = list(read_seconds(write_video(tmp_path / "a.mkv", seconds=4.004, fps=fps)))
    shown = np.array([time_of(frame) for second in seconds for frame in second.frames])
    times_s = np.arange(16) / 4
    expected = np.floor(times_s * fps + 0.02) / fps
    assert len(seconds) == 4
    np.testing.assert_allclose(shown, expected, atol=0.09)


def test_more_frames_a_second_can_be_had(tmp_path):
    seconds = list(read_seconds(write_video(tmp_path / "a.mp4"), frames_per_second=10))
    assert [len(second.frames) for second in seconds] == [10, 10]


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_rotation_is_applied(tmp_path, rotation):
    path = write_rotated(tmp_path / "a.mp4", rotation)
    expected = np.rot90(corners(0, 64, 48), rotation // 90)
    frame = next(read_seconds(path)).frames[0]
    assert frame.shape == expected.shape
    assert np.abs(frame.astype(int) - expected).mean() < 12  # coded colours bleed at the edges
    small = next(read_seconds(path, size=(20, 30))).frames[0]
    assert small.shape == (30, 20, 3)
    assert np.abs(small[5, 5].astype(int) - expected[5, 5]).max() < 40


def test_mirrored_video_is_shown_as_the_file_asks(tmp_path):
    path = write_video(tmp_path / "a.mp4", picture=corners, mirrored=True)
    frame = next(read_seconds(path)).frames[0]
    assert np.abs(frame.astype(int) - corners(0, 64, 48)[:, ::-1]).mean() < 12


def test_an_odd_size_is_kept_and_any_size_can_be_had(tmp_path):
    path = write_odd_size(tmp_path / "a.mp4")
    whole = next(read_seconds(path)).frames[0]
    assert whole.shape == (47, 33, 3)
    assert np.abs(whole.astype(int) - corners(0, 33, 47)).mean() < 12
    assert next(read_seconds(path, size=(31, 17))).frames.shape == (4, 17, 31, 3)


def test_scaling_down_averages_instead_of_skipping(tmp_path):
    def stripes(time_s, width, height):
        return np.broadcast_to((255 * (np.arange(width) % 2))[None, :, None], (height, width, 3)).astype(np.uint8)

    path = write_video(tmp_path / "a.mp4", picture=stripes, size=(256, 64))
    frame = next(read_seconds(path, size=(32, 8))).frames[0]
    assert np.abs(frame[:, 2:-2].astype(int) - 127).max() < 12


# ---- seconds: sound


@pytest.mark.parametrize(
    ("suffix", "codecs", "rate", "layout"),
    [
        (".mp4", None, 44_100, "stereo"),
        (".mp4", None, 8_000, "mono"),
        (".mp4", None, 48_000, "5.1"),
        (".webm", None, 48_000, "mono"),
        (".mkv", ("libx264", "libmp3lame"), 22_050, "stereo"),
        (".mkv", ("libx264", "pcm_u8"), 11_025, "mono"),
        (".mkv", ("libx264", "pcm_s24le"), 96_000, "stereo"),
        (".mkv", ("libx264", "pcm_f32le"), 16_000, "stereo"),
    ],
)
def test_sound_of_any_rate_layout_and_format_keeps_its_pitch(tmp_path, suffix, codecs, rate, layout):
    sound = sound_of(write_video(tmp_path / f"a{suffix}", rate=rate, layout=layout, codecs=codecs))
    assert len(sound) == 32_000
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(32_000)))
    assert spectrum.argmax() == 880  # 440 Hz over two seconds
    assert level_db(sound) > -12


def test_channels_are_averaged(tmp_path):
    def left_only(times_s):
        return np.stack([tone(times_s), np.zeros_like(times_s)])

    sound = sound_of(write_video(tmp_path / "a.mov", sound=left_only))
    assert level_db(sound) == pytest.approx(-9 - 6, abs=0.1)


@pytest.mark.parametrize("hz", [8_500, 12_000, 15_500])
def test_what_16_khz_cannot_hold_is_gone(tmp_path, hz):
    sound = sound_of(write_video(tmp_path / "a.mov", sound=partial(tone, hz=hz, level=0.9)))
    assert level_db(sound[1_000:-1_000]) < -80  # not counting the clicks of its start and end


def test_sound_and_picture_keep_together_in_every_container(tmp_path):
    for suffix in CODECS:
        flash, beep = flash_times(flash_and_beep(tmp_path / f"a{suffix}"))
        assert flash == pytest.approx(0.8, abs=0.002)
        assert beep == pytest.approx(0.8, abs=0.005)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize(("picture_start_s", "sound_start_s"), [(0.5, 0.0), (0.0, 0.5), (0.8, 0.8), (0.02, 0.0)])
def test_start_times_keep_sound_and_picture_together(tmp_path, suffix, picture_start_s, sound_start_s):
    starts = {"picture_start_s": picture_start_s, "sound_start_s": sound_start_s}
    flash, beep = flash_times(flash_and_beep(tmp_path / f"a{suffix}", **starts))
    assert beep - flash == pytest.approx(sound_start_s - picture_start_s, abs=0.005)
    assert min(flash, beep) == pytest.approx(0.8, abs=0.025)  # sound 0.02 s early does not move the start


def test_before_the_first_picture_the_first_picture_is_shown(tmp_path):
    second = next(read_seconds(write_video(tmp_path / "a.mp4", picture_start_s=0.6)))
    np.testing.assert_allclose([time_of(f) for f in second.frames], [0, 0, 0, 0.12], atol=0.07)


def test_sound_that_starts_late_is_preceded_by_silence(tmp_path):
    waveform = next(read_seconds(write_video(tmp_path / "a.mkv", sound_start_s=0.5))).waveform
    assert level_db(waveform[:7_900]) < -80
    assert level_db(waveform[8_100:]) > -10


def test_sound_that_ends_early_is_followed_by_silence(tmp_path):
    seconds = list(read_seconds(write_video(tmp_path / "a.mov", seconds=3.0, sound_seconds=1.5)))
    assert len(seconds) == 3
    assert level_db(seconds[1].waveform[:7_900]) > -10
    assert not seconds[1].waveform[8_100:].any()
    assert not seconds[2].waveform.any()


def test_sound_that_goes_on_ends_with_the_picture(tmp_path):
    assert len(list(read_seconds(write_video(tmp_path / "a.mp4", seconds=2.0, sound_seconds=5.0)))) == 2


def test_a_silent_sound_track_is_a_sound_track(tmp_path):
    assert not sound_of(write_video(tmp_path / "a.mov", sound=silence)).any()


# ---- seconds: the end


def test_an_incomplete_last_second_is_kept_on_request_and_filled_up(tmp_path):
    path = write_video(tmp_path / "a.mp4", seconds=2.6)
    *whole, last = read_seconds(path, whole_only=False)
    assert [second.index for second in whole] == [0, 1]
    assert last.index == 2
    np.testing.assert_allclose(last.times_s, [2, 2.25, 2.5])
    assert len(last.frames) == 3
    assert last.waveform.shape == (16_000,)
    assert last.waveform[9_000:9_500].any()
    assert not last.waveform[9_600:].any()


def test_a_last_second_of_hardly_any_length_is_dropped(tmp_path):
    path = write_video(tmp_path / "a.mp4", seconds=2.04)
    assert len(list(read_seconds(path, whole_only=False))) == 2


def test_a_video_shorter_than_a_second_can_be_had_on_request(tmp_path):
    (second,) = read_seconds(write_video(tmp_path / "a.mp4", seconds=0.4), whole_only=False)
    assert len(second.frames) == 2


# ---- bad files

REASONS = {
    "empty": (write_empty, "is empty, 0 bytes"),
    "text": (write_text, "cannot be opened as a video"),
    "corrupt": (write_corrupt, "cannot be opened as a video"),
    "no sound": (write_no_sound, "has no sound track"),
    "no picture": (write_no_picture, "has no picture"),
    "one frame": (write_one_frame, "is shorter than 1 s"),
    "missing": (lambda path: path, "no such file"),
    "noise for picture": (partial(write_corrupt, index_kept=True), "cannot be decoded"),
}


@pytest.mark.parametrize("kind", REASONS)
def test_a_bad_file_gives_one_line_with_its_name_the_fault_and_the_remedy(tmp_path, kind):
    write, fault = REASONS[kind]
    path = write(tmp_path / "party.mp4")
    with pytest.raises(DsolError) as raised:
        list(read_seconds(path))
    message = str(raised.value)
    assert fault in message
    assert message.startswith(str(path))
    assert message.endswith(")")
    assert "\n" not in message


def test_every_kind_of_broken_video_has_its_message():
    assert set(BROKEN) <= set(REASONS)


@pytest.mark.parametrize("read", [probe, lambda path: list(read_frames(path))])
@pytest.mark.parametrize("kind", ["empty", "text", "corrupt", "no picture"])
def test_no_reader_lets_another_error_out(tmp_path, read, kind):
    with pytest.raises(DsolError):
        read(BROKEN[kind](tmp_path / "a.mp4"))


@pytest.mark.parametrize("kind", POINTERS)
def test_a_list_that_calls_itself_a_video_opens_no_other_file_and_no_connection(kind, tmp_path):
    write_video(tmp_path / "real.mp4")
    with listening() as (address, callers):
        for place in ("real.mp4", f"file://{tmp_path}/real.mp4", f"http://{address}/real.mp4"):
            for name in ("a.mp4", "a" + kind):
                (tmp_path / name).write_text(POINTERS[kind](place))
                for read in (probe, read_sound):
                    with pytest.raises(DsolError, match=r"^[^\n]*(cannot be opened|is no recording)[^\n]*$"):
                        read(tmp_path / name)
        assert not callers()


def test_a_careless_reader_would_follow_such_a_list(tmp_path):
    with listening() as (address, callers):
        (tmp_path / "a.mp4").write_text(POINTERS[".ffconcat"](f"http://{address}/real.mp4"))
        with pytest.raises(av.FFmpegError):
            av.open(str(tmp_path / "a.mp4"), options={"protocol_whitelist": "file,http,tcp", "safe": "0"})
        assert callers(), "else the test above shows nothing"


def test_a_name_that_looks_like_an_address_is_a_name(tmp_path, monkeypatch):
    write_video(tmp_path / "a.mp4").rename(tmp_path / "http:a %d.mp4")
    monkeypatch.chdir(tmp_path)
    assert probe("http:a %d.mp4").width == 64


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
def test_a_truncated_video_gives_its_good_seconds_and_then_says_where_it_breaks(tmp_path, suffix):
    path = write_truncated(tmp_path / f"a{suffix}", seconds=6.0, kept=0.6)
    seconds = []
    with pytest.raises(DsolError, match=r"breaks off after 3\.\d s"):
        seconds.extend(read_seconds(path))
    with pytest.raises(DsolError, match="breaks off"):
        seconds.extend(read_seconds(path, whole_only=False))
    assert [second.index for second in seconds][:3] == [0, 1, 2]


def test_a_few_broken_packets_in_the_middle_are_passed_over(tmp_path):
    path = write_video(tmp_path / "a.mkv", seconds=4.0, codecs=("mjpeg", "flac"))
    data = path.read_bytes()
    middle = len(data) // 2
    path.write_bytes(data[:middle] + bytes(200) + data[middle + 200 :])
    assert [second.index for second in read_seconds(path)] == [0, 1, 2, 3]


# ---- memory


def peak_while(job) -> int:
    tracemalloc.start()
    job()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_memory_does_not_grow_with_the_length_of_a_video(tmp_path):
    short, long = (write_video(tmp_path / f"{s}.mp4", s, size=(320, 240), fps=5) for s in (3, 12))

    def read(path):
        return lambda: [None for _ in read_seconds(path)]

    peak_while(read(short))  # what is cached once and for all
    assert peak_while(read(long)) < 1.2 * peak_while(read(short))


@pytest.mark.parametrize("read", [read_seconds, read_frames])
def test_decoded_frames_go_without_waiting_for_the_garbage_collector(tmp_path, read):
    path = write_video(tmp_path / "a.mp4", seconds=3.0)

    def frames() -> int:
        return sum(type(thing) is av.VideoFrame for thing in gc.get_objects())

    gc.collect()
    gc.disable()
    try:
        before = frames()  # those of other tests
        assert sum(1 for _ in read(path)) >= 3
        alive = frames() - before
    finally:
        gc.enable()
    assert alive < 10  # of 75


def test_one_frame_shown_for_long_does_not_hold_its_sound_in_memory(tmp_path):
    path = write_video(tmp_path / "a.mkv", seconds=60, times_s=[0, 58], size=(16, 16), rate=8_000)
    count = 0

    def read():
        nonlocal count
        count = sum(1 for _ in read_seconds(path))

    assert peak_while(read) < 2e6  # a minute of sound would be 3.8 MB
    assert count >= 58


# ---- frames


@pytest.mark.parametrize("suffix", CODECS)
def test_read_frames_gives_every_frame_with_its_time(tmp_path, suffix):
    frames = list(read_frames(write_video(tmp_path / f"a{suffix}")))
    np.testing.assert_allclose([time_s for time_s, _ in frames], np.arange(50) / 25, atol=0.001)
    np.testing.assert_allclose([time_of(f) for _, f in frames], [t for t, _ in frames], atol=A_FRAME_S)


def test_read_frames_needs_no_sound(tmp_path):
    assert len(list(read_frames(write_no_sound(tmp_path / "a.mp4")))) == 50


def test_read_frames_gives_what_is_good_of_a_truncated_video(tmp_path):
    frames = []
    with pytest.raises(DsolError, match="breaks off"):
        frames.extend(read_frames(write_truncated(tmp_path / "a.mp4")))
    assert frames[-1][0] == pytest.approx(3.6, abs=0.2)


# ---- writing


def copy(source: Path, out: Path, **sound) -> Path:
    info = probe(source)
    with VideoWriter(out, info.width, info.height, info.fps, **(sound or {"sound_from": source})) as video:
        for time_s, frame in read_frames(source):
            video.write(frame, time_s)
    return out


@pytest.mark.parametrize(
    ("suffix", "codecs"),
    [
        (".mp4", None),
        (".webm", None),
        (".mkv", None),
        (".mkv", ("libx264", "libmp3lame")),
        (".mkv", ("libx264", "ac3")),
        (".avi", ("mpeg4", "libmp3lame")),
    ],
)
def test_the_original_sound_is_kept_bit_for_bit(tmp_path, suffix, codecs):
    source = write_video(tmp_path / f"a{suffix}", codecs=codecs)
    out = copy(source, tmp_path / "out.mp4")
    assert packets_of(out, "audio") == packets_of(source, "audio")


@pytest.mark.parametrize("layout", ["mono", "stereo", "5.1"])
def test_sound_that_mp4_cannot_hold_is_encoded_anew(tmp_path, layout):
    source = write_video(tmp_path / "a.mov", layout=layout)
    out = copy(source, tmp_path / "out.mp4")
    info = probe(out)
    assert (info.sample_rate, info.channels) == (44_100, probe(source).channels)
    if layout != "5.1":  # its sixth channel is for the bass alone: AAC drops the tone there
        np.testing.assert_allclose(sound_of(out)[2000:-2000], sound_of(source)[2000:-2000], atol=0.03)


@pytest.mark.parametrize("suffix", CODECS)
def test_a_copy_keeps_sound_and_picture_together(tmp_path, suffix):
    source = flash_and_beep(tmp_path / f"a{suffix}")
    flash, beep = flash_times(copy(source, tmp_path / "out.mp4"))
    assert flash == pytest.approx(0.8, abs=0.003)
    assert beep == pytest.approx(0.8, abs=0.005)


@pytest.mark.parametrize(("picture_start_s", "sound_start_s"), [(0.5, 0.0), (0.0, 0.5), (0.7, 0.7)])
@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_a_copy_keeps_start_times(tmp_path, suffix, picture_start_s, sound_start_s):
    starts = {"picture_start_s": picture_start_s, "sound_start_s": sound_start_s}
    source = flash_and_beep(tmp_path / f"a{suffix}", **starts)
    assert flash_times(copy(source, tmp_path / "out.mp4")) == pytest.approx(flash_times(source), abs=0.005)


def test_variable_frame_times_are_kept(tmp_path):
    source = write_variable_rate(tmp_path / "a.mp4")
    out = copy(source, tmp_path / "out.mp4")
    times_s = [time_s for time_s, _ in read_frames(out)]
    np.testing.assert_allclose(times_s, [time_s for time_s, _ in read_frames(source)], atol=1e-4)


def test_the_colours_and_length_come_back(tmp_path):
    source = write_video(tmp_path / "a.mp4", picture=corners)
    out = copy(source, tmp_path / "out.mp4")
    assert probe(out).duration_s == pytest.approx(2.0, abs=0.03)
    for (_, ours), (_, theirs) in zip(read_frames(out), read_frames(source), strict=True):
        assert np.abs(ours.astype(int) - theirs).mean() < 6


def test_an_odd_size_gets_one_more_row_and_column(tmp_path):
    info = probe(copy(write_odd_size(tmp_path / "a.mp4"), tmp_path / "out.mp4"))
    assert (info.width, info.height) == (34, 48)


def test_a_waveform_becomes_the_sound(tmp_path):
    waveform = tone(np.arange(32_000) / 16_000)
    out = tmp_path / "out.mp4"
    with VideoWriter(out, 64, 48, 25, waveform=waveform, sample_rate=16_000) as video:
        for i in range(50):
            video.write(np.full((48, 64, 3), i, np.uint8))
    np.testing.assert_allclose(sound_of(out)[2000:-2000], waveform[2000:-2000], atol=0.03)
    assert probe(out).fps == 25


def test_a_video_without_sound_stays_without(tmp_path):
    assert probe(copy(write_no_sound(tmp_path / "a.mp4"), tmp_path / "out.mp4")).sample_rate == 0


def write_frames(out: Path, count: int, picture=noise) -> Path:
    with VideoWriter(out, 64, 48, 25) as video:
        for i in range(count):
            video.write(picture(i / 25, 64, 48))
    return out


def test_a_failure_leaves_what_stood_there_before_and_no_half_file(tmp_path):
    out = tmp_path / "out.mp4"
    out.write_text("before")

    def fail(time_s, width, height):
        if time_s > 1:
            raise RuntimeError("half way")
        return noise(time_s, width, height)

    with pytest.raises(RuntimeError, match="half way"):
        write_frames(out, 50, fail)
    assert out.read_text() == "before"
    assert list(tmp_path.iterdir()) == [out]


def test_a_folder_that_cannot_be_made_is_reported(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DsolError, match="cannot be written"), VideoWriter(tmp_path / "file" / "out.mp4", 64, 48, 25):
        pass


def test_a_full_disk_is_reported_and_leaves_no_half_file(tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        with pytest.raises(DsolError, match=r"out\.mp4: cannot be written: .*\(free some space"):
            write_frames(tmp_path / "out.mp4", 100, noise)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []


def test_a_frame_of_another_size_is_refused(tmp_path):
    with pytest.raises(ValueError, match="expected"):
        write_frames(tmp_path / "out.mp4", 1, lambda *_: np.zeros((64, 48, 3), np.uint8))
    assert list(tmp_path.iterdir()) == []
