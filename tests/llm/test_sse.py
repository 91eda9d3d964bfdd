"""Cutting a stream into events, wherever the network cuts it."""

from __future__ import annotations

import pytest

from llm.sse import MAX_EVENT, Events, EventTooLongError


def payloads(*received: bytes) -> list[bytes]:
    events = Events()
    return [payload for each in received for payload in events.feed(each)] + events.end()


@pytest.mark.parametrize(
    ("stream", "found"),
    [
        pytest.param(
            b'data: {"a": 1}\n\ndata: [DONE]\n\n', [b'{"a": 1}', b"[DONE]"], id="as OpenAI sends it"
        ),
        pytest.param(b"data: one\r\n\r\ndata: two\r\n\r\n", [b"one", b"two"], id="other ends of lines"),
        pytest.param(b"data:one\n\ndata:  two\n\n", [b"one", b" two"], id="one space belongs to the field"),
        pytest.param(b": ping\n\ndata: one\n\n: ping\n\n\n", [b"one"], id="comments"),
        pytest.param(b"event: x\nid: 7\nretry: 9\ndata: one\n\n", [b"one"], id="other fields"),
        pytest.param(b"data: one\ndata: two\n\n", [b"one\ntwo"], id="several lines"),
        pytest.param(b"data: one", [b"one"], id="no end of line"),
        pytest.param(b"data: one\r", [b"one"], id="half an end of line"),
        pytest.param(b"data: one\n", [b"one"], id="no empty line"),
        pytest.param(b"data:\n\n", [b""], id="empty"),
        pytest.param(b"\n\n\n", [], id="only empty lines"),
        pytest.param(b"<html>\n\n</html>", [], id="something else"),
        pytest.param(b"", [], id="nothing"),
        pytest.param("data: grüß\n\n".encode(), ["grüß".encode()], id="letters of two bytes"),
    ],
)
def test_events_are_the_same_wherever_they_are_cut(stream: bytes, found: list[bytes]) -> None:
    assert payloads(stream) == found
    assert payloads(*(stream[place : place + 1] for place in range(len(stream)))) == found
    for place in range(len(stream) + 1):
        assert payloads(stream[:place], stream[place:]) == found


def test_an_event_is_there_as_soon_as_it_is_whole() -> None:
    events = Events()
    assert events.feed(b"data: one\n") == []
    assert events.feed(b"\n") == [b"one"]
    assert events.feed(b"\n\n") == []
    assert events.end() == []


def test_the_end_is_told_once() -> None:
    events = Events()
    events.feed(b"data: one")
    assert (events.end(), events.end()) == ([b"one"], [])


@pytest.mark.parametrize("line_end", [b"", b"\n"], ids=["one line", "many lines"])
def test_an_event_without_an_end_is_too_long(line_end: bytes) -> None:
    events = Events()
    part = b"data: " + b"x" * (MAX_EVENT // 8) + line_end
    for _ in range(7):
        events.feed(part)
    with pytest.raises(EventTooLongError, match="4,194,304 bytes"):
        events.feed(part + part)


def test_a_large_event_is_fine() -> None:
    assert payloads(b"data: ", b"x" * (MAX_EVENT - 10), b"\n\n") == [b"x" * (MAX_EVENT - 10)]
