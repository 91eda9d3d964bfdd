"""The last lines that a process wrote.

Feeding costs next to nothing, because a process may write much and nobody may look: bytes are cut into lines and kept
as they are. Decoding and masking wait until somebody asks.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable

from processes.masking import Mask

N_LINES = 500
"""Lines that are kept of a process."""

LONGEST = 2_000
"""Characters of a line that are shown."""

_MOST_BYTES = 4 * LONGEST + 192
"""Of a line: enough for as many characters of any kind, and for a secret that begins in the last of them."""

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|.)")
"""Colours, titles and the like of terminals."""

_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]")


class Output:
    """The last `N_LINES` lines, over all runs of one process."""

    def __init__(self) -> None:
        self._lines: deque[bytes] = deque(maxlen=N_LINES)
        self._rest = b""
        self._secrets: frozenset[str] = frozenset()
        self._mask = Mask()

    def hide(self, secrets: Iterable[str]) -> None:
        """Mask these as well from now on, also in lines that are there."""
        more = self._secrets | frozenset(secrets)
        if more != self._secrets:
            self._secrets = more
            self._mask = Mask(more)

    def mask(self, text: str) -> str:
        """`text` without the secrets that are known."""
        return self._mask(text)

    def feed(self, data: bytes) -> None:
        """Take what the process wrote, in pieces as they come."""
        first, *others = data.split(b"\n")
        self._rest = (self._rest + first[:_MOST_BYTES])[:_MOST_BYTES]
        if others:
            self._lines.append(self._rest)
            self._lines.extend(line[:_MOST_BYTES] for line in others[-N_LINES - 1 : -1])
            self._rest = others[-1][:_MOST_BYTES]

    def end_line(self) -> None:
        """The process has ended, so a line that it began is whole. May be called twice."""
        if self._rest:
            self._lines.append(self._rest)
            self._rest = b""

    def remark(self, text: str) -> None:
        """Add a line of our own."""
        self.end_line()
        self._lines.append(f"-- {text} --".encode())

    def last(self, n: int) -> list[str]:
        """The last `n` lines, the oldest first, as text without secrets and escapes of terminals."""
        lines = list(self._lines)[-n:] if n > 0 else []
        return [self._shown(line) for line in lines]

    def _shown(self, line: bytes) -> str:
        text = line.decode("utf-8", "replace").rstrip("\r")
        # Colours go first: a secret with one in its middle would not be found.
        text = self._mask(_CONTROLS.sub("�", _ESCAPES.sub("", text)))
        return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
