"""The thread that ends the process. Real threads, and limits of hundredths of a second."""

import logging
import queue
import threading
from collections.abc import Callable, Iterator

import pytest

from lifecycle.watchdog import EXIT_CODE, Watchdog


@pytest.fixture
def exits() -> queue.SimpleQueue[int]:
    return queue.SimpleQueue()


@pytest.fixture
def start(exits: queue.SimpleQueue[int]) -> Iterator[Callable[[], Watchdog]]:
    started: list[Watchdog] = []

    def make() -> Watchdog:
        started.append(Watchdog(exit_process=exits.put))
        return started[-1]

    yield make
    for watchdog in started:
        watchdog.close()


def test_an_overrun_limit_ends_the_process_and_says_which(
    start: Callable[[], Watchdog], exits: queue.SimpleQueue[int], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.CRITICAL):
        start().limit("leaving", 0.02)
        assert exits.get(timeout=20) == EXIT_CODE
    assert [record.__dict__["limit"] for record in caplog.records] == ["leaving"]


def test_a_cleared_limit_does_not(start: Callable[[], Watchdog], exits: queue.SimpleQueue[int]) -> None:
    watchdog = start()
    watchdog.limit("leaving", 0.02)
    watchdog.clear("leaving")
    watchdog.clear("leaving")
    watchdog.limit("proof", 0.1)
    assert exits.get(timeout=20) == EXIT_CODE
    assert exits.empty()


def test_a_limit_set_again_replaces_the_old_one(
    start: Callable[[], Watchdog], exits: queue.SimpleQueue[int]
) -> None:
    watchdog = start()
    watchdog.limit("loop", 0.02)
    watchdog.limit("loop", 60)
    watchdog.limit("leaving", 0.1)
    assert exits.get(timeout=20) == EXIT_CODE
    assert exits.empty()


def test_it_works_while_the_main_thread_is_stuck_in_logging(
    start: Callable[[], Watchdog], exits: queue.SimpleQueue[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck = threading.Event()
    handler = logging.Handler()
    monkeypatch.setattr(handler, "emit", lambda _: stuck.wait(10))
    logging.getLogger("lifecycle.watchdog").addHandler(handler)
    try:
        start().limit("loop", 0.02)
        assert exits.get(timeout=20) == EXIT_CODE
    finally:
        stuck.set()
        logging.getLogger("lifecycle.watchdog").removeHandler(handler)


def test_closing_twice_ends_the_thread(start: Callable[[], Watchdog], exits: queue.SimpleQueue[int]) -> None:
    watchdog = start()
    watchdog.limit("loop", 60)
    watchdog.close()
    watchdog.close()
    assert exits.empty()
    assert not any(thread.name == "roomkeeper-watchdog" for thread in threading.enumerate())
