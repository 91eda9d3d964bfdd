"""Server-sent events, in whatever pieces they come."""

from __future__ import annotations

import pytest

from cli.sse import Event, EventReader

STREAM = (
    b": hello\n\nevent: agents\ndata: {}\n\ndata: one\ndata:two\r\n\r\nid: 1\n\nevent: reload\ndata: {}\n\n"
)
EVENTS = [
    Event(name="agents", data=b"{}"),
    Event(name="message", data=b"one\ntwo"),
    Event(name="reload", data=b"{}"),
]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1_000])
def test_the_pieces_do_not_matter(size: int) -> None:
    reader = EventReader()
    events = []
    for start in range(0, len(STREAM), size):
        events += reader.feed(STREAM[start : start + size])
    assert events == EVENTS


def test_a_line_ends_at_line_feeds_only() -> None:
    data = '{"name": "a\u2028b\x85c\x0b"}'.encode()
    assert EventReader().feed(b"data: " + data + b"\n\n") == [Event(name="message", data=data)]


def test_an_event_that_is_not_over_is_not_told() -> None:
    assert EventReader().feed(b"event: agents\ndata: {}\n") == []


def test_an_event_without_an_end_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.sse._LONGEST", 10)
    with pytest.raises(ValueError, match="no end"):
        EventReader().feed(b"x" * 11)
