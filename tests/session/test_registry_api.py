"""What is asked of the registry, and the ways in which it can fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio
from aiohttp import web
from pydantic import SecretStr

from config import Settings
from session.registry_api import MAX_ANSWER_BYTES, BadAnswerError, RegistryApi, RegistryApiError, registry_api
from tests.session.fake_registry import TOKEN, FakeRegistry, refused, serving
from wire import AgentId, SessionReport, Turn

REPORT = SessionReport(agent_id="7", row_id="7", room="agent-7-room")
SECRET_WORDS = "my card number is 4711"


@pytest_asyncio.fixture
async def registry() -> AsyncIterator[FakeRegistry]:
    async with serving() as registry:
        yield registry


@pytest_asyncio.fixture
async def api(registry: FakeRegistry) -> AsyncIterator[RegistryApi]:
    api = RegistryApi(registry.url, token=SecretStr(TOKEN))
    yield api
    await api.aclose()
    await api.aclose()


async def test_a_report_is_taken_with_the_token(api: RegistryApi, registry: FakeRegistry) -> None:
    taken = await api.report("life", REPORT, timeout=2)
    assert taken.n_turns == 0
    assert registry.reports == [("life", REPORT)]
    assert registry.authorization == f"Bearer {TOKEN}"


async def test_one_connection_serves_all_requests(api: RegistryApi, registry: FakeRegistry) -> None:
    for _ in range(5):
        await api.report("life", REPORT, timeout=2)
    assert len(registry.n_connections) == 1


async def test_a_conversation_is_had(api: RegistryApi, registry: FakeRegistry) -> None:
    registry.turns["old"] = (Turn(number=0, role="user", text="Hello."),)
    assert await api.turns("old", limit=40, timeout=2) == registry.turns["old"]
    with pytest.raises(RegistryApiError, match="HTTP 404"):
        await api.turns("a/../../b?x", limit=40, timeout=2)


async def test_a_profile_is_had_once_and_unchanged_after_that(
    api: RegistryApi, registry: FakeRegistry
) -> None:
    registry.profiles["7"] = {"name": "Seven", "prompt": "x"}
    stored = await api.profile(AgentId("7"), etag=None, timeout=2)
    assert stored is not None
    assert stored.profile is not None
    assert stored.profile.name == "Seven"
    assert await api.profile(AgentId("7"), etag=stored.etag, timeout=2) is None
    unknown = await api.profile(AgentId("8"), etag=None, timeout=2)
    assert unknown is not None
    assert unknown.profile is None


def endless() -> web.Response:
    return web.Response(body=b"x" * (MAX_ANSWER_BYTES + 1))


@pytest.mark.parametrize(
    ("answer", "words", "is_final"),
    [
        pytest.param(lambda: web.Response(text="<html>"), "not as a registry answers", False, id="no JSON"),
        pytest.param(lambda: web.json_response({}), "not as a registry answers", False, id="other JSON"),
        pytest.param(
            lambda: web.json_response(
                {"nTurns": SECRET_WORDS, "turns": [{"number": 0, "role": SECRET_WORDS}]}
            ),
            "not as a registry answers",
            False,
            id="wrong types",
        ),
        pytest.param(lambda: web.Response(body=b"[" * 100_000), "not as a registry", False, id="deep"),
        pytest.param(endless, "more than 2,000,000 bytes", False, id="huge"),
        pytest.param(lambda: refused(401, "token"), r"HTTP 401 \(token\)", True, id="wrong token"),
        pytest.param(
            lambda: refused(400, "bad_report", message=SECRET_WORDS),
            r"HTTP 400 \(bad_report\)",
            True,
            id="repeats what was said",
        ),
        pytest.param(lambda: refused(400, SECRET_WORDS), r"HTTP 400 \(refused\)", True, id="an odd code"),
        pytest.param(lambda: web.Response(status=404, text="no"), "HTTP 404", True, id="another server"),
        pytest.param(lambda: web.Response(status=503), "HTTP 503", False, id="not now"),
        pytest.param(
            lambda: web.Response(status=302, headers={"Location": "http://x"}), "elsewhere", True, id="moved"
        ),
    ],
)
async def test_a_bad_answer_is_told_shortly_and_repeats_nothing(
    answer: Callable[[], web.Response], words: str, is_final: bool, api: RegistryApi, registry: FakeRegistry
) -> None:
    registry.misbehave = answer
    for asking in (
        api.report("life", REPORT, timeout=2),
        api.turns("life", limit=40, timeout=2),
        api.profile(AgentId("7"), etag=None, timeout=2),
    ):
        with pytest.raises(RegistryApiError, match=words) as error:
            await asking
        assert error.value.is_final is is_final
        assert len(str(error.value)) < 250
        assert "4711" not in str(error.value)


async def test_a_stored_profile_that_is_none_is_a_bad_answer(
    api: RegistryApi, registry: FakeRegistry
) -> None:
    registry.profiles["7"] = {"name": "Seven"}
    with pytest.raises(BadAnswerError, match="prompt"):
        await api.profile(AgentId("7"), etag=None, timeout=2)


async def test_a_registry_that_hangs_is_left_in_time(api: RegistryApi, registry: FakeRegistry) -> None:
    registry.hangs = True
    began_at = asyncio.get_running_loop().time()
    with pytest.raises(RegistryApiError, match=r"no answer within 0\.2 s"):
        await api.report("life", REPORT, timeout=0.2)
    assert asyncio.get_running_loop().time() - began_at < 3


async def test_nobody_listens() -> None:
    api = RegistryApi("http://127.0.0.1:1")
    with pytest.raises(RegistryApiError, match="127"):
        await api.report("life", REPORT, timeout=2)
    await api.aclose()


def test_without_a_url_there_is_no_registry() -> None:
    assert registry_api(Settings().replace(web_ui_url=None)) is None
    assert registry_api(Settings()) is not None
