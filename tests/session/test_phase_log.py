"""The words of a room's life."""

from __future__ import annotations

import logging

import pytest

from lifecycle import CloseReason, Phase
from session.phase_log import PhaseLog


def told(
    caplog: pytest.LogCaptureFixture, *phases: Phase, reason: CloseReason | None = None
) -> list[tuple[str, str]]:
    log = PhaseLog()
    with caplog.at_level(logging.INFO):
        for phase in phases:
            grace_left = 59.5 if phase is Phase.GRACE_PERIOD else None
            log.entered(
                phase, n_humans=1, grace_left=grace_left, reason=reason if phase is Phase.CLOSING else None
            )
    lines = [(record.message, record.__dict__["action"]) for record in caplog.records]
    return [line for line in lines if line[0] != "room phase"]


LEFT = [("humans left", "humans.left"), ("grace period started", "grace.started")]


def test_a_human_who_comes_back(caplog: pytest.LogCaptureFixture) -> None:
    assert told(caplog, Phase.ACTIVE, Phase.GRACE_PERIOD, Phase.ACTIVE) == [
        *LEFT,
        ("grace period cancelled", "grace.cancelled"),
    ]


def test_nobody_comes_back(caplog: pytest.LogCaptureFixture) -> None:
    phases = (Phase.ACTIVE, Phase.GRACE_PERIOD, Phase.CLOSING)
    assert told(caplog, *phases, reason=CloseReason.HUMANS_LEFT) == [
        *LEFT,
        ("grace period expired", "grace.expired"),
    ]


def test_a_grace_that_something_else_ends_has_not_expired(caplog: pytest.LogCaptureFixture) -> None:
    phases = (Phase.ACTIVE, Phase.GRACE_PERIOD, Phase.CLOSING)
    assert told(caplog, *phases, reason=CloseReason.OPERATOR) == LEFT


def test_a_call_that_nobody_joined(caplog: pytest.LogCaptureFixture) -> None:
    assert told(caplog, Phase.CLOSING, reason=CloseReason.NEVER_JOINED) == []
    assert [(record.message, record.__dict__["phase"]) for record in caplog.records] == [
        ("room phase", "closing")
    ]
