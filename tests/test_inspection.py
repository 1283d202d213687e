"""What is sound is described, what is not is refused with the place of the fault."""

import json
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from dsol.config import SECTIONS
from dsol.data.boxes import Box, Boxes, Frame
from dsol.data.store.build import Part, build
from dsol.errors import DsolError
from dsol.inspection import inspect, print_report
from tests.videos import write_no_sound, write_text, write_video

SECONDS = 3


def make(video: str, body) -> tuple[list[dict], dict]:
    random = np.random.default_rng(len(video))
    rows = []
    for second in range(SECONDS):
        facts = {"video": video, "second": second, "category": video.split("/")[0], "split": "train",
                 "times_s": [second + j / 4 for j in range(4)]}  # fmt: skip
        frames = random.integers(0, 256, (4, 16, 24, 3), np.uint8)
        rows.append(body.add_clip(facts, frames, random.uniform(-0.5, 0.5, 16_000)))
    return rows, {}


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    videos = ["cello/a.mp4", "flute/bb.mp4"]
    frames = (Frame("cello/a.mp4", 1.0, (Box("cello", (0, 0, 1, 1)),)), Frame("cello/a.mp4", 9.0, ()))
    info = {"skipped": [{"video": "bad.mp4", "reason": "is empty"}], "silent_clips": 1}
    out = tmp_path_factory.mktemp("made") / "store"
    build(out, {"by": "test"}, [Part(v.replace("/", "_"), v) for v in videos], make,
          lambda reports: (info, Boxes(("cello",), frames)), "Making", "videos", workers=1)  # fmt: skip
    return out


@pytest.fixture
def copy(made, tmp_path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "store"))


def test_a_store_is_described(made, capsys):
    found = inspect(made)
    assert (found["kind"], found["videos"], found["clips"]) == ("store", 2, 6)
    assert found["categories"] == {"cello": 3, "flute": 3}
    assert found["splits"] == {"train": 6}
    assert found["frame_sizes"] == {"24x16": 6}
    assert (found["annotated_frames"], found["annotated_frames_without_clip"]) == (2, 1)
    assert found["silent_clips_left_out"] == 1
    json.dumps(found)
    print_report(found)
    lines = capsys.readouterr().out.splitlines()
    assert "categories                     cello 3, flute 3" in lines
    assert "skipped                        bad.mp4 is empty" in lines


def first_picture(store: Path) -> int:
    return (store / "shard-00000.tar").read_bytes().index(b"\xff\xd8\xff")


def overwrite(file: Path, at: int, data: bytes) -> None:
    content = bytearray(file.read_bytes())
    content[at : at + len(data)] = data
    file.write_bytes(content)


def test_a_picture_that_was_overwritten_is_found(copy):
    overwrite(copy / "shard-00000.tar", first_picture(copy), b"no picture")
    with pytest.raises(DsolError, match=r"clip cello/a\.mp4@0 .* changed"):
        inspect(copy)


def test_a_sound_that_was_overwritten_is_found(copy):
    at = (copy / "shard-00000.tar").read_bytes().index(b"WAVE") + 100
    overwrite(copy / "shard-00000.tar", at, bytes(8000))
    with pytest.raises(DsolError, match=r"clip cello/a\.mp4@0 .* changed"):
        inspect(copy)


def test_a_single_flipped_bit_is_found(copy):
    at = first_picture(copy) + 900
    overwrite(copy / "shard-00000.tar", at, bytes([(copy / "shard-00000.tar").read_bytes()[at] ^ 1]))
    with pytest.raises(DsolError, match=r"clip cello/a\.mp4@0 .* changed"):
        inspect(copy)


def test_a_shard_that_was_cut_or_lost_is_found(copy):
    shard = copy / "shard-00000.tar"
    shard.write_bytes(shard.read_bytes()[:-50_000])
    with pytest.raises(DsolError, match=r"shard-00000\.tar"):
        inspect(copy)
    shard.unlink()
    with pytest.raises(DsolError, match=r"shard-00000\.tar cannot be read"):
        inspect(copy)


def test_an_index_of_another_store_is_found(copy):
    info = json.loads((copy / "store.json").read_text())
    (copy / "store.json").write_text(json.dumps({**info, "clips": 7}))
    with pytest.raises(DsolError, match="has 7 clips, the index 6"):
        inspect(copy)


def test_a_member_that_was_renamed_is_found(copy):
    shard = (copy / "shard-00000.tar").read_bytes()
    name = b"flute_bb_mp4"
    overwrite(copy / "shard-00000.tar", shard.index(name), name.upper())
    with pytest.raises(DsolError, match=r"shard-00000\.tar"):
        inspect(copy)


def test_boxes_are_described_and_checked(tmp_path):
    boxes = (Box("cello", (0, 0, 0.5, 1)), Box("flute", (0.5, 0, 0.5, 1), False))
    Boxes(("cello", "flute"), (Frame("a.mp4", 1.0, boxes), Frame("b.mp4", 0.0, ()))).save(tmp_path / "boxes.json")
    found = inspect(tmp_path / "boxes.json")
    assert (found["kind"], found["frames"], found["boxes"], found["silent_boxes"]) == ("boxes", 2, 2, 1)
    assert (found["frames_without_box"], found["categories"]) == (1, {"cello": 1, "flute": 1})
    (tmp_path / "boxes.json").write_text("{}")
    with pytest.raises(DsolError, match="not a boxes"):
        inspect(tmp_path / "boxes.json")


def test_a_video_is_read_to_its_end(tmp_path):
    found = inspect(write_video(tmp_path / "a.mp4", 2.5, size=(64, 48)))
    assert (found["kind"], found["width"], found["height"], found["whole_seconds"]) == ("video", 64, 48, 2)
    assert found["rms"] == pytest.approx(0.35, abs=0.03)
    with pytest.raises(DsolError, match="sound"):
        inspect(write_no_sound(tmp_path / "mute.mp4"))
    with pytest.raises(DsolError, match=r"text\.mp4"):
        inspect(write_text(tmp_path / "text.mp4"))


def test_a_model_is_described_by_what_it_carries(tmp_path, capsys):
    path = tmp_path / "model.safetensors"
    save_file({"a": np.zeros((2, 3), np.float32), "b": np.zeros(4, np.float32)}, path,
              {"config": json.dumps({"recipe": "tiny", "nets": {"size": 64}}), "note": "plain"})  # fmt: skip
    found = inspect(path)
    assert (found["kind"], found["tensors"], found["parameters"]) == ("model", 2, 10)
    assert found["metadata"] == {"config": {"recipe": "tiny", "nets": {"size": 64}}, "note": "plain"}
    assert inspect(tmp_path) == found, "a run folder stands for its model"
    print_report(found)
    assert "tiny" in capsys.readouterr().out
    path.write_bytes(struct.pack("<Q", 10**12) + b"{}")
    with pytest.raises(DsolError, match="not a model file"):
        inspect(path)


def test_a_shipped_model_is_known_by_its_name():
    assert inspect("small")["metadata"]["dsol"]["system"] == "dsol"


def test_a_run_without_a_model_is_one_to_go_on_with(tmp_path):
    (tmp_path / "config.yaml").write_text("seed: 1")
    with pytest.raises(DsolError, match="is a run without a model yet"):
        inspect(tmp_path)
    save_file({"a": np.zeros(3, np.float32)}, tmp_path / "stage_one.safetensors")
    assert inspect(tmp_path)["parameters"] == 3


def test_what_is_none_of_these_is_refused(tmp_path):
    with pytest.raises(DsolError, match="does not exist"):
        inspect(tmp_path / "nothing")
    with pytest.raises(DsolError, match="is not a store"):
        inspect(tmp_path)
    (tmp_path / "half.partial").mkdir()
    with pytest.raises(DsolError, match="is not finished"):
        inspect(tmp_path / "half")


def test_the_options_of_a_model_are_printed_by_section_under_their_present_names(capsys):
    print_report(inspect("small"))
    lines = [line.removeprefix("metadata").strip() for line in capsys.readouterr().out.splitlines()]
    printed = dict(line.split(": ", 1) for line in lines if ": " in line)
    for section, kind in SECTIONS.items():
        names = [option.split(" ")[0] for option in printed[section].split(", ")]
        assert names == list(kind.__dataclass_fields__), section
    assert "pca 256" in printed["encoders"]
    assert max(map(len, lines)) < 400
