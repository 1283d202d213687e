"""A store gives back what was put in, from any process, and is an ordinary WebDataset."""

import io
import json
import os
import pickle
import shutil
import subprocess
import sys
import tarfile
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from dsol.data.boxes import Box, Boxes, Frame
from dsol.data.store import Store
from dsol.data.store import build as building
from dsol.data.store.build import Part, build, finished
from dsol.data.store.shards import (
    LOG_MEL,
    MASK,
    decode_jpeg,
    decode_wav,
    encode_jpeg,
    encode_log_mel,
    encode_wav,
    member_name,
    slug,
)
from dsol.errors import DsolError
from dsol.inspection import inspect

MADE = {"by": "test"}
BOXES = Boxes(("cello",), (Frame("cello/v0.mp4", 1.02, (Box("cello", (0.1, 0.2, 0.5, 0.6)),)),
                           Frame("cello/v1.mp4", 0.0, ())))  # fmt: skip


def picture(video: int, second: int, j: int, size: int = 32) -> np.ndarray:
    """A smooth ramp that tells which frame it is."""
    y, x = np.mgrid[:size, :size]
    return np.stack([3 * x + 40 * video, 3 * y + 20 * second, 0 * x + 60 * j], axis=2).astype(np.uint8)


def sound(video: int, second: int) -> np.ndarray:
    return np.random.default_rng([video, second]).uniform(-0.9, 0.9, 16_000).astype(np.float32)


@dataclass(frozen=True)
class Task:
    video: int
    seconds: int
    die: bool = False


def make(task: Task, body) -> tuple[list[dict], dict]:
    if task.die:
        os._exit(9)
    rows = []
    for second in range(task.seconds):
        kept = 2 if second == 0 else 4
        facts = {"video": name(task.video), "second": second, "category": "cello" if task.video < 2 else None,
                 "split": "test" if task.video == 0 else "train",
                 "times_s": [second + j / 4 for j in range(kept)]}  # fmt: skip
        rows.append(body.add_clip(facts, [picture(task.video, second, j) for j in range(kept)],
                                  sound(task.video, second)))  # fmt: skip
    return rows, {"clips": len(rows)}


def name(video: int) -> str:
    return f"cello/v{video}.mp4" if video < 2 else f"v{video}.x.mp4"


def make_store(out: Path, seconds=(3, 2, 0, 4), **options) -> Store:
    parts = [Part(slug(name(v)), Task(v, n)) for v, n in enumerate(seconds)]
    return build(out, MADE, parts, make, lambda reports: ({"reports": reports}, BOXES), "Making", "videos", **options)


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Store:
    return make_store(tmp_path_factory.mktemp("made") / "store", workers=1)


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir())}


def test_clips_come_back_in_order_with_what_is_known_of_them(store):
    assert [row.clip for row in store.rows] == [
        "cello/v0.mp4@0", "cello/v0.mp4@1", "cello/v0.mp4@2", "cello/v1.mp4@0", "cello/v1.mp4@1",
        "v3.x.mp4@0", "v3.x.mp4@1", "v3.x.mp4@2", "v3.x.mp4@3",
    ]  # fmt: skip
    assert store.categories == ("cello",)
    assert store.splits == ("test", "train")
    assert store.rows[4] == store.row(4)
    assert store.rows[4].sounding is None
    assert store.column("split")[:4] == ["test", "test", "test", "train"]


def test_frames_come_back_within_what_jpeg_costs(store):
    assert [store.frame_count(i) for i in range(3)] == [2, 4, 4]
    for i, j, expected in [(0, 1, picture(0, 0, 1)), (4, 3, picture(1, 1, 3)), (8, 2, picture(3, 3, 2))]:
        assert np.abs(store.frame(i, j).astype(int) - expected).mean() < 3
    with pytest.raises(IndexError):
        store.frame(0, 2)


def test_sound_comes_back_within_a_sixteen_bit_step(store):
    for i, (video, second) in enumerate([(0, 0), (0, 1), (0, 2), (1, 0)]):
        assert np.abs(store.waveform(i) - sound(video, second)).max() <= 0.5 / 32768 + 1e-9
        assert store.rows[i].rms == pytest.approx(np.sqrt(np.mean(sound(video, second) ** 2)), rel=1e-4)


def test_full_scale_is_cut_and_never_wraps_around():
    assert decode_wav(encode_wav(np.array([2.0, -2.0, 1.0, -1.0]))) == pytest.approx([1, -1, 1, -1], abs=1e-4)


def test_a_clip_is_whole(store):
    clip = store.clip(1)
    assert (clip.key, clip.category, clip.split) == ("cello/v0.mp4@1", "cello", "test")
    assert clip.frames.shape == (4, 32, 32, 3)
    assert clip.frames.dtype == np.uint8
    assert clip.times_s.tolist() == [1.0, 1.25, 1.5, 1.75]
    assert clip.waveform.shape == (16_000,)


def test_the_frame_nearest_to_a_time_is_found(store):
    assert store.find("cello/v0.mp4", 1.02) == (1, 0)
    assert store.find("cello/v0.mp4", 1.99) == (1, 3)
    assert store.find("cello/v0.mp4", 0.9) == (0, 1)
    assert store.find("cello/v0.mp4", 0.9999) == (1, 0)  # 1.000 with three decimals
    assert store.find("cello/v0.mp4", 3.0) is None
    assert store.find("nobody.mp4", 0.0) is None


def test_a_selection_is_a_store_of_its_own(store):
    part = store.select(split="train", videos=["cello/v1.mp4", "cello/v0.mp4"])
    assert [row.clip for row in part.rows] == ["cello/v1.mp4@0", "cello/v1.mp4@1"]
    assert [frame.video for frame in part.boxes] == ["cello/v1.mp4"]
    assert np.array_equal(part.frame(1, 3), store.frame(4, 3))
    assert part.find("cello/v1.mp4", 1.3) == (1, 1)
    assert part.find("cello/v0.mp4", 1.0) is None
    backwards = store.take([8, 0])
    assert [row.clip for row in backwards.rows] == ["v3.x.mp4@3", "cello/v0.mp4@0"]
    assert np.array_equal(backwards.waveform(1), store.waveform(0))
    assert backwards.take([1]).rows[0] == store.rows[0]
    assert len(store.select(split="nowhere")) == 0
    assert store.select(split="nowhere").categories == ()


def read_elsewhere(store: Store) -> float:
    return float(store.frame(8, 1).mean() + store.waveform(8)[5])


def test_a_store_travels_to_other_processes(store):
    here = read_elsewhere(store)
    assert read_elsewhere(pickle.loads(pickle.dumps(store))) == here
    for way in ("spawn", "fork"):
        with ProcessPoolExecutor(1, get_context(way)) as pool:
            assert pool.submit(read_elsewhere, store).result() == here


def test_any_tar_reader_finds_the_clips_grouped_by_key(store):
    groups = defaultdict(dict)
    with tarfile.open(store.path / "shard-00000.tar") as tar:
        for member in tar:
            key, kind = member.name.split(".", 1)  # as WebDataset splits names
            assert key == next(reversed(groups), key) or key not in groups, "the members of a key lie together"
            groups[key][kind] = tar.extractfile(member).read()
    assert list(groups) == [row.member for row in store.rows]
    for i, (row, members) in enumerate(zip(store.rows, groups.values(), strict=True)):
        assert list(members) == ["json", *[f"{j}.jpg" for j in range(store.frame_count(i))], "wav"]
        facts = json.loads(members["json"])
        assert (facts["clip"], facts["times_s"]) == (row.clip, list(row.times_s))
        assert np.array_equal(decode_jpeg(members["1.jpg"]), store.frame(i, 1))
        assert np.array_equal(decode_wav(members["wav"]), store.waveform(i))


def test_names_of_members_hold_no_dots_or_folders_and_differ():
    names = [member_name(video, 7) for video in ("a/b.mp4", "a_b.mp4", "a.b.mp4", "ä" * 300, "ö" * 300)]
    assert len(set(names)) == 5
    assert all(len(n) < 90 and n.isascii() and not set(n) & set("./ ") for n in names)


def test_several_shards_read_as_one(tmp_path, store, monkeypatch):
    monkeypatch.setattr(building, "SHARD_BYTES", 1)
    many = make_store(tmp_path / "many", workers=1)
    assert sorted(p.name for p in many.path.glob("*.tar")) == [f"shard-0000{i}.tar" for i in range(3)]
    for i in range(len(store)):
        assert np.array_equal(many.frame(i, 1), store.frame(i, 1))
        assert np.array_equal(many.waveform(i), store.waveform(i))


def test_the_same_work_gives_the_same_bytes_whatever_the_number_of_processes(tmp_path, store):
    assert bytes_of(make_store(tmp_path / "other", workers=2).path) == bytes_of(store.path)
    assert [p.name for p in tmp_path.iterdir()] == ["other"]


def test_a_task_that_kills_its_process_costs_only_itself(tmp_path):
    tasks = [Task(0, 1), Task(1, 1, die=True), Task(2, 1), Task(3, 1)]
    made = build(tmp_path / "store", MADE, [Part(str(t.video), t) for t in tasks], make,
                 lambda reports: ({"reports": reports}, None), "Making", "videos", workers=2,
                 lost=lambda task: {"lost": task.video})  # fmt: skip
    assert [row.video for row in made.rows] == [name(0), name(2), name(3)]
    assert made.info["reports"][1] == {"lost": 1}


def test_what_is_there_is_recognised_or_refused(tmp_path, store):
    assert finished(tmp_path / "nothing", MADE) is None
    assert len(finished(store.path, MADE)) == len(store)
    with pytest.raises(DsolError, match="seed None, not 1"):
        finished(store.path, {**MADE, "seed": 1})
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "dear.txt").write_text("x")
    with pytest.raises(DsolError, match="not a store"):
        finished(tmp_path / "letters", MADE)


def test_what_is_no_store_of_ours_is_refused_by_name(tmp_path, store):
    with pytest.raises(DsolError, match="is not a store"):
        Store.open(tmp_path)
    (tmp_path / "half.partial").mkdir()
    with pytest.raises(DsolError, match="is not finished"):
        Store.open(tmp_path / "half")
    (tmp_path / "store.json").write_text(json.dumps({**store.info, "version": 99}))
    with pytest.raises(DsolError, match="version 99"):
        Store.open(tmp_path)
    (tmp_path / "store.json").write_text(json.dumps(store.info))
    (tmp_path / "index.parquet").write_bytes(b"PAR1")
    with pytest.raises(DsolError, match=r"index\.parquet.*cannot be read"):
        Store.open(tmp_path)


def test_a_missing_shard_is_the_fault_of_its_store(tmp_path, store):
    copy = Path(shutil.copytree(store.path, tmp_path / "copy"))
    (copy / "shard-00000.tar").unlink()
    with pytest.raises(DsolError, match=r"copy: shard-00000\.tar cannot be read"):
        Store.open(copy).frame(0, 0)
    with pytest.raises(DsolError, match="copy: shard"):
        Store.open(copy).waveform(0)


def test_a_damaged_picture_is_named_with_its_clip(tmp_path, store):
    copy = Path(shutil.copytree(store.path, tmp_path / "copy"))
    shard, size = copy / "shard-00000.tar", len(store.frame_bytes(0, 0))
    data = bytearray(shard.read_bytes())
    at = data.index(store.frame_bytes(0, 0))
    data[at : at + size] = bytes(size)
    shard.write_bytes(data)
    with pytest.raises(DsolError, match=f"copy: frame 0 of clip {store.row(0).clip} is damaged"):
        Store.open(copy).frame(0, 0)


def test_two_processes_do_not_make_the_same_store(tmp_path):
    with building._workspace(tmp_path / "store"), pytest.raises(DsolError, match="another process"):
        make_store(tmp_path / "store", workers=1)


def test_jpeg_keeps_the_shape():
    assert decode_jpeg(encode_jpeg(np.zeros((7, 5, 3), np.uint8))).shape == (7, 5, 3)


def make_with_extras(task: Task, body) -> tuple[list[dict], dict]:
    rows = []
    for second in range(task.seconds):
        facts = {"video": name(task.video), "second": second, "times_s": [float(second)]}
        extras = {MASK: mask_of(second), LOG_MEL: encode_log_mel(np.full((201, 64), -second))} if second else {}
        rows.append(body.add_clip(facts, [picture(task.video, second, 0)], sound(task.video, second), extras))
    return rows, {}


def mask_of(second: int) -> bytes:
    data = io.BytesIO()
    Image.fromarray(np.arange(32)[:, None] < second + np.zeros((1, 24))).save(data, "PNG")
    return data.getvalue()


def test_extras_come_back_and_clips_without_have_none(tmp_path):
    parts = [Part(slug(name(v)), Task(v, 3)) for v in range(2)]
    store = build(
        tmp_path / "store", MADE, parts, make_with_extras, lambda _: ({}, None), "Making", "videos", workers=1
    )
    for i, second in enumerate((0, 1, 2, 0, 1, 2)):
        mask = store.mask(i)
        assert (mask is None) == (second == 0)
        assert mask is None or (mask.shape, mask.sum()) == ((32, 24), 24 * second)
        heard = np.full((201, 64), -second) if second else store.waveform(i)
        np.testing.assert_array_equal(store.sound(i), heard)
    assert store.extra(1, "other.txt") is None
    assert inspect(store.path)["extras"] == {MASK: 4, LOG_MEL: 4}
    row = store.row(5)
    with open(store.path / "shard-00000.tar", "r+b") as shard:
        shard.seek(row.extra_offset[1] + 500)
        shard.write(b"x")
    with pytest.raises(DsolError, match=r"v1\.mp4@2 .*has changed"):
        inspect(store.path)


def test_a_store_of_before_there_were_extras_is_read(tmp_path, store):
    old = shutil.copytree(store.path, tmp_path / "old")
    table = pq.read_table(old / "index.parquet")
    pq.write_table(table.drop_columns(["extras", "extra_offset", "extra_size"]), old / "index.parquet")
    found = Store.open(old)
    assert found.rows == store.rows
    np.testing.assert_array_equal(found.sound(4), store.waveform(4))
    assert found.mask(4) is None
    assert inspect(old)["extras"] == {}


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="threads are counted by Linux")
def test_reading_an_index_starts_no_thread_that_could_end_the_process_with_an_abort(store):
    code = f"""
import os, pyarrow.parquet
from pathlib import Path
from dsol.data.store.index import read_index
before = len(os.listdir("/proc/self/task"))
assert len(read_index(Path({str(store.path / "index.parquet")!r})))
print(len(os.listdir("/proc/self/task")) - before)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "0\n"
