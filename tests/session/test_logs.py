"""What of livekit-agents' log reaches ours."""

import logging
from typing import Any

import pytest
from livekit.agents import APIConnectionError

from session.logs import Quieter


def record(
    name: str, level: int, message: str, *, error: Exception | None = None, **extra: Any
) -> logging.LogRecord:
    exc_info = (type(error), error, None) if error is not None else None
    made = logging.LogRecord(name, level, "file.py", 1, message, None, exc_info)
    made.__dict__.update(extra)
    return made


@pytest.fixture(autouse=True)
def _info(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger("livekit.agents"), "level", logging.INFO)


def test_identities_do_not_pass() -> None:
    line = record("livekit.agents", logging.INFO, "linked", room="r")
    for key in ("lk.pii.participant_identity", "lk.pii.user_transcript", "lk.pii.text", "lk.pii.user_input"):
        line.__dict__[key] = "alice said so"
    assert Quieter().filter(line)
    assert "alice" not in str(line.__dict__)
    assert line.__dict__["room"] == "r"


@pytest.mark.parametrize(
    "line",
    [
        record("livekit.agents", logging.WARNING, "failed to recognize speech: no, retrying in 1s"),
        record("livekit.agents", logging.ERROR, "Error in _tts_task", error=APIConnectionError()),
    ],
    ids=lambda line: line.msg,
)
def test_what_trouble_has_said_is_not_said_again(line: logging.LogRecord) -> None:
    assert not Quieter().filter(line)


def test_other_errors_and_our_own_lines_pass_untouched() -> None:
    assert Quieter().filter(record("livekit.agents", logging.ERROR, "broke", error=ValueError()))
    ours = record("session.call", logging.ERROR, "broke", error=APIConnectionError(), identity="x")
    assert Quieter().filter(ours)
    assert ours.levelno == logging.ERROR
