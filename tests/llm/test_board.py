"""What processes of one host tell each other, and what they make of files that are old, odd or not there."""

from __future__ import annotations

import json
import math
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from llm.board import FRESH, Board, Findings, Note
from llm.endpoints import Endpoint, Source
from llm.health import LONGEST_RATE_LIMIT, Health, Met, Outcome, State
from llm.pool import Member
from tests.llm.stage import KEY, endpoint, pool_of

WALL = 1_800_000_000.0


class Process:
    """One of those that share a folder. Its own clock began at another moment than everybody's."""

    def __init__(self, folder: Path, *listed: Endpoint, began_at: float = 0.0) -> None:
        self.wall = WALL
        self._began_at = WALL - began_at
        self.board = Board(folder, wall=lambda: self.wall)
        self.pool = pool_of(*(listed or (endpoint("a"),)), clock=self.now)

    def now(self) -> float:
        return self.wall - self._began_at

    @property
    def member(self) -> Member:
        return self.pool.members()[0]

    def meets(self, met: Met, **fields: Any) -> None:
        self.pool.record(self.member, Outcome(met=met, **fields))

    def writes(self) -> None:
        self.board.write(self.member, now=self.now())

    def reads(self) -> Note | None:
        return self.board.news(self.member)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "llm"


@pytest.fixture
def one(folder: Path) -> Process:
    return Process(folder)


@pytest.fixture
def other(folder: Path) -> Process:
    return Process(folder, began_at=5_000.0)


def note_file(folder: Path) -> Path:
    (found,) = folder.glob("*.json")
    return found


def everything(folder: Path) -> str:
    return "".join(
        f"{path.name} {path.read_text(errors='replace')}" for path in folder.rglob("*") if path.is_file()
    )


# -- how an endpoint is


def test_what_one_has_met_the_other_reads_in_its_own_time(one: Process, other: Process) -> None:
    one.meets(Met.RATE_LIMITED, reason="HTTP 429", retry_after=100.0)
    one.wall += 10
    other.wall += 10
    one.writes()
    note = other.reads()
    assert note is not None
    assert (note.state, note.reason, note.failures, note.models) == (
        State.RATE_LIMITED,
        "HTTP 429",
        1,
        ("m",),
    )
    assert (note.changed, note.retry_in) == (10, 90)
    health = note.health(now=other.now())
    assert (health.since, health.retry_at) == (5_000, 5_100)
    assert not health.may_be_tried(now=5_099.9)
    assert health.may_be_tried(now=5_100)


def test_news_are_news_once_and_never_ones_own(one: Process, other: Process) -> None:
    assert one.reads() is None
    one.meets(Met.ANSWERED)
    one.writes()
    assert one.reads() is None
    assert other.reads() is not None
    assert other.reads() is None
    one.meets(Met.FAILED, reason="gone")
    one.writes()
    note = other.reads()
    assert note is not None
    assert note.state is State.FAILING


def test_two_notes_of_one_moment_are_two(one: Process, other: Process, folder: Path) -> None:
    one.meets(Met.ANSWERED)
    one.writes()
    other.reads()
    before = note_file(folder).stat()
    one.meets(Met.FAILED, reason="gone")
    one.writes()
    os.utime(note_file(folder), ns=(before.st_atime_ns, before.st_mtime_ns))
    assert other.reads() is not None


@pytest.mark.parametrize(
    ("age", "is_believed"),
    [(0.0, True), (FRESH, True), (FRESH + 1, False), (-FRESH, True), (-FRESH - 1, False)],
    ids=["now", "nearly old", "old", "from soon", "from the future"],
)
def test_an_old_note_is_not_believed(one: Process, other: Process, age: float, is_believed: bool) -> None:
    one.meets(Met.ANSWERED)
    one.writes()
    other.wall += age
    assert (other.reads() is not None) is is_believed


def test_a_retry_of_the_past_is_now(one: Process, other: Process) -> None:
    one.meets(Met.FAILED, reason="gone")
    one.writes()
    other.wall += 30
    note = other.reads()
    assert note is not None
    assert note.retry_in == 0


def test_with_another_key_it_is_another_endpoint(folder: Path) -> None:
    one = Process(folder, endpoint("a", api_key=SecretStr(KEY)))
    other = Process(folder, endpoint("a", api_key=SecretStr("another-key")))
    same = Process(folder, endpoint("a", api_key=SecretStr(KEY)))
    one.meets(Met.MISCONFIGURED, reason="the key is refused")
    one.writes()
    assert other.reads() is None
    assert same.reads() is not None


def dicts(*given: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    return given


GOOD: dict[str, Any] = {
    "state": "failing",
    "reason": "gone",
    "failures": 1,
    "changed_at": WALL,
    "retry_at": WALL + 5,
    "models": ["m"],
    "written_at": WALL,
}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"null",
        b"7",
        b'"text"',
        b"[1, 2]",
        b"{}",
        b"\xff\xfe\x00",
        b"\x00" * 4096,
        *(
            json.dumps({**GOOD, **odd}).encode()
            for odd in dicts(
                {"state": "splendid"},
                {"state": ["failing"]},
                {"failures": "many"},
                {"failures": math.inf},
                {"failures": None},
                {"written_at": "now"},
                {"written_at": math.nan},
                {"written_at": None},
                {"retry_at": {}},
                {"changed_at": []},
                {"models": 7},
                {"models": None},
            )
        ),
    ],
)
def test_a_broken_note_is_no_note_and_the_next_good_one_counts(
    one: Process, other: Process, folder: Path, content: bytes
) -> None:
    one.meets(Met.ANSWERED)
    one.writes()
    note_file(folder).write_bytes(content)
    assert other.reads() is None
    one.writes()
    assert other.reads() is not None


@pytest.mark.parametrize("odd", [{"retry_at": math.inf}, {"retry_at": WALL + 1e12}, {"retry_at": math.nan}])
def test_no_note_bars_an_endpoint_for_ever(
    one: Process, other: Process, folder: Path, odd: dict[str, Any]
) -> None:
    one.writes()
    note_file(folder).write_text(json.dumps({**GOOD, **odd}))
    note = other.reads()
    if note is not None:
        assert note.health(now=0.0).may_be_tried(now=1.2 * LONGEST_RATE_LIMIT)


def test_a_folder_in_a_notes_place_hurts_nobody(one: Process, other: Process, folder: Path) -> None:
    one.writes()
    path = note_file(folder)
    path.unlink()
    path.mkdir()
    assert other.reads() is None
    one.writes()


# -- what was found


def found(number: int, **fields: Any) -> Endpoint:
    given = {"source": Source.DISCOVERED, "models": ("x", "y"), "kind": "ollama", **fields}
    return Endpoint(base_url=f"http://10.0.0.{number}:11434/v1", **given)


def findings(*endpoints: Endpoint, is_whole: bool = True) -> Findings:
    return Findings(endpoints=endpoints, stamp="alike", is_whole=is_whole)


def test_what_was_found_is_found_by_all(one: Process, other: Process) -> None:
    assert other.board.found() is None
    listed = (found(1), found(2, source=Source.BACKEND, deploy_id="seven", model="y", kind="vllm"))
    one.board.write_found(listed, stamp="alike")
    assert other.board.found() == findings(*listed)
    assert other.board.found() is None, "that is no news any more"
    assert one.board.found() is None
    one.board.write_found([], stamp="alike")
    assert other.board.found() == findings(), "that nothing is there is news too"


def test_what_needs_a_key_is_found_by_each_for_itself(one: Process, other: Process, folder: Path) -> None:
    one.board.write_found([found(1, api_key=SecretStr(KEY)), found(2)], stamp="alike")
    assert other.board.found() == findings(found(2), is_whole=False)
    assert KEY not in everything(folder)


def test_old_findings_are_not_believed(one: Process, other: Process) -> None:
    one.board.write_found([found(1)], stamp="alike")
    other.wall += FRESH + 1
    assert other.board.found() is None


@pytest.mark.parametrize(
    "content",
    [
        "",
        "null",
        "[]",
        "{}",
        f'{{"written_at": {WALL}}}',
        f'{{"written_at": {WALL}, "endpoints": null}}',
        f'{{"written_at": {WALL}, "endpoints": 7}}',
        f'{{"written_at": {WALL}, "endpoints": []}}',
        f'{{"written_at": {WALL}, "endpoints": ["text"]}}',
        f'{{"written_at": {WALL}, "endpoints": [{{}}]}}',
        f'{{"written_at": {WALL}, "endpoints": [{{"base_url": "http://a/v1", "source": "heaven"}}]}}',
    ],
)
def test_broken_findings_are_none(one: Process, other: Process, folder: Path, content: str) -> None:
    one.board.write_found([], stamp="alike")
    note_file(folder).write_text(content)
    assert other.board.found() is None


# -- no secrets


def test_no_key_is_ever_written(folder: Path) -> None:
    keyed = endpoint("a", api_key=SecretStr(KEY), source=Source.CLOUD)
    one = Process(folder, keyed)
    one.board.try_to_watch()
    one.meets(Met.FAILED, reason="gone")
    one.writes()
    one.board.write_found([keyed], stamp="alike")
    one.board.close()
    assert "failing" in everything(folder)
    assert KEY not in everything(folder)


@pytest.mark.parametrize("before", [None, 0o755], ids=["new", "of an older version"])
def test_nobody_else_on_the_host_may_read_the_notes(folder: Path, before: int | None) -> None:
    if before is not None:
        folder.mkdir(mode=before)
    one = Process(folder)
    one.meets(Met.FAILED, reason="gone")
    one.writes()
    one.board.write_found([found(1)], stamp="alike")
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.glob("*.json")} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


# -- what is read and what is kept


def test_there_are_news_when_anything_was_written(one: Process, other: Process) -> None:
    assert other.board.has_news(), "nothing is there: whoever reads finds out"
    one.writes()
    assert other.board.has_news()
    assert not other.board.has_news()
    one.writes()
    assert other.board.has_news()
    one.board.write_found([], stamp="alike")
    assert other.board.has_news()
    assert not other.board.has_news()


@pytest.mark.parametrize(("age", "is_kept"), [(86_000, True), (87_000, False)])
def test_old_notes_are_thrown_away(one: Process, folder: Path, age: float, is_kept: bool) -> None:
    one.writes()
    note = note_file(folder)
    draft, other = note.with_suffix(".17.tmp"), folder / "other.json"
    one.board.write_watched([])
    now = (folder / "watched.json").stat().st_mtime
    for path in (note, draft, other):
        path.touch()
        os.utime(path, (now - age, now - age))
    one.board.forget_old()
    assert (note.exists(), draft.exists(), other.exists()) == (is_kept, is_kept, True)


def test_where_there_are_no_notes_none_are_thrown_away(one: Process, folder: Path) -> None:
    one.board.forget_old()
    assert not folder.exists()


# -- who watches


def test_one_of_them_watches_until_it_closes(one: Process, other: Process) -> None:
    assert one.board.try_to_watch()
    assert one.board.try_to_watch()
    assert not other.board.try_to_watch()
    one.board.close()
    one.board.close()
    assert other.board.try_to_watch()
    assert not one.board.try_to_watch()
    other.board.close()


def refuses(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Where nothing can be shared, each one watches for itself, and says so once."""
    one = Process(folder)
    assert one.board.try_to_watch()
    assert one.board.try_to_watch()
    one.writes()
    one.board.write_found([found(1)], stamp="alike")
    assert one.reads() is None
    assert one.board.found() is None
    assert [record.getMessage()[:50] for record in caplog.records] == [
        "language models: what is known of them cannot be s"
    ]
    one.board.close()


def test_without_a_folder_each_watches_for_itself(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("a file and no folder")
    refuses(tmp_path / "file" / "llm", caplog)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_in_a_folder_that_is_read_only_each_watches_for_itself(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder.mkdir(mode=0o500)
    refuses(folder, caplog)


def test_a_state_of_an_hour_ago_is_an_hour_old(one: Process, other: Process) -> None:
    one.member.health = Health(state=State.HEALTHY, since=one.now() - 3_600)
    one.writes()
    note = other.reads()
    assert note is not None
    assert note.changed == 3_600
