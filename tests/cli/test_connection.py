"""What is said when the registry does not answer as it should."""

from __future__ import annotations

import httpx
import pytest

from cli.client import Query
from cli.connection import Connection
from cli.errors import CommandError, RefusedError, UnreachableError
from tests.cli.fakes import FakeRegistry

JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        pytest.param(
            httpx.ConnectError("refused"),
            "no registry answers at http://registry.test (WEB_UI_URL): start it with `python -m registry`",
            id="nobody",
        ),
        pytest.param(httpx.ReadTimeout("late"), "does not answer in time", id="late"),
        pytest.param(httpx.RemoteProtocolError("cut"), "broke: cut", id="cut"),
        pytest.param(httpx.ReadError(""), "broke: ReadError", id="no words"),
        pytest.param(
            httpx.Response(200, html="<html>"), "is no registry that this command knows", id="a page"
        ),
        pytest.param(httpx.Response(404, html="<html>"), "is no registry: HTTP 404, text/html", id="no page"),
        pytest.param(httpx.Response(302, headers={"location": "http://x"}), "HTTP 302", id="elsewhere"),
        pytest.param(httpx.Response(502, text="bad gateway"), "HTTP 502, text/plain", id="a proxy"),
        pytest.param(httpx.Response(200, content=b'{"agents": 1}', headers=JSON), "agents", id="other JSON"),
    ],
)
async def test_no_registry(registry: FakeRegistry, failure: Exception | httpx.Response, message: str) -> None:
    registry.failure = failure
    async with registry.client() as client:
        with pytest.raises(UnreachableError) as caught:
            await client.agents(Query())
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("status", "code", "exit_code"),
    [
        (401, "token", 2),
        (403, "foreign", 2),
        (400, "bad_request", 2),
        (404, "unknown_agent", 1),
        (409, "alive", 1),
    ],
)
async def test_a_refusal(registry: FakeRegistry, status: int, code: str, exit_code: int) -> None:
    content = b'{"error": {"code": "%s", "message": "no, because"}}' % code.encode()
    registry.failure = httpx.Response(status, content=content, headers=JSON)
    async with registry.client() as client:
        with pytest.raises(RefusedError, match="no, because") as caught:
            await client.agent("x")
    assert (caught.value.code, caught.value.exit_code) == (code, exit_code)


async def test_an_event_stream_that_ends_is_a_lost_registry(registry: FakeRegistry) -> None:
    async with registry.client() as client, client.events() as events:
        registry.hang_up()
        assert (await anext(events)).name == "hello"
        with pytest.raises(UnreachableError, match="ended the connection"):
            await anext(events)


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (httpx.Response(200, json={}), UnreachableError),
        (httpx.Response(503, json={"error": {"code": "database", "message": "wait"}}), RefusedError),
        (httpx.ConnectError("refused"), UnreachableError),
    ],
    ids=["no stream", "an error", "nobody"],
)
async def test_an_event_stream_that_does_not_begin(
    registry: FakeRegistry, failure: Exception | httpx.Response, kind: type[CommandError]
) -> None:
    registry.failure = failure
    async with registry.client() as client:
        with pytest.raises(kind):
            async with client.events():
                raise AssertionError


async def test_the_token_is_shown(registry: FakeRegistry) -> None:
    registry.token = "long-enough"
    connection = Connection("http://registry.test", token="long-enough", transport=registry)
    assert await connection.ask("GET", "/api/agents", parameters={"limit": "1", "offset": "0"})
    await connection.aclose()
    await connection.aclose()
