"""What the forms for stored profiles do: make one, change one, delete one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from registry.page.profile_form import Typed, blank, parse_profile_form, typed
from registry.page.queries import moment_text
from registry.page.reasons import line, parse_name
from registry.profile_ids import free_id, slug
from registry.running import Registry
from registry.session_records import ProfileRow
from registry.store import StoreError
from wire import DEFAULT_PROFILE, AgentId, AgentIdError, Profile, parse_agent_id

logger = logging.getLogger(__name__)

MAX_BYTES = 400_000
"""Of the form. A prompt of 32,000 characters is nine times as long when it is quoted."""

MAX_FIELDS = 60

DEFAULT = "default"
"""As whose copy the form for an agent begins that has had the default profile."""

_TRIES = 5
"""Ids that are tried for a new profile while others take them."""

_CHANGED_MEANWHILE = (
    "Somebody else has changed this profile in the meantime. What you typed is still here; save again to write it "
    "over theirs."
)

_CHANGED_BEFORE_DELETING = (
    "Somebody else has changed this profile in the meantime, so it is not deleted. What is stored now is shown here; "
    "delete again if you mean that one too."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileForm:
    """The form for one profile."""

    agent_id: str = ""
    """Whose profile is changed; empty = a new one is made."""

    stored: ProfileRow | None = None
    """None = there is none yet."""

    typed: Typed = field(default_factory=blank)
    wanted_id: str = ""
    """Typed for a new one; empty = it is made of the name."""

    wanted_id_error: str = ""
    trouble: str = ""
    """Why it cannot be read or written, for the whole form; empty = it can."""

    @property
    def seen(self) -> str:
        """Which version the form was made of."""
        return "" if self.stored is None else moment_text(self.stored.updated_at)

    @property
    def is_wrong(self) -> bool:
        """Some fields have errors."""
        return bool(self.typed.errors or self.wanted_id_error)


async def stored_form(registry: Registry, agent_id: AgentId) -> ProfileForm:
    """The form for a profile as it is stored; `stored` is None when there is none."""
    try:
        stored = await asyncio.to_thread(registry.store.profiles.get, agent_id)
    except StoreError as error:
        return ProfileForm(agent_id=agent_id, trouble=f"The profile cannot be read now: {error}.")
    if stored is None:
        return ProfileForm(agent_id=agent_id)
    return ProfileForm(agent_id=agent_id, stored=stored, typed=typed(stored.profile))


async def new_form(registry: Registry, *, like: str, wanted_id: str) -> ProfileForm:
    """The form for a new profile.

    Args:
        like: Agent id of the one to begin with; `DEFAULT` = the default profile, unless an agent of that id has one;
            empty = an empty form.
        wanted_id: Of the new agent; empty = made of its name.
    """
    form = ProfileForm(wanted_id=wanted_id)
    if not like:
        return form
    try:
        row = await asyncio.to_thread(registry.store.profiles.get, like)
    except StoreError as error:
        return replace(form, trouble=f"The profile of {like} cannot be read now: {error}.")
    if row is not None:
        return replace(form, typed=typed(row.profile))
    if like == DEFAULT:
        return replace(form, typed=typed(DEFAULT_PROFILE))
    return replace(form, trouble=f"There is no profile of {like[:80]} to begin with.")


async def create(registry: Registry, values: Mapping[str, str]) -> ProfileRow | ProfileForm:
    """Store a new profile: what was stored, or the form again with what is wrong."""
    wanted_id = line(values.get("agent_id", ""))
    again = ProfileForm(typed=_as_typed(values), wanted_id=wanted_id)
    profile = parse_profile_form(values, None)
    try:
        known_id = parse_agent_id(wanted_id) if wanted_id else None
    except AgentIdError as error:
        again = replace(again, wanted_id_error=f"{str(error)[:1].upper()}{str(error)[1:]}.")
        known_id = None
    if isinstance(profile, Typed):
        return replace(again, typed=profile)
    if again.wanted_id_error:
        return again
    try:
        row = await _add(registry, profile, known_id, by=parse_name(values))
    except StoreError as error:
        return replace(again, trouble=f"The profile cannot be written now: {error}.")
    if row is None:
        error_text = f"{known_id} has a profile already; open it to change it, or choose another id."
        return replace(again, wanted_id_error=error_text)
    logger.info("a profile is stored", extra={"action": "profile.put", "agent": row.agent_id, "is_new": True})
    return row


async def change(registry: Registry, agent_id: AgentId, values: Mapping[str, str]) -> str | ProfileForm:
    """Change a stored profile: what was done, in one sentence, or the form again with what is wrong."""
    form = await stored_form(registry, agent_id)
    profiles = registry.store.profiles
    try:
        if form.trouble:
            return form if values.get("act") == "delete" else replace(form, typed=_as_typed(values))
        if values.get("act") == "delete":
            return await _delete(registry, form, values)
        is_seen = values.get("seen", "") == form.seen
        profile = parse_profile_form(values, None if form.stored is None else form.stored.profile)
        if isinstance(profile, Typed):
            # Told now: the form that comes back is made of theirs, so the next one would not be told.
            return replace(form, typed=profile, trouble="" if is_seen else _CHANGED_MEANWHILE)
        row = _row(registry, agent_id, profile, by=parse_name(values))
        seen: dict[str, datetime] = {} if form.stored is None else {agent_id: form.stored.updated_at}
        if not is_seen or not await asyncio.to_thread(profiles.put_unless_changed, [row], seen):
            now = await stored_form(registry, agent_id)
            return replace(now, typed=_as_typed(values), trouble=now.trouble or _CHANGED_MEANWHILE)
    except StoreError as error:
        trouble = f"The profile cannot be written now: {error}."
        return replace(form, typed=_as_typed(values), trouble=trouble)
    logger.info("a profile is stored", extra={"action": "profile.put", "agent": agent_id, "is_new": False})
    return f"The profile of {agent_id} is saved. It counts from its next call on."


async def _delete(registry: Registry, form: ProfileForm, values: Mapping[str, str]) -> str | ProfileForm:
    """May be asked for twice. Raises `StoreError`."""
    agent_id = form.agent_id
    if form.stored is not None:
        is_seen = values.get("seen", "") == form.seen
        if not is_seen or not await asyncio.to_thread(
            registry.store.profiles.delete, agent_id, seen=form.stored.updated_at
        ):
            now = await stored_form(registry, AgentId(agent_id))
            return replace(now, trouble=now.trouble or _CHANGED_BEFORE_DELETING)
        logger.info("a profile is deleted", extra={"action": "profile.delete", "agent": agent_id})
    return f"The profile of {agent_id} is deleted. From its next call on the default one counts."


async def _add(
    registry: Registry, profile: Profile, known_id: AgentId | None, *, by: str
) -> ProfileRow | None:
    """None = the id is taken."""
    profiles = registry.store.profiles
    if known_id is not None:
        row = _row(registry, known_id, profile, by=by)
        return row if await asyncio.to_thread(profiles.add, row) else None
    for _ in range(_TRIES):
        free = free_id(slug(profile.name), await asyncio.to_thread(profiles.ids))
        row = _row(registry, free, profile, by=by)
        if await asyncio.to_thread(profiles.add, row):
            return row
    return None


def _row(registry: Registry, agent_id: AgentId, profile: Profile, *, by: str) -> ProfileRow:
    return ProfileRow(
        agent_id=agent_id, profile=profile, updated_at=registry.fleet.clock.utc(), updated_by=by
    )


def _as_typed(values: Mapping[str, str]) -> Typed:
    return Typed(values={name: values.get(name, text) for name, text in blank().values.items()})
