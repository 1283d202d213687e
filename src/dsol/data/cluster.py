"""Work on a Ray cluster: a pool of actors, each with the function in its memory once.

items ─one at a time a worker─▶ actors ─results in order─▶ the caller
          ▲                       │
          └── done again ◀── a worker or its machine died

Ray core, not Ray Data: the work is a list of independent items with small results. What is needed beyond a map, results
in order and the name of an item that kills its worker, would stand beside a dataset all the same.
"""

import heapq
import logging
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from dsol.errors import DsolError
from dsol.progress import say

AHEAD = 8  # items a worker that may be done before the one that is due: bounds what waits in memory
TRIES = 3  # of an item whose worker dies: machines get lost, but not three times with the same item
FAILED_STARTS = 4  # of workers in a row, after which it is no lost machine
PATIENCE_S = 30.0  # seconds without a worker before the user is told


def run_on_ray(function: Callable, items: Sequence, workers: int, lost: Callable, gpu: bool = False) -> Iterator[Any]:
    """Yield `function(item)` for each item, in order; arguments as of `engines.run`.

    Raises:
        DsolError: ray is not installed, no cluster can be reached, or workers do not start.
        Exception: whatever `function` or `lost` raises.
    """
    ray, ours = connected(workers)
    try:
        share, room = share_of_worker(ray, gpu)
        pool = _Pool(ray, function, min(workers or room, len(items)), share)
        try:
            yield from _in_order(pool, items, lost)
        finally:
            pool.close()
    finally:
        if ours:
            ray.shutdown()


def connected(workers: int) -> tuple[Any, bool]:
    """Ray, connected, and whether that is to be undone at the end; where it starts a cluster, with so many workers."""
    try:
        import ray  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise DsolError("--engine ray", "ray is not installed", "pip install 'dsol[ray]', or leave it out") from None
    if ray.is_initialized():
        return ray, False
    address = os.environ.get("RAY_ADDRESS")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a cluster of ours reports to nobody
    alone = {} if address else {"num_cpus": workers or None, "include_dashboard": False}
    try:
        ray.init(**alone, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError) as error:
        where = f"RAY_ADDRESS={address}" if address else "--engine ray"
        raise DsolError(where, f"no cluster: {error}", "start one with `ray start --head`, or unset it") from None
    return ray, True


def share_of_worker(ray, gpu: bool) -> tuple[dict[str, int], int]:
    """What a worker takes, and for how many there is room: a GPU where there are, else a core."""
    there = ray.cluster_resources()
    if gpu and there.get("GPU", 0) >= 1:
        return {"num_cpus": 1, "num_gpus": 1}, int(there["GPU"])
    return {"num_cpus": 1}, max(1, int(there.get("CPU", 1)))


def _in_order(pool: "_Pool", items: Sequence, lost: Callable) -> Iterator[Any]:
    waiting = list(range(len(items)))  # a heap: what is done again comes first
    results: dict[int, Any] = {}
    deaths: Counter[int] = Counter()
    for due in range(len(items)):
        while due not in results:
            pool.fill()
            while waiting and pool.idle and waiting[0] < due + AHEAD * pool.size:
                number = heapq.heappop(waiting)
                pool.give(number, items[number])
            if (taken := pool.take()) is None:
                continue
            number, result, alive = taken
            deaths[number] += not alive
            if alive or deaths[number] == TRIES:
                results[number] = result if alive else lost(items[number])
            else:
                heapq.heappush(waiting, number)
        yield results.pop(due)


class _Pool:
    """Actors: those that start, those that wait for an item, and those that work on one."""

    def __init__(self, ray, function: Callable, size: int, share: dict[str, int]):
        self.ray, self.size = ray, size
        options = {**share, "max_restarts": 0, "scheduling_strategy": "SPREAD"}
        self._kind = ray.remote(_Worker).options(**options)
        self._function = ray.put(function)
        self._starting: dict[Any, Any] = {}  # answer to come -> actor
        self._busy: dict[Any, tuple[Any, int]] = {}  # answer to come -> actor, number of its item
        self.idle: list[Any] = []
        self._failed = 0

    def fill(self) -> None:
        """Start actors in the place of those that died."""
        while len(self._starting) + len(self._busy) + len(self.idle) < self.size:
            actor = self._kind.remote(self._function)
            self._starting[actor.ready.remote()] = actor

    def give(self, number: int, item: Any) -> None:
        """Have an idle actor work on an item."""
        actor = self.idle.pop()
        self._busy[actor.work.remote(item)] = (actor, number)

    def take(self) -> tuple[int, Any, bool] | None:
        """(number, result, True) of the next item that is done, or (number, None, False) where its worker died; None
        where a worker has started, or has failed to."""
        answer = self._next()
        if answer in self._starting:
            actor = self._starting.pop(answer)
            if self._started(answer):
                self.idle.append(actor)
            return None
        actor, number = self._busy.pop(answer)
        errors = self.ray.exceptions
        try:
            result = self.ray.get(answer)
        except errors.RayTaskError as error:
            raise error.cause from None
        except (errors.RayActorError, errors.WorkerCrashedError, errors.OutOfMemoryError, errors.ObjectLostError):
            return number, None, False
        self.idle.append(actor)
        return number, result, True

    def _started(self, answer) -> bool:
        try:
            self.ray.get(answer)
        except self.ray.exceptions.RayError as error:
            self._failed += 1
            if self._failed < FAILED_STARTS:
                return False
            last = str(error).strip().splitlines()[-1]
            what = f"no worker starts: {last}"
            raise DsolError("--engine ray", what, "install this version of dsol on all machines") from None
        self._failed = 0
        return True

    def _next(self):
        """The next answer of any actor."""
        while True:
            done, _ = self.ray.wait([*self._busy, *self._starting], timeout=PATIENCE_S)
            if done:
                return done[0]
            if not self._busy:
                say("Waiting for a free worker of the Ray cluster")

    def close(self) -> None:
        """End all actors."""
        for actor in (*self._starting.values(), *self.idle, *(actor for actor, _ in self._busy.values())):
            self.ray.kill(actor)


class _Worker:
    """An actor."""

    def __init__(self, function: Callable):
        self.function = function

    def ready(self) -> None:
        """Answered once the actor runs."""

    def work(self, item: Any) -> Any:
        """The function's result for one item."""
        return self.function(item)
