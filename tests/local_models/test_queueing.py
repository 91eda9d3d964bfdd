from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from local_models.queueing import ModelQueue


@pytest.fixture
async def queue() -> AsyncIterator[ModelQueue]:
    queue = ModelQueue("test")
    yield queue
    await queue.aclose(timeout=1)


async def test_work_runs_in_the_order_it_came(queue: ModelQueue) -> None:
    done: list[int] = []
    await asyncio.gather(*(queue.run(lambda n=n: done.append(n)) for n in range(20)))  # type: ignore[misc]
    assert done == list(range(20))


async def test_one_at_a_time_and_the_rest_is_counted(queue: ModelQueue) -> None:
    began, go = threading.Event(), threading.Event()

    def work() -> None:
        began.set()
        go.wait(4)

    tasks = [asyncio.create_task(queue.run(work)) for _ in range(3)]
    await asyncio.to_thread(began.wait, 4)
    assert (queue.n_running, queue.n_queued, queue.is_idle) == (1, 2, False)
    go.set()
    await asyncio.gather(*tasks)
    assert (queue.n_running, queue.n_queued, queue.is_idle) == (0, 0, True)


async def test_who_leaves_the_queue_is_never_served(queue: ModelQueue) -> None:
    began, go = threading.Event(), threading.Event()
    served: list[str] = []

    def first() -> None:
        began.set()
        go.wait(4)

    tasks = [
        asyncio.create_task(queue.run(first)),
        asyncio.create_task(queue.run(lambda: served.append("left"))),
        asyncio.create_task(queue.run(lambda: served.append("stayed"))),
    ]
    await asyncio.to_thread(began.wait, 4)
    tasks[1].cancel()
    with pytest.raises(asyncio.CancelledError):
        await tasks[1]
    assert queue.n_queued == 1
    go.set()
    await asyncio.gather(tasks[0], tasks[2])
    assert served == ["stayed"]


async def test_an_error_reaches_the_caller_and_frees_the_model(queue: ModelQueue) -> None:
    with pytest.raises(ZeroDivisionError):
        await queue.run(lambda: 1 / 0)
    assert await queue.run(lambda: 7) == 7
    assert queue.is_idle


async def test_closing_waits_no_longer_than_told_and_may_be_repeated() -> None:
    queue = ModelQueue("test")
    began, go = threading.Event(), threading.Event()

    def work() -> None:
        began.set()
        go.wait(4)

    running = asyncio.create_task(queue.run(work))
    waiting = asyncio.create_task(queue.run(work))
    await asyncio.to_thread(began.wait, 4)
    assert not await queue.aclose(timeout=0.01)
    with pytest.raises(asyncio.CancelledError):
        await waiting
    go.set()
    await running
    assert await queue.aclose(timeout=1)
