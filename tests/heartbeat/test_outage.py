"""How much is said of a registry that is away."""

from __future__ import annotations

import logging

import pytest

from heartbeat.errors import RefusedError, UnreachableError
from heartbeat.outage import Outage
from wire import Refused

AWAY = UnreachableError("cannot connect: Connection refused")
TOKEN = RefusedError(Refused(code="token", message="the token is wrong"))
BUSY = RefusedError(Refused(code="database", message="the disk is full"))


def said(caplog: pytest.LogCaptureFixture) -> list[tuple[int, str]]:
    return [(record.levelno, record.getMessage()) for record in caplog.records]


def test_one_line_when_it_begins_and_one_when_it_ends(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    outage = Outage("http://localhost:3026")
    for now in range(10, 300):
        outage.failed(AWAY if now % 2 else BUSY, now=now)
    assert outage.failures == 290
    outage.worked(now=310.0)
    outage.worked(now=320.0)
    (first_level, first), (last_level, last) = said(caplog)
    assert (first_level, last_level) == (logging.WARNING, logging.INFO)
    assert "http://localhost:3026" in first
    assert "the disk is full" in first
    assert "python -m registry" in first
    assert "after 300 s" in last
    assert outage.failures == 0


def test_a_refusal_that_a_person_must_mend_is_told_in_the_registrys_words(
    caplog: pytest.LogCaptureFixture,
) -> None:
    outage = Outage("http://localhost:3026")
    for error in (AWAY, TOKEN, TOKEN, AWAY, TOKEN):
        outage.failed(error, now=0)
    messages = [message for _, message in said(caplog)]
    assert len(messages) == 2
    assert "the token is wrong" in messages[1]
    assert "REGISTRY_TOKEN" in messages[1]


def test_a_second_outage_is_told_again(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    outage = Outage("http://localhost:3026")
    for _ in range(2):
        outage.failed(AWAY, now=0)
        outage.worked(now=1)
    assert [level for level, _ in said(caplog)] == [logging.WARNING, logging.INFO] * 2
