"""What operators and watchers say of an agent beside its beats, in virtual time."""

import asyncio

import pytest

from registry.errors import AliveError, UnknownAgentError
from registry.records import Forced, Status
from tests.registry.virtual_fleet import play, rows_of
from wire import Said

pytestmark = pytest.mark.looptime


async def test_a_forced_status_holds_until_it_is_unlocked_and_survives_a_restart() -> None:
    async with play() as p:
        agent = p.beat()
        forced = Forced(status=Status.ERROR, health=10, by="Max", reason="broken", at=p.clock.utc())
        await p.fleet.force(agent, forced, by="Max", reason="broken")
        p.beat()
        p.beat(status=Said.WARNING)
        assert (p.status(), agent.verdict.health) == (Status.ERROR, 10)
        rows = rows_of(p)
    async with play(rows) as p:
        assert p.status() is Status.ERROR
        agent = p.beat()
        assert p.status() is Status.ERROR
        await p.fleet.force(agent, None, by="Eva", reason="mended")
        assert p.status() is Status.RUNNING
        assert [change.reason for change in p.ledger.changes][-1] == "unlocked by Eva: mended"


async def test_a_forced_agent_stays_on_the_page_for_as_long_as_it_is_forced() -> None:
    async with play() as p:
        agent = p.beat()
        forced = Forced(status=Status.STOPPED, health=None, by="Max", reason="broken", at=p.clock.utc())
        await p.fleet.force(agent, forced, by="Max", reason="broken")
        await asyncio.sleep(3_000)
        assert p.status() is Status.STOPPED
        await p.fleet.force(agent, None, by="Max", reason="history")
        await asyncio.sleep(1_300)
        assert p.fleet.find("1") is None


async def test_an_agent_forced_offline_beats_as_calmly_as_before() -> None:
    async with play() as p:
        agent = p.beat()
        forced = Forced(status=Status.OFFLINE, health=None, by="Max", reason="away", at=p.clock.utc())
        await p.fleet.force(agent, forced, by="Max", reason="away")
        p.beat()
        assert not agent.facts.is_doubted


async def test_evidence_of_a_dead_process_counts_until_it_beats() -> None:
    async with play() as p:
        agent = p.beat()
        await p.fleet.tell_gone(agent, cause="process 12 does not exist on box", by="fix")
        assert p.status() is Status.OFFLINE
        p.beat()
        p.beat()
        assert p.status() is Status.RUNNING


async def test_inactivity_is_forgotten_when_the_agent_says_that_it_is_active() -> None:
    async with play() as p:
        agent = p.beat(idle=1_000.0)
        await p.fleet.tell_inactive(agent, cause="no activity for 15 minutes", by="monitor")
        assert p.status() is Status.WARNING
        p.beat(idle=1_010.0)
        assert p.status() is Status.WARNING
        p.beat(idle=2.0)
        assert p.status() is Status.RUNNING


async def test_a_living_agent_is_not_removed_by_mistake() -> None:
    async with play() as p:
        agent = p.beat()
        with pytest.raises(AliveError):
            p.fleet.remove(agent, by="Max", reason="tidy", even_alive=False)
        await p.fleet.remove(agent, by="Max", reason="tidy", even_alive=True)
        assert p.ledger.rows == {}
        with pytest.raises(UnknownAgentError):
            p.fleet.get("1")
        p.beat()
        assert p.status() is Status.RUNNING
