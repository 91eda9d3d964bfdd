"""The last lines of a log."""

from __future__ import annotations

import logging

import pytest

from heartbeat.masking import Mask
from heartbeat.tail import LONGEST_LINE, Tail
from wire import MAX_FRAME_BYTES, MAX_LOG_LINES, LogLines, Up, encode

logger = logging.getLogger("tests.tail")


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch) -> logging.Logger:
    """The root logger without handlers, at INFO."""
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(root, "level", logging.INFO)
    root.setLevel(logging.INFO)  # empties its cache
    return root


@pytest.fixture
def tail(root: logging.Logger) -> Tail:
    root.addHandler(logging.NullHandler())
    tail = Tail(Mask(["known-secret"]))
    tail.attach()
    return tail


def lines(tail: Tail) -> list[str]:
    """Without the time."""
    return [line.split("Z ", 1)[1] for line in tail.last()[0]]


def test_lines_have_time_level_name_and_message(tail: Tail) -> None:
    logger.info("it is %d o'clock", 8)
    (line,) = tail.last()[0]
    assert line[:2] == "20"
    assert line[23:] == "Z INFO tests.tail: it is 8 o'clock"


def test_lines_below_info_are_not_kept(tail: Tail) -> None:
    logging.getLogger().setLevel(logging.DEBUG)
    logger.debug("detail")
    assert lines(tail) == []


def test_only_harmless_extras_are_sent(tail: Tail) -> None:
    logger.info("left", extra={"action": "call.left", "reason": "done", "error": "E", "identity": "anna"})
    assert lines(tail) == ["INFO tests.tail: left action=call.left error=E reason=done"]


def test_an_exception_is_told_in_the_same_line(tail: Tail) -> None:
    def fail() -> None:
        raise ValueError("bad\nvalue")

    try:
        fail()
    except ValueError:
        logger.exception("it failed")
    (line,) = lines(tail)
    assert line.startswith("ERROR tests.tail: it failed | ValueError: bad value (at ")
    assert line.index(" fail < ") < line.index(" test_an_exception_is_told_in_the_same_line)")


def test_secrets_are_masked(tail: Tail) -> None:
    logger.info("with %s and token=abc", "known-secret")
    assert lines(tail) == ["INFO tests.tail: with *** and token=***"]


def test_the_last_200_lines_are_kept(tail: Tail) -> None:
    for number in range(MAX_LOG_LINES + 50):
        logger.info("%d", number)
    kept = lines(tail)
    assert len(kept) == MAX_LOG_LINES
    assert kept[0].endswith(" 50")


def test_200_lines_of_the_widest_characters_fit_into_a_frame(tail: Tail) -> None:
    for _ in range(MAX_LOG_LINES):
        logger.info("\U0001f600" * 10_000)
    frame = encode(Up(logs=LogLines(lines=tail.last()[0], is_start=True)))
    assert len(frame) < MAX_FRAME_BYTES
    for _ in range(MAX_LOG_LINES):
        logger.info('"\\\n' * 10_000)
    kept = tail.last()[0]
    assert {len(line) for line in kept} == {LONGEST_LINE}
    assert len(encode(Up(logs=LogLines(lines=kept)))) < MAX_FRAME_BYTES


def test_no_half_secret_is_left_where_a_line_is_cut(tail: Tail) -> None:
    logger.info("%sknown-secret", "x " * 990)
    assert "known" not in lines(tail)[0]


def test_a_line_that_cannot_be_written_harms_nobody(
    tail: Tail, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    logger.info("%d", "no number")
    logger.info("half a character \ud83d")
    assert lines(tail) == ["INFO tests.tail: half a character  "]


def test_new_lines_are_told_apart_from_old_ones(tail: Tail) -> None:
    logger.info("old")
    _, n_seen = tail.last()
    assert tail.since(n_seen) == ((), n_seen)
    logger.info("new")
    new, n_seen = tail.since(n_seen)
    assert [line.split(": ")[1] for line in new] == ["new"]
    assert tail.since(n_seen)[0] == ()


def test_lines_that_came_too_fast_are_counted(tail: Tail) -> None:
    _, n_seen = tail.last()
    for number in range(MAX_LOG_LINES + 50):
        logger.info("%d", number)
    new, _ = tail.since(n_seen)
    assert len(new) == MAX_LOG_LINES
    assert new[0] == "… 51 lines are left out"
    assert new[1].endswith(" 51")


def test_it_never_listens_as_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    root, tail = logging.getLogger(), Tail(Mask())
    with monkeypatch.context() as patch:
        patch.setattr(root, "handlers", [])
        tail.attach()
        assert not root.handlers
        logging.basicConfig()
        tail.attach()
        tail.attach()
        assert root.handlers[1:] == [tail]
        tail.detach()
        tail.detach()
        assert tail not in root.handlers
