"""Work in a thread of its own: the same items, the same errors, and nothing left behind."""

import threading
from contextlib import closing

import pytest

from dsol.data.ahead import ahead


def test_the_items_come_in_their_order():
    assert list(ahead(iter(range(100)), 3)) == list(range(100))


def test_an_error_comes_after_the_items_before_it():
    def broken():
        yield 1
        raise ValueError("broke off")

    found = ahead(broken())
    assert next(found) == 1
    with pytest.raises(ValueError, match="broke off"):
        next(found)


def test_who_stops_asking_leaves_no_thread_and_nothing_open():
    closed = threading.Event()

    def endless():
        try:
            while True:
                yield 0
        finally:
            closed.set()

    before = threading.active_count()
    with closing(ahead(endless())) as found:
        assert next(found) == 0
    assert closed.is_set()
    assert threading.active_count() == before
