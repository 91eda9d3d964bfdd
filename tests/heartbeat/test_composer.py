"""One beat after the other."""

from __future__ import annotations

import logging

import pytest

from heartbeat.composer import Composer
from heartbeat.facts import Facts
from tests.heartbeat.fakes import ID, facts, reading
from wire import Beat, Said


def composer(*said: Facts | Exception) -> Composer:
    """One that is told these facts, one after the other; the last for ever."""
    left = list(said)

    def describe() -> Facts:
        now = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(now, Exception):
            raise now
        return now

    return Composer(describe, read=reading, interval=10.0, incarnation=ID)


def composed(made: Beat | None) -> Beat:
    assert made is not None
    return made


def test_each_beat_has_the_next_number_and_the_newest_facts() -> None:
    source = composer(facts(), facts(status=Said.WARNING))
    beats = [composed(source.compose()) for _ in range(3)]
    assert [beat.sequence for beat in beats] == [1, 2, 3]
    assert [beat.status for beat in beats] == [Said.RUNNING, Said.WARNING, Said.WARNING]


def test_an_owner_that_fails_is_told_once_and_the_last_facts_go_out(caplog: pytest.LogCaptureFixture) -> None:
    source = composer(facts(reason="old"), ValueError("broken"), ValueError("broken"), facts(reason="new"))
    reasons = [composed(source.compose()).reason for _ in range(4)]
    assert reasons == ["old", "old", "old", "new"]
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def test_an_owner_that_never_said_anything_makes_no_beat() -> None:
    source = composer(ValueError("broken"))
    assert source.compose() is None
    assert source.compose_goodbye("end") is None
    assert source.step_aside() is None


def test_the_goodbye_has_the_last_facts_and_the_reason() -> None:
    source = composer(facts(model="m", reason="busy"))
    source.compose()
    beat = composed(source.compose_goodbye("all done"))
    assert (beat.status, beat.reason, beat.model, beat.sequence) == (Said.STOPPED, "all done", "m", 2)


def test_stepping_aside_adds_the_beginning_of_the_incarnation() -> None:
    source = composer(facts(agent_id="ada"))
    source.compose()
    names = [source.step_aside(), source.step_aside()]
    assert names == [f"ada~{ID[:4]}", "ada~11111111"]
    assert composed(source.compose()).agent_id == "ada~11111111"


def test_stepping_aside_ends_some_time() -> None:
    source = composer(facts(agent_id="x" * 200))
    source.compose()
    names = [source.step_aside() for _ in range(10)]
    assert names[-1] is None
    assert len(composed(source.compose()).agent_id) <= 200


def test_a_new_incarnation_counts_anew() -> None:
    source = composer(facts())
    source.compose()
    source.begin_anew()
    beat = composed(source.compose())
    assert beat.incarnation != ID
    assert beat.sequence == 1
