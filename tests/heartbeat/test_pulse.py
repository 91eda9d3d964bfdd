"""Beats in virtual time: when they go, and what happens when the registry does not take them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from heartbeat.commands import Orders
from heartbeat.composer import Composer
from heartbeat.facts import Facts
from heartbeat.outage import Outage
from heartbeat.pulse import Pulse
from tests.heartbeat.fakes import ID, MemoryTransport, Registry, facts, reading
from wire import LINE_PATH, Command, Order, Refused, Reply, Said

pytestmark = pytest.mark.looptime


class Beating:
    """A pulse, its registry and its owner. Chance is always one half: beats are 10 s apart."""

    def __init__(self) -> None:
        self.registry = Registry()
        self.transport = MemoryTransport(self.registry)
        self.facts: Facts | Exception = facts()
        self.ordered: list[Command] = []
        self.composer = Composer(self._describe, read=reading, interval=10.0, incarnation=ID)
        self.pulse = Pulse(
            self.transport,
            self.composer,
            orders=Orders({Order.STOP: self._stop}),
            outage=Outage("http://localhost:3026"),
            spread=lambda: 0.5,
        )
        self.task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self.task = asyncio.create_task(self.pulse.run())

    async def _stop(self, command: Command) -> None:
        self.ordered.append(command)

    def _describe(self) -> Facts:
        if isinstance(self.facts, Exception):
            raise self.facts
        return self.facts

    @property
    def at(self) -> list[float]:
        return [round(at, 3) for at in self.registry.at]

    def offer_line(self) -> None:
        self.registry.reply = Reply(ttl=25, interval=10, line=LINE_PATH)


@pytest_asyncio.fixture
async def idle() -> AsyncIterator[Beating]:
    """Not started yet."""
    beating = Beating()
    yield beating
    if beating.task is not None:
        beating.task.cancel()
        await asyncio.wait({beating.task})


@pytest_asyncio.fixture
async def beating(idle: Beating) -> Beating:
    idle.start()
    return idle


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


async def test_beats_go_at_once_and_then_every_interval(idle: Beating) -> None:
    beating = idle
    assert not beating.pulse.is_heard
    beating.start()
    await asyncio.sleep(35)
    assert beating.at == [0, 10, 20, 30]
    assert [beat.sequence for beat in beating.registry.beats] == [1, 2, 3, 4]
    assert beating.pulse.is_heard


async def test_the_registry_says_how_often(beating: Beating) -> None:
    beating.registry.reply = Reply(ttl=5, interval=2)
    await asyncio.sleep(5)
    beating.registry.reply = Reply(ttl=5, interval=0)
    await asyncio.sleep(1.3)
    assert beating.at == [0, 2, 4, 6, 6.2]
    assert [beat.interval for beat in beating.registry.beats] == [10, 2, 2, 2, 0.2]


async def test_what_changes_is_told_at_once_and_at_most_five_times_a_second(beating: Beating) -> None:
    await asyncio.sleep(5)
    for number in range(100):
        beating.facts = facts(reason=f"{number}")
        beating.pulse.beat_now()
        await asyncio.sleep(0.01)
    await asyncio.sleep(1)
    assert beating.at == [0, 5, 5.2, 5.4, 5.6, 5.8, 6]
    assert beating.registry.beats[-1].reason == "99"
    await asyncio.sleep(10)
    assert beating.at[-1] == 16


async def test_five_minutes_without_registry_make_one_line_and_no_queue(
    beating: Beating, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await asyncio.sleep(15)
    beating.registry.is_away = True
    for number in range(60):
        beating.facts = facts(reason=f"change {number}")
        beating.pulse.beat_now()
        await asyncio.sleep(5)
    assert not beating.pulse.is_heard
    beating.registry.is_away = False
    beating.facts = facts(reason="now")
    await asyncio.sleep(31)
    back = [beat for beat, at in zip(beating.registry.beats, beating.at, strict=True) if at > 15]
    assert {beat.reason for beat in back} == {"now"}
    assert 2 <= len(back) <= 4
    assert [record.levelno for record in caplog.records] == [logging.WARNING, logging.INFO]
    assert "nobody is there" in caplog.records[0].getMessage()
    assert beating.pulse.is_heard


async def test_tries_are_further_and_further_apart(idle: Beating) -> None:
    beating = idle
    tried: list[float] = []
    post = beating.transport.post

    async def counted(beat: object) -> Reply:
        tried.append(round(asyncio.get_running_loop().time(), 3))
        return await post(beat)  # type: ignore[arg-type]

    beating.transport.post = counted  # type: ignore[method-assign]
    beating.registry.is_away = True
    beating.start()
    await asyncio.sleep(61)
    assert tried == [0, 0.25, 0.75, 1.75, 3.75, 7.75, 15.75, 30.75, 45.75, 60.75]


@pytest.mark.parametrize("code", ["token", "bad_beat", "too_large", "foreign"])
async def test_a_refusal_that_a_person_must_mend_is_told_once_and_tried_slowly(
    beating: Beating, caplog: pytest.LogCaptureFixture, code: str
) -> None:
    beating.registry.refused = Refused(code=code, message="the registry's words")
    await asyncio.sleep(100)
    assert len(warnings(caplog)) == 1
    assert "the registry's words" in warnings(caplog)[0]
    beating.registry.refused = None
    await asyncio.sleep(21)
    assert beating.at == [120]


async def test_what_may_have_been_wrong_is_tried_again_when_it_changes(beating: Beating) -> None:
    beating.registry.refusals = [Refused(code="bad_beat", message="the name is wrong")]
    await asyncio.sleep(3)
    beating.pulse.beat_now()
    await asyncio.sleep(0.1)
    assert beating.at == [3]


async def test_the_registry_may_ask_to_wait(beating: Beating) -> None:
    beating.registry.refusals = [Refused(code="too_many", message="slowly", retry_after=20.0)]
    await asyncio.sleep(25)
    assert beating.at == [22.5]


async def test_another_process_with_this_id_is_stepped_aside_for(
    beating: Beating, caplog: pytest.LogCaptureFixture
) -> None:
    await asyncio.sleep(5)
    beating.registry.superseded = {"ada"}
    await asyncio.sleep(100)
    beats = beating.registry.beats
    assert [beat.agent_id for beat in beats[:2]] == ["ada", f"ada~{ID[:4]}"]
    assert beating.at[1] == 10.2
    assert {beat.incarnation for beat in beats} == {ID}
    assert warnings(caplog) == [f"another process has this agent id now; this one goes on as ada~{ID[:4]}"]


async def test_stepping_aside_for_ever_is_an_outage_like_others(
    beating: Beating, caplog: pytest.LogCaptureFixture
) -> None:
    beating.registry.refused = Refused(code="superseded", message="no")
    await asyncio.sleep(100)
    assert len(warnings(caplog)) == 8 + 1


async def test_a_process_that_lives_though_it_said_goodbye_takes_another_incarnation(
    beating: Beating,
) -> None:
    beating.registry.refusals = [Refused(code="stopped", message="it said goodbye")]
    await asyncio.sleep(1)
    (beat,) = beating.registry.beats
    assert beat.incarnation not in {"", ID}


async def test_an_owner_that_says_nothing_is_asked_again(idle: Beating) -> None:
    beating = idle
    beating.facts = ValueError("not yet")
    beating.start()
    await asyncio.sleep(5)
    beating.facts = facts()
    await asyncio.sleep(10)
    assert beating.at == [10]


async def test_one_failure_that_nobody_foresaw_does_not_end_it(
    beating: Beating, caplog: pytest.LogCaptureFixture
) -> None:
    await asyncio.sleep(5)
    post, failures = beating.transport.post, [KeyError("who knows"), KeyError("who knows")]

    async def stumble(beat: object) -> Reply:
        if failures:
            raise failures.pop()
        return await post(beat)  # type: ignore[arg-type]

    beating.transport.post = stumble  # type: ignore[method-assign]
    await asyncio.sleep(10)
    assert beating.at == [0, 10.75]
    assert len([record for record in caplog.records if record.exc_info]) == 1


async def test_a_line_that_is_offered_takes_the_beats(beating: Beating) -> None:
    beating.offer_line()
    await asyncio.sleep(25)
    assert beating.registry.by_line == [False, True, True, True]
    assert beating.at == [0, 0.2, 10.2, 20.2]


async def test_a_line_that_breaks_is_back_at_once_with_a_beat(beating: Beating) -> None:
    beating.offer_line()
    await asyncio.sleep(15)
    beating.registry.lines[0].break_()
    await asyncio.sleep(1)
    assert beating.registry.by_line == [False, True, True, True]
    assert beating.at[-1] == 15.1


async def test_without_line_beats_are_posted_at_once(beating: Beating) -> None:
    beating.offer_line()
    await asyncio.sleep(15)
    beating.registry.has_line = False
    beating.registry.lines[0].break_()
    await asyncio.sleep(1)
    assert beating.registry.by_line[-1] is False
    assert beating.at[-1] == 15.1


async def test_a_line_on_which_nobody_answers_is_replaced_by_a_post(
    beating: Beating, caplog: pytest.LogCaptureFixture
) -> None:
    beating.offer_line()
    await asyncio.sleep(5)
    deaf = beating.registry.lines[0]
    deaf.put = lambda _: None
    await asyncio.sleep(12)
    assert beating.at[:3] == [0, 0.2, 10.2]
    assert beating.at[3] == 15.2
    assert beating.registry.by_line[3] is False
    assert beating.registry.by_line[-1] is True
    assert warnings(caplog) == []


async def test_a_registry_that_restarts_has_all_its_agents_back(
    beating: Beating, caplog: pytest.LogCaptureFixture
) -> None:
    beating.offer_line()
    await asyncio.sleep(15)
    beating.registry.is_away = True
    beating.registry.lines[0].break_()
    await asyncio.sleep(2)
    beating.registry.is_away = False
    await asyncio.sleep(5)
    assert beating.registry.by_line[-1] is True
    assert len(warnings(caplog)) == 1


async def test_orders_come_by_reply_and_by_line(beating: Beating) -> None:
    beating.registry.reply = Reply(ttl=25, interval=10, commands=(Command(id="1", order="stop", reason="a"),))
    await asyncio.sleep(1)
    beating.offer_line()
    await asyncio.sleep(10)
    beating.registry.lines[0].order("stop", "2", reason="b")
    beating.registry.lines[0].order("dance", "3")
    await asyncio.sleep(1)
    assert [command.reason for command in beating.ordered] == ["a", "b"]
    assert [(outcome.id, outcome.ok) for outcome in beating.registry.outcomes] == [("2", True), ("3", False)]


async def test_when_superseded_the_line_is_left_to_the_other(beating: Beating) -> None:
    beating.offer_line()
    await asyncio.sleep(5)
    beating.registry.superseded = {"ada"}
    await asyncio.sleep(10)
    assert len(beating.registry.lines) == 2
    assert [beat.agent_id for beat in beating.registry.beats] == ["ada", "ada", f"ada~{ID[:4]}"]
    assert beating.at[-1] == 10.4


@pytest.mark.parametrize("by_line", [False, True])
async def test_the_goodbye_is_said_once_with_the_reason(beating: Beating, by_line: bool) -> None:
    if by_line:
        beating.offer_line()
    await asyncio.sleep(5)
    assert await beating.pulse.end("all done", limit=2)
    assert asyncio.get_running_loop().time() == 5
    await asyncio.sleep(60)
    goodbyes = [beat for beat in beating.registry.beats if beat.status is Said.STOPPED]
    assert [beat.reason for beat in goodbyes] == ["all done"]
    assert beating.registry.beats[-1] == goodbyes[0]
    assert beating.registry.by_line[-1] is by_line


async def test_the_goodbye_of_a_process_that_has_just_begun_is_its_only_beat(idle: Beating) -> None:
    beating = idle
    beating.start()
    assert await beating.pulse.end("short life", limit=2)
    await asyncio.sleep(60)
    assert [(beat.status, beat.sequence) for beat in beating.registry.beats] == [(Said.STOPPED, 1)]


def hang(beating: Beating) -> None:
    beating.registry.is_hung = True


def deafen_line(beating: Beating) -> None:
    beating.registry.lines[0].put = lambda _: None


def go_away(beating: Beating) -> None:
    beating.registry.is_away = True
    beating.registry.lines[0].break_()


@pytest.mark.parametrize(
    ("trouble", "is_heard", "seconds"),
    [
        pytest.param(hang, False, 2.0, id="the registry hangs"),
        pytest.param(deafen_line, True, 1.0, id="the line is dead, and a POST is taken"),
        pytest.param(go_away, False, 0.0, id="the registry is away"),
    ],
)
async def test_the_goodbye_takes_two_seconds_at_most(
    beating: Beating, trouble: Callable[[Beating], None], is_heard: bool, seconds: float
) -> None:
    beating.offer_line()
    await asyncio.sleep(5)
    trouble(beating)
    await asyncio.sleep(1)
    assert await beating.pulse.end("end", limit=2) is is_heard
    assert asyncio.get_running_loop().time() == pytest.approx(6 + seconds)


async def test_a_goodbye_ends_a_beat_that_hangs(beating: Beating) -> None:
    beating.offer_line()
    await asyncio.sleep(5)
    beating.registry.is_hung = True
    beating.pulse.beat_now()
    await asyncio.sleep(1)
    beating.registry.is_hung = False
    assert await beating.pulse.end("end", limit=2)
    assert beating.registry.beats[-1].status is Said.STOPPED


@pytest.mark.parametrize(("code", "is_heard"), [("stopped", True), ("superseded", False), ("token", False)])
async def test_a_goodbye_that_is_refused_is_over(beating: Beating, code: str, is_heard: bool) -> None:
    await asyncio.sleep(5)
    beating.registry.refused = Refused(code=code, message="no")
    assert await beating.pulse.end("end", limit=2) is is_heard


async def test_an_owner_that_never_said_anything_says_no_goodbye(idle: Beating) -> None:
    beating = idle
    beating.facts = ValueError("never")
    beating.start()
    await asyncio.sleep(5)
    assert not await beating.pulse.end("end", limit=2)
    assert beating.registry.beats == []
