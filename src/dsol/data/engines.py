"""Run one function over many items: in this process, in a pool of processes, or on a Ray cluster."""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from typing import TypeVar

from dsol.errors import DsolError

T = TypeVar("T")
R = TypeVar("R")
ENGINES = ("local", "ray")
UNGUARDED = 77  # exit status of a worker that would run the caller's script again


def cores() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def refuse_unguarded() -> None:
    """End a worker process that is about to start the whole work again instead of its part.

    Processes begin by importing the script that started them. One without `if __name__ == "__main__":` then does
    everything once more; who started it says so (`_unguarded`).
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        os._exit(UNGUARDED)


def _unguarded() -> DsolError:
    script = getattr(sys.modules["__main__"], "__file__", "the script")
    what = "starts processes, and each of them runs the script again"
    return DsolError(script, what, "put the call below: if __name__ == '__main__':  or give workers=1")


def run(
    function: Callable[[T], R],
    items: Sequence[T],
    engine: str = "local",
    workers: int = 0,
    lost: Callable[[T], R] | None = None,
) -> Iterator[R]:
    """Yield `function(item)` for each item, in order.

    Args:
        function: picklable, like its items and results.
        items: what to run it on.
        engine: "local", or "ray" (connects to the cluster of RAY_ADDRESS, or starts one here).
        workers: processes; 0 takes one a core, 1 works in this process.
        lost: makes the result of an item that kills its process (out of memory, a crash in a
            decoder). Without it such an item ends the run.

    Raises:
        DsolError: unknown engine, ray is not installed, or an item killed its process and `lost` is None.
        Exception: whatever `function` raises.

    Example:
        >>> list(run(abs, [-1, 2], workers=1))
        [1, 2]
    """
    refuse_unguarded()
    if engine not in ENGINES:
        raise DsolError("--engine", f"{engine!r} is not known", f"choose one of {', '.join(ENGINES)}")
    if workers < 0:
        raise DsolError("--workers", f"{workers} is negative", "give a number of processes, or 0 for one a core")
    if engine == "ray":
        return _ray(function, items, workers, lost)
    workers = min(workers or cores(), len(items))
    return map(function, items) if workers <= 1 else _processes(function, items, workers, lost)


def _processes(function, items, workers, lost):
    """A pool; when it breaks, the next item is tried alone, to find the one that kills its process."""
    while items:
        done = 0
        try:
            for result in _pool(function, items, workers):
                yield result
                done += 1
            return
        except BrokenProcessPool:
            yield _alone(function, items[done], lost)
            items = items[done + 1 :]


def _alone(function, item, lost):
    try:
        return next(_pool(function, [item], 1))
    except BrokenProcessPool:
        return _instead_of(item, lost)


def _instead_of(item, lost):
    if lost is None:
        raise DsolError(item, "killed the process that worked on it", "is there enough memory?")
    return lost(item)


def _pool(function, items, workers):
    # Spawned, not forked: a fork of a process that has threads may hang.
    context = multiprocessing.get_context("spawn")
    started = context.Event()
    pool = ProcessPoolExecutor(workers, context, initializer=_start_worker, initargs=(started,))
    try:
        for future in [pool.submit(function, item) for item in items]:
            yield future.result()
    except BrokenProcessPool:
        if started.is_set():
            raise
        raise _unguarded() from None
    finally:
        pool.shutdown(cancel_futures=True)


def _start_worker(started) -> None:
    """Ctrl-C is the parent's to handle, and no worker outlives a parent that was killed."""
    started.set()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _leave_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None, "this is a worker"
    wait([parent.sentinel])
    os._exit(1)


def _ray(function, items, workers, lost):
    try:
        import ray  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise DsolError("--engine ray", "ray is not installed", "pip install 'dsol[ray]', or leave it out") from None
    if not ray.is_initialized():
        ray.init(**({} if "RAY_ADDRESS" in os.environ else {"num_cpus": workers or None}))

    @ray.remote
    def call(item):
        return function(item)

    for item, result in [(item, call.remote(item)) for item in items]:
        try:
            yield ray.get(result)
        except (ray.exceptions.WorkerCrashedError, ray.exceptions.OutOfMemoryError):
            yield _instead_of(item, lost)
