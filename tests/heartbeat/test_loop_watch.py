"""How late a loop is, also while it is blocked."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from heartbeat.loop_watch import LoopWatch, watch_for_stalls


class FakeLoop:
    """A loop whose callbacks a test runs when it likes."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], object]] = []
        self.is_on = True
        self.is_over = False

    def is_running(self) -> bool:
        return self.is_on

    def is_closed(self) -> bool:
        return self.is_over

    def call_soon_threadsafe(self, callback: Callable[..., object], *args: Any) -> None:
        if self.is_over:
            raise RuntimeError("Event loop is closed")
        self.waiting.append(lambda: callback(*args))

    def turn(self) -> None:
        waiting, self.waiting = self.waiting, []
        for callback in waiting:
            callback()


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def watched() -> tuple[LoopWatch, FakeLoop, Clock]:
    clock, loop = Clock(), FakeLoop()
    watch = LoopWatch(clock=clock)
    watch.watch(loop)
    return watch, loop, clock


def test_nothing_is_known_before_the_first_answer() -> None:
    watch, _, _ = watched()
    assert watch.lag() is None
    assert LoopWatch().lag() is None


def test_an_answer_tells_how_late_it_is() -> None:
    watch, loop, clock = watched()
    watch.probe()
    clock.now += 0.2
    loop.turn()
    clock.now += 5.0
    assert watch.lag() == pytest.approx(0.2)


def test_a_loop_that_is_blocked_is_later_and_later() -> None:
    watch, _, clock = watched()
    watch.probe()
    lags = []
    for _ in range(3):
        clock.now += 1.0
        watch.probe()
        lags.append(watch.lag())
    assert lags == [1.0, 2.0, 3.0]


def test_only_one_probe_waits() -> None:
    watch, loop, _ = watched()
    for _ in range(5):
        watch.probe()
    assert len(loop.waiting) == 1


def test_the_next_answer_tells_that_it_has_recovered() -> None:
    watch, loop, clock = watched()
    watch.probe()
    clock.now += 4.0
    loop.turn()
    assert watch.lag() == 4.0
    watch.probe()
    assert watch.lag() == 4.0
    loop.turn()
    assert watch.lag() == 0.0


def test_a_loop_that_does_not_run_is_not_late() -> None:
    watch, loop, clock = watched()
    watch.probe()
    loop.is_on = False
    clock.now += 60.0
    assert watch.lag() is None
    watch.probe()
    loop.is_on = True
    loop.turn()
    assert watch.lag() is None
    watch.probe()
    loop.turn()
    assert watch.lag() == 0.0


def test_a_closed_loop_is_not_watched_any_more() -> None:
    watch, loop, _ = watched()
    loop.is_over, loop.is_on = True, False
    assert watch.lag() is None
    assert not watch.is_watching
    watch.watch(FakeLoop())
    assert watch.is_watching


def test_a_loop_that_closes_at_the_wrong_moment_harms_nobody() -> None:
    watch, loop, _ = watched()
    loop.is_over = True
    watch.probe()
    assert not watch.is_watching


@pytest.mark.looptime
async def test_a_stall_and_its_end_are_told_at_once() -> None:
    loop, watched = asyncio.get_running_loop(), FakeLoop()
    watch = LoopWatch(clock=loop.time)
    watch.watch(watched)
    changes: list[float] = []
    task = asyncio.create_task(watch_for_stalls(watch, on_change=lambda: changes.append(loop.time())))
    began_at = loop.time()
    while loop.time() - began_at < 10:
        await asyncio.sleep(0.5)
        watched.turn()
    blocked_at = loop.time()
    await asyncio.sleep(20)
    assert len(changes) == 1
    assert 3.0 <= changes[0] - blocked_at <= 5.0
    ended_at = loop.time()
    while loop.time() - ended_at < 10:
        watched.turn()
        await asyncio.sleep(0.25)
    assert len(changes) == 2
    assert changes[1] - ended_at <= 3.0
    task.cancel()


def test_a_real_loop_in_another_thread_is_seen_to_hang() -> None:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        watch = LoopWatch()
        watch.watch(loop)
        go_on = threading.Event()
        loop.call_soon_threadsafe(go_on.wait, 3)
        end = time.monotonic() + 3
        while (watch.lag() or 0.0) < 0.1 and time.monotonic() < end:
            watch.probe()
        assert (watch.lag() or 0.0) >= 0.1
        go_on.set()
        while (watch.lag() or 0.0) >= 0.1 and time.monotonic() < end:
            watch.probe()
        assert (watch.lag() or 0.0) < 0.1
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
