"""Texts that are cut in the middle."""

from __future__ import annotations

import io
from contextlib import redirect_stdout

import pytest
from rich.cells import cell_len

from cli.shortened import Shortened, shortened
from cli.terminal import plain_table, print_table, words
from tests.cli.test_terminal import Terminal


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("worker-1", 8, "worker-1"),
        ("worker-12", 8, "wor…r-12"),
        ("worker-12", 7, "wor…-12"),
        ("worker-12", 2, "…2"),
        ("worker-12", 1, "…"),
        ("worker-12", 0, ""),
        ("", 0, ""),
        ("日本語のエージェント", 8, "日…ント"),
    ],
)
def test_the_ends_stay(text: str, width: int, expected: str) -> None:
    found = shortened(text, width)
    assert found == expected
    assert cell_len(found) <= max(width, 0)


def show(ident: str) -> None:
    table = plain_table("ID", "REASON", whole=("REASON",))
    table.add_row(Shortened(ident), words("some reason", folds=False))
    print_table(table)


def test_a_narrow_terminal_gets_one_line_for_an_id(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "30")
    terminal = Terminal()
    with redirect_stdout(terminal):
        show("an-agent-with-an-id-that-is-long-7")
    (line,) = terminal.getvalue().splitlines()[1:]
    assert "…" in line.split()[0]
    assert line.startswith("an-")
    assert line.split()[0].endswith("-7")


def test_a_pipe_gets_all_of_it() -> None:
    pipe = io.StringIO()
    with redirect_stdout(pipe):
        show("x" * 500)
    assert "x" * 500 in pipe.getvalue()


def test_an_id_cannot_steer_the_terminal() -> None:
    assert Shortened("a\x1b[31m\nb").text == "a\ufffd[31m b"
