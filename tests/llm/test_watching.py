"""Looking for models and after them: how often, how soon, and until when. In virtual time."""

from __future__ import annotations

import asyncio
import itertools
import logging

import pytest

from llm.endpoints import Endpoint, Source
from llm.health import Met, State
from llm.outcomes import failed
from tests.llm.stage import FAR_AWAY, FakeDiscover, answers, hangs, lists_not
from tests.llm.watching_stage import WatchingStage, now, seconds_until_available

pytestmark = pytest.mark.looptime

HERE, THERE = "127.0.0.1:1", "far.example"


def found(name: str, **fields: object) -> Endpoint:
    given = {"source": Source.DISCOVERED, "models": ("m",), **fields}
    return Endpoint(base_url=f"http://{name}/v1", **given)  # type: ignore[arg-type]


def silent(stage: WatchingStage, *names: str) -> None:
    """These do not answer from now on."""
    for name in names:
        stage.fake.lists[name] = lists_not(failed("cannot connect"))


# -- how soon


async def test_those_of_the_settings_are_known_before_anything_is_asked() -> None:
    stage = WatchingStage("a", "b")
    stage.watcher.begin()
    assert stage.names() == ["a", "b"]
    assert (stage.fake.listed, stage.discover.looks) == ([], [])


@pytest.mark.parametrize("moment", [0.7, 3.3, 17.1, 100.0, 179.9, 300.4])
async def test_one_of_the_settings_is_used_seconds_after_it_came_up(moment: float) -> None:
    stage = WatchingStage(HERE)
    silent(stage, HERE)
    async with stage.running():
        await asyncio.sleep(moment)
        assert stage.state(HERE) is State.FAILING
        stage.fake.lists.clear()
        stage.fake.chats[HERE] = answers()
        assert await seconds_until_available(stage.pool) <= 5


@pytest.mark.parametrize("moment", [0.7, 3.3, 17.1, 179.9])
async def test_one_that_nobody_has_named_is_used_seconds_after_it_came_up(moment: float) -> None:
    stage = WatchingStage(THERE)
    silent(stage, THERE)
    async with stage.running():
        await asyncio.sleep(moment)
        stage.discover.found = type(stage.discover.found)(endpoints=(found(HERE),))
        assert await seconds_until_available(stage.pool) <= 5
        assert stage.names() == [THERE, HERE]


async def test_a_distant_one_that_comes_up_is_asked_within_a_minute_and_a_bit() -> None:
    stage = WatchingStage(THERE)
    silent(stage, THERE)
    async with stage.running():
        await asyncio.sleep(300)
        stage.fake.lists.clear()
        await asyncio.sleep(73)
        assert stage.pool.may_answer
        assert stage.fake.asked == [], "words cost money"


# -- how often


async def test_while_a_model_answers_it_is_looked_now_and_then() -> None:
    async with WatchingStage(THERE, agent_discovery_interval=60).running() as stage:
        await asyncio.sleep(200)
        assert stage.looks(nearby=False) == [0, 60, 120, 180]
        assert stage.looks(nearby=True) == []
        assert stage.watcher.next_poll is None


async def test_while_none_answers_this_machine_is_looked_at_all_the_time_and_the_rest_seldom() -> None:
    stage = WatchingStage(THERE, agent_llm_polling_interval=180)
    silent(stage, THERE)
    async with stage.running():
        await asyncio.sleep(400)
        assert stage.looks(nearby=False) == [0, 180, 360]
        nearby = stage.looks(nearby=True)
        assert 190 <= len(nearby) <= 200
        assert stage.watcher.next_poll == pytest.approx(360 + 180 - 400)


async def test_a_round_asks_also_those_that_were_to_be_left_alone() -> None:
    stage = WatchingStage(THERE, agent_llm_polling_interval=20)
    async with stage.running():
        await asyncio.sleep(1)
        stage.breaks(THERE, Met.MISCONFIGURED)
        await asyncio.sleep(21)
        assert stage.pool.may_answer


@pytest.mark.parametrize("attempts", [1, 3])
async def test_rounds_end_after_so_many_without_success(attempts: int) -> None:
    stage = WatchingStage(THERE, agent_llm_polling_interval=10, agent_llm_polling_max_attempts=attempts)
    silent(stage, THERE)
    async with stage.running():
        await asyncio.sleep(5)
        assert stage.watcher.next_poll == pytest.approx(5)
        await asyncio.sleep(95)
        assert stage.looks(nearby=False) == [0, *(10 * number for number in range(1, attempts + 1))]
        assert stage.watcher.next_poll is None
        assert stage.looks(nearby=True)[-1] > 95, "this machine is looked at for ever"


async def test_success_begins_the_rounds_anew() -> None:
    stage = WatchingStage(HERE, agent_llm_polling_interval=10, agent_llm_polling_max_attempts=2)
    silent(stage, HERE)
    stage.fake.chats[HERE] = answers()
    async with stage.running():
        await asyncio.sleep(50)
        assert stage.watcher.next_poll is None
        stage.fake.lists.clear()
        await asyncio.sleep(5)
        assert stage.pool.is_available
        silent(stage, HERE)
        stage.breaks(HERE)
        await asyncio.sleep(0.6)
        assert stage.watcher.next_poll == pytest.approx(10, abs=1.6)
        stage.discover.looks.clear()
        await asyncio.sleep(50)
        assert len(stage.looks(nearby=False)) == 2


async def test_without_rounds_only_this_machine_is_looked_at() -> None:
    stage = WatchingStage(THERE, agent_llm_polling_enabled=False)
    silent(stage, THERE)
    async with stage.running():
        await asyncio.sleep(300)
        assert stage.looks(nearby=False) == [0]
        assert stage.looks(nearby=True)[-1] > 290
        assert stage.watcher.next_poll is None


async def test_without_checks_nobody_is_asked() -> None:
    async with WatchingStage(HERE, THERE, agent_health_check_enabled=False).running() as stage:
        await asyncio.sleep(100)
        assert stage.fake.listed == []


async def test_searches_do_not_overlap() -> None:
    stage = WatchingStage(THERE, agent_llm_polling_interval=10)
    silent(stage, THERE)
    stage.discover.takes = 30
    async with stage.running():
        await asyncio.sleep(89)
        moments = [moment for moment, _ in stage.discover.looks]
        assert moments == sorted(moments)
        assert all(later - sooner >= 30 for sooner, later in itertools.pairwise(moments))


# -- what is found


async def test_what_is_found_comes_after_what_is_named_and_each_server_once() -> None:
    stage = WatchingStage("a:1/openai", "b:2")
    stage.discover.found = FakeDiscover(
        found("c:3"), found("a:1"), found("b:2", deploy_id="seven", source=Source.BACKEND), found("c:3")
    ).found
    async with stage.running():
        await asyncio.sleep(1)
        assert stage.names() == ["a:1/openai", "b:2", "c:3", "b:2/seven"]
        stage.discover.found = FakeDiscover().found
        await asyncio.sleep(60)
        assert stage.names() == ["a:1/openai", "b:2"]


async def test_what_stays_found_keeps_its_state() -> None:
    stage = WatchingStage("a:1")
    stage.discover.found = FakeDiscover(found("c:3")).found
    async with stage.running():
        await asyncio.sleep(1)
        stage.breaks("c:3", Met.MISCONFIGURED)
        stage.discover.found = FakeDiscover(found("d:4"), found("c:3")).found
        await asyncio.sleep(59.5)
        assert stage.names() == ["a:1", "d:4", "c:3"]
        assert stage.state("c:3") is State.MISCONFIGURED


async def test_troubles_are_told_once(caplog: pytest.LogCaptureFixture) -> None:
    stage = WatchingStage("a")
    stage.discover.found = type(stage.discover.found)(troubles=("AGENT_BACKEND_URL answers HTML",))
    async with stage.running():
        await asyncio.sleep(200)
        assert stage.watcher.troubles == ("AGENT_BACKEND_URL answers HTML",)
        assert caplog.text.count("answers HTML") == 1
        stage.discover.found = FakeDiscover().found
        await asyncio.sleep(60)
        assert not stage.watcher.troubles


# -- what goes wrong


async def test_a_search_that_breaks_is_not_the_last(caplog: pytest.LogCaptureFixture) -> None:
    stage = WatchingStage(THERE)
    silent(stage, THERE)
    stage.discover.breaks = True
    async with stage.running():
        await asyncio.sleep(10)
        assert "looking broke" in caplog.text
        assert len(stage.discover.looks) > 3
        stage.discover.breaks = False
        stage.discover.found = FakeDiscover(found(HERE)).found
        assert await seconds_until_available(stage.pool) <= 5


async def test_a_look_that_breaks_is_not_the_last(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    stage = WatchingStage(THERE)
    async with stage.running():
        await asyncio.sleep(1)
        stage.breaks_clock = True
        await asyncio.sleep(1)
        stage.breaks_clock = False
        assert "watching language models broke" in caplog.text
        stage.discover.found = FakeDiscover(found(HERE)).found
        await asyncio.sleep(60)
        assert stage.state(HERE) is State.HEALTHY


async def test_the_end_ends_a_search_that_hangs(looptime: float) -> None:
    stage = WatchingStage(THERE)
    stage.discover.takes = FAR_AWAY
    async with stage.running():
        await asyncio.sleep(1)
        assert stage.state(THERE) is State.HEALTHY, "those of the settings do not wait for it"
    assert looptime == 1
    assert stage.discover.n_closed == 1
    assert asyncio.all_tasks() == {asyncio.current_task()}, "nothing runs on"


# -- at once


async def test_a_refresh_looks_everywhere_and_asks_all(looptime: float) -> None:
    stage = WatchingStage(THERE)
    stage.watcher.begin()
    stage.breaks(THERE, Met.MISCONFIGURED)
    stage.discover.found = FakeDiscover(found(HERE)).found
    stage.discover.takes = 1
    await stage.watcher.refresh(limit=10)
    assert looptime == 1
    assert stage.looks(nearby=False) == [0]
    assert (stage.member(THERE).health.is_on_trial, stage.state(HERE)) == (True, State.HEALTHY)


@pytest.mark.parametrize("what", ["the search", "an endpoint"])
async def test_a_refresh_has_its_limit(what: str, looptime: float) -> None:
    stage = WatchingStage(HERE)
    stage.watcher.begin()
    if what == "the search":
        stage.discover.takes = FAR_AWAY
    else:
        stage.fake.chats[HERE] = hangs()
        stage.breaks(HERE)
    await stage.watcher.refresh(limit=10)
    assert looptime == 10
    await stage.prober.aclose()


# -- other settings


async def test_other_settings_keep_what_is_known_of_those_that_stay() -> None:
    stage = WatchingStage("a", "b", agent_llm_polling_max_attempts=1, agent_llm_polling_interval=10)
    silent(stage, "a", "b", "c")
    async with stage.running():
        await asyncio.sleep(30)
        assert stage.watcher.next_poll is None
        before = stage.member("b").health
        other, looks = FakeDiscover(found("d")), len(stage.discover.looks)
        settings = stage.settings.replace(llm_urls=("http://c/v1", "http://b/v1"))
        await stage.watcher.reconfigure(settings, other)
        assert stage.names() == ["c", "b"]
        assert stage.member("b").health is before
        assert (stage.discover.n_closed, other.n_closed) == (1, 0)
        assert stage.watcher.next_poll is not None, "the rounds begin anew"
        changed_at = now()
        await asyncio.sleep(1)
        assert stage.names() == ["c", "b", "d"]
        assert (len(stage.discover.looks), other.looks[0][0] - changed_at <= 0.5) == (looks, True)
    assert other.n_closed == 1


async def test_other_settings_with_the_same_search_do_not_close_it() -> None:
    stage = WatchingStage("a")
    async with stage.running():
        await stage.watcher.reconfigure(stage.settings, stage.discover)
        assert stage.discover.n_closed == 0
    assert stage.discover.n_closed == 1
