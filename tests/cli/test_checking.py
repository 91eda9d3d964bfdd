"""What is made of an agent's row and of its process."""

from __future__ import annotations

from typing import Any

import pytest

from cli.checking import AGE_TOLERANCE, Evidence, compare, find_inactive
from cli.processes import Presence, Sight
from tests.cli.fakes import an_agent

THERE = Sight(presence=Presence.THERE, age=500.0)
GONE = Sight(presence=Presence.GONE)
ENDED = Sight(presence=Presence.ENDED, age=500.0)
HIDDEN = Sight(presence=Presence.HIDDEN)
YOUNGER = Sight(presence=Presence.THERE, age=1.0)
OFFLINE = {"status": "offline", "cause": "no beat for 25 s"}
FORCED = {"status": "error", "health": 0, "by": "ann", "reason": "x", "at": "2026-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("changes", "sight", "evidence", "words"),
    [
        ({}, THERE, None, None),
        ({"status": "unknown"}, THERE, None, None),
        ({}, GONE, Evidence.GONE, "process 4711 is gone"),
        ({"status": "unknown"}, GONE, Evidence.GONE, "process 4711 is gone"),
        ({}, ENDED, Evidence.GONE, "has ended, and its parent has not taken note"),
        ({"beatAge": 20.0}, YOUNGER, Evidence.GONE, "another one has its number since 1 s"),
        ({"hasLine": True}, GONE, None, "but it speaks"),
        ({"hasLine": True}, THERE, None, None),
        ({}, HIDDEN, None, "may not be looked at"),
        ({}, None, None, "does not tell"),
        ({"status": "stopped"}, THERE, None, None),
        ({"status": "stopped"}, GONE, None, None),
        ({"status": "stopped"}, None, None, None),
        (OFFLINE, GONE, None, None),
        (OFFLINE, ENDED, None, None),
        (OFFLINE, None, None, None),
        ({**OFFLINE, "beatAge": 60.0}, YOUNGER, None, None),
        (OFFLINE, THERE, Evidence.PRESENT, "process 4711 is still there, but is not heard"),
        ({"forced": FORCED}, GONE, None, "forced by ann"),
    ],
)
def test_comparing(
    changes: dict[str, Any], sight: Sight | None, evidence: Evidence | None, words: str | None
) -> None:
    finding = compare(an_agent(**changes), sight)
    assert (finding is None) == (words is None)
    if finding is not None:
        assert words is not None
        assert words in finding.text
        assert finding.evidence is evidence


@pytest.mark.parametrize(
    ("started_at", "age", "is_another"),
    [
        (None, 60.0 - AGE_TOLERANCE, False),  # it has beaten a minute ago, so it was there then
        (None, 59.9 - AGE_TOLERANCE, True),
        ("2026-01-02T02:04:05Z", 3660.0 - AGE_TOLERANCE, False),  # an hour before its last beat
        ("2026-01-02T02:04:05Z", 3659.9 - AGE_TOLERANCE, True),
        ("2026-01-02T02:04:05Z", 90_000.0, False),  # the machine slept meanwhile
        ("2026-01-02T05:00:00Z", 60.0, False),  # nonsense does no harm
        (None, None, False),
    ],
)
def test_a_process_that_is_too_young_is_another_one(
    started_at: str | None, age: float | None, *, is_another: bool
) -> None:
    agent = an_agent(beatAge=60.0, processStartedAt=started_at)
    finding = compare(agent, Sight(presence=Presence.THERE, age=age))
    assert (finding is not None) is is_another


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"beatAge": 899.9}, None),
        ({"beatAge": 900.0}, "no beat for 15 min"),
        ({"beatAge": 5.0, "lastActivity": "2026-01-02T02:49:10Z"}, "no activity for 15 min"),
        ({"beatAge": 4.9, "lastActivity": "2026-01-02T02:49:10Z"}, None),
        ({"beatAge": 900.0, "lastActivity": "2026-01-02T03:04:05Z"}, "no activity for 15 min"),
        ({"beatAge": 5.0, "lastActivity": "2026-01-02T04:00:00Z"}, None),
        ({"beatAge": 9_000.0, "status": "offline"}, None),
        ({"beatAge": 9_000.0, "status": "stopped"}, None),
        ({"beatAge": 9_000.0, "forced": FORCED}, None),
    ],
)
def test_an_agent_that_does_nothing(changes: dict[str, Any], words: str | None) -> None:
    finding = find_inactive(an_agent(**changes), after=900)
    assert (finding.text if finding else None) == words
    assert finding is None or finding.evidence is Evidence.INACTIVE
