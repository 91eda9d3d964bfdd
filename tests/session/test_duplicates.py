"""Of two agents the younger leaves, and nobody yields to a ghost (complaint 15)."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest
from livekit import rtc

from session.duplicates import Elders, find_elder, is_alive

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
AGENT = rtc.ParticipantKind.PARTICIPANT_KIND_AGENT


@dataclass
class SomeAgent:
    identity: str
    joined_at: datetime | None = NOON
    kind: int = AGENT
    attributes: dict[str, str] = field(default_factory=lambda: {"roomkeeper.incarnation": "x"})


LATER = NOON + timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("others", "elder"),
    [
        pytest.param([], None, id="alone"),
        pytest.param([SomeAgent("ai-1-a", NOON)], "ai-1-a", id="an older one"),
        pytest.param([SomeAgent("ai-1-z", LATER + timedelta(1))], None, id="a younger one"),
        pytest.param([SomeAgent("ai-1-a", LATER)], "ai-1-a", id="same moment: the smaller identity is older"),
        pytest.param([SomeAgent("ai-1-z", LATER)], None, id="same moment, the other way"),
        pytest.param([SomeAgent("other", NOON, attributes={})], None, id="an agent of another kind"),
        pytest.param([SomeAgent("guest", NOON, kind=0)], None, id="a human who claims to be one"),
        pytest.param(
            [
                SomeAgent(
                    "ai-1-a",
                    NOON,
                    attributes={"roomkeeper.incarnation": "x", "roomkeeper.leaving": "operator"},
                )
            ],
            None,
            id="one on its way out",
        ),
        pytest.param(
            [SomeAgent("ai-1-b", NOON), SomeAgent("ai-1-a", NOON)], "ai-1-a", id="the oldest of two"
        ),
    ],
)
def test_find_elder(others: list[SomeAgent], elder: str | None) -> None:
    assert find_elder(SomeAgent("ai-1-m", LATER), others) == elder


def test_whatever_the_order_exactly_one_stays() -> None:
    agents = [
        SomeAgent(f"ai-1-{name}", at) for name, at in zip("abcd", (LATER, NOON, NOON, None), strict=True)
    ]
    for order in itertools.permutations(agents):
        staying = [me for me in order if find_elder(me, order) is None]
        assert len(staying) == 1


def answers(*replies: str | Exception) -> Callable[[], Awaitable[str]]:
    left = list(replies)

    async def ask() -> str:
        reply = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(reply, Exception):
            raise reply
        return reply

    return ask


@pytest.mark.looptime
@pytest.mark.parametrize(
    ("ask", "alive", "takes"),
    [
        pytest.param(answers('{"phase": "active"}'), True, 0, id="it answers"),
        pytest.param(answers("rubbish"), True, 0, id="it answers rubbish"),
        pytest.param(answers('{"phase": "closing"}'), False, 0, id="it leaves"),
        pytest.param(
            answers(rtc.RpcError(1400, "no such method"), '{"phase": "active"}'), True, 0.5, id="not yet"
        ),
        pytest.param(answers(TimeoutError()), False, 1, id="it never answers"),
        pytest.param(answers(RuntimeError("no native runtime")), False, 1, id="the SDK does not ask"),
        pytest.param(
            answers(ConnectionError(), '{"phase": "active"}'), True, 0.5, id="no connection at first"
        ),
        pytest.param(answers(OSError("no route")), False, 1, id="the system does not let it ask"),
    ],
)
async def test_is_alive(
    ask: Callable[[], Awaitable[str]], alive: bool, takes: float, looptime: float
) -> None:
    assert await is_alive(ask) is alive
    assert looptime == takes


@pytest.mark.looptime
async def test_an_elder_that_hangs_is_given_up_after_four_seconds(looptime: float) -> None:
    async def ask() -> str:
        await asyncio.sleep(1e9)
        return ""

    assert not await is_alive(ask)
    assert looptime == 4


# -- looking again and again


@dataclass
class SomeRoom:
    local_participant: SomeAgent
    remote_participants: dict[str, SomeAgent]


@dataclass
class Looking:
    """A younger agent in a room with an elder that answers as given."""

    ask: Callable[[], Awaitable[str]]
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.room = SomeRoom(SomeAgent("ai-1-me", LATER), {"ai-1-a": SomeAgent("ai-1-a", NOON)})
        self.elders = Elders(
            cast(rtc.Room, self.room),
            ask=lambda _: self.ask(),
            on_alive=lambda: self.told.append("one too many"),
            on_eldest=lambda: self.told.append("stays"),
        )

    async def look(self) -> None:
        self.elders.look()
        await asyncio.sleep(20)  # longer than all tries

    def elder_goes(self) -> None:
        self.room.remote_participants.clear()


@pytest.mark.looptime
@pytest.mark.parametrize(
    ("ask", "told"),
    [
        pytest.param(answers('{"phase": "active"}'), ["one too many"], id="alive"),
        pytest.param(answers(rtc.RpcError(1400, "no such method")), ["stays"], id="a ghost"),
        pytest.param(answers(RuntimeError("no native runtime")), ["stays"], id="nobody can ask"),
    ],
)
async def test_an_agent_stays_unless_its_elder_lives(
    ask: Callable[[], Awaitable[str]], told: list[str]
) -> None:
    looking = Looking(ask)
    await looking.look()
    assert looking.told == told
    await looking.elders.aclose()


@pytest.mark.looptime
async def test_an_agent_that_could_not_find_out_stays_once_its_elder_is_gone() -> None:
    looking = Looking(answers(KeyError("something that nobody expects")))
    asking = asyncio.create_task(looking.look())
    await asyncio.wait({asking})
    assert looking.told == []
    looking.elder_goes()
    await looking.look()
    assert looking.told == ["stays"]
    await looking.elders.aclose()


@pytest.mark.looptime
async def test_an_agent_that_yields_does_not_stay_when_its_elder_goes() -> None:
    looking = Looking(answers('{"phase": "active"}'))
    await looking.look()
    looking.elder_goes()
    await looking.look()
    assert looking.told == ["one too many"]
    await looking.elders.aclose()


@pytest.mark.looptime
async def test_nobody_looks_after_the_end() -> None:
    looking = Looking(answers('{"phase": "active"}'))
    await looking.elders.aclose()
    await looking.elders.aclose()
    await looking.look()
    looking.elder_goes()
    await looking.look()
    assert looking.told == []
