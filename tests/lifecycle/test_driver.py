"""The timer, in virtual time: when the agent leaves, to the second."""

import asyncio
from collections.abc import Sequence

import pytest

from lifecycle import CloseReason, Phase, RoomLife, RoomLimits, watch

pytestmark = pytest.mark.looptime


async def nobody() -> int | None:
    return 0


async def life(
    events: Sequence[tuple[float, str, int]],
    *,
    confirm: Sequence[int | None] = (0,),
    phases: list[Phase] | None = None,
    limits: RoomLimits | None = None,
) -> CloseReason:
    """Play `events` (second, input, humans) into a fresh room and wait for its end.

    `confirm` holds the answers of LiveKit's list; the last one repeats.
    """
    loop = asyncio.get_running_loop()
    room = RoomLife(limits or RoomLimits(), now=loop.time())
    changed = asyncio.Event()
    answers = list(confirm)

    async def play() -> None:
        for at, name, n_humans in events:
            await asyncio.sleep(at - loop.time())
            if name == "roster":
                room.roster(n_humans, now=loop.time())
            elif name == "disconnected":
                room.disconnected(now=loop.time())
            elif name == "reconnected":
                room.reconnected(now=loop.time())
            else:
                room.close(CloseReason(name), now=loop.time())
            changed.set()

    async def ask() -> int | None:
        return answers.pop(0) if len(answers) > 1 else answers[0]

    player = asyncio.create_task(play(), name="player")
    try:
        return await watch(
            room,
            changed=changed,
            confirm=ask,
            on_phase=lambda phase: phases.append(phase) if phases is not None else None,
        )
    finally:
        player.cancel()


async def test_the_agent_leaves_60_seconds_after_the_last_human(looptime: float) -> None:
    phases: list[Phase] = []
    events = [(10, "roster", 2), (50, "roster", 1), (70, "roster", 0)]
    assert await life(events, phases=phases) is CloseReason.HUMANS_LEFT
    assert looptime == 130
    assert phases == [Phase.ACTIVE, Phase.GRACE_PERIOD, Phase.CLOSING]


async def test_a_return_at_59_seconds_keeps_the_agent(looptime: float) -> None:
    events = [(10, "roster", 1), (50, "roster", 0), (109, "roster", 1), (200, "roster", 0)]
    assert await life(events) is CloseReason.HUMANS_LEFT
    assert looptime == 260


async def test_a_return_at_61_seconds_is_too_late(looptime: float) -> None:
    events = [(10, "roster", 1), (50, "roster", 0), (111, "roster", 1)]
    assert await life(events) is CloseReason.HUMANS_LEFT
    assert looptime == 110


async def test_a_repeated_roster_does_not_restart_the_grace_period(looptime: float) -> None:
    await life([(10, "roster", 1), (50, "roster", 0), (80, "roster", 0)])
    assert looptime == 110


async def test_nobody_comes(looptime: float) -> None:
    assert await life([]) is CloseReason.NEVER_JOINED
    assert looptime == 120


async def test_livekit_stays_away(looptime: float) -> None:
    events = [(10, "roster", 1), (20, "disconnected", 0), (30, "roster", 0)]
    assert await life(events) is CloseReason.DISCONNECTED
    assert looptime == 320


async def test_livekit_comes_back(looptime: float) -> None:
    events = [
        (10, "roster", 1),
        (20, "disconnected", 0),
        (319, "reconnected", 0),
        (319, "roster", 1),
        (400, "roster", 0),
    ]
    assert await life(events) is CloseReason.HUMANS_LEFT
    assert looptime == 460


async def test_the_longest_call(looptime: float) -> None:
    assert await life([(10, "roster", 1)]) is CloseReason.MAX_SESSION
    assert looptime == 43_200


async def test_an_operator_ends_it_at_once(looptime: float) -> None:
    assert await life([(10, "roster", 1), (30, "operator", 0)]) is CloseReason.OPERATOR
    assert looptime == 30


async def test_a_human_on_livekits_list_keeps_the_agent_until_the_list_is_empty(looptime: float) -> None:
    events = [(10, "roster", 1), (20, "roster", 0)]
    assert await life(events, confirm=[1, 1, 0]) is CloseReason.HUMANS_LEFT
    assert looptime == 90


async def test_a_list_that_cannot_be_had_delays_the_end_by_two_seconds(looptime: float) -> None:
    assert await life([(10, "roster", 1), (20, "roster", 0)], confirm=[None]) is CloseReason.HUMANS_LEFT
    assert looptime == 82


async def test_deadlines_that_floats_cannot_hold_do_not_spin(looptime: float) -> None:
    limits = RoomLimits(grace_period=0.1 + 0.2, absence_delay=0.1)
    assert await life([(0.1, "roster", 1), (0.7, "roster", 0)], limits=limits) is CloseReason.HUMANS_LEFT
    assert looptime == pytest.approx(1.0)


async def test_a_room_that_is_closed_before_anyone_watches_ends_at_once(looptime: float) -> None:
    room = RoomLife(RoomLimits(), now=0)
    room.close(CloseReason.DUPLICATE, now=0)
    assert await watch(room, changed=asyncio.Event(), confirm=nobody) is CloseReason.DUPLICATE
    assert looptime == 0
