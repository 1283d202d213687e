"""Work on a Ray cluster of two nodes, processes of this machine: as here, to the byte, also where a node is lost."""

import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dsol.config import load_recipe
from dsol.data.engines import run
from dsol.data.prepare import prepare
from dsol.data.scenes import compose
from dsol.data.store import Store
from dsol.errors import DsolError
from dsol.evaluation import score_files
from dsol.evaluation.evaluate import evaluate
from dsol.localize import Wanted, localize_videos
from dsol.model.maps import MapsWriter
from dsol.training.run import Run
from dsol.training.train import train
from tests.evaluation.scenes import boxes_of, maps_of
from tests.items import Halting, Noting, kill_for_one, refuse, wait_for, within
from tests.videos import write_text, write_video

ray = pytest.importorskip("ray")
QUICK = Wanted("srt", film=False)
ROOM = {"num_cpus": 1, "object_store_memory": 80 * 2**20}  # of a node: one worker


@pytest.fixture(scope="module")
def cluster():
    """Two nodes with room for a worker each; a third takes the place of one that a test kills."""
    from ray.cluster_utils import Cluster

    os.environ.update(RAY_USAGE_STATS_ENABLED="0", RAY_worker_niceness="0")
    try:
        with within(90):
            cluster = patient(
                lambda: Cluster(initialize_head=True, head_node_args={**ROOM, "include_dashboard": False})
            )
            patient(lambda: cluster.add_node(**ROOM))
            ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
    except TimeoutError:
        pytest.skip("Ray's processes do not start on this machine in 90 s")
    yield cluster
    ray.shutdown()
    cluster.shutdown()


def patient(start: Callable[[], Any]) -> Any:
    """A node gives up where its helpers need more than 15 seconds to start: on a busy machine it may succeed later."""
    for _ in range(3):
        try:
            return start()
        except TimeoutError:
            raise
        except Exception as error:
            print(error)
    return start()


@pytest.fixture
def two(cluster):
    """The cluster, with both of its nodes; a test on it has two minutes."""
    with within(120):
        if len(cluster.list_all_nodes()) < 2:
            patient(lambda: cluster.add_node(**ROOM))
        yield cluster


def content(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def test_results_come_in_order_and_each_worker_keeps_its_function(two, tmp_path):
    found = list(run(Noting(tmp_path, 2), range(12), "ray"))
    assert [item for item, *_ in found] == list(range(12))
    of_worker: dict[int, list[int]] = {}
    for _, worker, done in found:
        of_worker.setdefault(worker, []).append(done)
    assert len(of_worker) == 2
    assert all(sorted(done) == list(range(1, 1 + len(done))) for done in of_worker.values())


def test_workers_wait_for_who_takes_the_results(two, tmp_path):
    work = Noting(tmp_path, 1)
    results = run(work, range(100), "ray", 1)
    next(results)
    time.sleep(0.5)
    assert len(work.begun()) <= 10
    results.close()


def test_an_item_that_kills_its_worker_is_told_and_the_rest_is_done(two):
    assert list(run(kill_for_one, [0, 1, 2], "ray", 1, lost=lambda item: -item)) == [0, -1, 2]


def test_an_error_is_the_same_error(two):
    with pytest.raises(DsolError, match=r"^party\.mp4: is no video \(give one\)$"):
        list(run(refuse, [0], "ray", 1))


def runs(process: int) -> bool:
    """Whether a process has not ended."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def kill_a_node(cluster) -> None:
    """Of the two workers' one."""
    (node,) = [node for node in cluster.list_all_nodes() if not node.head]
    cluster.remove_node(node, allow_graceful=False)


def test_the_items_of_a_lost_node_are_done_again(two, tmp_path):
    work = Halting(tmp_path, 2)

    def lose_one() -> None:
        wait_for(lambda: {10, 11} <= {item for item, _ in work.begun()})
        workers = {worker for item, worker in work.begun() if item in (10, 11)}
        kill_a_node(two)
        wait_for(lambda: not all(map(runs, workers)))  # else it might finish its item in its last moment
        (tmp_path / "go").touch()

    loser = threading.Thread(target=lose_one)
    loser.start()
    found = list(run(work, range(20), "ray"))
    loser.join()
    assert [item for item, *_ in found] == list(range(20))
    begun = [item for item, _ in work.begun()]
    assert sorted(item for item in set(begun) if begun.count(item) > 1) in ([10], [11])


def test_an_archive_is_localized_as_here_though_a_node_is_lost(two, trained, tmp_path, monkeypatch):
    (tmp_path / "videos").mkdir()
    videos = [write_video(tmp_path / "videos" / f"{name}.mp4", 1.0) for name in "abcd"]
    videos.insert(2, write_text(tmp_path / "videos" / "bad.mp4"))
    told: list[str] = []

    def tell(line: str) -> None:
        told.append(line)
        if "localized, see" in line and len(told) == 1:
            kill_a_node(two)

    with pytest.raises(DsolError, match=r"bad\.mp4: 1 of 5 videos failed"):
        localize_videos(videos, trained, tmp_path / "here", QUICK)
    monkeypatch.setattr("dsol.localize.many.say", tell)
    with pytest.raises(DsolError, match=r"bad\.mp4: 1 of 5 videos failed"):
        localize_videos(videos, trained, tmp_path / "there", QUICK, "ray", 2)
    assert content(tmp_path / "there") == content(tmp_path / "here")
    assert sum("skipped" in line for line in told) == 1


def test_stores_scenes_and_figures_are_the_same(two, shapes, trained, tmp_path):
    (tmp_path / "corpus" / "cello").mkdir(parents=True)
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


def test_maps_are_scored_to_the_same_figures(two, tmp_path):
    rng = np.random.default_rng(0)
    boxes = boxes_of(rng, frames=600)
    boxes.save(tmp_path / "boxes.json")
    maps = maps_of(rng, boxes, (4, 4))
    for name, shown in (("own", maps.maps), ("swapped", maps.maps[:, ::-1])):
        with MapsWriter(tmp_path / f"{name}.npz") as writer:
            writer.add(replace(maps, maps=shown).take(slice(0, 300)))
            writer.add(replace(maps, maps=shown[..., :3]).take(slice(300, None)))  # of another shape
    files = {"maps": tmp_path / "own.npz", "swapped": tmp_path / "swapped.npz", "boxes": tmp_path / "boxes.json"}
    here, there = (score_files(**files, protocol="duet", size=24, engine=engine) for engine in ("local", "ray"))
    assert here.per_category
    assert json.dumps(there.to_json()) == json.dumps(here.to_json())


def test_two_nodes_train_one_model_and_one_goes_on_where_the_other_is_lost(two, shapes, trained, tmp_path, monkeypatch):
    run, told = tmp_path / "run", []
    monkeypatch.setattr("dsol.training.on_ray.say", told.append)

    def lose_one() -> None:
        wait_for((run / "resume" / "stage_one.pt").exists)
        kill_a_node(two)

    loser = threading.Thread(target=lose_one)
    loser.start()
    only = {"epochs": 8, "classify_from": 0}  # of which the first two are as in `trained`
    train(shapes.path, run, load_recipe("tiny", nodes=2, device="cpu", stage_one=only), stage="one", engine="ray")
    loser.join()
    assert any("going on from the last pass" in line for line in told)
    lines, alone = Run(run).metrics(), Run(trained).metrics()
    assert [line["step"] for line in lines if "loss" in line] == list(range(8))
    assert [line["loss"] for line in lines[:2]] == pytest.approx([line["loss"] for line in alone[:2]], rel=0.01)
