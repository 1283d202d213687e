"""Work ahead of who asks for it, in a thread: decoding, painting and encoding run beside each other."""

from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")
END: Any = object()


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
    source = iter(items)
    with ThreadPoolExecutor(1) as worker:
        waiting = deque(worker.submit(next, source, END) for _ in range(most))
        try:
            while (item := waiting.popleft().result()) is not END:
                waiting.append(worker.submit(next, source, END))
                yield item
        finally:
            for each in waiting:
                each.cancel()
            if close := getattr(source, "close", None):
                worker.submit(close)
