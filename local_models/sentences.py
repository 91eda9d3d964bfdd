"""Text that arrives in words, given out in pieces worth speaking. Pure."""

from __future__ import annotations

import re

_END = re.compile(r"[.!?…。！？]+[\"'”’)\]]*\s+|\n+")
_ABBREVIATION = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|St|vs|etc|e\.g|i\.e|a\.m|p\.m)|\b[A-Z])\.\s+$", re.IGNORECASE
)
_BREATH = re.compile(r"[,;:]\s+|\s+[-–—]\s+")

LONGEST = 240
"""Characters spoken at once. The synthesizer holds Python's lock while it works: 0.1 ms a character."""


class Sentences:
    """Takes text as it comes, gives whole sentences."""

    def __init__(self) -> None:
        self._text = ""

    def push(self, text: str) -> list[str]:
        """The sentences that are complete now: those after which more text begins, or a blank follows."""
        self._text += text
        done: list[str] = []
        at = 0
        for end in _END.finditer(self._text):
            if _ABBREVIATION.search(self._text, at, end.end()):
                continue
            done += split(self._text[at : end.end()])
            at = end.end()
        self._text = self._text[at:]
        return done

    def flush(self) -> list[str]:
        """What is left, finished or not."""
        rest, self._text = self._text, ""
        return split(rest)


def split(text: str) -> list[str]:
    """One sentence in pieces of at most `LONGEST` characters, at a comma or a blank where there is one."""
    pieces: list[str] = []
    text = text.strip()
    while len(text) > LONGEST:
        breaths = [m.end() for m in _BREATH.finditer(text, LONGEST // 3, LONGEST)]
        at = breaths[-1] if breaths else text.rfind(" ", 1, LONGEST) + 1 or LONGEST
        pieces.append(text[:at].strip())
        text = text[at:].strip()
    return [*pieces, text] if text else pieces
