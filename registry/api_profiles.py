"""Profiles that are stored for agents: what an agent is, for every call that begins from now on."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Protocol

from fastapi import APIRouter, Depends, Header, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from registry.api_answers import Removed, json_response
from registry.api_profile_files import FileStore, add_profile_files
from registry.api_requests import WORDS, check_author, decode_body
from registry.attachments import attachment
from registry.beats import read_body
from registry.errors import BadRequestError, ChangedError, UnknownProfileError
from registry.openapi import answers, takes
from registry.profile_answers import ProfileView, RegisterBody
from registry.profile_checks import parse_fields
from registry.profile_script import file_name, script
from registry.quoted_ids import unquoted
from registry.session_records import ProfileRow
from wire import AgentId, AgentIdError, Profile, parse_agent_id

logger = logging.getLogger(__name__)

MAX_PROFILE_BYTES = 524_288
"""A prompt of 32,000 characters that JSON escapes one by one, and examples."""

_PROFILE = "/agents/{agent_id:path}/profile"


class ProfileStore(FileStore, Protocol):
    """What the database does for profiles. Blocks; raises `StoreError`."""

    def get(self, agent_id: str) -> ProfileRow | None: ...
    def put(self, row: ProfileRow) -> bool: ...
    def add(self, row: ProfileRow) -> bool: ...
    def delete(self, agent_id: str) -> bool: ...


async def _agent_id(
    agent_id: Annotated[
        str,
        Path(
            description="The `<id>` of `agent-<id>-room`.",
            examples=["7"],
            json_schema_extra={"pattern": r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"},
        ),
    ],
) -> AgentId:
    return _parsed(unquoted(agent_id))


_ProfileKey = Annotated[AgentId, Depends(_agent_id)]
_By = Annotated[
    str,
    Query(
        min_length=1,
        max_length=80,
        description="Who asks.",
        examples=["ann"],
        json_schema_extra={"pattern": WORDS},
    ),
]


def add_profiles(router: APIRouter, *, profiles: ProfileStore, utc: Callable[[], datetime]) -> None:
    """Add `/agents/register`, `/agents/{agent_id}/profile` and what `api_profile_files` has.

    Args:
        utc: The registry's clock.
    """

    add_profile_files(router, profiles=profiles, utc=utc)

    async def store(agent_id: AgentId, profile: Profile, by: str, *, only_new: bool = False) -> Response:
        row = ProfileRow(agent_id=agent_id, profile=profile, updated_at=utc(), updated_by=check_author(by))
        is_new = await asyncio.to_thread(profiles.add if only_new else profiles.put, row)
        if only_new and not is_new:
            raise ChangedError(
                f"agent {agent_id!r} has a profile already; choose another id, or delete that one"
            )
        logger.info(
            "a profile is stored", extra={"action": "profile.put", "agent": agent_id, "is_new": is_new}
        )
        return _shown(row, status=201 if is_new else 200)

    @router.post("/agents/register", **_stores(RegisterBody))
    async def register_agent(request: Request) -> Response:
        """Store what an agent is, over what was stored before."""
        body = decode_body(await read_body(request.receive, limit=MAX_PROFILE_BYTES), RegisterBody)
        try:
            profile = parse_fields(body.profile)
        except BadRequestError as error:
            raise BadRequestError(f"profile.{error}") from error
        return await store(_parsed(body.agent_id), profile, body.by)

    @router.get(_PROFILE, tags=["profiles"], responses=answers(ProfileView, 404) | _KNOWN)
    async def show_profile(
        agent_id: _ProfileKey,
        if_none_match: Annotated[str, Header(description="ETags that are known already.")] = "",
    ) -> Response:
        """The profile that is stored for an agent. Without one, it has the default profile."""
        row = await asyncio.to_thread(profiles.get, agent_id)
        if row is None:
            raise UnknownProfileError(
                f"no profile is stored for agent {agent_id!r}; it has the default one of its host"
            )
        tag = _tag(row.profile)
        if _knows(if_none_match, tag):
            return Response(status_code=304, headers={"etag": tag})
        return _shown(row, status=200)

    @router.get(f"{_PROFILE}/script", tags=["profiles"], responses=_SCRIPT)
    async def show_script(agent_id: _ProfileKey) -> Response:
        """The agent as a Python script, for `python <file> dev` where this project is installed."""
        row = await asyncio.to_thread(profiles.get, agent_id)
        if row is None:
            raise UnknownProfileError(
                f"no profile is stored for agent {agent_id!r}, so there is no script of it"
            )
        return script_response(agent_id, row.profile)

    @router.put(_PROFILE, **_stores(Profile))
    async def put_profile(
        agent_id: _ProfileKey,
        request: Request,
        by: _By = "api",
        if_none_match: Annotated[str, Header(description="`*` = only if none is stored yet.")] = "",
    ) -> Response:
        """Store what an agent is. It counts for calls that begin from now on."""
        data = await read_body(request.receive, limit=MAX_PROFILE_BYTES)
        profile = parse_fields(decode_body(data, dict[str, Any]))
        return await store(agent_id, profile, by, only_new=if_none_match.strip() == "*")

    @router.delete(_PROFILE, tags=["profiles"], responses=answers(Removed, 404))
    async def delete_profile(agent_id: _ProfileKey) -> Response:
        """Let the agent have the default profile again."""
        if not await asyncio.to_thread(profiles.delete, agent_id):
            raise UnknownProfileError(f"no profile is stored for agent {agent_id!r}")
        logger.info("a profile is deleted", extra={"action": "profile.delete", "agent": agent_id})
        return json_response(Removed(removed=True))


def _stores(body: type) -> dict[str, Any]:
    new = answers(ProfileView, status=201)
    return {
        "tags": ["profiles"],
        "responses": {**answers(ProfileView, 412, 413), **new},
        "openapi_extra": takes(body),
    }


_KNOWN: dict[int | str, dict[str, Any]] = {304: {"description": "It is one of those that are known."}}


_SCRIPT: dict[int | str, dict[str, Any]] = answers(ProfileView, 404) | {
    200: {"description": "OK", "content": {"text/x-python": {"schema": {"type": "string"}}}}
}


def script_response(agent_id: AgentId, profile: Profile) -> Response:
    """A profile's script, to be kept as a file."""
    return attachment(script(agent_id, profile), file_name(agent_id), "text/x-python; charset=utf-8")


def _shown(row: ProfileRow, *, status: int) -> Response:
    view = ProfileView(
        agent_id=row.agent_id,
        profile=row.profile.model_dump(mode="json"),
        updated_at=row.updated_at,
        updated_by=row.updated_by,
    )
    response = json_response(view, status=status)
    response.headers["etag"] = _tag(row.profile)
    return response


def _parsed(agent_id: str) -> AgentId:
    try:
        return parse_agent_id(agent_id)
    except AgentIdError as error:
        raise BadRequestError(str(error)) from error


def _tag(profile: Profile) -> str:
    return f'"{hashlib.sha256(profile.model_dump_json().encode()).hexdigest()[:32]}"'


def _knows(if_none_match: str, tag: str) -> bool:
    known = {one.strip().removeprefix("W/") for one in if_none_match.split(",")}
    return tag in known or "*" in known
