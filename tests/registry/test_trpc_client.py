"""The official client of tRPC 11 understands the registry, by each of its links for requests."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from registry.running import Registry
from tests.registry.beats import a_beat
from tests.registry.conftest import Serve, Start
from tests.registry.npm import installed

pytestmark = pytest.mark.timeout(120)  # the first one installs it


@pytest.fixture(scope="session")
def trpc_client() -> Path:
    """Its folder."""
    assert shutil.which("node"), "Node.js is needed to test with the official tRPC client: nodejs.org"
    return installed(Path(__file__).parent / "trpc_client")


async def ask(
    folder: Path, url: str, link: str, calls: list[list[object]], headers: dict[str, str] | None = None
) -> list[dict[str, Any]]:
    """What the official client gets, for each call."""
    node = await asyncio.create_subprocess_exec(
        "node",
        str(folder / "calls.mjs"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    asked = {"url": f"{url}/api/trpc", "link": link, "headers": headers or {}, "calls": calls}
    said, errors = await node.communicate(json.dumps(asked).encode())
    assert node.returncode == 0, errors.decode()
    answers: list[dict[str, Any]] = json.loads(said)
    return answers


@pytest.mark.parametrize("link", ["httpLink", "httpBatchLink", "httpBatchStreamLink"])
async def test_the_official_client_gets_data_and_errors(
    trpc_client: Path, registry: Registry, url: str, link: str
) -> None:
    registry.fleet.take(a_beat("lös/%2F"), source="")
    good, bad, missing, removed = await ask(
        trpc_client,
        url,
        link,
        [
            ["localAgents.heartbeat", "mutate", {"agentId": "kai", "processId": 7}],
            ["localAgents.heartbeat", "mutate", {"agentId": ""}],
            ["localAgents.nothing", "mutate", {}],
            ["localAgents.remove", "mutate", {"agentId": "lös/%2F"}],
        ],
    )
    assert good == {"data": {"success": True, "ttl": 25, "interval": 10, "commands": []}}
    assert bad["error"]["name"] == missing["error"]["name"] == "TRPCClientError"
    assert bad["error"]["data"]["code"] == "BAD_REQUEST"
    assert bad["error"]["data"]["path"] == "localAgents.heartbeat"
    assert bad["error"]["code"] == -32600
    assert "agentId" in bad["error"]["message"]
    assert (missing["error"]["data"]["code"], missing["error"]["code"]) == ("NOT_FOUND", -32004)
    assert removed["data"]["removed"]

    local, deployed = await ask(
        trpc_client,
        url,
        link,
        [["localAgents.getAll", "query", {"limit": 5}], ["agents.getDeployed", "query", None]],
    )
    assert [agent["id"] for agent in local["data"]] == ["kai"]
    assert local["data"][0]["lastHeartbeat"].endswith("Z")
    assert deployed == {"data": []}


async def test_the_official_client_understands_the_guard(
    trpc_client: Path, start: Start, serve: Serve
) -> None:
    url = await serve(await start(token="secret"))
    calls: list[list[object]] = [["localAgents.getAll", "query"], ["agents.getDeployed", "query"]]
    refused = await ask(trpc_client, url, "httpBatchLink", calls)
    assert [answer["error"]["data"]["code"] for answer in refused] == ["UNAUTHORIZED", "UNAUTHORIZED"]
    assert "REGISTRY_TOKEN" in refused[0]["error"]["message"]
    let_in = await ask(trpc_client, url, "httpBatchLink", calls, {"authorization": "Bearer secret"})
    assert let_in == [{"data": []}, {"data": []}]
