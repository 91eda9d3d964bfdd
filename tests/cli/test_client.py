"""The API as the command line uses it."""

from __future__ import annotations

import pytest

from cli.client import Client, Query
from cli.connection import Connection
from cli.errors import RefusedError
from tests.cli.fakes import FakeRegistry, agent_json


@pytest.mark.parametrize(
    ("agent_id", "path"),
    [
        ("ada", "/api/agents/ada"),
        ("a/b c", "/api/agents/a%2Fb%20c"),
        ("worker@höst", "/api/agents/worker%40h%C3%B6st"),
        ("a/../b", "/api/agents/a%2F..%2Fb"),
        ("..", "/api/agents/%2E%2E"),
        ("?x=1#y", "/api/agents/%3Fx%3D1%23y"),
    ],
)
async def test_any_id_can_be_asked_for(registry: FakeRegistry, agent_id: str, path: str) -> None:
    registry.add(agent_json(agent_id))
    async with registry.client() as client:
        assert (await client.agent(agent_id)).agent_id == agent_id
    assert registry.requests[0][1] == path


async def test_a_path_before_the_api_is_kept(registry: FakeRegistry) -> None:
    registry.add(agent_json("ada"))
    async with Client(Connection("http://host/behind/proxy", transport=registry)) as client:
        with pytest.raises(RefusedError):
            await client.agent("ada")
    assert registry.requests[0][1] == "/behind/proxy/api/agents/ada"


async def test_all_agents_are_asked_for_in_pages(registry: FakeRegistry) -> None:
    registry.add(*(agent_json(f"agent-{n:04}") for n in range(1_203)))
    async with registry.client() as client:
        page = await client.agents(Query(kind="program"))
        first = await client.agents(Query(), limit=7)
    assert (len(page.agents), page.total) == (1_203, 1_203)
    assert len({agent.agent_id for agent in page.agents}) == 1_203
    assert [parameters["offset"] for _, _, parameters in registry.requests] == ["0", "500", "1000", "0"]
    assert registry.requests[1][2] == {"kind": "program", "sort": "agentId", "limit": "500", "offset": "500"}
    assert (len(first.agents), first.total) == (7, 1_203)


async def test_agents_that_come_and_go_between_two_pages_do_no_harm(registry: FakeRegistry) -> None:
    registry.add(*(agent_json(f"agent-{n:04}") for n in range(600)))
    async with registry.client() as client:
        page = await client.raw_agents(Query())
        assert len(page.agents) == 600
        asked = len(registry.requests)

        class Shrinking(FakeRegistry):
            def facts(self) -> dict[str, object]:
                self.agents = dict([*self.agents.items()][:400])
                return super().facts()

        shrinking = Shrinking(agents=dict(registry.agents))
        async with shrinking.client() as other:
            assert len((await other.agents(Query())).agents) == 500
    assert (asked, len(shrinking.requests)) == (2, 2)


async def test_what_a_later_registry_tells_is_kept_in_its_own_words(registry: FakeRegistry) -> None:
    registry.add(agent_json("ada"))
    async with registry.client() as client:
        page = await client.raw_agents(Query(), limit=1)
    assert b"of a later version" not in bytes(page.registry)
    assert b'"somethingNew":{"of":"a later version"}' in bytes(page.agents[0])
