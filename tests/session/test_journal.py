"""The conversation on disk, and a disk that does not take it."""

import asyncio
import errno
import json
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from session.journal import Journal, forget
from session.utterance import Utterance

NOW = datetime(2026, 3, 9, 12, tzinfo=UTC)


def lines(folder: Path) -> list[dict[str, object]]:
    files = list(folder.rglob("*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


async def test_turns_are_written_as_they_come(tmp_path: Path) -> None:
    journal = Journal(tmp_path, job_id="AJ_1", clock=lambda: NOW)
    journal.write({"role": "user", "text": "Grüß Gott"})
    await journal.flush()
    journal.write({"role": "assistant", "text": "Hello"})
    await journal.flush()
    await journal.flush()
    assert lines(tmp_path) == [
        {"at": "2026-03-09T12:00:00+00:00", "role": "user", "text": "Grüß Gott"},
        {"at": "2026-03-09T12:00:00+00:00", "role": "assistant", "text": "Hello"},
    ]


async def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", job_id="../AJ/1", clock=lambda: NOW)
    journal.write({"event": "started"})
    await journal.flush()
    file = tmp_path / "journal" / "2026-03-09" / "___AJ_1.jsonl"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


async def test_run_and_flush_together_write_each_line_once(tmp_path: Path) -> None:
    journal = Journal(tmp_path, job_id="AJ_1", clock=lambda: NOW)
    running = asyncio.create_task(journal.run(), name="journal")
    for number in range(20):
        journal.write({"number": number})
        await asyncio.gather(journal.flush(), journal.flush())
    running.cancel()
    await asyncio.wait({running})
    await journal.flush()
    assert [line["number"] for line in lines(tmp_path)] == list(range(20))


async def test_a_full_disk_is_told_once_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    journal = Journal(tmp_path, job_id="AJ_1", clock=lambda: NOW)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("session.journal.os.open", full)
        for number in range(3):
            journal.write({"number": number})
            await journal.flush()
    journal.write({"number": 3})
    await journal.flush()
    assert [line["number"] for line in lines(tmp_path)] == [0, 1, 2, 3]
    assert [record.__dict__["action"] for record in caplog.records] == ["journal.failed", "journal.recovered"]


async def test_without_a_folder_nothing_is_written(tmp_path: Path) -> None:
    journal = Journal(None, job_id="AJ_1")
    journal.write({"event": "started"})
    await journal.flush()
    assert lines(tmp_path) == []


@pytest.mark.parametrize(("days", "kept"), [(30, 3), (2, 3), (1, 2), (0, 1)])
def test_old_days_are_forgotten(days: int, kept: int, tmp_path: Path) -> None:
    for age in range(3):
        day = tmp_path / f"{NOW - timedelta(days=age):%Y-%m-%d}"
        day.mkdir()
        (day / "AJ_1.jsonl").write_text("{}\n")
    (tmp_path / "notes").mkdir()
    assert forget(tmp_path, days=days, clock=lambda: NOW) == 3 - kept
    assert len(list(tmp_path.iterdir())) == kept + 1


def test_a_journal_that_is_not_there_has_nothing_to_forget(tmp_path: Path) -> None:
    assert forget(tmp_path / "none", days=1) == 0


async def test_what_is_said_is_a_line(tmp_path: Path) -> None:
    journal = Journal(tmp_path, job_id="AJ_1", clock=lambda: NOW)
    journal.take(Utterance(role="user", text="Hello.", interrupted=True))
    await journal.flush()
    assert lines(tmp_path) == [
        {"at": "2026-03-09T12:00:00+00:00", "role": "user", "text": "Hello.", "interrupted": True}
    ]


async def test_a_text_that_is_not_kept_is_not_written(tmp_path: Path) -> None:
    journal = Journal(tmp_path, job_id="AJ_1", keeps_text=False, clock=lambda: NOW)
    journal.take(Utterance(role="user", text="my number is 4711", interrupted=True))
    await journal.flush()
    assert lines(tmp_path) == [{"at": "2026-03-09T12:00:00+00:00", "role": "user", "interrupted": True}]
