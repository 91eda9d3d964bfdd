"""Parts of a profile: how turns are taken, what is translated, which face speaks. Pure."""

from __future__ import annotations

from typing import Annotated, Literal, Self

import langcodes
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator


def _language(tag: str) -> str:
    """The tag in its usual spelling. Raises `ValueError` for one that means no language."""
    try:
        is_one = langcodes.tag_is_valid(tag)
    except ValueError:
        is_one = False
    if not is_one:
        raise ValueError(f"{tag[:20]!r} is no language; write a BCP 47 tag as 'es', 'de' or 'pt-BR'")
    return langcodes.standardize_tag(tag)


Language = Annotated[str, StringConstraints(strip_whitespace=True, max_length=35), AfterValidator(_language)]
"""A BCP 47 tag of a language that exists, as ``es`` or ``pt-BR``."""

Provider = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,39}(/[^\s/][^\s]{0,159})?$", max_length=200
    ),
]
"""Who hears, thinks or speaks: ``deepgram``, or with its model ``deepgram/nova-3``."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


class Turns(_Part):
    """Who speaks when. Seconds."""

    interruptions: Literal["speech", "words", "off"] = "speech"
    """What stops the agent: a human's voice, words of theirs, or nothing."""

    min_speech: float = Field(default=0.5, ge=0.1, le=5)
    """Shortest voice that stops the agent."""

    min_words: int = Field(default=1, ge=1, le=20)
    """Fewest words that stop it, where words do."""

    end: Literal["model", "silence"] = "model"
    """What ends a human's turn: a model that listens for the end of a sentence, or silence alone."""

    min_delay: float | None = Field(default=None, ge=0, le=10)
    """Shortest silence after which a turn is over; None = what suits the way its end is found."""

    max_delay: float = Field(default=1.5, ge=0, le=30)
    """Silence after which it is over even if it does not sound so."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.min_delay is not None and self.min_delay > self.max_delay:
            raise ValueError(
                f"min_delay {self.min_delay:g} is longer than max_delay {self.max_delay:g}; make it the shorter one"
            )
        return self


class Translate(_Part):
    """The agent is an interpreter: it says in another language what the human says, and nothing of its own."""

    to: Language
    """Into which language."""

    speak: bool = True
    """Aloud; otherwise captions only."""


class Avatar(_Part):
    """A face that speaks in the agent's place."""

    provider: str = Field(min_length=1, max_length=40, pattern=r"^[a-z][a-z0-9_-]*$")
    """`bithuman`, or another one whose LiveKit plugin is installed on the worker's host."""

    model: str | None = Field(default=None, max_length=500)
    """Which face, by the provider's name for it; None = the provider's default."""
