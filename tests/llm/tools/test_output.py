"""What a program printed, as it is told."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from llm.tools.output import EnoughError, Output


@dataclass
class Line:
    line: str


@dataclass
class Result:
    text: str | None
    kinds: list[str] = field(default_factory=list)

    def formats(self) -> list[str]:
        return self.kinds


@dataclass
class Failure:
    name: str
    value: str
    traceback: str


def test_what_matters_most_comes_first() -> None:
    output = Output(key="")
    output.take_stdout(Line("out"))
    output.take_stderr(Line("err"))
    output.take_result(Result("42", ["text"]))
    output.take_error(Failure("NameError", "x", "line 1"))
    assert output.told(end="It was stopped.") == (
        "end:\nIt was stopped.\n\nerror:\nNameError: x\nline 1\n\nresult:\n42\n\nstdout:\nout\n\nstderr:\nerr"
    )


def test_a_result_without_text_is_named_by_its_kinds() -> None:
    output = Output(key="")
    output.take_result(Result(None, ["png", "svg"]))
    assert output.told() == "result:\n(there is a png, svg too, which cannot be shown)"


def test_of_a_long_traceback_the_end_is_told() -> None:
    output = Output(key="")
    output.take_error(Failure("E", "v", "t" * 10_000 + "the last line"))
    assert output.told().endswith("the last line")
    assert len(output.told()) < 2_000


def test_output_without_end_is_stopped_at_its_limit() -> None:
    output = Output(key="")
    output.take_stdout(Line("x" * 99_999))
    output.take_stderr(Line("y"))
    with pytest.raises(EnoughError):
        output.take_stdout(Line("z"))
    assert "[cut here; it has 99,999 characters]" in output.told()


def test_a_key_is_not_told() -> None:
    output = Output(key="a-key")
    output.take_stdout(Line("a-"))
    output.take_stdout(Line("key"))
    output.take_error(Failure("E", "with a-key", "with a-key"))
    assert "a-key" not in output.told()
