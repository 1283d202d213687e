"""Lines of a stream: what sounds now, which object it is, and what the command says and how it ends."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest

from dsol.cli import main
from dsol.data.media import Moment
from dsol.data.states import OFF_SCREEN, SEEN
from dsol.errors import DsolError
from dsol.localize import Live, Localization, Localizer
from dsol.localize.live import Objects, answers, localize_live
from tests.shapes import write_shape
from tests.streams import in_thread, play, sent_by_rtsp, sent_by_tcp, transport
from tests.two_tones import CELLS, TwoTones, hum_then_whistle, spot
from tests.videos import write_no_sound, write_video

KEYS = ["start_s", "end_s", "delay_s", "dropped", "loudness", "objects"]


@pytest.fixture(scope="module")
def party(tmp_path_factory):
    """2 s of hum, 2 s of whistle, and then silence."""
    return write_video(tmp_path_factory.mktemp("live") / "party.mp4", seconds=5.4, sound=hum_then_whistle)


def test_a_line_tells_what_sounds_now(party):
    with sent_by_tcp(transport(party), speed=4.0) as url:
        lines = list(answers(url, Localizer(TwoTones())))
    assert all(list(line) == KEYS for line in lines)
    assert [line["end_s"] for line in lines] == [1, 2, 3, 4, 5]
    assert all(line["delay_s"] >= 0 for line in lines)
    told = [[each["category"] for each in line["objects"]] for line in lines]
    assert (told[0], told[-2], told[-1]) == (["hummer"], ["whistler"], [])
    (hummer,) = lines[0]["objects"]
    assert list(hummer) == ["track", "category", "state", "score", "xywh"]
    assert (hummer["track"], hummer["state"]) == (1, "seen")
    assert hummer["xywh"][0] + hummer["xywh"][2] / 2 == pytest.approx(0.25, abs=0.05)
    assert lines[-2]["objects"][0]["track"] == 2


def now(time_s: float, *places: tuple[float, float], state: int = SEEN) -> Localization:
    """An answer with two categories, the first at some places."""
    maps = np.zeros((1, 2, CELLS, CELLS), np.float32)
    for x, y in places:
        maps[0, 0] = np.maximum(maps[0, 0], spot(x, y))
    states = np.full((1, 2), -1)
    states[0, 0] = state if places else -1
    return Localization("now", (64, 48), time_s, 0.5, ("violin", "drum"), np.array([time_s]), maps, maps[:, 0],
                        np.array([[0.9 * bool(places), 0.0]]), np.array([0.1]), state=states)  # fmt: skip


def test_objects_keep_their_number():
    objects = Objects()
    left, right = (0.25, 0.5), (0.75, 0.5)
    numbers = []
    for t, places in enumerate([[left], [left, right], [right], [], [left, right], []]):
        numbers.append({round(each["xywh"][0], 1): each["track"] for each in objects(now(float(t), *places))})
    first, second = numbers[1].values()
    assert [sorted(each.values()) for each in numbers] == [[1], [1, 2], [2], [], [1, 2], []]
    assert numbers[4] == numbers[1]
    assert {first, second} == {1, 2}
    assert [each["track"] for each in objects(now(500.0, left))] == [3], "what is long gone is forgotten"


def test_what_is_off_screen_has_no_place():
    (told,) = Objects()(now(0.0, (0.5, 0.5), state=OFF_SCREEN))
    assert (told["track"], told["state"], told["xywh"]) == (0, "off screen", None)


def test_in_python_a_stream_is_a_localization_a_second(party):
    localizer = Localizer(TwoTones())
    with sent_by_tcp(transport(party), speed=4.0) as url:
        found = list(localizer.stream(url))
    assert [len(each.times_s) for each in found] == [1] * 5
    assert found[0].size == (64, 48)
    assert [each.category for each in found[3].timeline().segments()] == ["whistler"]
    with pytest.raises(DsolError, match=r"rtsp://…@camera/1: has no end \(Localizer.stream"):
        localizer("rtsp://me:secret@camera/1")


def test_one_moment_is_answered_as_it_would_be_in_a_video():
    moment = Moment(3.0, 4.0, np.zeros((48, 64, 3), np.uint8), hum_then_whistle(np.arange(16_000) / 16_000), 0, 0.0)
    found = Localizer(TwoTones()).at("stream", moment)
    assert (found.times_s.tolist(), found.duration_s) == ([3.5], 4.0)
    assert Localizer(TwoTones()).at("stream", replace(moment, waveform=np.zeros(16_000, np.float32))).score.max() == 0


class Slow(TwoTones):
    """Answers take longer than a second of the stream."""

    def predict(self, frames, waveforms, keys):
        time.sleep(0.5)
        return super().predict(frames, waveforms, keys)


def test_who_cannot_keep_up_says_so_once(party, capsys):
    with sent_by_tcp(transport(party), speed=4.0) as url:
        localize_live(url, Localizer(Slow()))
    out, said = capsys.readouterr()
    lines = [json.loads(line) for line in out.splitlines()]
    left_out = sum(line["dropped"] for line in lines)
    assert left_out >= 1
    assert said.splitlines() == [
        f"{url}: an answer takes longer than --every; what was due meanwhile is left out",
        f"{url}: ended after {len(lines)} answers; {left_out} were left out",
    ]


def command(*words, **how) -> subprocess.Popen:
    """`dsol`, in a process of its own."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.PIPE}
    return subprocess.Popen([sys.executable, "-m", "dsol", *map(str, words)], **pipes, **how)


@pytest.fixture(scope="module")
def shape(tmp_path_factory):
    video = tmp_path_factory.mktemp("live") / "disc.mp4"
    write_shape(video, "disc", seed=3, seconds=3.2)
    return transport(video)


def test_the_command_reads_standard_input_to_its_end(trained, shape):
    process = command("localize", "-", "--model", trained)
    out, said = process.communicate(b"".join(data for _, data in shape), timeout=60)
    assert process.returncode == 0
    assert [json.loads(line)["end_s"] for line in out.splitlines()] == [1, 2, 3]
    assert said.decode().splitlines() == ["standard input: ended after 3 answers; 0 were left out"]


def test_control_c_ends_the_command_in_a_line(trained, shape):
    words = "localize", "-", "--model", trained, "--every", "0.5", "--timeout", "60"
    process = command(*words, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))  # a shell may ignore it
    with in_thread(lambda: play(shape, process.stdin.write)):
        first = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        start = time.monotonic()
        rest, said = process.stdout.read(), process.stderr.read()
        assert process.wait(10) == 130, said
        assert time.monotonic() - start < 5
    assert said.decode().splitlines() == ["dsol: stopped"]
    assert all(list(json.loads(line)) == KEYS for line in [first, *rest.splitlines()])


def test_whoever_reads_no_more_ends_the_command_quietly(trained, shape):
    process = command("localize", "-", "--model", trained, "--every", "0.2")
    with in_thread(lambda: play(shape, process.stdin.write)):
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(20) == 1
    assert process.stderr.read() == b""


def refused(*words, capsys) -> str:
    with pytest.raises(SystemExit) as stop:
        main(["localize", *map(str, words)])
    assert stop.value.code == 2
    out, said = capsys.readouterr()
    assert not out
    assert said.count("\n") == 1
    return said


def test_wrong_calls_are_told_in_a_line(trained, party, tmp_path, capsys):
    model = ("--model", trained)
    said = refused("tcp://me:secret@127.0.0.1:1", *model, capsys=capsys)
    assert said.startswith("dsol: tcp://…@127.0.0.1:1: cannot be opened: connection refused (check the address")
    assert "alone" in refused("-", party, *model, capsys=capsys)
    assert "dsol: --gif: is not for a live source" in refused("-", "--gif", "3", *model, capsys=capsys)
    assert "dsol: --no-video: is not for" in refused("-", "--no-video", *model, capsys=capsys)
    assert "dsol: --every: is for live sources" in refused(party, "--every", "2", *model, capsys=capsys)
    assert "--every: 0 seconds (choose" in refused("-", "--every", "0", *model, capsys=capsys)
    assert "--timeout: 0 seconds (choose" in refused("-", "--timeout", "0", *model, capsys=capsys)
    assert "cannot be opened" in refused("http://127.0.0.1:1/live.m3u8", "--live", *model, capsys=capsys)
    os.mkfifo(tmp_path / "pipe")
    data = b"".join(data for _, data in transport(write_no_sound(tmp_path / "a.mp4")))
    with in_thread(lambda: (tmp_path / "pipe").open("wb").write(data)):
        assert "has no sound track (--sound names" in refused(tmp_path / "pipe", *model, capsys=capsys)


def test_an_rtsp_camera_is_followed_from_the_command_line(trained, shape, capsys):
    with sent_by_rtsp(shape) as url:
        main(["localize", url, "--model", str(trained)])
    out, said = capsys.readouterr()
    ends = [json.loads(line)["end_s"] for line in out.splitlines()]
    assert ends == sorted(ends)
    assert ends[-1] > 2, "what came while FFmpeg looked at it may be left out"
    assert "secret" not in out + said


def test_a_file_may_be_followed_as_if_it_were_live(trained, party, capsys):
    main(["localize", str(party), "--live", "--model", str(trained), "--every", "2"])
    assert [json.loads(line)["end_s"] for line in capsys.readouterr().out.splitlines()] == [1, 3, 5]


def test_the_length_of_a_wait_is_checked():
    with pytest.raises(DsolError, match="--every: nan seconds"):
        Live(every_s=float("nan"))
