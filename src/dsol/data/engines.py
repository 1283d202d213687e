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
    everything once more; who started it says so (`unguarded`).
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        os._exit(UNGUARDED)


def unguarded() -> DsolError:
    """What to tell the caller of such a script."""
    script = getattr(sys.modules["__main__"], "__file__", "the script")
    what = "starts processes, and each of them runs the script again"
    return DsolError(script, what, "put the call below: if __name__ == '__main__':  or give workers=1")


def run(
    function: Callable[[T], R],
    items: Sequence[T],
    engine: str = "local",
    workers: int = 0,
    lost: Callable[[T], R] | None = None,
    gpu: bool = False,
) -> Iterator[R]:
    """Yield `function(item)` for each item, in order.

    Args:
        function: picklable, like its items and results. Each worker gets it once: it may keep a model that it loads
            at its first item.
        items: what to run it on.
        engine: "local", or "ray" (connects to the cluster of RAY_ADDRESS, or starts one here).
        workers: processes; 0 takes one a core, 1 works in this process.
        lost: makes the result of an item that kills its process (out of memory, a crash in a
            decoder). Without it such an item ends the run.
        gpu: on Ray a worker takes a GPU for itself where the cluster has any, a core otherwise.

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
        from dsol.data.cluster import run_on_ray

        return run_on_ray(function, items, workers, lost or _refuse, gpu)
    workers = min(workers or cores(), len(items))
    return map(function, items) if workers <= 1 else _processes(function, items, workers, lost or _refuse)


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
        return lost(item)


def _refuse(item):
    raise DsolError(item, "killed the process that worked on it", "is there enough memory?")


def _pool(function, items, workers):
    # Spawned, not forked: a fork of a process that has threads may hang.
    context = multiprocessing.get_context("spawn")
    started = context.Event()
    pool = ProcessPoolExecutor(workers, context, initializer=_start_worker, initargs=(started, function))
    try:
        for future in [pool.submit(_work, item) for item in items]:
            yield future.result()
    except BrokenProcessPool:
        if started.is_set():
            raise
        raise unguarded() from None
    finally:
        pool.shutdown(cancel_futures=True)


_function: Callable = _refuse  # in a worker process: what it was started for


def _work(item):
    return _function(item)


def _start_worker(started, function) -> None:
    """Ctrl-C is the parent's to handle, and no worker outlives a parent that was killed."""
    global _function
    started.set()
    _function = function
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _leave_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None, "this is a worker"
    wait([parent.sentinel])
    os._exit(1)
