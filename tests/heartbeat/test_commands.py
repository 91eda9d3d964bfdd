"""What becomes of the registry's orders."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time

import psutil
import pytest

from heartbeat.commands import GONE, PRESENT, UNSURE, Orders
from wire import Command, Order, Outcome


def command(order: str, command_id: str = "1", **args: float | str) -> Command:
    return Command(id=command_id, order=order, reason="a test", args=args)


async def outcome(orders: Orders, wanted: Command) -> tuple[bool, str]:
    made = await orders.obey(wanted)
    assert made is not None
    assert made.id == wanted.id
    return made.ok, made.detail


async def test_an_order_that_nobody_knows_is_answered() -> None:
    assert await outcome(Orders({}), command("dance")) == (False, "not known here: dance")


async def test_an_order_that_is_not_for_this_process_is_answered() -> None:
    assert await outcome(Orders({}), command("drain")) == (False, "not supported by this process: drain")


async def test_a_function_runs_in_a_thread_of_its_own() -> None:
    seen: list[tuple[str, bool]] = []

    def stop(order: Command) -> None:
        thread = threading.current_thread()
        seen.append((order.reason, thread.daemon and thread is not threading.main_thread()))

    assert await outcome(Orders({Order.STOP: stop}), command("stop")) == (True, "")
    assert seen == [("a test", True)]


async def test_a_coroutine_function_runs_on_the_loop() -> None:
    async def leave(order: Command) -> Outcome:
        assert threading.current_thread() is threading.main_thread()
        return Outcome(id=order.id, ok=False, detail="not now")

    assert await outcome(Orders({Order.LEAVE: leave}), command("leave")) == (False, "not now")


async def test_a_function_may_give_something_to_wait_for() -> None:
    async def later() -> None:
        await asyncio.sleep(0)

    assert await outcome(Orders({Order.STOP: lambda _: later()}), command("stop")) == (True, "")


async def test_an_order_that_fails_is_told_and_the_next_one_works(caplog: pytest.LogCaptureFixture) -> None:
    def fail(_: Command) -> None:
        raise ValueError("no way")

    orders = Orders({Order.STOP: fail})
    assert await outcome(orders, command("stop")) == (False, "ValueError: no way")
    assert len([record for record in caplog.records if record.exc_info]) == 1
    assert (await outcome(orders, command("dance", "2")))[0] is False


@pytest.mark.looptime
async def test_an_order_that_hangs_is_answered_after_ten_seconds(looptime: float) -> None:
    async def hang(_: Command) -> None:
        await asyncio.sleep(1_000)

    ok, detail = await outcome(Orders({Order.STOP: hang}), command("stop"))
    assert (ok, detail) == (False, "no answer of this process within 10 s")
    assert looptime == 10


async def test_an_order_whose_own_time_is_over_says_so() -> None:
    def stop(_: Command) -> None:
        raise TimeoutError("the database")

    assert await outcome(Orders({Order.STOP: stop}), command("stop")) == (False, "TimeoutError: the database")


async def test_an_order_that_comes_again_is_carried_out_once() -> None:
    seen = []
    go_on = asyncio.Event()

    async def stop(order: Command) -> None:
        seen.append(order.id)
        await go_on.wait()

    orders = Orders({Order.STOP: stop})
    first = asyncio.create_task(orders.obey(command("stop")))
    await asyncio.sleep(0)
    assert await orders.obey(command("stop")) is None
    go_on.set()
    assert await first == await orders.obey(command("stop")) == Outcome(id="1", ok=True)
    assert seen == ["1"]


async def test_a_flood_of_orders_is_refused() -> None:
    go_on = asyncio.Event()

    async def stop(_: Command) -> None:
        await go_on.wait()

    orders = Orders({Order.STOP: stop})
    tasks = [asyncio.create_task(orders.obey(command("stop", str(number)))) for number in range(20)]
    await asyncio.sleep(0)
    go_on.set()
    outcomes = [await task for task in tasks]
    assert sum(one is not None and one.ok for one in outcomes) == 8


async def test_a_process_that_lives_is_found() -> None:
    age = time.time() - psutil.Process().create_time()
    orders = Orders({})
    assert await outcome(orders, command("probe", "1", pid=os.getpid(), age=age + 1)) == (True, PRESENT)
    assert await outcome(orders, command("probe", "2", pid=os.getpid(), age=age + 100)) == (True, UNSURE)


async def test_a_process_that_died_is_gone_even_if_nobody_has_buried_it() -> None:
    process = subprocess.Popen([sys.executable, "-S", "-c", ""])  # noqa: ASYNC220
    orders = Orders({})
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # noqa: ASYNC222
    assert await outcome(orders, command("probe", "1", pid=process.pid, age=0)) == (True, GONE)
    process.wait()
    assert await outcome(orders, command("probe", "2", pid=process.pid, age=0)) == (True, GONE)


@pytest.mark.parametrize(
    ("error", "found"),
    [
        pytest.param(None, UNSURE, id="it is there"),
        pytest.param(PermissionError(), UNSURE, id="it is another user's"),
        pytest.param(ProcessLookupError(), GONE, id="it is gone"),
        pytest.param(OverflowError(), GONE, id="no such number"),
    ],
)
async def test_a_process_that_the_system_hides_is_not_gone(
    error: Exception | None, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    signals: list[tuple[int, int]] = []

    def hidden(pid: int) -> psutil.Process:
        raise psutil.NoSuchProcess(pid)

    def kill(pid: int, number: int) -> None:
        signals.append((pid, number))
        if error is not None:
            raise error

    monkeypatch.setattr("heartbeat.commands.psutil.Process", hidden)
    monkeypatch.setattr("heartbeat.commands.os.kill", kill)
    assert await outcome(Orders({}), command("probe", "1", pid=4711, age=1)) == (True, found)
    assert signals == [(4711, 0)]


@pytest.mark.parametrize("args", [{}, {"pid": "x", "age": 1}, {"pid": 1}, {"pid": 1e300, "age": 1}])
async def test_a_probe_without_sense_is_answered(args: dict[str, float | str]) -> None:
    done = await Orders({}).obey(command("probe", "1", **args))
    assert done is not None
    assert not done.ok or done.detail == GONE
