"""What a program in a sandbox printed, and how it ended: collected while it runs, within bounds."""

from __future__ import annotations

from typing import Any

from llm.tools.framing import cut, without_key

_MAX_COLLECTED = 100_000
"""Characters after which a program has said enough. The model sees fewer; this bounds our memory."""

_MAX_TRACEBACK = 1_500
_MAX_PRINTED = 3_000
"""Characters shown of each stream."""


class EnoughError(Exception):
    """The program prints without end, and is to be stopped. Never leaves this package."""


class Output:
    """Takes what E2B's client hands to its callbacks.

    Args:
        key: What must not be shown.
    """

    def __init__(self, *, key: str) -> None:
        self._key = key
        self._n_characters = 0
        self._printed: dict[str, list[str]] = {"stdout": [], "stderr": []}
        self._results: list[str] = []
        self._error: str | None = None

    def take_stdout(self, message: Any) -> None:
        self._take(self._printed["stdout"], str(message.line))

    def take_stderr(self, message: Any) -> None:
        self._take(self._printed["stderr"], str(message.line))

    def take_result(self, result: Any) -> None:
        kinds = [kind for kind in result.formats() if kind != "text"]
        shown = [str(result.text)] if result.text else []
        shown += [f"(there is a {', '.join(kinds)} too, which cannot be shown)"] if kinds else []
        self._take(self._results, " ".join(shown))

    def take_error(self, error: Any) -> None:
        # The end of a traceback says most: which line, and what.
        traceback = without_key(str(error.traceback), self._key)[-_MAX_TRACEBACK:]
        self._error = f"{error.name}: {error.value}\n{traceback}"

    def told(self, *, end: str | None = None) -> str:
        """All of it as text, what matters most first.

        Args:
            end: How it was ended, when it did not end by itself.
        """
        printed = {name: "".join(lines) for name, lines in self._printed.items()}
        parts = {
            "end": end,
            "error": self._error,
            "result": "\n".join(self._results),
            **printed,
        }
        told = [
            f"{name}:\n{cut(without_key(text, self._key), _MAX_PRINTED)}"
            for name, text in parts.items()
            if text
        ]
        return "\n\n".join(told) or "The program ended, and printed nothing."

    def _take(self, place: list[str], text: str) -> None:
        room = _MAX_COLLECTED - self._n_characters
        place.append(text[:room])
        self._n_characters += len(text)
        if len(text) > room:
            raise EnoughError
