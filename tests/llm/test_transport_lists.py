"""Lists of models: their forms, what of them is taken, and what is no list."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from llm.health import Met
from llm.transport import OURS, Transport
from stack.llm_stub import LlmStub
from tests.llm.serving import Servers, at, list_error_of


@pytest.fixture
async def transport() -> AsyncIterator[Transport]:
    transport = Transport()
    yield transport
    await transport.aclose()
    await transport.aclose()


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ({"object": "list", "data": [{"id": "a"}, {"id": "b"}]}, ("a", "b")),
        ({"models": [{"name": "a"}, {"id": "", "name": "b"}]}, ("a", "b")),
        ([{"id": "a"}], ("a",)),
        ({"data": []}, ()),
        ({"data": [7, {}, {"id": None}, {"id": "a"}]}, ("a",)),
    ],
)
async def test_a_list_is_read_in_its_forms(
    transport: Transport, servers: Servers, body: Any, names: tuple[str, ...]
) -> None:
    server = await servers.sending(json.dumps(body).encode(), headers={"Content-Type": "application/json"})
    assert await transport.models(at(server), limit=5) == names
    assert server.paths == ["/v1/models"]


@pytest.mark.parametrize("status", [404, 405, 501])
async def test_a_server_need_not_tell_its_models(transport: Transport, servers: Servers, status: int) -> None:
    assert await transport.models(at(await servers.refusing(status, "no")), limit=5) == ()


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (b"<html>", "text/html", "it answers HTML"),
        (b"{", "application/json", "it answers no list"),
        (b'{"data": {}}', "application/json", "it answers no list"),
        (
            b'{"data": [{"id": "x", "owned_by": "%s"}]}' % OURS.encode(),
            "application/json",
            "an agent service like this",
        ),
    ],
)
async def test_what_is_no_list_is_a_wrong_address(
    transport: Transport, servers: Servers, body: bytes, kind: str, words: str
) -> None:
    error = await list_error_of(transport, at(await servers.sending(body, headers={"Content-Type": kind})))
    assert error.outcome.met is Met.MISCONFIGURED
    assert words in error.outcome.reason


@pytest.mark.parametrize(
    ("listed", "model", "names"),
    [
        ([{"id": "nomic-embed-text"}, {"id": "llama3"}], None, ("llama3",)),
        ([{"id": "cold"}, {"id": "warm", "state": "loaded"}], None, ("warm", "cold")),
        ([{"id": "my-embed-chat"}, {"id": "llama3"}], "my-embed-chat", ("my-embed-chat", "llama3")),
    ],
    ids=["what does not chat is left out", "loaded ones first", "what a person has named chats"],
)
async def test_a_list_holds_what_chats(
    transport: Transport, servers: Servers, listed: list[Any], model: str | None, names: tuple[str, ...]
) -> None:
    told = json.dumps({"object": "list", "data": listed}).encode()
    server = await servers.sending(told, headers={"Content-Type": "application/json"})
    assert await transport.models(at(server, model=model), limit=5) == names


async def test_a_server_without_a_model_that_chats_is_told(transport: Transport, servers: Servers) -> None:
    told = b'{"data": [{"id": "nomic-embed-text"}]}'
    error = await list_error_of(
        transport, at(await servers.sending(told, headers={"Content-Type": "application/json"}))
    )
    assert error.outcome.met is Met.MISCONFIGURED
    assert error.outcome.reason.startswith("it has no model that chats; name one")


async def test_a_list_that_is_too_long_tells_nothing(transport: Transport, servers: Servers) -> None:
    told = json.dumps({"data": [{"id": f"model-{number}" + "x" * 200} for number in range(6_000)]}).encode()
    server = await servers.sending(told, headers={"Content-Type": "application/json"})
    assert await transport.models(at(server), limit=5) == ()


async def test_a_list_has_its_time(transport: Transport, servers: Servers) -> None:
    error = await list_error_of(transport, at(await servers.sending(b"{", 3600)), limit=0.1)
    assert (error.outcome.met, error.outcome.reason) == (Met.FAILED, "no answer in 0.1 s")


async def test_a_refused_list_is_told(transport: Transport, first: LlmStub) -> None:
    first.behaviour = type(first.behaviour)("unauthorized")
    assert (await list_error_of(transport, at(first))).outcome.met is Met.MISCONFIGURED
