"""An agent for as long as a block or a function runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from heartbeat import StatusError, mark_agent_started, mark_agent_stopped, running_agent, send_heartbeat
from heartbeat.this_program import ThisProgram
from tests.heartbeat.fakes import Registry, served
from wire import Beat, Reply, Said


@pytest_asyncio.fixture
async def registry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[Registry]:
    program = ThisProgram()
    monkeypatch.setattr("heartbeat.status.this_program", program)
    monkeypatch.setattr("heartbeat.running.this_program", program)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("REGISTRY_TOKEN", raising=False)
    registry = Registry(reply=Reply(ttl=25, interval=60))
    async with served(registry) as url:
        monkeypatch.setenv("WEB_UI_URL", url)
        yield registry
        await program.stop_async("the test is over")


def goodbyes(registry: Registry) -> list[Beat]:
    return [beat for beat in registry.beats if beat.status is Said.STOPPED]


async def test_a_block_is_an_agent(registry: Registry) -> None:
    async with running_agent("Ada", model="m"):
        await registry.until(lambda: bool(registry.beats))
    assert registry.beats[0].model == "m"
    assert [beat.reason for beat in goodbyes(registry)] == ["it has finished"]


async def test_a_block_without_loop_is_one_too(registry: Registry) -> None:
    def program() -> None:
        with running_agent("Ada"):
            pass

    await asyncio.to_thread(program)
    assert [beat.reason for beat in goodbyes(registry)] == ["it has finished"]


@pytest.mark.parametrize(
    ("error", "reason", "last_error"),
    [
        pytest.param(ValueError("bad"), "ended by ValueError: bad", "ValueError: bad", id="an error"),
        pytest.param(SystemExit(0), "it has finished", None, id="exit 0"),
        pytest.param(SystemExit(), "it has finished", None, id="exit"),
        pytest.param(SystemExit(3), "it ended with exit code 3", None, id="exit 3"),
        pytest.param(KeyboardInterrupt(), "ended by KeyboardInterrupt", None, id="Ctrl-C"),
        pytest.param(asyncio.CancelledError(), "ended by CancelledError", None, id="cancelled"),
    ],
)
async def test_what_leaves_the_block_is_the_reason_and_goes_on(
    registry: Registry, error: BaseException, reason: str, last_error: str | None
) -> None:
    with pytest.raises(type(error)) as raised:
        async with running_agent("Ada"):
            raise error
    assert raised.value is error
    (beat,) = goodbyes(registry)
    assert (beat.reason, beat.last_error) == (reason, last_error)


async def test_a_function_is_an_agent(registry: Registry) -> None:
    @running_agent("Ada")
    def add(one: int, other: int) -> int:
        """Adds."""
        return one + other

    assert await asyncio.to_thread(add, 1, other=2) == 3
    assert (add.__name__, add.__doc__) == ("add", "Adds.")
    assert len(goodbyes(registry)) == 1


async def test_a_coroutine_function_is_an_agent_at_each_call(registry: Registry) -> None:
    @running_agent("Ada")
    async def add(one: int, other: int) -> int:
        await asyncio.sleep(0)
        return one + other

    assert [await add(1, 2), await add(3, other=4)] == [3, 7]
    assert len(goodbyes(registry)) == 2
    assert len({beat.incarnation for beat in registry.beats}) == 2


async def test_calls_at_the_same_time_are_one_agent(registry: Registry) -> None:
    go_on = asyncio.Event()

    @running_agent("Ada")
    async def work(seconds: float) -> None:
        await asyncio.wait_for(go_on.wait(), seconds)

    short = asyncio.create_task(work(0.01))
    long = asyncio.create_task(work(2))
    with pytest.raises(TimeoutError):
        await short
    assert goodbyes(registry) == []
    go_on.set()
    await long
    (goodbye,) = goodbyes(registry)
    assert goodbye.last_error == "TimeoutError"


async def test_inside_another_agent_it_changes_what_is_given_and_ends_nothing(registry: Registry) -> None:
    mark_agent_started("Ada")
    async with running_agent(model="m"):
        await registry.until(lambda: any(beat.model == "m" for beat in registry.beats))
    send_heartbeat()
    assert goodbyes(registry) == []
    mark_agent_stopped()
    await registry.until(lambda: bool(goodbyes(registry)))


async def test_a_block_may_stop_its_agent_itself(registry: Registry) -> None:
    async with running_agent("Ada"):
        mark_agent_stopped("early")
        await registry.until(lambda: bool(goodbyes(registry)))
    assert [beat.reason for beat in goodbyes(registry)] == ["early"]


def test_generators_are_refused() -> None:
    def numbers() -> Iterator[int]:
        yield 1

    async def later() -> AsyncIterator[int]:
        yield 1

    for function in (numbers, later):
        with pytest.raises(StatusError, match="is a generator"):
            running_agent("Ada")(function)


def test_wrong_arguments_are_named_when_it_begins() -> None:
    with pytest.raises(StatusError, match="port=-1"), running_agent("Ada", port=-1):
        pass
