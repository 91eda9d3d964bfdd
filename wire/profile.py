"""What agent `<id>` is: its name, voice, prompt and greeting."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from wire.profile_parts import Avatar, Language, Provider, Translate, Turns

_Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class ProfileError(ValueError):
    """A stored profile that cannot be read. The message is one line: the field, its value, the way out."""


class Profile(BaseModel):
    """One agent's profile, as stored and sent: a JSON object with these keys; unknown keys are ignored."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    name: _Line = "Ada"
    """Shown to the humans in the room as the agent's name."""

    description: str = Field(default="", max_length=2_000)
    """For people who choose an agent; never sent to a model."""

    model: str | None = Field(default=None, max_length=200)
    """Language model by its provider's name; None takes `LLM_MODEL`."""

    voice: str | None = Field(default=None, max_length=200)
    """Voice by its provider's name; None takes `TTS_VOICE`, then the provider's default."""

    temperature: float | None = Field(default=None, ge=0, le=2)
    """Of the language model; None takes the model's own default."""

    prompt: str = Field(min_length=1, max_length=32_000)
    """System prompt. What the agent is and what it knows."""

    examples: tuple[tuple[str, str], ...] = Field(default=(), max_length=20)
    """Turns shown to the model before the call: (human, agent). Small models follow them better than rules."""

    greeting: str = Field(default="", max_length=2_000)
    """Said when the first human is there; empty = the agent waits to be spoken to."""

    max_answer_tokens: int | None = Field(default=None, ge=1, le=100_000)
    """Longest answer, in the model's tokens; None = the model decides."""

    group: _Line | None = Field(default=None, max_length=80)
    """Project or team that it belongs to, for people who look for it; None = no group."""

    stt: Provider | None = None
    """Who hears; None takes what the worker's host has keys for."""

    llm: Provider | None = None
    """Who thinks, likewise. Its model may be named here or in `model`, not in both."""

    tts: Provider | None = None
    """Who speaks, likewise."""

    language: Language | None = None
    """What humans speak; None = what the provider takes by default."""

    turns: Turns = Turns()
    """Who speaks when."""

    transcript: bool = True
    """Keep what is said, as long as `JOURNAL_DAYS` has it; otherwise nothing of it is written anywhere."""

    translate: Translate | None = None
    """The agent is an interpreter."""

    vision: bool = False
    """The agent is shown a picture of the human's camera or screen with each question."""

    avatar: Avatar | None = None
    """A face for the agent."""

    @model_validator(mode="after")
    def _one_model(self) -> Self:
        named = None if self.llm is None else self.llm.partition("/")[2]
        if named and self.model and named != self.model:
            raise ValueError(
                f"llm names the model {named!r} and model names {self.model!r}; leave one of them out"
            )
        return self


def parse_profile(text: str | bytes) -> Profile:
    """A profile from its JSON.

    Raises:
        ProfileError: Not JSON, not an object, or a field is missing or wrong.
    """
    try:
        return Profile.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "profile"
        message = first["msg"].removeprefix("Value error, ")
        raise ProfileError(f"{where}: {message}") from error


_UNKNOWN = "I am sorry, I do not know that."

DEFAULT_PROFILE = Profile(
    name="Ada",
    description="Receptionist of Harbour Hotel",
    temperature=0.0,
    prompt=(
        "You are Ada, the receptionist of Harbour Hotel. Use these facts.\n"
        "Breakfast is from seven to ten on the ground floor.\n"
        "Check-out is at eleven.\n"
        "The wifi password is sunrise.\n"
        "The pool is on the fifth floor and is open until nine.\n"
        "Answer with one short sentence. If the facts do not say it, say that you do not know."
    ),
    # A model of 135 million parameters does not follow the last sentence of the prompt, but it follows these, mostly.
    # The order was searched for: told and untold by turns, it takes up the rhythm and not the facts.
    examples=(
        ("When is check out?", "Check-out is at eleven."),
        ("Is there a pool?", "Yes, the pool is on the fifth floor and is open until nine."),
        ("When is breakfast served?", "Breakfast is served from seven to ten on the ground floor."),
        ("Where is the pool?", "The pool is on the fifth floor and is open until nine."),
        ("Do you have a casino?", _UNKNOWN),
        ("How much is a massage?", _UNKNOWN),
        ("What is the wifi password?", "The wifi password is sunrise."),
    ),
    greeting="Hello, this is Ada at Harbour Hotel. How can I help you?",
    max_answer_tokens=60,
)
"""Every id that has no profile of its own. Its facts keep a very small model honest."""
