"""What happens to agents, in virtual time and with a ledger in memory."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from registry.admission import Admission
from registry.agents import Agent
from registry.clock import Clock
from registry.errors import (
    AliveError,
    BadBeatError,
    DatabaseError,
    StoppedError,
    SupersededError,
    TooManyError,
    UnknownAgentError,
)
from registry.fleet import Fleet
from registry.records import AgentRow, Forced, Status
from registry.status import TIMED_OUT, Limits
from tests.registry.beats import a_beat
from tests.registry.ledgers import MemoryLedger
from wire import CallFacts, Down, Said

pytestmark = [pytest.mark.looptime, pytest.mark.timeout(3)]

START = datetime(2026, 1, 1, tzinfo=UTC)


class Wire:
    """A line that remembers what was sent."""

    def __init__(self) -> None:
        self.sent: list[Down] = []

    def send(self, message: Down) -> None:
        self.sent.append(message)


class Play:
    """A fleet whose clocks are the test's virtual one."""

    def __init__(self, rows: list[AgentRow] | None = None, *, new_agents: int = 1_000_000) -> None:
        loop = asyncio.get_running_loop()
        self.ledger = MemoryLedger()
        self.changed: list[str] = []
        self.lags: list[float] = []
        self.clock = Clock(monotonic=loop.time, utc=lambda: START + timedelta(seconds=loop.time()))
        self.fleet = Fleet(
            limits=Limits(),
            clock=self.clock,
            ledger=self.ledger,
            admission=Admission(new_agents),
            changed=self.changed.append,
        )
        self.fleet.settling.lags = self.lags.append
        self.fleet.restore(rows or [])

    def beat(self, agent_id: str = "1", *, line: Wire | None = None, **fields: Any) -> Agent:
        self.fleet.take(a_beat(agent_id, **fields), source="here", line=line)
        return self.fleet.get(agent_id)

    def status(self, agent_id: str = "1") -> Status:
        return self.fleet.get(agent_id).verdict.status

    def told(self, agent_id: str = "1") -> list[tuple[str | None, str]]:
        """The agent's history: (before, after)."""
        return [
            (change.before.value if change.before else None, change.after.value)
            for change in self.ledger.changes
            if change.agent_id == agent_id
        ]


@asynccontextmanager
async def play(*args: Any, **kwargs: Any) -> AsyncIterator[Play]:
    played = Play(*args, **kwargs)
    running = asyncio.create_task(played.fleet.settling.reaper.run())
    try:
        yield played
    finally:
        running.cancel()
        await asyncio.wait({running})


async def test_a_first_beat_is_written_down_before_it_is_acknowledged() -> None:
    async with play() as p:
        durable = p.fleet.take(a_beat(), source="here")
        assert durable is not None
        await durable
        assert p.told() == [(None, "running")]
        assert p.ledger.rows["1"].status is Status.RUNNING
        assert p.changed == ["1"]


async def test_a_beat_with_nothing_new_is_only_remembered() -> None:
    async with play() as p:
        p.beat()
        p.changed.clear()
        await asyncio.sleep(10)
        assert p.fleet.take(a_beat(cpu=3.0), source="here") is None
        assert (p.changed, p.ledger.touched, len(p.ledger.changes)) == ([], ["1"], 1)


async def test_what_is_new_in_a_beat_is_written_down_even_if_the_status_is_the_same() -> None:
    async with play() as p:
        p.beat()
        p.beat(call=CallFacts(room="r", phase="active"))
        assert p.ledger.rows["1"].beat.call is not None
        assert p.told() == [(None, "running")]


async def test_silence_is_shown_late_then_offline_then_no_more() -> None:
    async with play() as p:
        p.beat()
        await asyncio.sleep(16.02)
        assert p.fleet.get("1").verdict.health == 80
        await asyncio.sleep(8.9)
        assert p.status() is Status.RUNNING
        await asyncio.sleep(0.12)
        assert p.status() is Status.OFFLINE
        assert p.fleet.get("1").verdict.cause == "no beat for 25 s"
        await asyncio.sleep(599.9)
        assert p.status() is Status.OFFLINE
        await asyncio.sleep(0.2)
        assert p.fleet.find("1") is None
        assert p.told() == [(None, "running"), ("running", "offline")]
        assert p.ledger.rows["1"].status is Status.OFFLINE


async def test_expiry_is_at_most_a_quantum_late() -> None:
    async with play() as p:
        for number in range(50):
            p.beat(str(number))
            await asyncio.sleep(9.7)
        await asyncio.sleep(30)
        assert len(p.lags) == 50
        assert max(p.lags) <= 0.0101


async def test_beats_keep_an_agent_alive_for_ever() -> None:
    async with play() as p:
        for _ in range(360):
            p.beat()
            await asyncio.sleep(10)
        assert p.told() == [(None, "running")]


async def test_a_broken_line_is_suspect_at_once_and_offline_a_second_and_a_half_later() -> None:
    async with play() as p:
        line = Wire()
        p.beat(line=line)
        p.fleet.line_closed("1", line, "connection lost")
        assert (p.status(), p.fleet.get("1").verdict.is_suspect) == (Status.WARNING, True)
        await asyncio.sleep(1.49)
        assert p.status() is Status.WARNING
        await asyncio.sleep(0.03)
        assert p.status() is Status.OFFLINE


async def test_a_line_that_timed_out_has_been_silent_for_four_seconds_already() -> None:
    async with play() as p:
        line = Wire()
        p.beat(line=line)
        await asyncio.sleep(7)
        p.fleet.line_closed("1", line, TIMED_OUT)
        assert p.status() is Status.OFFLINE


async def test_a_new_line_and_two_good_beats_settle_a_suspicion() -> None:
    async with play() as p:
        old, new = Wire(), Wire()
        p.beat(line=old)
        p.fleet.line_closed("1", old, "connection lost")
        p.beat(line=new)
        assert (p.status(), p.fleet.get("1").facts.is_doubted) == (Status.WARNING, True)
        p.beat(line=new)
        assert (p.status(), p.fleet.get("1").verdict.health) == (Status.RUNNING, 100)
        await asyncio.sleep(10)
        assert p.told() == [(None, "running"), ("running", "warning"), ("warning", "running")]


async def test_the_end_of_a_line_that_was_replaced_means_nothing() -> None:
    async with play() as p:
        old, new = Wire(), Wire()
        p.beat(line=old)
        p.beat(line=new)
        p.fleet.line_closed("1", old, "connection lost")
        assert p.status() is Status.RUNNING


async def test_lines_that_break_because_the_registry_ends_mean_nothing() -> None:
    async with play() as p:
        line = Wire()
        p.beat(line=line)
        p.fleet.is_closing = True
        p.fleet.line_closed("1", line, "closed")
        assert p.status() is Status.RUNNING


async def test_a_goodbye_is_final_for_its_incarnation() -> None:
    async with play() as p:
        p.beat()
        p.beat(status=Said.STOPPED, reason="SIGTERM")
        assert p.status() is Status.STOPPED
        assert p.fleet.take(a_beat(status=Said.STOPPED), source="here") is None, "told twice"
        with pytest.raises(StoppedError):
            p.beat()
        await asyncio.sleep(1_000)
        assert p.fleet.find("1") is None
        with pytest.raises(StoppedError):
            p.beat()
        p.beat(incarnation="two")
        assert p.status() is Status.RUNNING


async def test_a_new_process_takes_the_id_and_the_old_one_never_gets_it_back() -> None:
    async with play() as p:
        p.beat(incarnation="one", process_id=11)
        p.beat(incarnation="two", process_id=22)
        with pytest.raises(SupersededError):
            p.beat(incarnation="one", process_id=11)
        agent = p.fleet.get("1")
        assert agent.beat.process_id == 22
        assert p.ledger.changes[-1].reason == "process 22 has taken over from 11"


async def test_a_line_of_the_old_process_says_nothing_about_the_new_one() -> None:
    async with play() as p:
        line = Wire()
        p.beat(incarnation="one", line=line)
        p.beat(incarnation="two")
        p.fleet.line_closed("1", line, "connection lost")
        assert p.status() is Status.RUNNING


async def test_a_beat_that_comes_late_changes_nothing() -> None:
    async with play() as p:
        p.beat(sequence=1_000_000)
        assert p.fleet.take(a_beat(sequence=999_999, status=Said.ERROR), source="here") is None
        assert p.status() is Status.RUNNING


async def test_texts_that_cannot_be_kept_are_refused() -> None:
    async with play() as p:
        with pytest.raises(BadBeatError, match=r"^name: "):
            p.beat(name="a\x00")
        assert p.fleet.find("1") is None


async def test_one_address_may_not_bring_in_agents_without_end() -> None:
    async with play(new_agents=10) as p:
        for number in range(10):
            p.beat(str(number))
        with pytest.raises(TooManyError, match="REGISTRY_NEW_AGENTS") as error:
            p.beat("one too many")
        assert error.value.retry_after == pytest.approx(6.0)
        p.beat("9")  # known ones go on
        await asyncio.sleep(6)
        p.beat("one too many")


async def test_a_stalled_loop_is_shown_and_recovers() -> None:
    async with play() as p:
        p.beat(loop_lag=0.0)
        p.beat(loop_lag=30.0)
        assert p.status() is Status.ERROR
        p.beat(loop_lag=31.0)
        p.beat(loop_lag=0.0)
        assert p.status() is Status.RUNNING
        assert p.told() == [(None, "running"), ("running", "error"), ("error", "running")]


async def test_the_same_error_again_is_news() -> None:
    async with play() as p:
        p.beat(last_error="boom", error_age=0.0)
        await asyncio.sleep(299)
        p.beat(last_error="boom", error_age=0.0)
        await asyncio.sleep(5)
        p.beat(last_error="boom", error_age=5.0)
        assert p.fleet.get("1").verdict.health == 85
        for _ in range(30):
            await asyncio.sleep(10)
            p.beat(last_error="boom", error_age=300.0)
        assert p.fleet.get("1").verdict.health == 100


async def test_mass_silence_calls_nobody_offline_and_is_over_when_they_are_heard() -> None:
    async with play() as p:
        for number in range(40):
            p.beat(str(number))
        for _ in range(3):
            await asyncio.sleep(9)
            for number in range(20):
                p.beat(str(number))
        assert p.fleet.cut_off_at is not None
        assert {p.status(str(number)) for number in range(20, 40)} == {Status.UNKNOWN}
        assert {p.status(str(number)) for number in range(20)} == {Status.RUNNING}
        for number in range(20, 40):
            p.beat(str(number))
        assert p.fleet.cut_off_at is None
        for number in range(40):
            p.beat(str(number))
        assert {p.status(str(number)) for number in range(40)} == {Status.RUNNING}


async def test_many_processes_seen_to_end_are_no_mass_silence() -> None:
    async with play() as p:
        lines = {str(number): Wire() for number in range(10)}
        for agent_id, line in lines.items():
            p.beat(agent_id, line=line)
        for agent_id, line in lines.items():
            p.fleet.line_closed(agent_id, line, "connection lost")
        await asyncio.sleep(2)
        assert {p.status(agent_id) for agent_id in lines} == {Status.OFFLINE}
        assert p.fleet.cut_off_at is None


def rows_of(p: Play) -> list[AgentRow]:
    return list(p.ledger.rows.values())


async def test_after_a_restart_nobody_is_called_offline_before_they_could_beat() -> None:
    async with play() as before:
        for number in range(200):
            before.beat(str(number))
    await asyncio.sleep(300)
    async with play(rows_of(before)) as p:
        assert p.fleet.n_waiting == 200
        assert {agent.verdict.status for agent in p.fleet} == {Status.UNKNOWN}
        await asyncio.sleep(30)
        for number in range(199):
            p.beat(str(number))
        assert p.fleet.n_waiting == 1
        await asyncio.sleep(9.9)
        assert p.status("199") is Status.UNKNOWN
        assert p.fleet.get("199").heard_at(p.clock) == START
        await asyncio.sleep(0.2)
        assert p.status("199") is Status.OFFLINE
        assert p.fleet.n_waiting == 0
        assert p.told("0") == [("unknown", "running")]


async def test_what_was_final_before_a_restart_is_so_after_it() -> None:
    async with play() as before:
        before.beat("stopped")
        before.beat("stopped", status=Said.STOPPED, reason="done")
        before.beat("offline")
        await asyncio.sleep(26)
        before.beat("long gone", status=Said.STOPPED)
    async with play(rows_of(before)) as p:
        assert (p.status("stopped"), p.status("offline")) == (Status.STOPPED, Status.OFFLINE)
        assert p.fleet.get("offline").verdict.cause == "no beat for 25 s"
        with pytest.raises(StoppedError):
            p.beat("stopped")
    await asyncio.sleep(600)
    async with play(rows_of(before)) as p:
        assert len(p.fleet) == 0
        with pytest.raises(StoppedError):
            p.beat("long gone")


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


async def test_counts_are_those_of_the_agents_on_the_page() -> None:
    async with play() as p:
        p.beat("a")
        p.beat("b", status=Said.ERROR)
        p.beat("c")
        p.beat("c", status=Said.STOPPED)
        await asyncio.sleep(26)
        assert +p.fleet.counts == {Status.OFFLINE: 2, Status.STOPPED: 1}
        await asyncio.sleep(700)
        assert +p.fleet.counts == {}
        assert len(p.fleet) == 0


@pytest.mark.parametrize("wrong_by", [-3_600.0, 3_600.0])
async def test_an_agents_clock_does_not_matter(wrong_by: float) -> None:
    """No beat holds a date: nothing of an agent's clock can get in."""
    async with play() as p:
        agent = p.beat(idle=5.0, process_age=max(0.0, 100.0 + wrong_by))
        assert agent.heard_at(p.clock) == p.clock.utc()
        assert agent.active_at(p.clock) == p.clock.utc() - timedelta(seconds=5)


async def test_time_that_the_registry_stood_still_is_given_back() -> None:
    loop = asyncio.get_running_loop()
    skipped = 0.0
    p = Play()
    clock = Clock(monotonic=lambda: loop.time() + skipped, utc=lambda: START + timedelta(seconds=loop.time()))
    fleet = Fleet(limits=Limits(), clock=clock, ledger=p.ledger, admission=Admission(10))
    running = asyncio.create_task(fleet.settling.reaper.run())
    fleet.take(a_beat(), source="here")
    await asyncio.sleep(5)
    skipped = 60.0
    await asyncio.sleep(15)
    assert fleet.get("1").verdict.status is not Status.OFFLINE
    assert fleet.away_at is not None
    await asyncio.sleep(12)
    assert fleet.get("1").verdict.status is Status.OFFLINE
    running.cancel()
    await asyncio.wait({running})


async def test_what_could_not_be_written_is_not_acknowledged_by_a_later_beat_either() -> None:
    async with play() as p:
        p.ledger.trouble = "disk full"
        for beat in (a_beat(), a_beat()):
            durable = p.fleet.take(beat, source="here")
            assert durable is not None
            with pytest.raises(DatabaseError, match="disk full"):
                await durable
        assert p.status() is Status.RUNNING, "it is known all the same"
        p.ledger.trouble = None
        durable = p.fleet.take(a_beat(), source="here")
        assert durable is not None
        await durable
        assert p.fleet.take(a_beat(), source="here") is None


async def test_agents_that_beat_to_another_registry_are_left_to_it() -> None:
    async with play() as before:
        before.beat("theirs")
        before.beat("gone")
        before.beat("ours")
    async with play(rows_of(before)) as p:
        await asyncio.sleep(30)
        p.beat("ours")
        heard = {"theirs": p.clock.utc(), "ours": p.clock.utc(), "gone": START - timedelta(seconds=60)}
        assert p.fleet.leave_to_others(heard) == 1
        await asyncio.sleep(12)
        assert p.fleet.find("theirs") is None
        assert (p.status("ours"), p.status("gone")) == (Status.RUNNING, Status.OFFLINE)
        assert p.told("theirs") == [], "what the other one has written stays"


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


async def test_a_goodbye_that_is_the_first_beat_leaves_the_page_like_any_other() -> None:
    async with play() as p:
        p.beat(status=Said.STOPPED, reason="done")
        assert p.status() is Status.STOPPED
        assert p.ledger.changes[0].reason == "it stopped: done"
        await asyncio.sleep(601)
        assert p.fleet.find("1") is None


async def test_a_cut_network_is_noticed_by_lines_that_time_out() -> None:
    async with play() as p:
        lines = {str(number): Wire() for number in range(8)}
        for agent_id, line in lines.items():
            p.beat(agent_id, line=line)
        for agent_id, line in lines.items():
            p.fleet.line_closed(agent_id, line, TIMED_OUT)
        assert p.fleet.cut_off_at is not None
        assert {p.status(agent_id) for agent_id in lines} == {Status.UNKNOWN}


async def test_agents_still_on_their_way_after_a_cut_get_the_time_that_senders_need() -> None:
    async with play() as p:
        for number in range(20):
            p.beat(str(number))
        await asyncio.sleep(40)
        assert p.fleet.cut_off_at is not None
        for number in range(17):
            p.beat(str(number))
        assert p.fleet.cut_off_at is None
        await asyncio.sleep(20)
        assert {p.fleet.get(str(number)).verdict.health for number in range(17, 20)} == {80}
        for number in range(17):
            p.beat(str(number))
        await asyncio.sleep(16)
        assert {p.status(str(number)) for number in range(17, 20)} == {Status.OFFLINE}


async def test_a_fleet_that_nobody_hears_after_a_restart_may_be_beyond_a_cut() -> None:
    async with play() as before:
        for number in range(10):
            before.beat(str(number))
    async with play(rows_of(before)) as p:
        await asyncio.sleep(41)
        assert p.fleet.cut_off_at is not None
        assert {agent.verdict.status for agent in p.fleet} == {Status.UNKNOWN}
        await asyncio.sleep(700)
        assert {agent.verdict.status for agent in p.fleet} == {Status.OFFLINE}


async def test_after_a_restart_a_sender_with_a_long_interval_gets_its_own_time() -> None:
    async with play() as before:
        before.beat(interval=60.0)
    async with play(rows_of(before)) as p:
        await asyncio.sleep(149)
        assert p.status() is Status.UNKNOWN
        await asyncio.sleep(2)
        assert p.status() is Status.OFFLINE


async def test_an_agent_forced_offline_beats_as_calmly_as_before() -> None:
    async with play() as p:
        agent = p.beat()
        forced = Forced(status=Status.OFFLINE, health=None, by="Max", reason="away", at=p.clock.utc())
        await p.fleet.force(agent, forced, by="Max", reason="away")
        p.beat()
        assert not agent.facts.is_doubted
