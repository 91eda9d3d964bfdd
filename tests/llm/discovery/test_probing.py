from __future__ import annotations

import asyncio
import json
import struct
from socket import SO_LINGER, SOL_SOCKET

import pytest

from llm.discovery.asking import Limits, http_only
from llm.discovery.places import Place
from llm.discovery.probing import PARALLEL, Prober, Verdict
from tests.llm.discovery import shapes
from tests.llm.discovery.conftest import PATIENT, Servers
from tests.llm.discovery.shapes import Routes, Said, listing

SHORT = Limits(connect=0.2, total=0.2)


@pytest.mark.parametrize(
    ("routes", "kind", "models"),
    [
        pytest.param(shapes.OLLAMA, "ollama", ("llama3.2:3b",), id="ollama"),
        pytest.param(
            shapes.OLLAMA_OF_USERS, "ollama", ("hf.co/someone/Some-GGUF:Q4",), id="ollama of users' models"
        ),
        pytest.param(shapes.VLLM, "vllm", ("Qwen/Qwen3-8B",), id="vllm"),
        pytest.param(shapes.TGI, "tgi", ("HuggingFaceH4/zephyr-7b-beta",), id="tgi"),
        pytest.param(shapes.TGI_WITHOUT_LIST, "tgi", ("bigscience/bloom-560m",), id="old tgi"),
        pytest.param(shapes.LLAMA_CPP, "llama.cpp", ("/models/qwen.gguf",), id="llama.cpp"),
        pytest.param(
            shapes.LM_STUDIO, "lmstudio", ("gemma-3-12b", "qwen2-vl-7b"), id="lmstudio, loaded first"
        ),
        pytest.param(shapes.SGLANG, "sglang", ("meta-llama/Llama-3.1-8B",), id="sglang"),
        pytest.param(shapes.LOCALAI, "localai", ("gpt-4",), id="localai"),
        pytest.param(shapes.OTHER_OPENAI, "openai", ("mistral-large",), id="another"),
        pytest.param({"/v1/models": listing("a")}, "openai", ("a",), id="one that says nothing of itself"),
    ],
)
async def test_a_server_is_known_with_the_models_that_chat(
    servers: Servers, prober: Prober, routes: Routes, kind: str, models: tuple[str, ...]
) -> None:
    server = await servers.http(routes)
    probe = await prober.probe(Place("127.0.0.1", server.port))
    assert (probe.verdict, probe.kind, probe.models) == (Verdict.SERVES, kind, models)
    assert len(server.asked) <= 3


@pytest.mark.parametrize(
    ("routes", "words"),
    [
        (shapes.OLLAMA_EMPTY, "(ollama) has no model; run `ollama pull llama3.2`"),
        (shapes.LM_STUDIO_EMPTY, "(lmstudio) has no model; download one in LM Studio, or run `lms get`"),
        ({"/v1/models": listing()}, "has no model; load one there"),
        (shapes.TEI, "(tgi) has no model that chats, only BAAI/bge-m3; load one there"),
        (shapes.SGLANG_EMBEDDING, "(sglang) has no model that chats, only Alibaba/GTE2-7B; load one there"),
    ],
)
async def test_a_server_without_a_model_to_talk_to_says_what_to_do(
    servers: Servers, prober: Prober, routes: Routes, words: str
) -> None:
    place = Place("127.0.0.1", (await servers.http(routes)).port)
    probe = await prober.probe(place)
    assert probe.verdict is Verdict.EMPTY
    assert probe.words(place) == f"{place} {words}"


@pytest.mark.parametrize("routes", [shapes.OWN_SERVICE, shapes.OWN_SERVICE_EMPTY, shapes.OWN_SERVICE_LOCKED])
async def test_our_own_service_is_passed_over_in_silence(
    servers: Servers, prober: Prober, routes: Routes
) -> None:
    probe = await prober.probe(Place("127.0.0.1", (await servers.http(routes)).port))
    assert not probe.models
    assert not probe.trouble


@pytest.mark.parametrize(
    ("routes", "words"),
    [
        (shapes.LLAMA_CPP_LOADING, "(llama.cpp) is still loading its model"),
        (shapes.LOCKED, "wants a key for its models (HTTP 401)"),
    ],
)
async def test_a_server_that_does_not_say_now_is_not_forgotten(
    servers: Servers, prober: Prober, routes: Routes, words: str
) -> None:
    place = Place("127.0.0.1", (await servers.http(routes)).port)
    probe = await prober.probe(place)
    assert probe.verdict is Verdict.UNREADY
    assert words in probe.words(place)


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(shapes.WEBSITE["/v1/models"], id="a page"),
        pytest.param(Said(status=401, body="<html>login</html>", type="text/html"), id="a login page"),
        pytest.param(Said(status=302, headers={"Location": "/v1/models"}), id="a redirect to itself"),
        pytest.param(Said(status=500, body="{}", type="application/json"), id="an error"),
        pytest.param(
            Said(body='{"data": [{"id": 7}]}', type="application/json"), id="a list of other things"
        ),
        pytest.param(Said(body='{"data": []}', type="application/json"), id="an empty list of anything"),
        pytest.param(Said(body="[" * 100_000, type="application/json"), id="JSON without end"),
        pytest.param(Said(body="x" * 3_000_000), id="a huge body"),
        pytest.param(Said(status=404), id="no such page"),
    ],
)
async def test_something_else_is_nobodys_trouble(servers: Servers, prober: Prober, said: Said) -> None:
    probe = await prober.probe(Place("127.0.0.1", (await servers.http({"/v1/models": said})).port))
    assert probe.verdict is Verdict.OTHER
    assert not probe.trouble


async def test_nobody_listens(prober: Prober, free_port: int) -> None:
    assert (await prober.probe(Place("127.0.0.1", free_port))).verdict is Verdict.NOBODY


async def test_a_reset_is_something_else(servers: Servers, prober: Prober) -> None:
    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        socket = writer.get_extra_info("socket")
        socket.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))

    probe = await prober.probe(Place("127.0.0.1", await servers.tcp(reset)))
    assert probe.verdict is Verdict.OTHER


async def test_what_is_not_http_is_something_else(servers: Servers, prober: Prober) -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail ready\r\n\r\n")
        await writer.drain()

    probe = await prober.probe(Place("127.0.0.1", await servers.tcp(greet)))
    assert probe.verdict is Verdict.OTHER


async def test_a_server_that_hangs_is_told(servers: Servers) -> None:
    place = Place("127.0.0.1", await servers.hanging())
    async with http_only() as client:
        probe = await Prober(client, here=SHORT).probe(place)
    assert probe.verdict is Verdict.UNREADY
    assert probe.words(place) == f"{place} takes connections and does not answer within 0.2 s"


async def test_a_further_question_that_hangs_changes_nothing(servers: Servers) -> None:
    body = json.dumps(shapes.OLLAMA["/v1/models"]).encode()
    is_over = asyncio.Event()

    async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if b"/v1/models" in await reader.readline():
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            await writer.drain()
        else:
            await is_over.wait()

    port = await servers.tcp(answer_once)
    async with http_only() as client:
        probe = await Prober(client).probe(Place("127.0.0.1", port))
    is_over.set()
    assert (probe.kind, probe.models) == ("ollama", ("llama3.2:3b", "all-mini:33m"))


async def test_sixteen_are_asked_at_once(servers: Servers) -> None:
    n_asked, is_full, go_on = 0, asyncio.Event(), asyncio.Event()

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal n_asked
        n_asked += 1
        if n_asked == PARALLEL:
            is_full.set()
        await go_on.wait()

    port = await servers.tcp(hold)
    async with http_only() as client, asyncio.TaskGroup() as tasks:
        prober = Prober(client, here=PATIENT)
        asking = [tasks.create_task(prober.probe(Place("127.0.0.1", port))) for _ in range(PARALLEL + 4)]
        await is_full.wait()
        for _ in range(20):
            await asyncio.sleep(0)
        assert n_asked == PARALLEL
        go_on.set()
        await asyncio.gather(*asking)
    assert n_asked == PARALLEL + 4


async def test_ipv6(servers: Servers, prober: Prober) -> None:
    try:
        server = await servers.http(shapes.VLLM, host="::1")
    except OSError:
        pytest.skip("this machine has no IPv6")
    assert (await prober.probe(Place("::1", server.port))).kind == "vllm"
