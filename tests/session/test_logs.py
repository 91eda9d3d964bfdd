"""What of livekit-agents' log reaches ours."""

import logging
from typing import Any

import pytest
from livekit.agents import APIConnectionError, APIStatusError

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


SAID = "bad input: 'my card is 4111…', key sesame"
REFUSED = APIStatusError(SAID, status_code=400, body={"text": SAID})


@pytest.mark.parametrize(
    ("level", "message", "args", "error", "becomes"),
    [
        pytest.param(
            logging.WARNING,
            f"failed to recognize speech: {REFUSED}, retrying in 0.1s",
            (),
            None,
            "failed to recognize speech",
            id="retry",
        ),
        pytest.param(
            logging.WARNING,
            "%s failed, switching to next STT: %s",
            ("acme.STT", REFUSED),
            None,
            "acme.STT failed, switching to next STT",
            id="stt",
        ),
        pytest.param(
            logging.WARNING,
            "%s failed, switching to next LLM: %s",
            ("acme.LLM", REFUSED),
            None,
            "acme.LLM failed, switching to next LLM",
            id="llm",
        ),
        pytest.param(
            logging.WARNING,
            f"acme failed, switching to next TTS: {REFUSED}",
            (),
            None,
            "acme failed, switching to next TTS",
            id="already put together",
        ),
        pytest.param(
            logging.ERROR,
            "acme.TTS error, switching to next TTS",
            (),
            REFUSED,
            "acme.TTS error, switching to next TTS",
            id="tts",
        ),
        pytest.param(
            logging.ERROR,
            "acme.STT unexpected error, switching to next STT",
            (),
            KeyError(SAID),
            "acme.STT unexpected error, switching to next STT",
            id="a broken plugin",
        ),
        pytest.param(
            logging.WARNING,
            "acme.STT timed out, switching to next STT",
            (),
            None,
            "acme.STT timed out, switching to next STT",
            id="late",
        ),
        pytest.param(
            logging.WARNING,
            "%s recovery failed: %s",
            ("acme.TTS", REFUSED),
            None,
            "acme.TTS recovery failed",
            id="tried again",
        ),
        pytest.param(
            logging.DEBUG,
            "%s recovery attempt failed: %s",
            ("acme.STT", REFUSED),
            None,
            "acme.STT recovery attempt failed",
            id="whole sentences",
        ),
        pytest.param(logging.ERROR, "Error in _tts_task", (), REFUSED, "Error in _tts_task", id="a task"),
    ],
)
def test_a_providers_own_words_reach_no_log(
    level: int, message: str, args: tuple[Any, ...], error: Exception | None, becomes: str
) -> None:
    line = record("livekit.agents", level, message, error=error, streamed=True)
    line.args = args
    assert not Quieter().filter(line)
    assert line.levelno == logging.DEBUG
    assert line.getMessage() == becomes
    assert line.__dict__.get("error") == (None if error is None else type(error).__name__)
    shown = logging.Formatter().format(line) + str(line.__dict__)
    assert "4111" not in shown
    assert "sesame" not in shown


def test_other_errors_and_our_own_lines_pass_untouched() -> None:
    assert Quieter().filter(record("livekit.agents", logging.ERROR, "broke", error=ValueError()))
    ours = record("session.call", logging.ERROR, "broke", error=APIConnectionError(), identity="x")
    assert Quieter().filter(ours)
    assert ours.levelno == logging.ERROR
