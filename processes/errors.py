"""What can go wrong with processes of this host."""

from __future__ import annotations

from collections.abc import Sequence


class ProcessesError(Exception):
    """The message is one sentence with the value and the way out."""


class DefinitionsError(ProcessesError):
    """The file of agents is wrong. `lines` has one sentence for each mistake; the message is the first."""

    def __init__(self, lines: Sequence[str]) -> None:
        more = len(lines) - 1
        super().__init__(lines[0] + (f" (and {more} more)" if more else ""))
        self.lines = tuple(lines)


class StartError(ProcessesError):
    """A program cannot be started: it is not there, may not be executed, or has no folder to work in."""


class UnknownProcessError(ProcessesError):
    """The file of agents defines no such process."""


class ClosingError(ProcessesError):
    """All processes are being ended, and none is started any more."""


class WishError(ProcessesError):
    """What an operator wishes cannot be written down now."""
