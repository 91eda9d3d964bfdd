"""The part of an agent's page that shows and changes its stored profile."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace

from registry.agents import Agent
from registry.page.profile_form import Typed, parse_profile_form, typed
from registry.page.queries import moment_text
from registry.page.reasons import parse_name
from registry.running import Registry
from registry.session_records import ProfileRow
from registry.store import StoreError
from wire import DEFAULT_PROFILE, AgentIdError, Kind, parse_agent_id

MAX_BYTES = 400_000
"""Of the form. A prompt of 32,000 characters is nine times as long when it is quoted."""

_CHANGED_MEANWHILE = (
    "Somebody else has changed this profile in the meantime. What you typed is still here; save again to write it "
    "over theirs."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfilePart:
    agent_id: str
    """Whose profile it is."""

    stored: ProfileRow | None
    """None = the default one counts."""

    typed: Typed
    is_open: bool = False
    """The form has something to say."""

    trouble: str = ""
    """Why it cannot be read or written; empty = it can."""

    @property
    def seen(self) -> str:
        """Which version the form was made of."""
        return "" if self.stored is None else moment_text(self.stored.updated_at)

    @property
    def kept(self) -> str:
        """What has no field here and stays as it is, in words; empty = nothing."""
        profile = DEFAULT_PROFILE if self.stored is None else self.stored.profile
        parts = [f"{len(profile.examples)} example turns"] if profile.examples else []
        if profile.max_answer_tokens is not None:
            parts.append(f"answers of at most {profile.max_answer_tokens} tokens")
        if not parts:
            return ""
        until = " until its prompt is changed" if self.stored is None else ""
        return f"Kept{until}: {', '.join(parts)}."


def profile_id(row_id: str, agent: Agent | None) -> str | None:
    """Whose profile belongs to a row; None = it has none: workers and programs are nobody's profile.

    Rows of calls in rooms of other names are called ``<id>@<room>``, and an older one of two ``<id>~<characters>``.
    """
    if agent is not None and agent.beat.kind is not Kind.SESSION:
        return None
    try:
        return parse_agent_id(row_id.partition("@")[0].partition("~")[0])
    except AgentIdError:
        return None


async def profile_part(registry: Registry, agent_id: str) -> ProfilePart:
    """The form as it is stored."""
    try:
        stored = await asyncio.to_thread(registry.store.profiles.get, agent_id)
    except StoreError as error:
        return ProfilePart(agent_id=agent_id, stored=None, typed=typed(DEFAULT_PROFILE), trouble=str(error))
    return ProfilePart(
        agent_id=agent_id, stored=stored, typed=typed(DEFAULT_PROFILE if stored is None else stored.profile)
    )


async def change_profile(registry: Registry, agent_id: str, form: Mapping[str, str]) -> str | ProfilePart:
    """Do what the form asks for: what was done, in one sentence, or the form again with what is wrong."""
    profiles = registry.store.profiles
    part = await profile_part(registry, agent_id)
    try:
        if form.get("act") == "delete":
            await asyncio.to_thread(profiles.delete, agent_id)
            return f"The profile of {agent_id} is deleted. From its next call on the default one counts."
        profile = parse_profile_form(form, None if part.stored is None else part.stored.profile)
        if isinstance(profile, Typed):
            return replace(part, typed=profile, is_open=True)
        if form.get("seen", "") != part.seen:
            return _again(part, form, trouble=_CHANGED_MEANWHILE)
        row = ProfileRow(
            agent_id=agent_id,
            profile=profile,
            updated_at=registry.fleet.clock.utc(),
            updated_by=parse_name(form),
        )
        await asyncio.to_thread(profiles.put, row)
    except StoreError as error:
        return _again(part, form, trouble=f"The profile cannot be written now: {error}")
    return f"The profile of {agent_id} is saved. It counts from its next call on."


def _again(part: ProfilePart, form: Mapping[str, str], *, trouble: str) -> ProfilePart:
    values = {name: form.get(name, text) for name, text in part.typed.values.items()}
    return replace(part, typed=Typed(values=values), is_open=True, trouble=trouble)
