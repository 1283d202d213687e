"""Work in processes, on any system and from any script."""

import os
import subprocess
import sys
from typing import ClassVar

import pytest

from dsol.data import engines
from dsol.data.engines import cores, run
from dsol.data.prepare import prepare
from dsol.data.store import Store, alone, shards
from dsol.errors import DsolError
from tests.videos import write_video


def script(folder, text: str) -> subprocess.CompletedProcess:
    (folder / "work.py").write_text(text, "utf-8")
    return subprocess.run([sys.executable, str(folder / "work.py")], capture_output=True, text=True, check=False)


CALL = "prepare({videos!r}, {store!r}, workers=2)"


@pytest.fixture
def videos(tmp_path):
    folder = tmp_path / "videos"
    folder.mkdir()
    for name in "ab":
        write_video(folder / f"{name}.mp4")
    return folder


def test_a_script_that_would_run_again_in_each_process_is_told_what_to_do(videos, tmp_path):
    call = CALL.format(videos=str(videos), store=str(tmp_path / "store"))
    done = script(tmp_path, f"from dsol.data.prepare import prepare\n{call}\n")
    last = done.stderr.splitlines()[-1]
    assert done.returncode == 1
    assert "work.py: starts processes, and each of them runs the script again" in last
    assert "if __name__ == '__main__':" in last
    assert done.stderr.count("Traceback") == 1, "that of the script itself, none of its processes"
    assert "crashed" not in done.stderr
    assert not (tmp_path / "store").exists()


def test_a_script_with_the_guard_works(videos, tmp_path):
    call = CALL.format(videos=str(videos), store=str(tmp_path / "store"))
    text = f"from dsol.data.prepare import prepare\nif __name__ == '__main__':\n    {call}\n"
    done = script(tmp_path, text)
    assert done.returncode == 0, done.stderr
    assert len(Store.open(tmp_path / "store")) == 4


def double(value: int) -> int:
    return 2 * value


def leave(value: int) -> int:
    os._exit(3) if value == 1 else None
    return value


def test_an_item_that_kills_its_process_is_still_told_from_a_script_that_cannot_start():
    assert list(run(leave, [0, 1, 2], workers=2, lost=lambda item: -item)) == [0, -1, 2]
    with pytest.raises(DsolError, match="killed the process"):
        list(run(leave, [1, 1], workers=2))


def test_without_a_count_of_the_cores_allowed_all_are_taken(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    assert cores() == 3
    monkeypatch.setattr(engines, "_processes", lambda function, items, workers, lost: iter([workers]))
    assert list(run(double, [1, 2, 3, 4])) == [3]


class Locking:
    """Stands for `msvcrt`: a lock a file that one handle at a time may hold."""

    LK_NBLCK = 2
    held: ClassVar[set[int]] = set()

    @classmethod
    def locking(cls, descriptor: int, mode: int, count: int) -> None:
        assert (mode, count) == (cls.LK_NBLCK, 1)
        file = os.fstat(descriptor).st_ino
        if file in cls.held:
            raise OSError("locked")
        cls.held.add(file)


def test_a_store_is_made_and_read_without_the_calls_of_unix(videos, tmp_path, monkeypatch):
    for name in ("pread", "sched_getaffinity"):
        monkeypatch.delattr(os, name, raising=False)
    monkeypatch.setattr(alone, "fcntl", None)
    monkeypatch.setitem(sys.modules, "msvcrt", Locking)
    Locking.held.clear()
    (tmp_path / "store").mkdir()
    with alone.locked(tmp_path / "lock") as one, alone.locked(tmp_path / "lock") as other:
        assert (one, other) == (True, False)
    store = prepare(videos, tmp_path / "store", workers=1)
    assert store.frame(3, 3).shape == (256, 256, 3)
    assert store.waveform(0).std() > 0.2


def test_a_folder_that_is_being_made_is_left_to_its_maker(tmp_path, videos):
    (tmp_path / "store.partial").mkdir()
    with alone.locked(tmp_path / "store.partial" / "lock") as ours:
        assert ours
        with pytest.raises(DsolError, match="is being made by another process"):
            prepare(videos, tmp_path / "store", workers=1)
        assert (tmp_path / "store.partial" / "lock").exists()


def test_everything_is_imported_without_the_modules_of_unix():
    code = (
        "import sys, os; sys.modules['fcntl'] = None\n"
        "[delattr(os, name) for name in ('sched_getaffinity', 'pread') if hasattr(os, name)]\n"
        "import pkgutil, dsol\n"
        "for found in pkgutil.walk_packages(dsol.__path__, 'dsol.'):\n"
        "    if not found.name.endswith('__main__'):\n"
        "        __import__(found.name)\n"
        "print('imported')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "imported\n", done.stderr


def test_shards_are_opened_as_bytes_where_that_must_be_said(monkeypatch, tmp_path):
    flags = []
    monkeypatch.setattr(os, "O_BINARY", 0x8000, raising=False)
    monkeypatch.setattr(shards.os, "open", lambda path, flag: flags.append(flag) or 0)
    monkeypatch.setattr(shards, "_read_at", lambda *_: b"")
    files = shards.ShardFiles(tmp_path)
    files.read(0, 0, 1)
    files._open.clear()
    assert flags == [os.O_RDONLY | 0x8000]
