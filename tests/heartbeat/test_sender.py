"""The thread that beats, with a real registry's ports and real time: hundredths of a second."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import os
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import closing

import pytest
import pytest_asyncio
from pydantic import SecretStr

from heartbeat import Sender, loop_watch
from heartbeat.facts import Facts
from tests.heartbeat.fakes import TOKEN, Registry, facts, served
from wire import LINE_PATH, Order, Reply, Said

Make = Callable[..., Sender]


@pytest.fixture
def registry() -> Registry:
    return Registry(reply=Reply(ttl=25, interval=0.2))


@pytest_asyncio.fixture
async def make(registry: Registry) -> AsyncIterator[Make]:
    """Make senders to a registry on this machine; they are stopped at the end."""
    made: list[Sender] = []
    async with served(registry, token=TOKEN) as url:

        def make(**changes: object) -> Sender:
            options = {"describe": facts, "token": SecretStr(TOKEN), **changes}
            made.append(Sender(str(options.pop("url", url)), **options))  # type: ignore[arg-type]
            return made[-1]

        yield make
        for sender in made:
            await sender.stop_async("the test is over", timeout=0.5)


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "roomkeeper-heartbeat"]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(3):
        while not condition():  # noqa: ASYNC110  # of another thread, which sets no event here
            await asyncio.sleep(0.005)


async def test_it_beats_from_a_daemon_thread_until_stopped(make: Make, registry: Registry) -> None:
    sender = make(incarnation="my-life")
    assert not sender.is_heard
    sender.start()
    sender.start()
    await registry.until(lambda: len(registry.beats) >= 3)
    (thread,) = threads()
    assert thread.daemon
    assert sender.is_heard
    assert await sender.stop_async("done")
    thread.join(2)
    assert not threads()
    assert {beat.incarnation for beat in registry.beats} == {"my-life"}
    assert {beat.process_id for beat in registry.beats} == {os.getpid()}
    assert [beat.status for beat in registry.beats].count(Said.STOPPED) == 1
    assert registry.beats[-1].reason == "done"
    sender.start()
    assert not threads()


async def test_each_sender_is_another_incarnation(make: Make) -> None:
    assert make().incarnation != make().incarnation


async def test_the_goodbye_is_said_once_however_often_it_is_asked_for(make: Make, registry: Registry) -> None:
    sender = make()
    sender.start()
    await registry.until(lambda: bool(registry.beats))
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(sender.stop, f"reason {number}") for number in range(4)]
        heard = await asyncio.gather(*(asyncio.wrap_future(one) for one in asked))
    assert heard == [True] * 4
    assert await sender.stop_async("again")
    assert [beat.status for beat in registry.beats].count(Said.STOPPED) == 1


async def test_a_sender_that_never_started_says_no_goodbye(make: Make, registry: Registry) -> None:
    sender = make()
    assert not sender.stop("never begun")
    assert not await sender.stop_async("never begun")
    sender.start()
    assert not threads()
    assert registry.beats == []


async def test_stopping_right_after_the_start_is_heard(make: Make, registry: Registry) -> None:
    sender = make()
    sender.start()
    assert await sender.stop_async("short life")
    assert registry.beats[-1].status is Said.STOPPED


async def test_stopping_need_not_wait(make: Make, registry: Registry) -> None:
    sender = make()
    sender.start()
    assert not sender.stop("bye", timeout=0)
    await until(lambda: sender.is_over)
    assert sender.stop("bye", timeout=0)


async def test_a_registry_that_hangs_holds_up_nobody(make: Make, registry: Registry) -> None:
    registry.is_hung = True
    sender = make()
    sender.start()
    await until(lambda: bool(registry.tokens))
    began_at = time.monotonic()
    assert not await asyncio.to_thread(sender.stop, "bye", timeout=0.3)
    assert time.monotonic() - began_at < 3


async def test_stopping_from_its_own_thread_does_not_wait_for_itself(make: Make, registry: Registry) -> None:
    async def leave(_: object) -> None:
        assert not sender.stop("ordered")

    registry.reply = Reply(ttl=25, interval=0.2, line=LINE_PATH)
    sender = make(on_orders={Order.LEAVE: leave})
    sender.start()
    await registry.until(lambda: registry.by_line[-1:] == [True])
    registry.lines[0].order("leave")
    await until(lambda: sender.is_over)
    assert registry.beats[-1].reason == "ordered"


async def test_what_changes_is_told_at_once(make: Make, registry: Registry) -> None:
    registry.reply = Reply(ttl=25, interval=60)
    now = [facts()]
    sender = make(describe=lambda: now[0])
    sender.beat_now()
    sender.start()
    await registry.until(lambda: len(registry.beats) == 1)
    now[0] = facts(status=Said.WARNING, reason="slow")
    for _ in range(100):
        sender.beat_now()
    await registry.until(lambda: len(registry.beats) == 2)
    assert registry.beats[1].reason == "slow"


async def test_the_line_brings_orders_and_takes_logs(
    make: Make, registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    registry.reply = Reply(ttl=25, interval=0.2, line=LINE_PATH)
    ordered = []
    sender = make(
        on_orders={Order.STOP: lambda command: ordered.append(command.reason)}, secrets=["my-secret"]
    )
    sender.start()
    await registry.until(lambda: registry.by_line[-1:] == [True])
    logging.getLogger("tests").info("with my-secret and %s", TOKEN)
    line = registry.lines[0]
    line.order("stop", "1", reason="a test")
    line.order("logs", "2", seconds=30.0)
    await registry.until(lambda: len(registry.outcomes) == 2 and bool(registry.logs))
    assert ordered == ["a test"]
    assert {outcome.ok for outcome in registry.outcomes} == {True}
    assert registry.logs[0].is_start
    assert any(said.endswith("tests: with *** and ***") for said in registry.logs[0].lines)
    logging.getLogger("tests").info("news")
    await registry.until(lambda: len(registry.logs) == 2)
    assert registry.logs[1].lines[-1].endswith("news")


async def test_its_end_leaves_no_trace_in_logging(make: Make, registry: Registry) -> None:
    before = logging.getLogger().handlers[:]
    sender = make()
    sender.start()
    await registry.until(lambda: bool(registry.beats))
    assert len(logging.getLogger().handlers) == len(before) + 1
    await sender.stop_async("done")
    await until(lambda: not threads())
    assert logging.getLogger().handlers == before


async def test_the_token_is_in_no_log_line(
    make: Make, registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    sender = make(url="http://bob:hunter22@127.0.0.1:1/")
    sender.start()
    await until(lambda: "does not take beats" in caplog.text)
    assert TOKEN not in caplog.text
    assert "hunter22" not in caplog.text
    assert TOKEN not in repr(sender)


async def test_an_owner_that_fails_or_hangs_harms_only_its_beats(make: Make, registry: Registry) -> None:
    go_on = threading.Event()

    def describe() -> Facts:
        go_on.wait(3)
        raise ValueError("broken")

    sender = make(describe=describe)
    sender.start()
    began_at = time.monotonic()
    assert not sender.stop("bye", timeout=0.1)
    assert time.monotonic() - began_at < 2
    go_on.set()


async def test_a_loop_that_hangs_is_told_at_once(
    make: Make, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop_watch, "STALLED", 0.1)
    monkeypatch.setattr(loop_watch, "PROBE_INTERVAL", 0.02)
    registry.reply = Reply(ttl=25, interval=60)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    go_on = threading.Event()
    sender = make()
    sender.watch(loop)
    try:
        sender.start()
        await registry.until(lambda: len(registry.beats) == 1)
        loop.call_soon_threadsafe(go_on.wait, 4)
        await registry.until(lambda: len(registry.beats) == 2)
        assert (registry.beats[1].loop_lag or 0.0) >= 0.1
        go_on.set()
        await registry.until(lambda: len(registry.beats) == 3)
        assert (registry.beats[2].loop_lag or 0.0) < 0.1
    finally:
        go_on.set()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def test_its_caller_is_not_held_up(make: Make) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        began_at, busy = time.monotonic(), time.thread_time()
        sender = make(url=url, loop=asyncio.get_running_loop())
        sender.start()
        sender.beat_now()
        sender.stop("at once", timeout=0)
        busy = time.thread_time() - busy
        assert time.monotonic() - began_at < 3  # the machine may be busy; a deaf registry takes seconds
    assert busy < 0.005


async def test_a_machine_without_threads_has_no_heartbeat_and_no_trouble(
    make: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    sender = make()
    sender.start()
    assert not sender.stop("bye")
    assert [record.getMessage() for record in caplog.records] == ["no heartbeat: can't start new thread"]


async def test_a_log_filter_that_fails_does_not_end_it(
    make: Make, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("heartbeat.sender.RESTART_DELAY", 0.01)
    failures = [RuntimeError("a filter of the program")]

    def fail(record: logging.LogRecord) -> bool:
        if failures and record.name == "heartbeat.pulse":
            raise failures.pop()
        return True

    monkeypatch.setattr(logging.getLogger("heartbeat.pulse"), "filters", [fail])
    registry.superseded = {"ada"}
    sender = make()
    sender.start()
    await registry.until(lambda: len(registry.beats) >= 2)
    assert not failures
