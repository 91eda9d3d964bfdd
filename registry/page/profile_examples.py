"""Turns that are shown to a model before the call, as people type them. Pure.

What the human says stands as it is, what the agent answers after ``>``::

    When is check-out?
    > At eleven.
"""

from __future__ import annotations

from collections.abc import Sequence


class ExamplesError(ValueError):
    """Not a human's words and then an agent's. The message is one line with the place."""


def examples_text(examples: Sequence[tuple[str, str]]) -> str:
    """The turns as a text that `parse_examples` reads."""
    return "\n".join(f"{human}\n{_marked(agent)}" for human, agent in examples)


def parse_examples(text: str) -> list[tuple[str, str]]:
    """The turns in a text. Empty lines do not count; several lines of one side are one turn.

    Raises:
        ExamplesError: An answer without a question before it, or a question without an answer.
    """
    found: list[tuple[str, str]] = []
    human: list[str] = []
    agent: list[str] = []
    for number, line in enumerate([*text.split("\n"), ""], start=1):
        is_end = number == text.count("\n") + 2
        if line.lstrip().startswith(">"):
            if not human:
                raise ExamplesError(f"Line {number} is an answer, and no line before it says to what.")
            agent.append(line.lstrip()[1:].strip())
        elif line.strip() or is_end:
            if agent:
                found.append(("\n".join(human), "\n".join(agent)))
                human, agent = [], []
            if line.strip():
                human.append(line.strip())
    if human:
        raise ExamplesError(f"“{human[0][:40]}” has no answer; write it on the next line, after >.")
    return found


def _marked(agent: str) -> str:
    return "\n".join(f"> {line}" for line in agent.split("\n"))
