"""Notes that cannot be shared: said once, and once more when they can be."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from llm.board import QUIET_PERIOD, RENEW_INTERVAL, Board

AWAY, BACK = "llm.board", "llm.board_back"


class Host:
    """One process's board, in a folder that can be spoiled, and the time of all."""

    def __init__(self, folder: Path) -> None:
        self.wall = 1_800_000_000.0
        self.board = Board(folder / "llm", wall=lambda: self.wall)
        self._folder = folder

    def spoil(self) -> None:
        for path in (self._folder / "llm").glob("*"):
            path.unlink()
        (self._folder / "llm").rmdir()
        (self._folder / "llm").write_text("a file and no folder")

    def mend(self) -> None:
        (self._folder / "llm").unlink()

    def bar_one_note(self) -> None:
        (self._folder / "llm" / "watched.json").mkdir(parents=True)

    def live(self, seconds: float, *, writes: bool = True) -> None:
        """What a watching process does with its notes for a while; or any other process, which reads."""
        end = self.wall + seconds
        while self.wall < end:
            self.board.try_to_watch()
            self.board.found()
            if writes:
                self.board.write_watched([])
                self.board.write_found([], stamp="alike")
            self.wall += RENEW_INTERVAL


@pytest.fixture
def host(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Host:
    caplog.set_level(logging.INFO)
    return Host(tmp_path)


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.__dict__["action"] for record in caplog.records if record.name == "llm.board"]


def test_trouble_is_told_once_and_its_end_once_and_so_is_the_next(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    host.live(100)
    assert said(caplog) == []
    for n_troubles in (1, 2):
        host.board.close()
        host.spoil()
        host.live(600)
        assert said(caplog) == [AWAY, BACK] * (n_troubles - 1) + [AWAY]
        host.mend()
        host.live(600)
        assert said(caplog) == [AWAY, BACK] * n_troubles
    assert [record.levelno for record in caplog.records] == [logging.WARNING, logging.INFO] * 2
    host.board.close()


@pytest.mark.parametrize(
    ("quiet", "is_over"),
    [(QUIET_PERIOD - 0.01, False), (QUIET_PERIOD, True), (-QUIET_PERIOD, True)],
    ids=["just before", "at the time", "after the clock was set back"],
)
def test_it_is_over_when_nothing_has_failed_for_a_while(
    host: Host, caplog: pytest.LogCaptureFixture, quiet: float, is_over: bool
) -> None:
    host.bar_one_note()
    host.board.write_watched([])
    host.wall += quiet
    host.board.write_found([], stamp="alike")
    assert said(caplog) == [AWAY, BACK][: 1 + is_over]


def test_one_note_that_fails_among_others_is_told_once(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    host.bar_one_note()
    host.live(600)
    assert said(caplog) == [AWAY]
    host.board.close()


def test_reading_does_not_mend_what_cannot_be_written(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    host.bar_one_note()
    host.board.write_watched([])
    host.live(600, writes=False)
    assert said(caplog) == [AWAY]
    host.board.close()
