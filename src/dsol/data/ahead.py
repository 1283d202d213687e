"""Work ahead of who asks for it, in a thread: decoding, painting and encoding run beside each other."""

from collections.abc import Generator, Iterable, Iterator
from queue import Queue
from threading import Event, Thread
from typing import TypeVar

T = TypeVar("T")
END = object()


def ahead(items: Iterable[T], most: int = 4) -> Generator[T]:
    """The items, made in a thread of their own, a few at a time before they are asked for.

    It pays where their making leaves Python to others: PyAV, ONNX Runtime and large operations of NumPy do.

    Args:
        items: started, exhausted and closed in the thread.
        most: how many wait at most.

    Raises:
        Exception: what making them raises, after the items before.

    Example:
        >>> list(ahead(range(3)))
        [0, 1, 2]
    """
    waiting: Queue = Queue(most)
    ended = Event()
    worker = Thread(target=_work, args=(iter(items), waiting, ended), daemon=True)
    worker.start()
    try:
        while True:
            item, error = waiting.get()
            if error is not None:
                raise error
            if item is END:
                return
            yield item
    finally:
        ended.set()
        while worker.is_alive():  # it may wait for room
            if not waiting.empty():
                waiting.get_nowait()
            worker.join(0.01)


def _work(items: Iterator[T], waiting: Queue, ended: Event) -> None:
    try:
        for item in items:
            waiting.put((item, None))
            if ended.is_set():
                break
        waiting.put((END, None))
    except BaseException as error:  # the asker's to handle, KeyboardInterrupt too
        waiting.put((END, error))
    finally:
        if close := getattr(items, "close", None):
            close()
