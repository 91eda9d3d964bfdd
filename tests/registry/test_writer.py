"""Writing behind: group commits, last heartbeats, and a database that goes away. With a real thread, in real time."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from registry import writer as writer_module
from registry.clock import Clock
from registry.errors import DatabaseError
from registry.records import AgentRow, Change, Status
from registry.store import StoreError
from registry.writer import Writer
from tests.registry.agent_rows import agent_row
from tests.registry.beats import a_beat

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Database:
    """Counts transactions; fails, or waits, when told to."""

    def __init__(self) -> None:
        self.trouble: str | None = None
        self.gate = threading.Event()
        self.gate.set()
        self.transactions: list[tuple[list[str], list[str]]] = []
        self.heard: dict[str, datetime] = {}
        self.removed: list[str] = []

    def save(self, rows: list[AgentRow], changes: list[Change], removed: list[str]) -> None:
        self._work()
        self.removed += removed
        self.transactions.append(([row.agent_id for row in rows], [change.reason for change in changes]))

    def touch(self, heard: list[tuple[str, datetime]]) -> None:
        self._work()
        self.heard.update(heard)

    def ping(self) -> None:
        self._work()

    def prune(self, before: datetime) -> int:
        return 0

    def _work(self) -> None:
        assert self.gate.wait(3)
        if self.trouble is not None:
            raise StoreError(self.trouble)


@asynccontextmanager
async def writing(database: Database) -> AsyncIterator[Writer]:
    writer = Writer(database, clock=Clock(), heard_at=lambda _: NOW, history_days=30)
    running = asyncio.create_task(writer.run())
    try:
        yield writer
    finally:
        running.cancel()
        await asyncio.wait({running})
        await writer.aclose()


def a_row(agent_id: str) -> Callable[[], AgentRow]:
    return lambda: agent_row(a_beat(agent_id), at=NOW)


def a_change(reason: str) -> Change:
    return Change(
        at=NOW,
        agent_id="1",
        incarnation="one",
        before=None,
        after=Status.RUNNING,
        health=100,
        reason=reason,
        by="agent",
    )


async def test_what_was_waited_for_is_written() -> None:
    database = Database()
    async with writing(database) as writer:
        await writer.save("1", a_row("1"), a_change("first seen"))
        assert database.transactions == [(["1"], ["first seen"])]


async def test_whatever_comes_during_a_transaction_shares_the_next_one() -> None:
    database = Database()
    async with writing(database) as writer:
        database.gate.clear()
        first = writer.save("0", a_row("0"), None)
        await asyncio.sleep(0.05)
        others = [writer.save(str(number), a_row(str(number)), None) for number in range(1, 100)]
        database.gate.set()
        await asyncio.gather(first, *others)
        assert [len(rows) for rows, _ in database.transactions] == [1, 99]


async def test_an_agent_that_changes_twice_is_written_once_as_it_is_then() -> None:
    database = Database()
    async with writing(database) as writer:
        database.gate.clear()
        first = writer.save("0", a_row("0"), None)
        await asyncio.sleep(0.05)
        writer.save("1", a_row("1"), a_change("one"))
        last = writer.save("1", a_row("1"), a_change("two"))
        database.gate.set()
        await asyncio.gather(first, last)
        assert database.transactions[1] == (["1"], ["one", "two"])


async def test_a_database_that_fails_refuses_and_gets_everything_when_it_is_back() -> None:
    database = Database()
    told: list[str | None] = []
    async with writing(database) as writer:
        writer.on_trouble = lambda: told.append(writer.trouble)
        database.trouble = "disk full"
        with pytest.raises(DatabaseError, match="disk full") as error:
            await writer.save("1", a_row("1"), a_change("first seen"))
        assert error.value.retry_after == 1.0
        assert writer.trouble == "disk full"
        database.trouble = None
        await asyncio.wait_for(writer.save("2", a_row("2"), a_change("second seen")), 3)
        assert writer.trouble is None
        assert database.transactions == [(["1", "2"], ["first seen", "second seen"])]
        assert told[0] == "disk full"
        assert told[-1] is None


async def test_last_heartbeats_follow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "TOUCH_INTERVAL", 0.05)
    database = Database()
    async with writing(database) as writer:
        for number in range(450):
            writer.touch(str(number))
        for _ in range(100):
            await asyncio.sleep(0.02)
            if len(database.heard) == 450:
                break
        assert len(database.heard) == 450


async def test_a_removed_agent_is_removed_after_its_last_row() -> None:
    database = Database()
    async with writing(database) as writer:
        writer.save("1", a_row("1"), None)
        await writer.remove("1", a_change("removed"))
        assert (database.transactions, database.removed) == ([([], ["removed"])], ["1"])


async def test_what_is_left_is_written_at_the_end() -> None:
    database = Database()
    writer = Writer(database, clock=Clock(), heard_at=lambda _: NOW, history_days=30)
    writer.save("1", a_row("1"), a_change("first seen"))
    writer.note(a_change("a note"))
    await writer.aclose()
    await writer.aclose()
    assert database.transactions == [(["1"], ["first seen", "a note"])]


async def test_the_end_does_not_wait_for_a_database_that_fails() -> None:
    database = Database()
    database.trouble = "gone"
    writer = Writer(database, clock=Clock(), heard_at=lambda _: NOW, history_days=30)
    writer.save("1", a_row("1"), None)
    await asyncio.wait_for(writer.aclose(), 2)


async def test_an_agent_that_cannot_be_put_into_a_row_does_not_stop_the_others() -> None:
    database = Database()

    def broken() -> AgentRow:
        raise ValueError("no such row")

    async with writing(database) as writer:
        await asyncio.gather(writer.save("broken", broken, None), writer.save("1", a_row("1"), None))
        assert database.transactions == [(["1"], [])]


async def test_a_database_that_hangs_is_told_to_those_who_wait_and_gets_everything_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(writer_module, "HANGS", 0.1)
    monkeypatch.setattr(writer_module, "RETRY_INTERVAL", 0.1)
    database = Database()
    async with writing(database) as writer:
        database.gate.clear()
        with pytest.raises(DatabaseError, match="has not answered"):
            await asyncio.wait_for(writer.save("1", a_row("1"), a_change("one")), 2)
        with pytest.raises(DatabaseError, match="has not answered"):
            await asyncio.wait_for(writer.save("2", a_row("2"), a_change("two")), 2)
        assert writer.trouble is not None
        database.gate.set()
        for _ in range(100):
            await asyncio.sleep(0.02)
            if len(database.transactions) == 2:
                break
        assert database.transactions == [(["1"], ["one"]), (["2"], ["two"])]
        assert writer.trouble is None


async def test_a_quiet_registry_that_lost_its_database_says_so_until_it_is_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(writer_module, "TOUCH_INTERVAL", 0.02)
    monkeypatch.setattr(writer_module, "RETRY_INTERVAL", 0.02)
    database = Database()
    told: list[str | None] = []
    async with writing(database) as writer:
        writer.on_trouble = lambda: told.append(writer.trouble)
        database.trouble = "the file is gone"
        await asyncio.sleep(0.4)
        assert set(told) == {"the file is gone"}, "it does not flap"
        database.trouble = None
        await asyncio.sleep(0.2)
        assert writer.trouble is None


async def test_a_transaction_under_way_at_the_end_is_not_lost() -> None:
    database = Database()
    writer = Writer(database, clock=Clock(), heard_at=lambda _: NOW, history_days=30)
    running = asyncio.create_task(writer.run())
    database.gate.clear()
    writer.save("1", a_row("1"), a_change("first seen"))
    await asyncio.sleep(0.05)
    running.cancel()
    await asyncio.wait({running})
    database.gate.set()
    await writer.aclose()
    assert database.transactions == [(["1"], ["first seen"])]
