"""Several processes of one host over one folder: one asks, all know. In virtual time."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from llm.board import FRESH, RENEW_INTERVAL
from llm.health import Met, State
from llm.outcomes import failed
from llm.watching import TICK
from tests.llm.stage import KEY, FakeDiscover, answers, endpoint, lists, lists_not
from tests.llm.watching_stage import WatchingStage

pytestmark = pytest.mark.looptime

HERE, THERE = "127.0.0.1:1", "far.example"

SOON = TICK + 0.01


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "llm"


def written(folder: Path) -> str:
    return "".join(path.read_text() for path in folder.iterdir())


def break_all(folder: Path) -> None:
    for path in folder.glob("*.json"):
        path.write_text('{"state": "healthy", "failures": Infinity, "endpoints": [7]}')


async def test_only_one_of_them_asks_and_all_know(folder: Path) -> None:
    one, other = WatchingStage(HERE, THERE, folder=folder), WatchingStage(HERE, THERE, folder=folder)
    one.fake.lists[THERE] = lists("x", "y")
    async with one.running(), other.running():
        await asyncio.sleep(2 * SOON)
        assert [other.state(name) for name in (HERE, THERE)] == [State.HEALTHY] * 2
        assert other.member(THERE).models == ("x", "y")
        await asyncio.sleep(300)
        assert len(one.fake.listed) > 10
        assert (other.fake.listed, other.discover.looks) == ([], [])
        assert other.pool.is_available


@pytest.mark.parametrize("is_watcher", [True, False], ids=["the one that watches", "the other one"])
@pytest.mark.parametrize("met", [Met.FAILED, Met.RATE_LIMITED, Met.MISCONFIGURED])
async def test_what_the_request_of_one_met_all_know_within_a_tick(
    folder: Path, met: Met, is_watcher: bool
) -> None:
    watching, other = WatchingStage(THERE, folder=folder), WatchingStage(THERE, folder=folder)
    async with watching.running(), other.running():
        await asyncio.sleep(5)
        asks, hears = (watching, other) if is_watcher else (other, watching)
        asks.breaks(THERE, met)
        await asyncio.sleep(SOON)
        assert hears.member(THERE).health.reason == "gone"
        assert hears.pool.candidates() == []
        asks.breaks(THERE, Met.ANSWERED)
        await asyncio.sleep(SOON)
        assert hears.state(THERE) is State.HEALTHY


async def test_what_only_one_of_them_knows_it_looks_after_by_itself(folder: Path) -> None:
    """Two programs on a host need not have the same settings, and one of them watches."""
    watching, other = WatchingStage(HERE, folder=folder), WatchingStage(HERE, THERE, folder=folder)
    async with watching.running(), other.running():
        await asyncio.sleep(5)
        assert other.fake.listed == [THERE]
        other.breaks(THERE)
        await asyncio.sleep(10)
        assert other.member(THERE).health.is_available
        assert HERE not in other.fake.listed


async def test_one_that_is_back_is_back_for_all(folder: Path) -> None:
    watching, other = WatchingStage(HERE, folder=folder), WatchingStage(HERE, folder=folder)
    watching.fake.lists[HERE] = lists_not(failed("cannot connect"))
    watching.fake.chats[HERE] = answers()
    async with watching.running(), other.running():
        await asyncio.sleep(100)
        assert other.state(HERE) is State.FAILING
        watching.fake.lists.clear()
        await asyncio.sleep(5)
        assert other.state(HERE) is State.HEALTHY
        assert other.fake.listed == []


async def test_another_one_watches_when_the_watcher_has_gone(folder: Path) -> None:
    watching, other = WatchingStage(THERE, folder=folder), WatchingStage(THERE, folder=folder)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(watching.running())
        async with other.running():
            await asyncio.sleep(5)
            assert other.fake.listed == []
            await stack.aclose()
            await asyncio.sleep(40)
            assert other.fake.listed
            assert other.discover.looks


async def test_a_newcomer_knows_at_once_what_is_known(folder: Path) -> None:
    watching = WatchingStage(HERE, THERE, folder=folder)
    async with watching.running():
        await asyncio.sleep(300)
        watching.breaks(HERE, Met.MISCONFIGURED)
        newcomer = WatchingStage(HERE, THERE, folder=folder)
        newcomer.watcher.begin()
        assert (newcomer.state(HERE), newcomer.state(THERE)) == (State.MISCONFIGURED, State.HEALTHY)
        assert newcomer.pool.is_available
        assert newcomer.member(HERE).health.retry_at == watching.member(HERE).health.retry_at


async def test_what_nobody_has_renewed_is_forgotten(folder: Path) -> None:
    async with WatchingStage(THERE, folder=folder).running() as stage:
        stage.breaks(THERE, Met.MISCONFIGURED)
        await asyncio.sleep(1)
    await asyncio.sleep(FRESH + RENEW_INTERVAL)
    newcomer = WatchingStage(THERE, folder=folder)
    newcomer.watcher.begin()
    assert newcomer.state(THERE) is State.UNKNOWN
    assert newcomer.board is not None
    newcomer.board.close()


async def test_what_one_finds_all_find(folder: Path) -> None:
    watching, other = WatchingStage(THERE, folder=folder), WatchingStage(THERE, folder=folder)
    watching.discover.found = FakeDiscover(endpoint("a:1")).found
    async with watching.running(), other.running():
        await asyncio.sleep(5)
        assert (watching.names(), other.names()) == ([THERE, "a:1"], [THERE, "a:1"])
        assert other.state("a:1") is State.HEALTHY
        watching.discover.found = FakeDiscover().found
        await asyncio.sleep(120)
        assert other.names() == [THERE]
        assert other.discover.looks == []
    assert "far.example" in written(folder)


async def test_what_needs_a_key_each_one_looks_for_itself(folder: Path) -> None:
    watching, other = WatchingStage(THERE, folder=folder), WatchingStage(THERE, folder=folder)
    keyed = FakeDiscover(endpoint("a:1"), endpoint("b:2", api_key=SecretStr(KEY))).found
    watching.discover.found = other.discover.found = keyed
    async with watching.running(), other.running():
        await asyncio.sleep(5)
        assert other.names() == [THERE, "a:1", "b:2"]
        assert other.member("b:2").endpoint.api_key.get_secret_value() == KEY
        assert KEY not in written(folder)
        watching.discover.found = other.discover.found = FakeDiscover(endpoint("a:1")).found
        await asyncio.sleep(80)
        assert other.names() == [THERE, "a:1"]
        looks = len(other.discover.looks)
        await asyncio.sleep(200)
        assert len(other.discover.looks) == looks, "there is nothing more that it is not told"


SEARCHES: list[dict[str, Any]] = [
    {"agent_auto_discovery": True},
    {"llm_container_name": ("vllm",)},
    {"agent_backend_url": "http://backend.example/models"},
]


@pytest.mark.parametrize("fields", SEARCHES, ids=lambda fields: next(iter(fields)))
@pytest.mark.parametrize("is_watcher", [True, False], ids=["the one that watches", "the other one"])
async def test_who_searches_by_other_settings_searches_for_itself(
    folder: Path, fields: dict[str, Any], is_watcher: bool
) -> None:
    watching = WatchingStage(THERE, folder=folder, **(fields if is_watcher else {}))
    other = WatchingStage(THERE, folder=folder, **({} if is_watcher else fields))
    watching.discover.found = FakeDiscover(endpoint("a:1")).found
    other.discover.found = FakeDiscover(endpoint("b:2")).found
    async with watching.running(), other.running():
        await asyncio.sleep(100)
        assert (watching.names(), other.names()) == ([THERE, "a:1"], [THERE, "b:2"])
        assert other.state("b:2") is State.HEALTHY
        await other.watcher.refresh(limit=5)
        await asyncio.sleep(100)
        assert (watching.names(), other.names()) == ([THERE, "a:1"], [THERE, "b:2"])


async def test_who_takes_the_watchers_settings_takes_what_it_has_found(folder: Path) -> None:
    watching = WatchingStage(THERE, folder=folder)
    other = WatchingStage(THERE, folder=folder, agent_backend_url="http://backend.example/models")
    watching.discover.found = FakeDiscover(endpoint("a:1")).found
    async with watching.running(), other.running():
        await asyncio.sleep(5)
        assert other.names() == [THERE]
        await other.watcher.reconfigure(watching.settings, other.discover)
        assert other.names() == [THERE, "a:1"]


async def test_a_refresh_of_another_one_does_not_change_what_the_watcher_tells(folder: Path) -> None:
    stages = [WatchingStage(THERE, folder=folder) for _ in range(3)]
    stages[0].discover.found = FakeDiscover(endpoint("a:1")).found
    async with stages[0].running(), stages[1].running(), stages[2].running():
        await asyncio.sleep(5)
        await stages[1].watcher.refresh(limit=5)
        await asyncio.sleep(SOON)
        assert stages[2].names() == [THERE, "a:1"]
        await asyncio.sleep(RENEW_INTERVAL)
        assert stages[1].names() == [THERE, "a:1"]


async def test_they_do_not_tell_each_other_the_same_without_end(folder: Path) -> None:
    stages = [WatchingStage(THERE, folder=folder) for _ in range(3)]
    async with AsyncExitStack() as stack:
        for stage in stages:
            await stack.enter_async_context(stage.running())
        await asyncio.sleep(5)
        stages[1].breaks(THERE, Met.MISCONFIGURED)
        await asyncio.sleep(20)
        told = [stage.member(THERE).told_at for stage in stages]
        await asyncio.sleep(30)
        assert [stage.member(THERE).told_at for stage in stages] == told
        assert {stage.state(THERE) for stage in stages} == {State.MISCONFIGURED}


async def test_files_that_are_broken_keep_nobody_from_beginning(folder: Path) -> None:
    async with WatchingStage(THERE, folder=folder).running():
        await asyncio.sleep(1)
    break_all(folder)
    async with WatchingStage(THERE, folder=folder).running() as stage:
        await asyncio.sleep(1)
        assert stage.state(THERE) is State.HEALTHY


async def test_without_a_folder_each_one_asks_for_itself(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file and no folder")
    stages = [WatchingStage(THERE, folder=tmp_path / "file" / "llm") for _ in range(2)]
    async with stages[0].running(), stages[1].running():
        await asyncio.sleep(5)
        assert [stage.fake.listed for stage in stages] == [[THERE]] * 2
