"""What a fleet makes of beats, in virtual time and with a ledger in memory."""

import asyncio
from datetime import timedelta

import pytest

from registry.errors import BadBeatError, DatabaseError, StoppedError, SupersededError, TooManyError
from registry.records import Status
from tests.registry.beats import a_beat
from tests.registry.virtual_fleet import play
from wire import CallFacts, Said

pytestmark = pytest.mark.looptime


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


async def test_a_goodbye_that_is_the_first_beat_leaves_the_page_like_any_other() -> None:
    async with play() as p:
        p.beat(status=Said.STOPPED, reason="done")
        assert p.status() is Status.STOPPED
        assert p.ledger.changes[0].reason == "it stopped: done"
        await asyncio.sleep(601)
        assert p.fleet.find("1") is None


async def test_a_new_process_takes_the_id_and_the_old_one_never_gets_it_back() -> None:
    async with play() as p:
        p.beat(incarnation="one", process_id=11)
        p.beat(incarnation="two", process_id=22)
        with pytest.raises(SupersededError):
            p.beat(incarnation="one", process_id=11)
        agent = p.fleet.get("1")
        assert agent.beat.process_id == 22
        assert p.ledger.changes[-1].reason == "process 22 has taken over from 11"


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
