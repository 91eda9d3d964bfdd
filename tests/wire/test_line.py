"""Frames of the line, and what is answered to a beat."""

import pytest

from wire import (
    Beat,
    BeatError,
    Command,
    Down,
    Errors,
    LogLines,
    Order,
    Outcome,
    Refused,
    Reply,
    Said,
    Up,
    decode_down,
    decode_refused,
    decode_reply,
    decode_up,
    encode,
)

BEAT = Beat(agent_id="1", incarnation="a", sequence=1, status=Said.RUNNING)
COMMAND = Command(id="c1", order=Order.STOP.value, reason="maintenance")


@pytest.mark.parametrize(
    "frame",
    [
        Up(beat=BEAT),
        Up(outcome=Outcome(id="c1", ok=True, detail="leaving")),
        Up(logs=LogLines(lines=("one", "two"), is_start=True)),
    ],
)
def test_what_goes_up_comes_back_as_it_was_sent(frame: Up) -> None:
    assert decode_up(encode(frame)) == frame


@pytest.mark.parametrize(
    "frame",
    [
        Down(reply=Reply(ttl=25, interval=10, line="/api/line", commands=(COMMAND,))),
        Down(refused=Refused(code="superseded", message="another process has it", retry_after=1.0)),
        Down(command=COMMAND),
    ],
)
def test_what_comes_down_comes_back_as_it_was_sent(frame: Down) -> None:
    assert decode_down(encode(frame)) == frame


def test_a_frame_of_a_later_version_is_an_empty_one() -> None:
    assert decode_up(b'{"video": {"fps": 30}}') == Up()
    assert decode_down(b'{"party": true}') == Down()


def test_an_order_that_nobody_knows_yet_can_be_read() -> None:
    down = decode_down(b'{"command": {"id": "1", "order": "dance", "args": {"pid": 12, "to": "left"}}}')
    assert down.command == Command(id="1", order="dance", args={"pid": 12, "to": "left"})


def test_a_beat_of_a_newer_version_is_refused_on_the_line_too() -> None:
    with pytest.raises(BeatError, match="version: 2 is newer"):
        decode_up(
            b'{"beat": {"version": 2, "agentId": "1", "incarnation": "a", "sequence": 1, "status": "running"}}'
        )


def test_answers_by_http_can_be_read() -> None:
    assert decode_reply(b'{"ttl": 25, "interval": 10, "later": 1}') == Reply(ttl=25, interval=10)
    refused = Refused(code="too_many", message="wait", retry_after=2.0)
    assert decode_refused(encode(Errors(error=refused))) == refused


@pytest.mark.parametrize("data", [b"", b"<html>", b"\xff\xfe", b"[]", b'{"reply": 1}', b"[" * 5_000])
def test_rubbish_is_an_error_in_one_line(data: bytes) -> None:
    with pytest.raises(BeatError) as error:
        decode_down(data)
    assert "\n" not in str(error.value)
