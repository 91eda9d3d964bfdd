"""What a form asks for."""

from __future__ import annotations

import pytest

from registry.errors import BadRequestError
from registry.page.acts import Act, parse_wish
from registry.records import Status


def test_a_reason_becomes_one_line() -> None:
    wish = parse_wish(Act.STOP, {"reason": "  it\r\n hangs\x00 \x1b[31m ", "by": " Ann "})
    assert (wish.reason, wish.by) == ("it hangs [31m", "Ann")


def test_words_of_other_scripts_stay_whole() -> None:
    text = "می\u200cخواهم 👩\u200d💻"
    assert parse_wish(Act.STOP, {"reason": text}).reason == text


def test_nobody_is_the_page() -> None:
    assert parse_wish(Act.STOP, {"reason": "x"}).by == "page"
    assert len(parse_wish(Act.STOP, {"reason": "x", "by": "n" * 200}).by) == 80


@pytest.mark.parametrize("reason", ["", "   ", "\n", "x" * 501])
def test_a_reason_must_be_there(reason: str) -> None:
    with pytest.raises(BadRequestError):
        parse_wish(Act.STOP, {"reason": reason})


@pytest.mark.parametrize(("text", "health"), [("", None), (" 7 ", 7), ("0", 0), ("100", 100)])
def test_health_is_a_number_or_nothing(text: str, health: int | None) -> None:
    wish = parse_wish(Act.FORCE, {"reason": "x", "status": "error", "health": text})
    assert (wish.status, wish.health) == (Status.ERROR, health)


@pytest.mark.parametrize("text", ["101", "-1", "1.5", "1e1", "²", "0x1", "9999"])
def test_other_health_is_refused(text: str) -> None:
    with pytest.raises(BadRequestError, match="0 to 100"):
        parse_wish(Act.FORCE, {"reason": "x", "status": "error", "health": text})


@pytest.mark.parametrize("status", ["", "starting", "unknown", "nonsense"])
def test_what_nobody_can_know_cannot_be_forced(status: str) -> None:
    with pytest.raises(BadRequestError, match="status"):
        parse_wish(Act.FORCE, {"reason": "x", "status": status})
