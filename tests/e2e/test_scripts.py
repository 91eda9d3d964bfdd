"""A profile as a script: it runs where Roomkeeper is installed, is seen, and answers in its own room only."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from stack.caller import Caller
from stack.livekit_server import LiveKitServer
from stack.local_models import LocalModels
from stack.registry import Registry
from stack.until import until
from stack.worker import Worker
from tests.e2e.test_presence import ask, greeted
from wire import DEFAULT_PROFILE

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(240)]

# Its file is called otherwise, or `import json` would find it.
AGENT = "json"
PROFILE = DEFAULT_PROFILE.model_copy(update={"name": "Bo", "greeting": "Good evening, this is Bo."})


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def livekit() -> AsyncIterator[LiveKitServer]:
    """A server of their own, so that no other worker takes their calls."""
    async with LiveKitServer() as server:
        yield server


async def test_a_script_is_seen_as_local_and_answers_in_its_room(
    livekit: LiveKitServer, models: LocalModels, tmp_path: Path
) -> None:
    async with Registry() as registry, httpx.AsyncClient(base_url=registry.url) as http:
        path = f"/api/agents/{AGENT}/profile"
        assert (await http.put(path, json=PROFILE.model_dump(mode="json"))).status_code == 201
        script = await http.get(f"{path}/script")
        name = script.headers["content-disposition"].partition('"')[2].strip('"')
        assert name == "agent_json.py"
        (tmp_path / name).write_text(script.text, encoding="utf-8")
        # The script counts from now on, whatever the registry has.
        await http.put(path, json={"name": "Somebody else", "prompt": "Say nothing."})
        async with Worker(
            livekit.address,
            models_url=models.url,
            command=(sys.executable, name, "dev"),
            cwd=tmp_path,
            env={
                "GRACE_PERIOD": "3",
                "WEB_UI_URL": registry.url,
                "AGENT_ID": "desk",
                "AGENT_DEPLOYMENT": "cloud",  # of the worker that shares these settings
            },
        ) as worker:
            seen = await registry.wait_for(f"desk/{AGENT}", status="running", timeout=40)
            assert (seen["kind"], seen["name"], seen["deployment"]) == ("worker", "Bo", "local")
            page = (await http.get("/?deployment=local")).text
            assert f'data-key="desk/{AGENT}"' in page
            assert '<span class="tag is-local">Local</span>' in page
            async with Caller(livekit.address, f"agent-{AGENT}-room", models_url=models.url) as guest:
                await greeted(guest)
                assert guest.others[0].name == "Bo"
                seen = await registry.wait_for(AGENT, status="running", timeout=30)
                assert (seen["name"], seen["deployment"]) == ("Bo", "local")
                await ask(guest)
            async with Caller(livekit.address, "agent-other-room"):
                refusal = "agent 'other' is for other workers; this one is 'json' alone"
                await until(lambda: refusal in worker.log_text(), timeout=40, what="the refusal")
