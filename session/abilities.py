"""What a profile asks for beyond talking: which agent it makes, and what goes along with its pipeline."""

from __future__ import annotations

from collections.abc import Sequence

from livekit.agents import Agent

from config import LiveKitLogin
from llm.tools import Tool
from session.companions import Companion
from session.language_model import RoutedModel
from session.notes import Notes
from session.voice import build_agent
from wire import Profile

# Calls that need none of the modules imported below pay for none of them.


def agent_of(
    profile: Profile, *, tools: Sequence[Tool], model: RoutedModel, notes: Notes
) -> tuple[Agent, tuple[Companion, ...]]:
    """The character, and what it needs beside it. An interpreter has no tools and no eyes: it only repeats."""
    if profile.translate is not None:
        from session.held_turns import HeldTurns  # noqa: PLC0415
        from session.interpreting import Interpreter  # noqa: PLC0415

        held = HeldTurns()
        return Interpreter(profile, profile.translate, held), (held,)
    plain = build_agent(profile, tools=tools)
    if not profile.vision:
        return plain, ()
    from session.seeing import Eye, Seer  # noqa: PLC0415

    eye = Eye()
    return Seer(plain, eye=eye, thinker=model, on_understood=notes.set_vision), (eye,)


def face_of(profile: Profile, *, login: LiveKitLogin, notes: Notes) -> tuple[Companion, ...]:
    """Its avatar, if it has one: an agent that only writes has none."""
    if profile.avatar is None or not speaks(profile):
        return ()
    from session.avatar import Face  # noqa: PLC0415

    return (Face(profile.avatar, name=profile.name, login=login, on_state=notes.set_avatar),)


def notes_of(profile: Profile) -> Notes:
    """What is to be known of it from the beginning."""
    translate = profile.translate
    return Notes(
        translate=None if translate is None else translate.to, vision=profile.vision and translate is None
    )


def speaks(profile: Profile) -> bool:
    """Whether what it says is said aloud."""
    return profile.translate is None or profile.translate.speak


def greeting_of(profile: Profile, *, after_break: str | None) -> str:
    """What is said when a human is there; empty = nothing.

    Args:
        profile: Of the agent.
        after_break: Words of an agent that takes another one's place; None = it takes nobody's. An interpreter has
            none: they would be in the wrong language, and it has nothing to go on with.
    """
    if after_break is None:
        return profile.greeting
    return after_break if profile.translate is None else ""
