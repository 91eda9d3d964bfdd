"""How often the database is asked how long people wait."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from registry.page.latency_part import FRESH, LatencyParts
from registry.sessions import Sessions
from registry.store import Store
from tests.registry.room_parts import FakeClock
from tests.registry.store.session_samples import session

SECOND = timedelta(seconds=1)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def parts(store: Store, clock: FakeClock) -> LatencyParts:
    store.migrate()
    return LatencyParts(
        Sessions(store.sessions, clock=clock.clock, history_days=90, journal_days=30), clock=clock.clock
    )


def call(store: Store, clock: FakeClock, session_id: str, agent_id: str = "ada") -> None:
    """A session begins, in which the agent was heard."""
    row = session(session_id, agent_id=agent_id, started_at=clock.utc() - SECOND, first_audio=0.5)
    store.sessions.report(row, [])


async def count(parts: LatencyParts, agent_id: str = "ada", wanted: str = "") -> int:
    """Sessions that are shown."""
    found = (await parts.of(agent_id, wanted)).charts
    return found[0].overall.count if found else 0


async def test_it_is_asked_once_a_minute_for_each_agent(
    store: Store, parts: LatencyParts, clock: FakeClock
) -> None:
    assert await count(parts) == 0
    call(store, clock, "one")
    assert await count(parts) == 1, "the first call of an agent is seen at once"
    call(store, clock, "two")
    call(store, clock, "other", agent_id="eve")
    assert await count(parts) == 1
    assert await count(parts, wanted="day") == 2, "that was not asked before"
    assert await count(parts, "eve") == 1
    clock.move(seconds=FRESH - 1)
    assert await count(parts) == 1
    clock.move(seconds=1)
    assert await count(parts) == 2


async def test_many_who_look_at_once_ask_once(store: Store, parts: LatencyParts, clock: FakeClock) -> None:
    call(store, clock, "one")
    first, *others = await asyncio.gather(*(parts.of("ada", "") for _ in range(8)))
    assert all(part is first for part in others)


async def test_so_many_are_kept_and_no_more(store: Store, parts: LatencyParts, clock: FakeClock) -> None:
    for number in range(66):
        call(store, clock, f"s{number}", agent_id=f"a{number}")
        await parts.of(f"a{number}", "")
    first, last = "a0", "a65"
    for agent_id in (first, last):
        call(store, clock, f"more of {agent_id}", agent_id=agent_id)
    assert await count(parts, last) == 1
    assert await count(parts, first) == 2, "it was forgotten"


async def test_a_database_that_fails_is_asked_again(
    store: Store, parts: LatencyParts, clock: FakeClock
) -> None:
    call(store, clock, "one")
    parts_of_closed = await parts.of("ada", "")
    assert parts_of_closed.trouble == ""
    store.close()
    assert "closed" in (await parts.of("ada", "day")).trouble
    assert (await parts.of("ada", "")) is parts_of_closed
