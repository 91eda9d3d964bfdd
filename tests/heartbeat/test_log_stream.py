"""Log lines, while somebody wants to read them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from heartbeat.errors import UnreachableError
from heartbeat.log_stream import LogStream
from heartbeat.masking import Mask
from heartbeat.tail import Tail
from wire import Command, LogLines, Order, Up

pytestmark = pytest.mark.looptime


class Stream:
    """A stream, what it was given, and what it has sent."""

    def __init__(self) -> None:
        self.tail = Tail(Mask())
        self.sent: list[LogLines] = []
        self.has_line = True
        self.stream = LogStream(self.tail, self._say)

    async def _say(self, up: Up) -> None:
        if not self.has_line:
            raise UnreachableError("the line is not open")
        assert up.logs is not None
        self.sent.append(up.logs)

    def log(self, message: str) -> None:
        self.tail.handle(logging.LogRecord("x", logging.INFO, "f", 1, message, None, None))

    async def order(self, seconds: float | None) -> bool:
        outcome = await self.stream.order(Command(id="1", order=Order.LOGS.value, seconds=seconds))
        return outcome.ok

    @property
    def messages(self) -> list[tuple[bool, list[str]]]:
        return [(logs.is_start, [line.rpartition(": ")[2] for line in logs.lines]) for logs in self.sent]


@pytest_asyncio.fixture
async def stream() -> AsyncIterator[Stream]:
    stream = Stream()
    running = asyncio.create_task(stream.stream.run())
    yield stream
    running.cancel()


async def test_nothing_is_sent_unasked(stream: Stream) -> None:
    stream.log("secret life")
    await asyncio.sleep(60)
    assert stream.sent == []


async def test_the_last_lines_come_at_once_and_new_ones_after_them(stream: Stream) -> None:
    stream.log("old")
    assert await stream.order(10)
    stream.log("new 1")
    stream.log("new 2")
    await asyncio.sleep(1)
    stream.log("new 3")
    await asyncio.sleep(1)
    assert stream.messages == [(True, ["old"]), (False, ["new 1", "new 2"]), (False, ["new 3"])]


async def test_it_ends_after_its_seconds(stream: Stream) -> None:
    await stream.order(10)
    await asyncio.sleep(11)
    stream.log("late")
    await asyncio.sleep(60)
    assert len(stream.sent) == 1


async def test_without_seconds_only_the_last_lines_come(stream: Stream) -> None:
    await stream.order(None)
    stream.log("new")
    await asyncio.sleep(60)
    assert len(stream.sent) == 1


async def test_another_order_begins_anew_and_goes_on_longer(stream: Stream) -> None:
    await stream.order(10)
    await asyncio.sleep(9)
    stream.log("first")
    await asyncio.sleep(0.1)
    await stream.order(10)
    await asyncio.sleep(9)
    stream.log("second")
    await asyncio.sleep(1)
    assert stream.messages[1:] == [(False, ["first"]), (True, ["first"]), (False, ["second"])]


async def test_a_line_that_breaks_ends_it_and_a_new_order_begins_it_again(stream: Stream) -> None:
    await stream.order(1_000)
    stream.has_line = False
    stream.log("lost")
    await asyncio.sleep(5)
    assert not await stream.order(10)
    stream.has_line = True
    stream.log("not asked for")
    await asyncio.sleep(5)
    assert len(stream.sent) == 1
    assert await stream.order(10)
    stream.log("new")
    await asyncio.sleep(5)
    assert stream.messages[1:] == [(True, ["lost", "not asked for"]), (False, ["new"])]


async def test_a_program_without_logging_says_so(stream: Stream) -> None:
    await stream.order(1)
    assert stream.sent[0].lines == ("(this program has set up no logging: there is nothing to show)",)
