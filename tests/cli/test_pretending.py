"""A pretend agent, in virtual time."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import httpx
import msgspec
import pytest

from cli.errors import RefusedError, UnreachableError
from cli.pretending import Role, beat_of, play
from tests.cli.fakes import FakeRegistry
from wire import Command, Hint, Kind, Said, check_texts, decode_beat, encode_beat

pytestmark = pytest.mark.looptime

ROLE = Role(agent_id="demo", name="Demo", status=Said.RUNNING, host="here")


class Play:
    """Roles that are played, and what was told."""

    def __init__(self, registry: FakeRegistry, *roles: Role) -> None:
        self.told: list[str] = []
        self.task = asyncio.create_task(play(registry.client(), list(roles), tell=self.told.append))

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.wait({self.task})


def statuses(registry: FakeRegistry) -> list[str]:
    return [beat["status"] for beat in registry.beats]


def test_its_beats_are_good() -> None:
    role = replace(
        ROLE, room="agent-1-room", n_humans=2, hints=(Hint(points=5, text="slow"),), status=Said.WARNING
    )
    beat = beat_of(role, incarnation="i", sequence=1, now=12.0, began_at=10.0)
    assert decode_beat(encode_beat(beat)) == beat
    check_texts(beat)
    assert beat.call is not None
    assert (beat.kind, len(beat.call.humans), beat.call.phase, beat.call.since) == (
        Kind.SESSION,
        2,
        "active",
        2,
    )


async def test_it_beats_as_the_registry_asks(registry: FakeRegistry) -> None:
    demo = Play(registry, ROLE)
    await asyncio.sleep(35)
    await demo.stop()
    assert statuses(registry) == ["running"] * 4 + ["stopped"]
    assert [beat["sequence"] for beat in registry.beats] == [1, 2, 3, 4, 5]
    assert len({beat["incarnation"] for beat in registry.beats}) == 1
    assert registry.beats[-1]["reason"] == "the demonstration is over"


async def test_its_own_interval_wins(registry: FakeRegistry) -> None:
    demo = Play(registry, replace(ROLE, interval=1.0))
    await asyncio.sleep(4.5)
    await demo.stop()
    assert len(registry.beats) == 6
    assert registry.beats[0]["interval"] == 1


@pytest.mark.parametrize("order", ["stop", "drain", "leave"])
async def test_it_obeys(registry: FakeRegistry, order: str, looptime: float) -> None:
    demo = Play(registry, ROLE)
    await asyncio.sleep(5)
    registry.commands.append(Command(id="1", order=order, reason="enough"))
    await demo.task
    assert looptime == 10
    assert statuses(registry) == ["running", "running", "stopped"]
    assert registry.beats[-1]["reason"] == f"{order} ordered: enough"


async def test_an_order_it_does_not_know_changes_nothing(registry: FakeRegistry) -> None:
    registry.commands.append(Command(id="1", order="dance"))
    demo = Play(registry, ROLE)
    await asyncio.sleep(15)
    await demo.stop()
    assert "was ordered to dance" in demo.told[1]
    assert len(registry.beats) == 3


async def test_several_play_at_once_and_each_ends_by_itself(registry: FakeRegistry) -> None:
    demo = Play(registry, *(replace(ROLE, agent_id=f"demo-{n}") for n in range(3)))
    await asyncio.sleep(5)
    registry.commands.append(Command(id="1", order="stop"))
    await asyncio.sleep(20)
    await demo.stop()
    assert statuses(registry).count("stopped") == 3
    assert len({beat["incarnation"] for beat in registry.beats}) == 3


async def test_another_process_with_its_id_makes_it_take_another(registry: FakeRegistry) -> None:
    registry.refusals.append((409, "superseded"))
    demo = Play(registry, ROLE)
    await asyncio.sleep(1)
    await demo.stop()
    assert registry.beats[0]["agentId"] == f"demo~{registry.beats[0]['incarnation'][:4]}"


@pytest.mark.parametrize(("status", "code"), [(503, "database"), (429, "too_many")])
async def test_it_waits_as_long_as_it_is_asked_to(registry: FakeRegistry, status: int, code: str) -> None:
    registry.refusals += [(status, code), (status, code)]
    demo = Play(registry, ROLE)
    await asyncio.sleep(3.9)
    assert registry.beats == []
    await asyncio.sleep(0.2)
    assert len(registry.beats) == 1
    await demo.stop()


@pytest.mark.parametrize("code", ["stopped", "bad_beat"])
async def test_what_waiting_does_not_mend_ends_it(registry: FakeRegistry, code: str) -> None:
    registry.refusals.append((409, code))
    with pytest.raises(RefusedError):
        await Play(registry, ROLE).task


async def test_a_registry_that_was_never_there_ends_it(registry: FakeRegistry) -> None:
    registry.failure = httpx.ConnectError("refused")
    with pytest.raises(UnreachableError):
        await Play(registry, ROLE).task


async def test_a_registry_that_goes_away_is_waited_for_and_told_of_twice(registry: FakeRegistry) -> None:
    demo = Play(registry, ROLE)
    await asyncio.sleep(5)
    registry.failure = httpx.ConnectError("refused")
    await asyncio.sleep(300)
    registry.failure = None
    await asyncio.sleep(30)
    await demo.stop()
    words = [line.partition(": ")[2] for line in demo.told]
    assert len(words) == 4
    assert words[1].endswith("tries again")
    assert words[2] == "the registry answers again"


async def test_the_goodbye_takes_two_seconds_at_most(registry: FakeRegistry, looptime: float) -> None:
    demo = Play(registry, ROLE)
    await asyncio.sleep(5)
    registry.hangs = True
    await demo.stop()
    assert looptime == 7


def test_a_goodbye_with_a_long_reason_is_still_a_beat() -> None:
    beat = beat_of(ROLE, incarnation="i", sequence=1, now=0, began_at=0)
    assert decode_beat(encode_beat(msgspec.structs.replace(beat, reason="x" * 500)))
