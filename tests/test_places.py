"""Inputs and outputs elsewhere: in memory, and on an S3 server of this machine."""

import os
import shutil
from pathlib import Path

import pytest

from dsol import places
from dsol.cli import main
from dsol.data.prepare import prepare
from dsol.data.store import Store
from dsol.errors import DsolError
from dsol.localize import Wanted, localize_videos
from dsol.localize.archive import read_archive
from dsol.model.file import find_model
from dsol.places import Output, Url, at_hand, fetch, files_below, mirror, publish, staged
from tests.videos import write_video

fsspec = pytest.importorskip("fsspec")
QUICK = Wanted(film=False)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("DSOL_CACHE", str(tmp_path / "cache"))
    fsspec.filesystem("memory").store.clear()
    fsspec.filesystem("memory").pseudo_dirs[:] = [""]
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def bucket():
    """A bucket of an S3 server; credentials and address by the usual variables."""
    server_of = pytest.importorskip("moto.server")
    s3fs = pytest.importorskip("s3fs")
    server = server_of.ThreadedMotoServer(port=0)
    server.start()
    _, port = server.get_host_and_port()
    usual = {"AWS_ACCESS_KEY_ID": "me", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1",
             "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        for name, value in usual.items():
            patch.setenv(name, value)
        s3fs.S3FileSystem().mkdir("bucket")
        yield "s3://bucket"
    server.stop()


def put(url: str, data: bytes = b"x") -> None:
    system, path = fsspec.core.url_to_fs(url)
    system.pipe_file(path, data)


def names(url: str) -> list[str]:
    return list(files_below(url))


def content(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def test_only_what_is_new_is_fetched(monkeypatch):
    put("memory://b/run/a.txt")
    put("memory://b/run/deep/b.txt")
    copied = []
    copy = places.copy
    monkeypatch.setattr(places, "copy", lambda url, file: copied.append(url) or copy(url, file))
    folder = fetch("memory://b/run")
    assert (folder.name, content(folder)) == ("run", {"a.txt": b"x", "deep/b.txt": b"x"})
    assert fetch("memory://b/run/") == folder
    assert len(copied) == 2
    put("memory://b/run/a.txt", b"other")
    fetch("memory://b/run")
    assert copied[2:] == ["memory://b/run/a.txt"]
    assert fetch("memory://b/run/a.txt").read_bytes() == b"other"
    fsspec.filesystem("memory").rm("/b/run/deep/b.txt")
    assert content(fetch("memory://b/run")) == {"a.txt": b"other"}


def test_only_what_changed_is_published_and_what_makes_it_whole_comes_last(monkeypatch):
    folder = fetch("memory://b/run", missing_too=True)
    folder.mkdir(parents=True)
    for name in ("model.safetensors", "metrics.jsonl", "z.txt", "half.partial"):
        (folder / name).write_text(name)
    sent = []
    send = places.send
    monkeypatch.setattr(places, "send", lambda file, url: sent.append(file.name) or send(file, url))
    publish(folder, "memory://b/run")
    assert sent == ["metrics.jsonl", "z.txt", "model.safetensors"]
    publish(folder, "memory://b/run")
    assert len(sent) == 3
    (folder / "z.txt").unlink()
    (folder / "metrics.jsonl").write_text("longer than it was")
    publish(folder, "memory://b/run")
    assert sent[3:] == ["metrics.jsonl"]
    assert names("memory://b/run") == ["metrics.jsonl", "model.safetensors"]
    assert fetch("memory://b/run") == folder


def test_what_fails_is_not_published():
    def fail():
        with staged(arguments := {"out": Output("memory://b/out.json"), "left": 1}):
            arguments["out"].write_text("{}")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert names("memory://b") == []
    with staged(arguments := {"out": Output("memory://b/out.json"), "in": [Url("memory://b/out.json")][:0]}):
        arguments["out"].write_text("{}")
    assert names("memory://b") == ["out.json"]


def test_heavy_files_of_a_mirror_have_their_size_and_nothing_in_them():
    put("memory://b/corpus/a.mp4", b"12345")
    put("memory://b/corpus/list.csv", b"a")
    folder = mirror("memory://b/corpus", lambda name: name.endswith(".mp4"))
    assert content(folder) == {"a.mp4": bytes(5), "list.csv": b"a"}
    before = (folder / "a.mp4").stat().st_mtime_ns
    put("memory://b/corpus/a.mp4", b"54321")
    mirror("memory://b/corpus", lambda name: name.endswith(".mp4"))
    assert (folder / "a.mp4").stat().st_mtime_ns != before, "a part made of it is made again"


@pytest.mark.parametrize(("url", "why"), [
    ("memory://b/none", "no such file or folder"),
    ("s3://me:secret@bucket/a", "has a password in it"),
    ("cake://b/a", "cake"),
])  # fmt: skip
def test_what_cannot_be_fetched_is_one_line(url, why):
    with pytest.raises(DsolError, match=why) as error:
        fetch(url)
    assert "secret" not in str(error.value)


def test_without_fsspec_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "fsspec", None)
    with pytest.raises(DsolError, match=r"dsol\[cloud\]"):
        fetch("memory://b/a")


def test_the_web_is_read_only():
    with pytest.raises(DsolError, match="can only be read"), staged({"out": Output("https://example.org/a.json")}):
        pass


def test_a_command_takes_buckets_in_the_place_of_files(bucket, shapes, trained, tmp_path):
    system, _ = fsspec.core.url_to_fs(bucket)
    system.put(str(trained), "bucket/run", recursive=True)
    system.put(str(shapes.path), "bucket/solo", recursive=True)
    main(["evaluate", f"{bucket}/run", f"{bucket}/solo", "--json", f"{bucket}/out/figures.json"])
    main(["evaluate", str(trained), str(shapes.path), "--json", str(tmp_path / "figures.json")])
    assert system.cat_file("bucket/out/figures.json") == (tmp_path / "figures.json").read_bytes()
    assert fetch(f"{bucket}/run") == find_model(f"{bucket}/run").parent


def test_shards_are_fetched_when_they_are_read_and_a_store_without_its_end_is_none(bucket, shapes):
    system, _ = fsspec.core.url_to_fs(bucket)
    system.put(str(shapes.path), "bucket/lazy", recursive=True)
    store = Store.open(f"{bucket}/lazy")
    assert not list(store.path.glob("*.tar"))
    assert (store.frame(0, 0) == shapes.frame(0, 0)).all()
    assert list(store.path.glob("*.tar"))
    system.pipe_file("bucket/lazy/boxes.json", b'{"categories": [], "frames": []}')
    assert not list(Store.open(f"{bucket}/lazy").path.glob("*.tar")), "it may be another store by now"
    system.put(str(shapes.path), "bucket/half", recursive=True)
    system.rm("bucket/half/store.json")
    with pytest.raises(DsolError, match="is not a store"):
        Store.open(f"{bucket}/half")


def test_a_corpus_in_a_bucket_is_prepared_into_a_bucket(bucket, tmp_path):
    system, _ = fsspec.core.url_to_fs(bucket)
    (tmp_path / "corpus" / "cello").mkdir(parents=True)
    for name in "ab":
        write_video(tmp_path / "corpus" / "cello" / f"{name}.mp4", 1.0)
    system.put(str(tmp_path / "corpus"), "bucket/corpus", recursive=True)
    main(["prepare", f"{bucket}/corpus", f"{bucket}/made", "--workers", "1", "--size", "64"])
    here = prepare(tmp_path / "corpus", tmp_path / "made", workers=1, size=64)
    shutil.rmtree(os.environ["DSOL_CACHE"])
    there = Store.open(f"{bucket}/made")
    assert there.fingerprint == here.fingerprint
    assert (there.frame(1, 2) == here.frame(1, 2)).all()


def test_an_archive_in_a_bucket_goes_on_from_another_machine(bucket, trained, tmp_path):
    system, _ = fsspec.core.url_to_fs(bucket)
    for name in "ab":
        write_video(tmp_path / f"{name}.mp4", 1.0)
        system.put_file(str(tmp_path / f"{name}.mp4"), f"bucket/videos/{name}.mp4")
    out = f"{bucket}/found"
    localize_videos([f"{bucket}/videos/a.mp4"], trained, out, QUICK)
    shutil.rmtree(os.environ["DSOL_CACHE"])  # of the other machine
    before = system.info("bucket/found/a/result.json")["LastModified"]
    localize_videos([f"{bucket}/videos"], trained, out, QUICK)
    assert system.info("bucket/found/a/result.json")["LastModified"] == before
    assert names(out) == [".done/a.json", ".done/b.json", *(f"{folder}/{name}" for folder in "ab" for name in
                          ("boxes.coco.json", "result.json", "timeline.png")), "index.parquet"]  # fmt: skip
    with at_hand(f"{out}/index.parquet") as index:
        assert {row.video for row in read_archive(index)} <= {f"{bucket}/videos/{name}.mp4" for name in "ab"}
    assert not [file for file in Path(os.environ["DSOL_CACHE"]).rglob("*") if b"secret" in name_and_bytes(file)]


def name_and_bytes(file: Path) -> bytes:
    return str(file).encode() + (file.read_bytes() if file.is_file() else b"")
