"""All language models as one thing, over real connections."""

from __future__ import annotations

import asyncio
import dataclasses
import gc
from pathlib import Path
from typing import Any

import pytest

from llm.discovery import Discovery
from llm.endpoints import Endpoint, Source
from llm.errors import NoModelError, UnknownModelError
from llm.health import State
from llm.models import Models
from llm.requests import ChatRequest
from stack.llm_stub import Behaviour, LlmStub
from stack.until import until
from tests.llm.serving import Servers
from tests.llm.stage import HELLO, KEY, FakeDiscover, models_of, said, settings_of


def id_of(stub: LlmStub) -> str:
    return f"127.0.0.1:{stub.port}"


def at(stub: LlmStub, source: Source = Source.DISCOVERED, deploy_id: str | None = None) -> Endpoint:
    return Endpoint(base_url=stub.url, source=source, deploy_id=deploy_id, models=("stub",))


# -- asking


async def test_a_whole_answer_is_that_of_one_that_is_not_streamed(first: LlmStub) -> None:
    async with models_of(first) as models:
        whole = await models.complete(
            ChatRequest(messages=HELLO.messages, options={"stream_options": {"include_usage": True}})
        )
    assert (whole["object"], whole["model"], whole["usage"]["completion_tokens"]) == (
        "chat.completion",
        "stub",
        2,
    )
    assert whole["choices"] == [
        {"index": 0, "message": {"role": "assistant", "content": "the first"}, "finish_reason": "stop"}
    ]


async def test_a_whole_answer_may_be_a_tool_call(first: LlmStub) -> None:
    first.behaviour = Behaviour.TOOL_CALL
    async with models_of(first) as models:
        (choice,) = (await models.complete(HELLO))["choices"]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["tool_calls"] == [
        {
            "id": "call_stub",
            "type": "function",
            "function": {"name": "look_up", "arguments": '{"what": "the weather"}'},
        }
    ]


async def test_many_are_answered_at_once(first: LlmStub) -> None:
    first.delay = 0.1
    async with models_of(first, llm_patience=4.0) as models:
        told = await asyncio.gather(*(said(models.stream(HELLO)) for _ in range(50)))
    assert told == ["the first"] * 50


async def test_without_a_model_it_is_told() -> None:
    async with models_of(llm_urls="http://127.0.0.1:9/v1#m") as models:
        with pytest.raises(NoModelError, match=r"127\.0\.0\.1:9#m: cannot connect"):
            await models.complete(HELLO)


# -- what is known


async def test_an_endpoint_is_shown(first: LlmStub) -> None:
    first.models = ("stub", "other")
    async with models_of(first, agent_health_check_enabled=True) as models:
        assert await models.wait_available(3)
        await models.complete(HELLO)
        (view,) = models.views()
        assert models.current is not None
        assert models.current.id == view.id
    shown = dataclasses.asdict(view)
    assert 0 <= shown.pop("age") < 5
    assert 0 < shown.pop("first_token_ms") < 3_000
    assert shown == {
        "id": id_of(first),
        "base_url": first.url,
        "host": id_of(first),
        "model": "stub",
        "source": "url",
        "kind": "openai",
        "deploy_id": None,
        "models": ("stub", "other"),
        "state": State.HEALTHY,
        "reason": "",
        "retry_in": None,
        "is_current": True,
        "is_selected": False,
    }


async def test_a_broken_one_is_shown_with_its_reason(first: LlmStub) -> None:
    first.behaviour = Behaviour.UNAUTHORIZED
    async with models_of(llm_urls=f"{first.url}#stub") as models:
        with pytest.raises(NoModelError):
            await models.complete(HELLO)
        (view,) = models.views()
        assert (view.state, view.is_current, models.current) == (State.MISCONFIGURED, False, None)
        assert "the key is refused" in view.reason
        assert view.retry_in == pytest.approx(60, abs=5)
        assert (models.is_available, models.may_answer, models.mode) == (False, False, "none")


async def test_no_view_holds_a_key(first: LlmStub) -> None:
    async with models_of(
        llm_urls=(), openai_base_url=first.url, openai_api_key=KEY, llm_model="stub"
    ) as models:
        await models.complete(HELLO)
        assert first.authorization == f"Bearer {KEY}"
        assert KEY not in f"{models.views()} {models.current} {models.switches()} {models.troubles}"


@pytest.mark.parametrize(
    ("name", "mode"), [("cloud_chat_ui_url", "cloud"), ("llm_urls", "local"), ("local_models_url", "local")]
)
async def test_it_is_known_where_answers_come_from(first: LlmStub, name: str, mode: str) -> None:
    url = first.url.removesuffix("/v1") if name == "local_models_url" else first.url
    fields: dict[str, Any] = {"llm_urls": (), "use_cloud_llm": True, name: url}
    async with models_of(**fields) as models:
        assert models.mode == "none", "nobody has answered yet"
        await models.refresh()
        assert models.mode == mode


@pytest.mark.parametrize(
    ("source", "mode"),
    [(Source.CONTAINER, "local"), (Source.DISCOVERED, "discovered"), (Source.BACKEND, "discovered")],
)
async def test_it_is_known_where_answers_of_those_that_were_found_come_from(
    first: LlmStub, source: Source, mode: str
) -> None:
    discover = FakeDiscover(at(first, source))
    async with models_of(llm_urls="http://127.0.0.1:9/v1", discover=discover) as models:
        await models.refresh()
        assert models.mode == mode


async def test_switches_are_told_newest_first(first: LlmStub, second: LlmStub) -> None:
    async with models_of(llm_urls=(f"{first.url}#stub", f"{second.url}#stub")) as models:
        await models.complete(HELLO)
        first.behaviour = Behaviour.OVERLOADED
        await models.complete(HELLO)
        switch = models.switches()[0]
    assert (switch.source, switch.target) == (f"{id_of(first)}#stub", f"{id_of(second)}#stub")
    assert switch.reason == "it is too busy (HTTP 529)"
    assert 0 <= switch.age < 5


async def test_who_listens_hears_of_changes(first: LlmStub) -> None:
    async with models_of(first) as models:
        heard: list[State] = []
        end = models.subscribe(lambda: heard.append(models.views()[0].state))
        await models.complete(HELLO)
        assert heard[-1] is State.HEALTHY
        end()
        n_heard = len(heard)
        first.behaviour = Behaviour.ERROR
        with pytest.raises(NoModelError):
            await models.complete(HELLO)
        assert len(heard) == n_heard


# -- waiting for one


async def test_one_that_comes_up_is_used_within_seconds(first: LlmStub) -> None:
    await first.stop()
    async with models_of(llm_urls=first.url, agent_health_check_enabled=True) as models:
        assert not await models.wait_available(0.3)
        assert models.views()[0].state is State.FAILING
        await first.start()
        assert await models.wait_available(4.5)
        assert await said(models.stream(HELLO)) == "the first"


async def test_one_that_is_found_is_used_within_seconds(first: LlmStub) -> None:
    discover = FakeDiscover()
    urls = "http://127.0.0.1:9/v1"
    async with models_of(llm_urls=urls, discover=discover, agent_health_check_enabled=True) as models:
        discover.found = FakeDiscover(at(first)).found
        assert await models.wait_available(4.5)
        assert await said(models.stream(HELLO)) == "the first"


async def test_one_that_is_there_is_not_waited_for(first: LlmStub) -> None:
    async with models_of(first) as models:
        assert not await models.wait_available(0)
        await models.complete(HELLO)
        assert await models.wait_available(0)
        assert await models.wait_available()


async def test_who_waits_and_goes_away_is_forgotten(first: LlmStub) -> None:
    async with models_of(first) as models:
        waiting = asyncio.create_task(models.wait_available())
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await models.complete(HELLO)


async def test_rounds_are_told(first: LlmStub) -> None:
    async with models_of(llm_urls="http://127.0.0.1:9/v1", agent_llm_polling_interval=77.0) as models:
        assert models.next_poll == pytest.approx(77, abs=3)
    async with models_of(first, agent_llm_polling_enabled=False) as models:
        assert models.next_poll is None
    async with models_of(first) as models:
        await models.complete(HELLO)
        assert models.next_poll is None


async def test_a_refresh_finds_and_asks_all_at_once(first: LlmStub, second: LlmStub) -> None:
    discover = FakeDiscover()
    async with models_of(first, discover=discover) as models:
        discover.found = FakeDiscover(at(second)).found
        await models.refresh()
        assert [(view.id, view.state) for view in models.views()] == [
            (id_of(first), State.HEALTHY),
            (id_of(second), State.HEALTHY),
        ]
        assert (first.n_chats, second.n_chats) == (0, 0)


# -- a person chooses


async def test_an_endpoint_is_selected_by_either_of_its_names(first: LlmStub, second: LlmStub) -> None:
    second.models = ("stub", "large")
    discover = FakeDiscover(dataclasses.replace(at(second, deploy_id="seven"), models=("stub", "large")))
    async with models_of(first, discover=discover) as models:
        await until(lambda: len(models.views()) == 2, timeout=20, what="the second one to be found")
        view = models.select("seven", model="large")
        assert view is not None
        assert (view.id, view.model, view.is_selected) == (f"{id_of(second)}/seven", "large", True)
        assert await said(models.stream(HELLO)) == "the second"
        assert second.requests[-1]["model"] == "large"
        assert models.select(id_of(first)) is not None
        assert await said(models.stream(HELLO)) == "the first"
        assert models.select(f"{id_of(second)}/seven") is not None
        assert models.select("") is None
        assert [view.is_selected for view in models.views()] == [False, False]
        assert await said(models.stream(HELLO)) == "the first"


async def test_unknown_names_tell_what_there_is(first: LlmStub) -> None:
    async with models_of(first) as models:
        await models.refresh()
        with pytest.raises(UnknownModelError, match=f"no endpoint 'x'; known: {id_of(first)}"):
            models.select("x")
        with pytest.raises(UnknownModelError, match="has no model 'x'; it has stub"):
            models.select(id_of(first), model="x")
        assert not any(view.is_selected for view in models.views())


async def test_other_settings_keep_what_is_known_and_what_runs(first: LlmStub, second: LlmStub) -> None:
    first.gap, first.answer = 0.05, "one two three four"
    async with models_of(first, second) as models:
        answer = models.stream(HELLO)
        await anext(answer)
        await models.reconfigure(models.settings.replace(llm_urls=(second.url,), llm_hedging=True))
        assert [view.id for view in models.views()] == [id_of(second)]
        assert "four" in await said(answer), "what runs goes on"
        await models.complete(HELLO)
        await models.reconfigure(models.settings.replace(llm_urls=(first.url, second.url)))
        assert [(view.id, view.state) for view in models.views()] == [
            (id_of(first), State.UNKNOWN),
            (id_of(second), State.HEALTHY),
        ]
        assert models.settings.llm_hedging


# -- beginning and end


async def test_with_its_own_search_it_begins_and_ends(
    first: LlmStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[Discovery] = []
    aclose = Discovery.aclose

    async def noted(discovery: Discovery) -> None:
        closed.append(discovery)
        await aclose(discovery)

    monkeypatch.setattr(Discovery, "aclose", noted)
    settings = settings_of(
        llm_urls="http://127.0.0.1:9/v1", agent_auto_discovery=True, agent_discovery_ports=(first.port,)
    )
    async with Models(settings) as models:
        assert await models.wait_available(4)
        assert models.views()[-1].source == "discovered"
        await models.reconfigure(settings.replace(agent_auto_discovery=False))
        assert len(closed) == 1
    assert len(set(closed)) == 2


async def test_the_end_leaves_nothing_behind(first: LlmStub, second: LlmStub) -> None:
    second.behaviour = Behaviour.HANG
    models = models_of(first, second, agent_health_check_enabled=True)
    await models.start()
    await models.complete(HELLO)
    await until(lambda: second.n_probes == 1, timeout=20, what="a probe that hangs")
    tasks = {task for task in asyncio.all_tasks() if task.get_name().startswith("llm-")}
    assert tasks
    await models.aclose()
    await models.aclose()
    assert all(task.done() for task in tasks)
    gc.collect()  # a session that is not closed says so, and warnings are errors
    await until(lambda: first.n_open + second.n_open == 0, timeout=20, what="the connections to end")


async def test_what_was_never_begun_can_be_ended() -> None:
    await models_of(llm_urls="http://127.0.0.1:9/v1").aclose()


# -- several processes of a host


async def test_one_asks_for_all_of_a_host(first: LlmStub, tmp_path: Path) -> None:
    settings = settings_of(llm_urls=first.url, llm_first_token_timeout=0.3)
    one, other = (Models(settings, discover=FakeDiscover(), board_folder=tmp_path) for _ in range(2))
    async with one, other:
        assert await one.wait_available(3)
        assert await other.wait_available(3)
        assert first.n_probes == 1
        first.behaviour = Behaviour.UNAUTHORIZED
        with pytest.raises(NoModelError):
            await other.complete(HELLO)
        await until(lambda: one.views()[0].state is State.MISCONFIGURED, timeout=20, what="the other to know")
        assert first.n_chats == 1


async def test_no_key_is_written_into_the_folder(servers: Servers, tmp_path: Path) -> None:
    server = await servers.refusing(401, f"Incorrect API key: {KEY}")
    settings = settings_of(openai_base_url=server.url, openai_api_key=KEY, llm_model="m")
    async with Models(settings, discover=FakeDiscover(), board_folder=tmp_path) as models:
        with pytest.raises(NoModelError):
            await models.complete(HELLO)
    written = contents(tmp_path)
    assert "misconfigured" in written
    assert KEY not in written


def contents(folder: Path) -> str:
    return "".join(f"{path.name} {path.read_text()}" for path in folder.iterdir())
