"""The line, in virtual time: kept open while it is offered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from heartbeat.errors import RefusedError, UnreachableError
from heartbeat.line import Line
from tests.heartbeat.fakes import MemoryTransport, Registry, a_beat
from wire import LINE_PATH, Command, Down, Outcome, Refused, Reply, Up

pytestmark = pytest.mark.looptime


class Kept:
    """A line that is kept open, and what it has told."""

    def __init__(self) -> None:
        self.registry = Registry()
        self.told: list[tuple[float, str]] = []
        self.commands: list[Command] = []
        self.line = Line(
            MemoryTransport(self.registry),
            spread=lambda: 1.0,
            on_open=lambda: self._tell("open"),
            on_lost=lambda: self._tell("lost"),
            on_command=self.commands.append,
        )

    def _tell(self, what: str) -> None:
        self.told.append((round(asyncio.get_running_loop().time(), 3), what))


@pytest_asyncio.fixture
async def kept() -> AsyncIterator[Kept]:
    kept = Kept()
    task = asyncio.create_task(kept.line.run())
    yield kept
    task.cancel()
    await asyncio.wait({task})


async def test_it_is_not_opened_unless_offered(kept: Kept) -> None:
    await asyncio.sleep(60)
    kept.line.offer(None)
    await asyncio.sleep(60)
    assert kept.registry.n_tries == 0


@pytest.mark.parametrize("path", ["http://elsewhere/", "elsewhere", "", "/" + "x" * 5_000, "/ä"])
async def test_it_is_opened_at_the_same_registry_only(kept: Kept, path: str) -> None:
    kept.line.offer(path)
    await asyncio.sleep(60)
    assert kept.registry.n_tries == 0


async def test_beats_go_on_it(kept: Kept) -> None:
    kept.line.offer(LINE_PATH)
    await asyncio.sleep(1)
    assert kept.line.is_open
    assert await kept.line.beat(a_beat()) == kept.registry.reply
    kept.registry.refused = Refused(code="stopped", message="over")
    with pytest.raises(RefusedError, match="stopped: over"):
        await kept.line.beat(a_beat())
    assert kept.told == [(0, "open")]


async def test_commands_and_frames_that_nobody_knows_come_down(kept: Kept) -> None:
    kept.line.offer(LINE_PATH)
    await asyncio.sleep(1)
    kept.registry.lines[0].send(Down())
    kept.registry.lines[0].send(Down(reply=Reply(ttl=1, interval=1)))
    kept.registry.lines[0].order("stop", "7")
    await kept.line.say(Up(outcome=Outcome(id="7", ok=True)))
    await asyncio.sleep(1)
    assert [command.id for command in kept.commands] == ["7"]
    assert kept.registry.outcomes == [Outcome(id="7", ok=True)]
    assert kept.line.is_open


async def test_a_good_line_that_breaks_is_open_again_within_a_fifth_of_a_second(kept: Kept) -> None:
    kept.line.offer(LINE_PATH)
    await asyncio.sleep(10)
    kept.registry.lines[0].break_()
    await asyncio.sleep(1)
    assert kept.told == [(0, "open"), (10.2, "open")]


async def test_a_line_that_cannot_be_had_again_is_lost_and_tried_less_and_less(kept: Kept) -> None:
    kept.line.offer(LINE_PATH)
    await asyncio.sleep(10)
    kept.registry.has_line = False
    kept.registry.lines[0].break_()
    await asyncio.sleep(290)
    assert kept.told == [(0, "open"), (10.2, "lost")]
    # 0.2 + 0.4 + … + 25.6 s are 51 s, then one every 30 s
    assert kept.registry.n_tries == 1 + 8 + 7
    kept.registry.has_line = True
    await asyncio.sleep(30)
    assert kept.line.is_open


async def test_an_offer_cuts_the_wait_short(kept: Kept) -> None:
    kept.registry.has_line = False
    kept.line.offer(LINE_PATH)
    await asyncio.sleep(100)
    kept.registry.has_line = True
    kept.line.offer(LINE_PATH)
    await asyncio.sleep(0.1)
    assert kept.line.is_open


async def test_a_line_that_breaks_at_once_is_not_opened_all_the_time(kept: Kept) -> None:
    kept.line.offer(LINE_PATH)
    for _ in range(120):
        await asyncio.sleep(0.5)
        if kept.line.is_open:
            kept.registry.lines[-1].break_()
    assert kept.registry.n_tries < 12


async def test_a_beat_without_reply_closes_it_after_five_seconds(kept: Kept) -> None:
    kept.line.offer(LINE_PATH)
    await asyncio.sleep(10)
    kept.registry.is_hung = True
    with pytest.raises(UnreachableError, match="no reply on the line within 5 s"):
        await kept.line.beat(a_beat())
    assert asyncio.get_running_loop().time() == 15
    assert not kept.line.is_open
    await asyncio.sleep(1)
    assert kept.told == [(0, "open"), (15.2, "open")]


async def test_a_beat_on_a_line_that_breaks_fails_at_once(kept: Kept) -> None:
    kept.line.offer(LINE_PATH)
    await asyncio.sleep(10)
    kept.registry.is_hung = True
    kept.registry.lines[0].break_()
    with pytest.raises(UnreachableError, match="the line broke"):
        await kept.line.beat(a_beat())
    assert asyncio.get_running_loop().time() == 10


async def test_a_reply_that_comes_late_is_not_taken_for_the_next_ones(kept: Kept) -> None:
    kept.line.offer(LINE_PATH)
    await asyncio.sleep(10)
    kept.registry.is_hung = True
    given_up = asyncio.create_task(kept.line.beat(a_beat()))
    await asyncio.sleep(1)
    given_up.cancel()
    await asyncio.wait({given_up})
    next_one = asyncio.create_task(kept.line.beat(a_beat()))
    await asyncio.sleep(1)
    kept.registry.lines[0].send(Down(reply=Reply(ttl=1, interval=1)))
    kept.registry.lines[0].send(Down(reply=Reply(ttl=2, interval=2)))
    assert (await next_one).ttl == 2


async def test_rubbish_on_it_breaks_it(kept: Kept) -> None:
    kept.line.offer(LINE_PATH)
    await asyncio.sleep(10)
    kept.registry.lines[0].send_rubbish(b'{"reply": 7}')
    await asyncio.sleep(1)
    assert kept.told == [(0, "open"), (10.2, "open")]


async def test_nothing_goes_on_a_line_that_is_not_open(kept: Kept) -> None:
    for attempt in (kept.line.beat(a_beat()), kept.line.say(Up())):
        with pytest.raises(UnreachableError, match="not open"):
            await attempt


async def test_a_registry_that_offers_no_line_any_more_gets_it_closed(kept: Kept) -> None:
    kept.line.offer(LINE_PATH)
    await asyncio.sleep(10)
    kept.line.offer(None)
    kept.line.offer(None)
    await asyncio.sleep(100)
    assert not kept.line.is_open
    assert kept.told == [(0, "open")]
