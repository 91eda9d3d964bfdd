"""Stored profiles as lists and files: all of them, for other registries, and as a script."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Protocol

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from registry.api_answers import json_response
from registry.api_requests import WORDS, check_author
from registry.beats import read_body
from registry.errors import BadRequestError
from registry.openapi import answers, takes
from registry.profile_answers import Bundle, ImportEntry, ImportReport, ProfileList, ProfileSummary
from registry.profile_bundle import MAX_BYTES, Entry, Outcome, write_bundle
from registry.profile_import import ImportStore, preview, store_entries
from registry.profile_list import choose
from registry.session_records import ProfileRow

_Group = Annotated[str, Query(max_length=80, description="Only of this one, exactly. Empty = of any.")]
_Search = Annotated[
    str, Query(max_length=300, description="Part of the id, name, description, group, model or voice.")
]


class FileStore(ImportStore, Protocol):
    """What the database does for profiles. Blocks; raises `StoreError`."""

    def groups(self) -> dict[str, str]: ...


def add_profile_files(router: APIRouter, *, profiles: FileStore, utc: Callable[[], datetime]) -> None:
    """Add `/profiles`, `/profiles/export` and `/profiles/import`.

    Args:
        utc: The registry's clock.
    """

    async def chosen(group: str, search: str) -> list[ProfileRow]:
        return await asyncio.to_thread(lambda: choose(profiles.all(), group=group, search=search))

    @router.get("/profiles", tags=["profiles"], responses=answers(ProfileList))
    async def list_profiles(
        group: _Group = "",
        search: _Search = "",
        limit: Annotated[int, Query(ge=1, le=1_000)] = 200,
        offset: Annotated[int, Query(ge=0, le=1_000_000_000)] = 0,
    ) -> Response:
        """Stored profiles by agent id, without their long texts."""
        rows = await chosen(group, search)
        groups = await asyncio.to_thread(profiles.groups)
        shown = [_summary(row) for row in rows[offset : offset + limit]]
        return json_response(
            ProfileList(profiles=shown, total=len(rows), groups=sorted(set(groups.values())))
        )

    @router.get("/profiles/export", tags=["profiles"], responses=answers(Bundle))
    async def export_profiles(
        group: _Group = "",
        search: _Search = "",
        agent_id: Annotated[
            list[str] | None, Query(alias="agentId", max_length=1_000, description="Only these.")
        ] = None,
    ) -> Response:
        """Stored profiles as a file that `import` takes."""
        rows = await chosen(group, search)
        if agent_id:
            rows = [row for row in rows if row.agent_id in set(agent_id)]
        return Response(await asyncio.to_thread(write_bundle, rows), media_type="application/json")

    @router.post("/profiles/import", **_IMPORT)
    async def import_profiles(
        request: Request,
        by: Annotated[
            str,
            Query(min_length=1, max_length=80, description="Who asks.", json_schema_extra={"pattern": WORDS}),
        ] = "api",
        dry_run: Annotated[bool, Query(alias="dryRun", description="Only tell what would happen.")] = False,
        only_valid: Annotated[
            bool, Query(alias="onlyValid", description="Store what is good, and leave out what is broken.")
        ] = False,
    ) -> Response:
        """Store the profiles of a file over those that are there. With a broken one among them, none."""
        author = check_author(by)
        entries = await preview(profiles, await read_body(request.receive, limit=MAX_BYTES))
        broken = [entry for entry in entries if entry.outcome is Outcome.BROKEN]
        if dry_run:
            return json_response(_report(entries, n_stored=0))
        if broken and not only_valid:
            raise BadRequestError(_refusal(broken, len(entries)))
        rows = await store_entries(profiles, entries, now=utc(), by=author)
        return json_response(_report(entries, n_stored=len(rows)))


_IMPORT: dict[str, Any] = {
    "tags": ["profiles"],
    "responses": answers(ImportReport, 412, 413),
    "openapi_extra": takes(Bundle),
}


def _summary(row: ProfileRow) -> ProfileSummary:
    profile = row.profile
    return ProfileSummary(
        agent_id=row.agent_id,
        name=profile.name,
        description=profile.description,
        group=profile.group,
        model=profile.model,
        voice=profile.voice,
        language=profile.language,
        updated_at=row.updated_at,
        updated_by=row.updated_by,
    )


def _report(entries: list[Entry], *, n_stored: int) -> ImportReport:
    return ImportReport(
        entries=[
            ImportEntry(
                number=entry.number,
                agent_id=entry.agent_id,
                outcome=entry.outcome.value,
                error=entry.error,
                warnings=list(entry.warnings),
            )
            for entry in entries
        ],
        stored=n_stored,
    )


def _refusal(broken: list[Entry], n_entries: int) -> str:
    first = broken[0]
    whose = f" ({first.agent_id})" if first.agent_id else ""
    others = f", and {len(broken) - 1} more are broken" if len(broken) > 1 else ""
    way_out = "; onlyValid=true (--only-valid) stores the others" if len(broken) < n_entries else ""
    return f"entry {first.number}{whose}: {first.error}{others}; nothing was stored{way_out}"
