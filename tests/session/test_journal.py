"""The conversation on disk, and a disk that does not take it."""

import asyncio
import errno
import json
import logging
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from session.journal import BEING_WRITTEN, FORGET_INTERVAL, Journal, forget, keep_forgetting
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


@pytest.mark.parametrize(("days", "kept"), [(30, 3), (2, 3), (1, 2), (0, 0)])
def test_old_days_are_forgotten(days: int, kept: int, tmp_path: Path) -> None:
    for age in range(3):
        day = tmp_path / f"{NOW - timedelta(days=age):%Y-%m-%d}"
        day.mkdir()
        (day / "AJ_1.jsonl").write_text("{}\n")
    (tmp_path / "notes").mkdir()
    assert forget(tmp_path, days=days, clock=lambda: NOW) == 3 - kept
    assert len(list(tmp_path.iterdir())) == kept + 1


@pytest.mark.parametrize(
    ("days", "age", "silent", "stays"),
    [
        pytest.param(0, 0, 0.0, True, id="now"),
        pytest.param(0, 0, BEING_WRITTEN - 1, True, id="just before"),
        pytest.param(0, 0, BEING_WRITTEN, False, id="at the limit"),
        pytest.param(0, 0, BEING_WRITTEN + 1, False, id="after it"),
        pytest.param(0, 1, 60.0, True, id="over midnight"),
        pytest.param(1, 2, 60.0, True, id="for days"),
        pytest.param(1, 2, BEING_WRITTEN, False, id="for days, and over"),
        pytest.param(0, 0, -2 * BEING_WRITTEN, False, id="a moment that is to come"),
    ],
)
def test_a_file_that_is_being_written_is_not_forgotten(
    days: int, age: int, silent: float, stays: bool, tmp_path: Path
) -> None:
    """By a call whose worker keeps conversations for longer, or kept them until its settings were changed."""
    day = tmp_path / f"{NOW - timedelta(days=age):%Y-%m-%d}"
    day.mkdir()
    for name, seconds in (("AJ_over", 2 * BEING_WRITTEN), ("AJ_call", silent)):
        file = day / f"{name}.jsonl"
        file.write_text("{}\n")
        os.utime(file, times=(NOW.timestamp() - seconds,) * 2)
    assert forget(tmp_path, days=days, clock=lambda: NOW) == int(not stays)
    assert [file.name for file in tmp_path.rglob("*.jsonl")] == (["AJ_call.jsonl"] if stays else [])
    assert day.exists() is stays


def test_what_cannot_be_deleted_keeps_nothing_else(tmp_path: Path) -> None:
    elsewhere, day = tmp_path / "elsewhere", tmp_path / "2026-01-01"
    for folder in (elsewhere, day / "copies"):
        folder.mkdir(parents=True)
        (folder / "AJ_1.jsonl").write_text("{}\n")
    for name in ("a", "c"):
        (day / f"{name}.jsonl").write_text("{}\n")
    (day / "b").symlink_to(elsewhere)
    assert forget(tmp_path, days=30, clock=lambda: NOW) == 0
    assert list(tmp_path.rglob("*.jsonl")) == [elsewhere / "AJ_1.jsonl"]
    assert list(day.iterdir()) == [day / "b"]


class Ageing:
    """A journal of one conversation, and the day that it is."""

    def __init__(self, folder: Path) -> None:
        self.now = NOW
        self.day = folder / f"{NOW:%Y-%m-%d}"
        self.n_asked = 0
        self.day.mkdir(exist_ok=True)
        (self.day / "AJ_1.jsonl").write_text("{}\n")

    def clock(self) -> datetime:
        self.n_asked += 1
        if self.n_asked == 1:
            raise OSError(errno.EIO, "no clock")
        return self.now


@pytest.mark.looptime
async def test_what_grows_old_while_the_worker_runs_is_forgotten_within_an_hour(
    tmp_path: Path, looptime: float, caplog: pytest.LogCaptureFixture
) -> None:
    """And a look that fails is not the last one."""
    ageing = Ageing(tmp_path)
    running = asyncio.create_task(keep_forgetting(tmp_path, days=30, clock=ageing.clock), name="forgetting")
    await asyncio.sleep(FORGET_INTERVAL + 60)
    assert (ageing.n_asked, ageing.day.exists()) == (2, True)
    ageing.now += timedelta(days=31)
    await asyncio.sleep(FORGET_INTERVAL - 120)
    assert ageing.day.exists()
    await asyncio.sleep(120)
    assert (ageing.n_asked, ageing.day.exists()) == (3, False)
    running.cancel()
    await asyncio.wait({running})
    assert [record.__dict__["action"] for record in caplog.records] == ["journal.not_forgotten"]


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
