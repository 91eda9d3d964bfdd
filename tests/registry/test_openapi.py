"""The description of the API is right: whatever it allows is answered as it says, and never by an error of ours."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import BaseSchema, Case, CheckFunction, GenerationMode
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import ignored_auth, negative_data_rejection, positive_data_acceptance

from registry.app import create_app
from registry.running import ProcessControl, run_registry
from registry.server import Server
from registry.store import Store, sqlite_url
from tests.registry.beats import a_beat
from wire import encode_beat

HEADERS = {"authorization": "Bearer s3cret-token"}

OPERATIONS = [
    ("GET", "/api/agents"),
    ("GET", "/api/models"),
    ("GET", "/api/status"),
    ("GET", "/api/pulse"),
    ("GET", "/api/agents/{agent_id}"),
    ("GET", "/api/agents/{agent_id}/history"),
    ("GET", "/api/agents/{agent_id}/logs"),
    ("POST", "/api/agents/{agent_id}/stop"),
    ("POST", "/api/agents/{agent_id}/remove"),
    ("PUT", "/api/agents/{agent_id}/status"),
    ("DELETE", "/api/agents/{agent_id}/status"),
    ("POST", "/api/agents/{agent_id}/evidence"),
    ("POST", "/api/beats"),
    ("POST", "/api/agents/register"),
    ("GET", "/api/agents/{agent_id}/profile"),
    ("PUT", "/api/agents/{agent_id}/profile"),
    ("DELETE", "/api/agents/{agent_id}/profile"),
    ("GET", "/api/agents/{agent_id}/profile/script"),
    ("GET", "/api/profiles"),
    ("GET", "/api/profiles/export"),
    ("GET", "/api/livekit/rooms"),
    ("GET", "/api/livekit/rooms/{room}"),
    ("GET", "/api/livekit/rooms/{room}/why"),
    ("GET", "/api/livekit/rooms/{room}/events"),
    ("POST", "/api/livekit/rooms/{room}/close"),
    ("GET", "/api/livekit/agents"),
    ("GET", "/api/livekit/stats"),
    ("POST", "/api/livekit/gc"),
    ("POST", "/api/livekit/webhook"),
    ("POST", "/api/livekit/token"),
    ("POST", "/api/sessions"),
    ("GET", "/api/sessions"),
    ("GET", "/api/sessions/{session}"),
    ("PUT", "/api/sessions/{session}"),
    ("GET", "/api/sessions/{session}/turns"),
    ("GET", "/api/sessions/{session}/transcript"),
    ("GET", "/api/agents/{agent_id}/latencies"),
    ("GET", "/api/processes"),
    ("GET", "/api/processes/{process_id}"),
    ("GET", "/api/processes/{process_id}/logs"),
    ("POST", "/api/processes/{process_id}/start"),
    ("POST", "/api/agents/{agent_id}/force-stop"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
]

UNTRIED = [
    ("GET", "/api/events"),  # never ends
    ("POST", "/api/profiles/import"),  # a dry run tells what is wrong with a body, and does not refuse it
    ("POST", "/api/agents/{agent_id}/drain"),  # as stop
    ("POST", "/api/agents/{agent_id}/leave"),
    ("POST", "/api/processes/start-all"),  # as start
    ("POST", "/api/processes/{process_id}/stop"),
    ("POST", "/api/processes/{process_id}/force-stop"),
    ("POST", "/api/processes/{process_id}/restart"),
]

STRICTER = [
    ("POST", "/api/beats"),  # its schema does not say that texts hold no control characters
    ("PUT", "/api/agents/{agent_id}/status"),  # for JSON Schema 60.0 is an integer
    ("POST", "/api/agents/register"),  # as beats
    ("PUT", "/api/agents/{agent_id}/profile"),
    ("PUT", "/api/sessions/{session}"),
    ("POST", "/api/sessions"),  # it does not say either that one of several has to be there
    ("POST", "/api/livekit/token"),
]
MILDER = [("GET", "/api/pulse")]  # whatever stands in an address is a list of one text


N_EXAMPLES = 5


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A registry in a thread of its own: Schemathesis calls it and waits."""
    listening = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    async def serve() -> None:
        store = Store(sqlite_url(tmp_path_factory.mktemp("openapi") / "registry.db"))
        processes = ProcessControl(
            file=tmp_path_factory.mktemp("processes") / "agents.toml",
            must_exist=False,
            environment={},
            hosts=(),
        )
        async with run_registry(
            store, token="s3cret-token", new_agents=100_000, processes=processes
        ) as registry:
            server = Server(create_app(registry), registry)
            serving = asyncio.create_task(server.serve(sockets=[listening]))
            await asyncio.to_thread(over.wait)
            server.should_exit = True
            await serving
        store.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    over.set()
    thread.join(10)


@pytest.fixture(scope="module")
def schema(url: str) -> BaseSchema:
    return schemathesis.openapi.from_url(f"{url}/openapi.json", headers=HEADERS)


def test_all_is_described(schema: BaseSchema) -> None:
    described = set()
    for one in schema.get_all_operations():
        assert isinstance(one, Ok), "the description itself is wrong"
        described.add((one.ok().method.upper(), one.ok().path))
    assert described == set(OPERATIONS + UNTRIED)


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_whatever_is_sent_is_answered_as_described(
    url: str, schema: BaseSchema, method: str, path: str
) -> None:
    operation = schema[path][method]
    known = {"agent_id": "worker-1"} if "agent_id" in path else None
    # That check knows only of tokens that it made itself; test_guard has the real ones.
    excluded: list[CheckFunction] = [ignored_auth]
    if (method, path) in STRICTER:
        excluded.append(positive_data_acceptance)
    if (method, path) in MILDER:
        excluded.append(negative_data_rejection)

    @settings(
        max_examples=N_EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        case=operation.as_strategy(GenerationMode.POSITIVE, path_parameters=known, headers=HEADERS)
        | operation.as_strategy(GenerationMode.POSITIVE, headers=HEADERS)
        | operation.as_strategy(GenerationMode.NEGATIVE, headers=HEADERS)
    )
    def check(case: Case[Any]) -> None:
        beat = encode_beat(a_beat("worker-1"))
        assert httpx.post(f"{url}/api/beats", content=beat, headers=HEADERS).status_code == 200
        case.call_and_validate(base_url=url, excluded_checks=excluded)

    check()


async def test_the_description_names_what_fastapi_does_not_see(client: httpx.AsyncClient) -> None:
    described = (await client.get("/openapi.json")).json()
    assert described["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    assert {"Beat", "Reply", "Errors", "Up", "Down"} <= described["components"]["schemas"].keys()
    assert "HTTPValidationError" not in described["components"]["schemas"]
    assert "/api/line" in described["info"]["description"]
    beats = described["paths"]["/api/beats"]["post"]["responses"]
    assert beats.keys() == {"200", "400", "401", "403", "409", "413", "429", "503"}
    for path, item in described["paths"].items():
        for operation in item.values():
            for code, response in operation["responses"].items():
                if int(code) >= 400 and path.startswith("/api/"):
                    schema = response["content"]["application/json"]["schema"]
                    assert schema == {"$ref": "#/components/schemas/Errors"}, path
    assert (await client.get("/docs")).status_code == 200
