"""Profiles as a file, for other registries and for keeping: written, and read with what each entry would do. Pure.

A file is JSON: ``{"version": 1, "profiles": [{"agentId": "ada", "profile": {…}}, …]}``. A list of such entries, one
of them alone, and profiles alone (as `roomkeeper profile show` prints one) are read too. A profile alone gets an id
that is made of its name and that nobody has: it never takes the place of another one.
"""

from __future__ import annotations

import enum
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeGuard

import msgspec

from registry.errors import BadRequestError
from registry.profile_checks import choice_warnings, parse_fields
from registry.profile_ids import free_id, slug
from registry.session_records import ProfileRow
from wire import AgentId, AgentIdError, Profile, parse_agent_id

VERSION = 1

MAX_BYTES = 8 * 2**20
"""Of a file. Two hundred profiles with the longest prompts, and thousands of usual ones."""

MOST = 1_000
"""Profiles in a file."""

_SHOWN = 60  # characters of a wrong id that its error repeats


class Outcome(enum.Enum):
    """What storing an entry would do."""

    NEW = "new"  # this agent has no profile yet
    REPLACES = "replaces"  # it has another one
    SAME = "same"  # it has this one
    BROKEN = "broken"  # nothing: the entry cannot be used


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One profile of a file."""

    number: int
    """From 1, in the order of the file."""

    agent_id: str
    """As it stands in the file, cut; empty when there is none."""

    outcome: Outcome
    profile: Profile | None
    """None only for a broken one."""

    seen: datetime | None = None
    """When the profile that it replaces was stored; None for others."""

    error: str = ""
    """What is broken."""

    warnings: tuple[str, ...] = ()


def write_bundle(rows: Iterable[ProfileRow]) -> bytes:
    """The file of these profiles, for people to read too.

    Raises:
        BadRequestError: There are more than `read_bundle` takes in one file.
    """
    profiles = [{"agentId": row.agent_id, "profile": row.profile.model_dump(mode="json")} for row in rows]
    if len(profiles) > MOST:
        raise BadRequestError(
            f"there are {len(profiles):,} profiles, and at most {MOST:,} are taken in one file; export them by group"
        )
    whole = {"version": VERSION, "profiles": profiles}
    data = json.dumps(whole, ensure_ascii=False, indent=2).encode("utf-8", "replace") + b"\n"
    if len(data) > MAX_BYTES:
        raise BadRequestError(
            f"the file would have {len(data):,} bytes, and at most {MAX_BYTES:,} are taken; export profiles by group"
        )
    return data


def read_bundle(data: bytes, stored: Mapping[str, Profile]) -> list[Entry]:
    """The entries of a file, each with what it would do.

    Args:
        stored: The profiles that agents have now.

    Raises:
        BadRequestError: The file as a whole cannot be used; where, and why.
    """
    items = list(enumerate(_items(_parse(data)), start=1))
    taken = {*stored, *(item["agentId"] for _, item in items if _names_an_agent(item))}
    entries = []
    for number, item in items:
        entries.append(_entry(number, item, stored, taken))
        taken.add(entries[-1].agent_id)
    return _without_doubles(entries)


def _parse(data: bytes) -> object:
    if not data.strip():
        raise BadRequestError("the file is empty; choose one that was exported here")
    if len(data) > MAX_BYTES:
        raise BadRequestError(f"the file has {len(data):,} bytes; at most {MAX_BYTES:,} are taken")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadRequestError(
            f"the file is no UTF-8 (byte {error.start + 1:,} is 0x{data[error.start]:02x}); save it as UTF-8"
        ) from error
    try:
        json.loads(text)  # for the place of a slip of the pen, which people count in lines
        return msgspec.json.decode(text)
    except json.JSONDecodeError as error:
        raise BadRequestError(
            f"the file is no JSON: line {error.lineno:,}, column {error.colno:,}: {error.msg}"
        ) from error
    except RecursionError as error:
        raise BadRequestError("the file is nested too deeply to hold profiles") from error
    except (ValueError, msgspec.MsgspecError) as error:  # NaN, half a character, a number of 5,000 digits
        raise BadRequestError(f"the file is no JSON that can be used: {str(error)[:200]}") from error


def _items(whole: object) -> Sequence[object]:
    items: object = whole
    if isinstance(whole, dict):
        items = [whole]
        if "profiles" in whole:
            version = whole.get("version", VERSION)
            if version != VERSION:
                raise BadRequestError(
                    f"version: {str(version)[:20]!r} is not known here; this reads version {VERSION}"
                )
            items = whole["profiles"]
    if not isinstance(items, list):
        raise BadRequestError('the file holds no profiles; it should be {"version": 1, "profiles": […]}')
    if not items:
        raise BadRequestError("profiles: the list is empty, so there is nothing to import")
    if len(items) > MOST:
        raise BadRequestError(f"profiles: there are {len(items):,}; at most {MOST:,} are taken at once")
    return items


def _names_an_agent(item: object) -> TypeGuard[dict[str, str]]:
    return isinstance(item, dict) and isinstance(item.get("agentId"), str)


def _entry(number: int, item: object, stored: Mapping[str, Profile], taken: Set[str]) -> Entry:
    agent_id, fields = _parts(item)
    shown = agent_id[:_SHOWN] if isinstance(agent_id, str) else ""
    broken = Entry(number=number, agent_id=shown, outcome=Outcome.BROKEN, profile=None)
    if not isinstance(fields, dict):
        return replace(
            broken, error='it should be {"agentId": "…", "profile": {…}}, and its profile is no object'
        )
    try:
        profile = parse_fields(fields)
        known_id = _own_id(profile, stored, taken) if agent_id is None else parse_agent_id(agent_id)
    except (BadRequestError, AgentIdError) as error:
        return replace(broken, error=str(error))
    return Entry(
        number=number,
        agent_id=known_id,
        outcome=_outcome(known_id, profile, stored),
        profile=profile,
        warnings=tuple(choice_warnings(profile)),
    )


def _own_id(profile: Profile, stored: Mapping[str, Profile], taken: Set[str]) -> AgentId:
    """For a profile alone: the one that its name stands for if that is this profile already, or a free one."""
    wanted = slug(profile.name)
    return wanted if stored.get(wanted) == profile else free_id(wanted, taken)


def _parts(item: object) -> tuple[Any, object]:
    """Agent id and profile of an entry; the id is None for a profile alone."""
    if not isinstance(item, dict):
        return "", None
    if "agentId" in item or "profile" in item:
        return item.get("agentId", ""), item.get("profile")
    return None, item


def _outcome(agent_id: AgentId, profile: Profile, stored: Mapping[str, Profile]) -> Outcome:
    if agent_id not in stored:
        return Outcome.NEW
    return Outcome.SAME if stored[agent_id] == profile else Outcome.REPLACES


def _without_doubles(entries: Sequence[Entry]) -> list[Entry]:
    """Of an id that stands there twice nobody knows which profile is meant."""
    places = defaultdict(list)
    for entry in entries:
        if entry.profile is not None:
            places[entry.agent_id].append(entry.number)

    def checked(entry: Entry) -> Entry:
        others = [str(number) for number in places[entry.agent_id] if number != entry.number]
        if entry.profile is None or not others:
            return entry
        error = f"agent id {entry.agent_id[:_SHOWN]!r} is also that of entry {', '.join(others[:3])}; keep one of them"
        return Entry(
            number=entry.number, agent_id=entry.agent_id, outcome=Outcome.BROKEN, profile=None, error=error
        )

    return [checked(entry) for entry in entries]
