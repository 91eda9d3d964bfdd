"""The last lines of a process."""

from __future__ import annotations

import pytest

from processes.output import LONGEST, N_LINES, Output


def lines_of(*pieces: bytes, secrets: tuple[str, ...] = ()) -> list[str]:
    output = Output()
    output.hide(secrets)
    for piece in pieces:
        output.feed(piece)
    output.end_line()
    return output.last(N_LINES)


@pytest.mark.parametrize(
    ("pieces", "lines"),
    [
        ([b"one\ntwo\n"], ["one", "two"]),
        ([b"on", b"e\ntw", b"o"], ["one", "two"]),
        ([b"\n\nx\n"], ["", "", "x"]),
        ([b"one\r\n"], ["one"]),
        ([b"\xff\xc3\n"], ["��"]),
        (["größe".encode()[:3], "größe".encode()[3:]], ["größe"]),
        ([b"\x1b[31mred\x1b[0m \x1b]0;title\x07end\x1b\n"], ["red end�"]),
        ([b"a\x00b\x07\tc\n"], ["a�b�\tc"]),
        ([], []),
    ],
    ids=["lines", "pieces", "empty", "returns", "bytes", "half a letter", "colours", "controls", "nothing"],
)
def test_what_was_written_is_told_in_lines(pieces: list[bytes], lines: list[str]) -> None:
    assert lines_of(*pieces) == lines


def test_the_last_lines_are_kept() -> None:
    output = Output()
    for first in range(0, 3_000, 1_000):
        output.feed(b"".join(b"%d\n" % number for number in range(first, first + 1_000)))
    assert output.last(N_LINES) == [str(number) for number in range(2_500, 3_000)]
    assert output.last(2) == ["2998", "2999"]
    assert output.last(0) == []


@pytest.mark.parametrize("piece", [10, 7_000, 10_000_000], ids=["small", "middle", "one"])
def test_a_long_line_is_cut_and_pushes_no_other_out(piece: int) -> None:
    text = b"before\n" + b"x" * 100_000 + b"\nafter\n"
    lines = lines_of(*(text[at : at + piece] for at in range(0, len(text), piece)))
    assert lines == ["before", "x" * LONGEST + "…", "after"]


def test_secrets_are_masked_in_lines_that_were_there_before_too() -> None:
    output = Output()
    output.feed(b"key hunter2hunter2\n")
    output.hide(["hunter2hunter2"])
    assert output.last(1) == ["key ***"]
    output.hide(["another-one"])
    output.feed(b"hunter2hunter2 another-one\n")
    assert output.last(1) == ["*** ***"]


@pytest.mark.parametrize(
    "text",
    [b"x" * 1_995 + b"s3cret-value", "€".encode() * 1_995 + b"s3cret-value", b"s3c\x1b[1mret-value"],
    ids=["at the cut", "at the cut of bytes", "with a colour in it"],
)  # fmt: skip
def test_no_part_of_a_secret_is_left(text: bytes) -> None:
    (line,) = lines_of(text + b"\n", secrets=("s3cret-value",))
    assert "s3c" not in line
    assert "***" in line


def test_a_remark_is_a_line_of_its_own() -> None:
    output = Output()
    output.feed(b"half")
    output.remark("process 7 ended")
    assert output.last(5) == ["half", "-- process 7 ended --"]
