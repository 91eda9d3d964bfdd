"""`POST /poll_requests`: what may be sent, and what comes back."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llm.errors import BadRequestError, BrokenStreamError, NoModelError
from service import answers as answers_module
from service import bodies, threads
from service.chat import WAITING
from service.running import Service
from service.store import Key
from tests.service.conftest import Connect, Serve, Start
from tests.service.fakes import FakeModels
from tests.service.tokens import SECRET, bearer, token

PATH = "/poll_requests"


async def post(client: httpx.AsyncClient, body: bytes | dict[str, Any]) -> httpx.Response:
    return await client.post(PATH, content=body if isinstance(body, bytes) else json.dumps(body).encode())


async def test_a_message_is_answered(client: httpx.AsyncClient) -> None:
    response = await post(client, {"message": "hi", "thread_id": "t"})
    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
    assert response.json() == {
        "response": "It is a fine day.",
        "thread_id": "t",
        "model": "fake-1",
        "waiting": False,
    }


GOOD = [
    {"message": "x" * 32_000},
    {"message": "👩🏽‍🚀\u202e\u0000'; DROP TABLE chat_threads; --"},
    {"message": "hi", "thread_id": "aZ09._:-" * 16},
    {"message": "hi", "thread_id": None, "stream": None},
    {"message": "hi", "stream": False, "unknown": {"deep": [1, 2]}, "messages": 7},
]


@pytest.mark.parametrize("body", GOOD)
async def test_what_may_be_sent(client: httpx.AsyncClient, body: dict[str, Any]) -> None:
    response = await post(client, body)
    assert response.status_code == 200
    again = await post(client, {"message": "and?", "thread_id": response.json()["thread_id"]})
    assert "warning" not in again.json()


BAD: dict[str, tuple[bytes | dict[str, Any], int, str | None, str]] = {
    "nothing": (b"", 400, None, "no JSON"),
    "no JSON": (b"message=hi", 400, None, "no JSON"),
    "half of it": (b'{"message": "hi"', 400, None, "no JSON"),
    "no UTF-8": (b'{"message": "\xff"}', 400, None, "no JSON"),
    "half a character": (b'{"message": "\\ud800"}', 400, None, "no JSON"),
    "NaN": (b'{"message": NaN}', 400, None, "no JSON"),
    "a huge number": (b'{"message": "hi", "x": 1e999}', 400, None, "number"),
    "deep": (b'{"message":' + b"[" * 100_000, 400, None, "too deeply"),
    "a list": (b'["hi"]', 422, None, "object"),
    "a text": (b'"hi"', 422, None, "object"),
    "null": (b"null", 422, None, "object"),
    "no message": ({}, 422, "message", "message is missing"),
    "null for a message": ({"message": None}, 422, "message", "message is missing"),
    "an empty message": ({"message": ""}, 422, "message", "message is empty"),
    "blanks": ({"message": " \n\t\u3000"}, 422, "message", "message is empty"),
    "a number": ({"message": 7}, 422, "message", "not a number"),
    "a boolean": ({"message": True}, 422, "message", "not a boolean"),
    "a list for a message": ({"message": ["hi"]}, 422, "message", "not a list"),
    "an object": ({"message": {"text": "hi"}}, 422, "message", "not an object"),
    "32,001 characters": ({"message": "x" * 32_001}, 422, "message", "32,001 characters, 32,000"),
    "a number for a thread": ({"message": "hi", "thread_id": 7}, 422, "thread_id", "not a number"),
    "an empty thread": ({"message": "hi", "thread_id": ""}, 422, "thread_id", "1 to 128"),
    "a long thread": ({"message": "hi", "thread_id": "x" * 129}, 422, "thread_id", "1 to 128"),
    "a thread with a slash": ({"message": "hi", "thread_id": "a/b"}, 422, "thread_id", "A-Z"),
    "a thread with a line end": ({"message": "hi", "thread_id": "a\n"}, 422, "thread_id", "A-Z"),
    "a thread with umlauts": ({"message": "hi", "thread_id": "ä"}, 422, "thread_id", "A-Z"),
    "a text for stream": ({"message": "hi", "stream": "true"}, 422, "stream", "true or false"),
    "a number for stream": ({"message": "hi", "stream": 1}, 422, "stream", "true or false"),
}


@pytest.mark.parametrize("name", BAD)
async def test_what_may_not_be_sent(client: httpx.AsyncClient, models: FakeModels, name: str) -> None:
    body, status, param, words = BAD[name]
    response = await post(client, body)
    assert response.status_code == status
    error = response.json()["error"]
    assert (error["param"], error["type"]) == (param, "invalid_request_error")
    assert words in error["message"]
    assert len(response.content) < 500
    assert models.requests == []


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
bodies_of_any_kind = (
    st.binary(max_size=200)
    | anything.map(lambda value: json.dumps(value).encode())
    | (
        st.fixed_dictionaries(
            {}, optional={"message": anything, "thread_id": anything, "stream": anything}
        ).map(lambda value: json.dumps(value).encode())
    )
)


@given(body=bodies_of_any_kind)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_nothing_that_is_sent_breaks_it(client: httpx.AsyncClient, body: bytes) -> None:
    response = await post(client, body)
    assert response.status_code in {200, 400, 422}


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_other_methods(client: httpx.AsyncClient, method: str) -> None:
    response = await client.request(method, PATH)
    assert (response.status_code, response.json()["error"]["code"]) == (405, "method")
    assert response.headers["allow"] == "POST"


# -- large and slow bodies


async def test_a_large_body_is_refused_before_it_is_read(
    url: str, http: aiohttp.ClientSession, models: FakeModels
) -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b'{"message": "'
        while True:
            yield b"x" * 65_536
            await asyncio.sleep(0)

    too_large = b'{"message": "' + b"x" * bodies.MAX_BODY_BYTES + b'"}'
    async with http.post(f"{url}{PATH}", data=io.BytesIO(too_large)) as response:
        assert response.status == 413
        assert (await response.json())["error"]["code"] == "too_large"
    async with asyncio.timeout(4), http.post(f"{url}{PATH}", data=endless()) as response:
        assert response.status == 413
    fits = b'{"message": "hi", "more": "' + b"x" * (bodies.MAX_BODY_BYTES - 100) + b'"}'
    async with http.post(f"{url}{PATH}", data=io.BytesIO(fits)) as response:
        assert response.status == 200
    assert len(models.requests) == 1


# -- no model, or a bad one


async def test_while_there_is_no_model_it_says_so(client: httpx.AsyncClient, models: FakeModels) -> None:
    models.error = NoModelError({"a": "cannot connect"})
    models.poll = 7.3
    response = await post(client, {"message": "hi", "thread_id": "t"})
    assert (response.status_code, response.headers["retry-after"]) == (200, "8")
    assert response.json() == {
        "response": WAITING,
        "thread_id": "t",
        "model": None,
        "waiting": True,
        "retry_after": 7.3,
    }


async def test_a_refused_message_and_a_broken_answer(client: httpx.AsyncClient, models: FakeModels) -> None:
    models.error = BadRequestError("this is against our rules", status=422)
    response = await post(client, {"message": "hi"})
    assert (response.status_code, response.json()["error"]["code"]) == (422, "refused")
    assert "against our rules" in response.json()["error"]["message"]
    models.error = None
    models.breaks = [BrokenStreamError("x: silent")] * 3
    response = await post(client, {"message": "hi"})
    assert (response.status_code, response.json()["error"]["code"]) == (502, "broken_answer")


# -- server-sent events


async def events(response: aiohttp.ClientResponse) -> list[tuple[str, Any]]:
    """Names and data, comments as (":", None)."""
    found = []
    for block in (await response.text()).split("\n\n")[:-1]:
        if block.startswith(":"):
            found.append((":", None))
            continue
        head, _, data = block.partition("\n")
        found.append((head.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ({"stream": True}, {}),
        ({}, {"accept": "text/event-stream"}),
        ({}, {"accept": "text/html, text/event-stream;q=1"}),
    ],
)
async def test_an_answer_streams_when_that_is_asked_for(
    url: str, http: aiohttp.ClientSession, body: dict[str, Any], headers: dict[str, str]
) -> None:
    sent = {"message": "hi", "thread_id": "t", **body}
    async with http.post(f"{url}{PATH}", json=sent, headers=headers) as response:
        assert (response.status, response.content_type) == (200, "text/event-stream")
        assert await events(response) == [
            ("token", {"text": "It is "}),
            ("token", {"text": "a fine day."}),
            (
                "done",
                {"response": "It is a fine day.", "thread_id": "t", "model": "fake-1", "waiting": False},
            ),
        ]


async def test_stream_false_wins_over_the_header(client: httpx.AsyncClient) -> None:
    response = await client.post(
        PATH, json={"message": "hi", "stream": False}, headers={"accept": "text/event-stream"}
    )
    assert response.headers["content-type"] == "application/json"


async def test_words_are_sent_at_once_and_silence_is_filled(
    url: str, http: aiohttp.ClientSession, models: FakeModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers_module, "KEEP_ALIVE_INTERVAL", 0.02)
    models.gate = asyncio.Event()
    models.delay = 0.05
    async with http.post(f"{url}{PATH}", json={"message": "hi", "stream": True}) as response:
        assert await response.content.readline() == b": still there\n"
        read = b""
        while b"token" not in read:
            read = await response.content.readline()
        assert await response.content.readline() == b'data: {"text":"It is "}\n'
        await response.content.readline()
        assert await response.content.readline() == b": still there\n"
        await response.content.readline()
        models.gate.set()
        rest = await events(response)
    assert [name for name, _ in rest if name != ":"][-2:] == ["token", "done"]


async def test_a_stream_without_a_model_is_done_at_once(
    url: str, http: aiohttp.ClientSession, models: FakeModels
) -> None:
    models.error = NoModelError({})
    async with http.post(
        f"{url}{PATH}", json={"message": "hi", "stream": True, "thread_id": "t"}
    ) as response:
        assert (response.status, response.headers["retry-after"]) == (200, "5")
        waiting = {"response": WAITING, "thread_id": "t", "model": None, "waiting": True, "retry_after": 5.0}
        assert await events(response) == [("done", waiting)]


async def test_a_stream_that_fails_before_its_first_word_has_an_http_status(
    url: str, http: aiohttp.ClientSession, models: FakeModels
) -> None:
    models.error = BadRequestError("no", status=400)
    async with http.post(f"{url}{PATH}", json={"message": "hi", "stream": True}) as response:
        assert (response.status, response.content_type) == (400, "application/json")
    async with http.post(f"{url}{PATH}", json={"stream": True}) as response:
        assert response.status == 422


async def test_a_stream_that_breaks_off_says_so(
    url: str, http: aiohttp.ClientSession, models: FakeModels, service: Service
) -> None:
    models.breaks = [BrokenStreamError("x: silent for 10 s")]
    sent = {"message": "hi", "stream": True, "thread_id": "t"}
    async with http.post(f"{url}{PATH}", json=sent) as response:
        assert response.status == 200
        (first, _), (second, data) = await events(response)
    assert (first, second, data["error"]["code"]) == ("token", "error", "broken_answer")
    assert list(await service.threads.recall(Key("", "t"))) == []


# -- whose thread it is


async def test_threads_belong_to_the_tokens_subject(
    start: Start, connect: Connect, models: FakeModels
) -> None:
    client = connect(await start(jwt_secret=SECRET))

    async def say(message: str, **claims: Any) -> list[str]:
        response = await client.post(
            PATH, json={"message": message, "thread_id": "t"}, headers=bearer(token(**claims))
        )
        assert response.status_code == 200
        return [each["content"] for each in models.requests[-1].messages[1:]]

    await say("my secret", sub="ann")
    assert await say("what?", sub="eve") == ["what?"]
    assert await say("what?") == ["what?"]
    assert await say("and?", sub="ann") == ["my secret", "It is a fine day.", "and?"]
    assert await say("and?", sub="eve") == ["what?", "It is a fine day.", "and?"]


async def test_200_at_once(
    service: Service, serve: Serve, models: FakeModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "STORE_TIMEOUT", 20.0)  # the machine may be busy
    url = await serve(service)
    models.delay = 0.05
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as http:

        async def one(number: int) -> Any:
            sent = {"message": f"q{number}", "thread_id": f"t{number}"}
            async with http.post(f"{url}{PATH}", json=sent) as response:
                return await response.json()

        found = await asyncio.gather(*(one(number) for number in range(200)))
    assert {each["thread_id"] for each in found} == {f"t{number}" for number in range(200)}
    assert not any(each["waiting"] or "warning" in each for each in found)
    for number in (0, 100, 199):
        kept = await service.threads.recall(Key("", f"t{number}"))
        assert kept[0].content == f"q{number}"
