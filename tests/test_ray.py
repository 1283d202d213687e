"""Work on a Ray cluster of two nodes, processes of this machine: as here, to the byte, also where a node is lost."""

import os
import signal
import time
from pathlib import Path

import pytest

from dsol.data.engines import run
from dsol.data.prepare import prepare
from dsol.data.scenes import compose
from dsol.data.store import Store
from dsol.errors import DsolError
from dsol.evaluation.evaluate import evaluate
from dsol.localize import Wanted, localize_videos
from tests.videos import write_text, write_video

ray = pytest.importorskip("ray")
QUICK = Wanted("srt", film=False)
ROOM = {"num_cpus": 1, "object_store_memory": 80 * 2**20, "include_dashboard": False}


@pytest.fixture(scope="module")
def cluster():
    """Two nodes with room for a worker each; a third takes the place of one that a test kills."""
    from ray.cluster_utils import Cluster

    os.environ.update(
        RAY_USAGE_STATS_ENABLED="0", RAY_raylet_start_wait_time_s="300", RAY_gcs_server_request_timeout_seconds="120"
    )
    cluster = Cluster(initialize_head=True, head_node_args=ROOM)
    cluster.add_node(**ROOM)
    ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
    yield cluster
    ray.shutdown()
    cluster.shutdown()


def content(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


class Slow:
    """Says which worker did an item; the folder tells how far it is."""

    def __init__(self, folder: Path):
        self.folder, self.made = folder, 0

    def __call__(self, item: int) -> tuple[int, int, int]:
        self.made += 1
        (self.folder / str(item)).touch()
        time.sleep(0.1)
        return item, os.getpid(), self.made


def test_results_come_in_order_and_each_worker_keeps_its_function(cluster, tmp_path):
    found = list(run(Slow(tmp_path), range(12), "ray"))
    assert [item for item, *_ in found] == list(range(12))
    workers = {pid for _, pid, _ in found}
    assert len(workers) == 2
    assert sorted(made for _, pid, made in found if pid == found[0][1]) == list(range(1, 1 + len(
        [1 for _, pid, _ in found if pid == found[0][1]])))  # fmt: skip


def test_workers_wait_for_who_takes_the_results(cluster, tmp_path):
    results = run(Slow(tmp_path), range(100), "ray", 1)
    next(results)
    time.sleep(1)
    assert len(list(tmp_path.iterdir())) <= 10
    results.close()


def kill_for_one(item: int) -> int:
    if item == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def test_an_item_that_kills_its_worker_is_told_and_the_rest_is_done(cluster):
    assert list(run(kill_for_one, [0, 1, 2], "ray", 1, lost=lambda item: -item)) == [0, -1, 2]
    with pytest.raises(DsolError, match="1: killed the process that worked on it"):
        list(run(kill_for_one, [1], "ray", 1))


def refuse(item: int) -> int:
    raise DsolError("party.mp4", "is no video", "give one")


def test_an_error_is_the_same_error(cluster):
    with pytest.raises(DsolError, match=r"^party\.mp4: is no video \(give one\)$"):
        list(run(refuse, [0], "ray", 1))


def kill_a_node(cluster) -> None:
    """Of the two workers' one; another node comes into its place."""
    (node,) = [node for node in cluster.list_all_nodes() if not node.head]
    cluster.remove_node(node, allow_graceful=False)
    cluster.add_node(**ROOM)


def test_the_items_of_a_lost_node_are_done_again(cluster, tmp_path):
    results = run(Slow(tmp_path), range(30), "ray")
    found = [next(results) for _ in range(6)]
    kill_a_node(cluster)
    found += results
    assert [item for item, *_ in found] == list(range(30))
    assert len({pid for _, pid, _ in found}) == 3


def test_an_archive_is_localized_as_here_though_a_node_is_lost(cluster, trained, tmp_path, monkeypatch):
    videos = [write_video(tmp_path / "videos" / f"{name}.mp4", 1.0) for name in "abcd"]
    videos.insert(2, write_text(tmp_path / "videos" / "bad.mp4"))
    told: list[str] = []

    def tell(line: str) -> None:
        told.append(line)
        if "localized, see" in line and len(told) == 1:
            kill_a_node(cluster)

    with pytest.raises(DsolError, match=r"bad\.mp4: 1 of 5 videos failed"):
        localize_videos(videos, trained, tmp_path / "here", QUICK)
    monkeypatch.setattr("dsol.localize.many.say", tell)
    with pytest.raises(DsolError, match=r"bad\.mp4: 1 of 5 videos failed"):
        localize_videos(videos, trained, tmp_path / "there", QUICK, "ray", 2)
    assert content(tmp_path / "there") == content(tmp_path / "here")
    assert sum("skipped" in line for line in told) == 1


def test_stores_scenes_and_figures_are_the_same(cluster, shapes, trained, tmp_path):
    for name in "ab":
        write_video(tmp_path / "corpus" / "cello" / f"{name}.mp4", 2.0)
    for engine in ("local", "ray"):
        folder = tmp_path / engine
        prepare(tmp_path / "corpus", folder / "store", engine=engine, workers=1)
        compose(Store.open(shapes.path), folder / "scenes", 260, objects=2, sounding=1, engine=engine)
        figures = evaluate(trained, shapes.path, maps=folder / "maps.npz", engine=engine)
        (folder / "figures.json").write_text(str(figures.to_json()))
    here, there = content(tmp_path / "local"), content(tmp_path / "ray")
    assert list(here) == list(there)
    assert [name for name in here if here[name] != there[name]] == []
