"""What a terminal gets, and what a pipe gets."""

from __future__ import annotations

import io
from contextlib import redirect_stdout

import pytest

from cli.terminal import clean, one_line, plain_table, print_table, status_text


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "40")
    return Terminal()


def show(word: str) -> None:
    table = plain_table("STATUS", "ID")
    table.add_row(status_text("error"), word)
    print_table(table)


def test_a_terminal_gets_colours_and_folds_what_is_long(terminal: Terminal) -> None:
    with redirect_stdout(terminal):
        show("x" * 100)
    lines = terminal.getvalue().splitlines()
    assert "\x1b[31merror" in terminal.getvalue()
    assert "".join(lines).count("x") == 100
    assert len(lines) == 5
    assert "…" not in terminal.getvalue()


def test_no_color_is_obeyed(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    with redirect_stdout(terminal):
        show("x")
    assert "error" in terminal.getvalue()
    assert "\x1b" not in terminal.getvalue()


def test_a_pipe_gets_whole_lines(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    show("x" * 1_000)
    assert capsys.readouterr().out.splitlines() == ["STATUS  ID", f"error   {'x' * 1_000}"]


@pytest.mark.parametrize(
    ("text", "cleaned", "line"),
    [
        ("a\tb\nc", "a\tb\nc", "a b c"),
        ("\x1b[2Jx", "\ufffd[2Jx", "\ufffd[2Jx"),
        ("a\r\x07\x7f\x9bb", "a\ufffd\ufffd\ufffd\ufffdb", "a \ufffd\ufffd\ufffdb"),
        ("  Zoë 🙂 ", "  Zoë 🙂 ", "Zoë 🙂"),
    ],
)
def test_control_characters_do_not_get_through(text: str, cleaned: str, line: str) -> None:
    assert clean(text) == cleaned
    assert one_line(text) == line
