"""The end in time, whatever hangs. `test_main` has a process that does not end by itself."""

from __future__ import annotations

import queue
import time

import pytest

from service.deadline import Deadline


@pytest.fixture
def codes() -> queue.SimpleQueue[int]:
    """Exit codes of processes that are none."""
    return queue.SimpleQueue()


def test_the_process_ends_at_the_deadline_and_not_before(codes: queue.SimpleQueue[int]) -> None:
    deadline = Deadline(exit_process=codes.put)
    began_at = time.monotonic()
    deadline.within(0.1)
    assert codes.get(timeout=20) == 1
    assert time.monotonic() - began_at >= 0.1


def test_the_time_counts_from_when_it_is_told_however_long_the_process_runs(
    codes: queue.SimpleQueue[int],
) -> None:
    deadline = Deadline(exit_process=codes.put)
    time.sleep(0.4)
    began_at = time.monotonic()
    deadline.within(0.3)
    assert codes.get(timeout=20) == 1
    assert time.monotonic() - began_at >= 0.3


def test_nothing_ends_before_it_is_told_to(codes: queue.SimpleQueue[int]) -> None:
    Deadline(exit_process=codes.put)
    with pytest.raises(queue.Empty):
        codes.get(timeout=0.1)


def test_the_sooner_of_two_counts(codes: queue.SimpleQueue[int]) -> None:
    deadline = Deadline(exit_process=codes.put)
    deadline.within(60)
    deadline.within(0.1)
    deadline.within(60)
    deadline.exit_code = 0
    assert codes.get(timeout=20) == 0


def test_it_says_what_it_does(codes: queue.SimpleQueue[int], caplog: pytest.LogCaptureFixture) -> None:
    Deadline(exit_process=codes.put).within(0)
    assert codes.get(timeout=20) == 1
    assert [record.__dict__["action"] for record in caplog.records] == ["service.overrun"]
