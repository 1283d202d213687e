"""A live source is followed: whole seconds of picture and sound, the present where one is late, one line where not."""

import os
import threading
import time
from itertools import pairwise

import numpy as np
import pytest

from dsol.data.media import is_live, read_live
from dsol.data.media.live import Reader
from dsol.data.media.present import Clock, waveform_of
from dsol.errors import DsolError
from tests.streams import after, in_thread, play, sent_by_rtsp, sent_by_tcp, sent_by_udp, transport
from tests.videos import time_of, tone, write_no_picture, write_no_sound, write_text, write_video

FAST = 10.0  # times the speed at which it plays, where nothing is measured


@pytest.fixture(scope="module")
def clock(tmp_path_factory):
    """4.2 s of a picture that tells the time, as MPEG-TS, with a key picture every half second."""
    return transport(write_video(tmp_path_factory.mktemp("live") / "clock.mp4", seconds=4.2, encoding={"g": "12"}))


@pytest.fixture
def pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    return tmp_path / "pipe"


def into(pipe, chunks, speed=1e6):
    """Write a stream into a named pipe."""

    def work():
        with open(pipe, "wb", buffering=0) as file:
            play(chunks, file.write, speed)

    return in_thread(work)


def test_what_is_live_and_what_is_a_file(tmp_path, pipe):
    for source in ("rtsp://camera/1", "RTMP://host/a", "udp://0.0.0.0:1", "-", "/dev/null", pipe, "alsa:hw:0"):
        assert is_live(source)
    file = write_text(tmp_path / "file.ts")
    for source in (file, tmp_path / "nowhere.ts", tmp_path, "https://host/a.mp4", "s3://bucket/a.mp4", "a\0b"):
        assert not is_live(source)


def test_each_second_has_its_sound_and_the_picture_of_its_middle(clock):
    with sent_by_tcp(clock) as url:
        moments = list(read_live(url))
    assert [(each.start_s, each.end_s, each.dropped) for each in moments] == [(n, n + 1, 0) for n in range(4)]
    for each in moments:
        assert time_of(each.picture) == pytest.approx(each.time_s, abs=0.2)
        assert each.picture.shape == (48, 64, 3)
        assert each.waveform[200:-200].std() == pytest.approx(0.5 / 2**0.5, abs=0.02)


def test_it_comes_while_the_stream_goes_on(clock):
    with sent_by_tcp(clock) as url:
        came, delays = [], []
        for each in read_live(url):
            came.append(time.monotonic())
            delays.append(time.monotonic() - each.came_at)
    assert all(a <= b for a, b in pairwise(came))
    assert came[-1] - came[-2] > 0.3, "the last second is not there before it has been sent"
    assert all(0 <= delay < 2 for delay in delays)


def test_picture_and_sound_belong_together(pipe, tmp_path):
    def picture(time_s, width, height):
        return np.full((height, width, 3), 255 * (1.25 <= time_s < 1.75), np.uint8)

    def sound(times_s):
        return tone(times_s) * ((times_s >= 1.25) & (times_s < 1.75))

    chunks = transport(write_video(tmp_path / "flash.mp4", seconds=3.2, picture=picture, sound=sound))
    with into(pipe, chunks):
        first, second, third = read_live(pipe)
    assert second.picture.mean() > 200 > 50 > max(first.picture.mean(), third.picture.mean())
    loud = np.flatnonzero(np.abs(second.waveform) > 0.2) / 16_000
    assert (loud[0], loud[-1]) == pytest.approx((0.25, 0.75), abs=0.03)
    assert np.abs(first.waveform).max() < 0.05


@pytest.mark.parametrize(
    "offset_s", [36_000.0, 95_442.0]
)  # the second is beyond what MPEG-TS can count: it begins anew
def test_time_starts_with_the_stream_whatever_its_stamps_say(pipe, tmp_path, offset_s):
    late = transport(write_video(tmp_path / "late.mp4", seconds=2.2), offset_s)
    with into(pipe, late):
        assert [each.end_s for each in read_live(pipe)] == [1.0, 2.0]


def test_an_encoder_that_starts_again_is_followed(pipe, tmp_path):
    """With another size, another rate and other time stamps."""
    first = write_video(tmp_path / "first.mp4", seconds=2.7, rate=44_100)
    other = write_video(tmp_path / "other.mp4", seconds=2.1, rate=32_000, size=(96, 64), layout="mono")
    with into(pipe, after(transport(first, 5000.0), transport(other))):
        moments = list(read_live(pipe))
    assert [each.end_s for each in moments] == [1, 2, 3, 4]
    assert [each.picture.shape[1] for each in moments] == [64, 64, 64, 96]
    assert all(each.waveform.std() > 0.25 for each in moments)


def test_whoever_is_late_gets_the_present_and_is_told_what_was_left_out(tmp_path):
    chunks = transport(write_video(tmp_path / "long.mp4", seconds=8.0, encoding={"g": "12"}))
    with sent_by_tcp(chunks, speed=2.0) as url:
        moments = []
        for each in read_live(url):
            moments.append(each)
            time.sleep(1.3)  # 2.6 s of this stream
    assert 2 <= len(moments) <= 5
    assert sum(each.dropped for each in moments) >= 2
    for a, b in pairwise(moments):
        assert b.end_s >= a.end_s + 1 + b.dropped
    for each in moments:
        assert time_of(each.picture) == pytest.approx(each.time_s, abs=0.2)


def test_a_file_in_a_pipe_is_not_left_out(pipe, clock):
    with into(pipe, clock):
        ends = []
        for each in read_live(pipe):
            ends.append((each.end_s, each.dropped))
            time.sleep(0.2)
    assert ends == [(1, 0), (2, 0), (3, 0), (4, 0)]


def test_more_or_fewer_answers_a_second(pipe, clock, tmp_path):
    os.mkfifo(tmp_path / "second")
    with into(pipe, clock):
        assert [each.end_s for each in read_live(pipe, every_s=0.5)] == [1, 1.5, 2, 2.5, 3, 3.5, 4]
    with into(tmp_path / "second", clock):
        assert [each.end_s for each in read_live(tmp_path / "second", every_s=2)] == [1, 3]


def test_decoding_that_is_late_takes_key_pictures_until_it_has_caught_up(pipe, clock, monkeypatch):
    monkeypatch.setattr(Reader, "_is_late", lambda reader: True)
    with into(pipe, clock):
        moments = list(read_live(pipe))
    keys = np.arange(9) * 0.48
    assert [each.end_s for each in moments] == [1, 2, 3]
    for each in moments:
        assert np.abs(keys - time_of(each.picture)).min() < 0.06
    assert all(each.waveform.std() > 0.25 for each in moments)


def test_sound_may_come_from_elsewhere(pipe, tmp_path):
    picture = transport(write_no_sound(tmp_path / "camera.mp4"))
    sound = transport(write_no_picture(tmp_path / "microphone.mp4"))
    with sent_by_tcp(picture) as camera, sent_by_tcp(sound) as microphone:
        moments = list(read_live(camera, sound=microphone))
    assert moments[0].end_s == 1
    assert moments[0].waveform.std() > 0.25


def test_a_track_that_stops_is_not_waited_for(pipe, tmp_path):
    quiet = write_video(tmp_path / "quiet.mp4", seconds=4.2, sound_seconds=1.5)
    with into(pipe, transport(quiet)):
        moments = list(read_live(pipe))
    assert [each.end_s for each in moments] == [1, 2, 3]  # of the last second, it waits for the sound
    assert moments[0].waveform.std() > 0.25
    assert moments[-1].waveform.std() < 0.01
    still = write_video(tmp_path / "still.mp4", seconds=1.5, sound_seconds=4.2)
    os.mkfifo(tmp_path / "second")
    with into(tmp_path / "second", transport(still)):
        moments = list(read_live(tmp_path / "second"))
    assert [each.end_s for each in moments] == [1, 2, 3]
    assert time_of(moments[-1].picture) == pytest.approx(1.46, abs=0.2)


def test_a_camera_that_speaks_rtsp_is_followed(clock):
    with sent_by_rtsp(clock) as url:
        assert list(read_live(url))[-1].end_s == 4


def test_datagrams_are_followed_and_nothing_says_that_they_have_ended(clock):
    found = []
    with sent_by_udp(clock) as url:
        stream = read_live(url, timeout_s=3.0)
        with pytest.raises(DsolError, match="has sent nothing for 3 s"):
            found.extend(each.end_s for each in stream)
    assert len(found) >= 2
    assert found[-1] > 2, "datagrams of before are lost"


def told(source, **how) -> str:
    """What a source that cannot be followed is told."""
    with pytest.raises(DsolError) as told:
        list(read_live(source, **how))
    assert "\n" not in str(told.value)
    return str(told.value)


def test_what_cannot_be_followed_is_told_in_a_line(pipe, clock, tmp_path):
    assert "rtsp://…@127.0.0.1:1/a: cannot be opened: connection refused" in told("rtsp://me:secret@127.0.0.1:1/a")
    assert "protocol that PyAV's FFmpeg cannot read (let ffmpeg read it" in told("nothing://127.0.0.1:1")
    assert "cannot be opened: no such file" in told("/dev/video99")
    with into(pipe, [(0.0, b"no stream " * 1000)]):
        assert "cannot be opened: invalid data" in told(pipe)


def test_a_stream_cannot_name_other_files(clock, tmp_path):
    (tmp_path / "secret.ts").write_bytes(b"".join(data for _, data in clock))
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:4,\nfile://{tmp_path}/secret.ts\n#EXT-X-ENDLIST\n"
    with sent_by_tcp([(0.0, playlist.encode())]) as url:
        assert "cannot be opened" in told(url)


def test_tracks_that_are_missing_are_told(pipe, tmp_path):
    with into(pipe, transport(write_no_sound(tmp_path / "camera.mp4"))):
        assert "pipe: has no sound track (--sound names another source" in told(pipe)
    with into(pipe, transport(write_no_picture(tmp_path / "radio.mp4"))):
        assert "pipe: has no picture" in told(pipe)
    with into(pipe, transport(write_video(tmp_path / "one.mp4"))):
        assert "pipe: has no sound track 2" in told(pipe, audio_track=2)


def test_what_is_quiet_breaks_off_or_is_short_is_told(clock, pipe, tmp_path):
    start = time.monotonic()
    with sent_by_tcp([(1.5, b"")]) as url:
        assert "has sent nothing for 0.5 s" in told(url, timeout_s=0.5)
    assert time.monotonic() - start < 4
    with sent_by_tcp(clock, FAST, reset=True) as url:
        assert "broke off: connection reset by peer" in told(url)
    with into(pipe, transport(write_video(tmp_path / "short.mp4", seconds=0.6))):
        assert "ended before there was a second" in told(pipe)


def test_a_stream_that_is_cut_off_anywhere_ends(pipe, clock):
    cut = clock[: 2 * len(clock) // 3]
    cut[-1] = cut[-1][0], cut[-1][1][:100]
    with into(pipe, cut):
        assert [each.end_s for each in read_live(pipe)][:2] == [1, 2]


def test_whoever_leaves_leaves_no_thread(clock):
    before = threading.active_count()
    with sent_by_tcp(clock, FAST) as url:
        stream = read_live(url)
        next(stream)
        stream.close()
    assert threading.active_count() <= before


def test_time_stamps_that_leap_begin_anew_and_others_do_not():
    clock = Clock()
    assert clock("video", 100.0, 0.0) == (0.0, False)
    assert clock("audio", 99.5, 0.0) == (-0.5, False)
    assert clock("video", 101.0, 0.0) == (1.0, False)
    assert clock("video", None, 1.0) == (1.0, False)
    assert clock("video", 3.0, 1.0) == (1.0, True)
    assert clock("audio", 101.0, 1.0) == (1.0, False)
    assert clock("audio", 3.4, 1.4) == (1.4, True)
    assert clock("video", 3.5, 1.4) == (1.5, False)


def test_a_second_of_sound_is_put_together_from_pieces_of_any_rate():
    def piece(start_s, end_s, rate):
        return start_s, rate, tone(start_s + np.arange(round((end_s - start_s) * rate)) / rate)

    sound = waveform_of([piece(0.0, 0.5, 48_000), piece(0.5, 1.2, 48_000), piece(1.4, 2.1, 44_100)], end_s=1.9)
    wanted = tone(0.9 + np.arange(16_000) / 16_000)
    assert np.abs(sound - wanted)[: round(0.29 * 16_000)].max() < 0.02
    assert np.abs(sound - wanted)[round(0.51 * 16_000) :].max() < 0.02
    assert not sound[round(0.31 * 16_000) : round(0.49 * 16_000)].any()
    assert not waveform_of([], end_s=1.0).any()
