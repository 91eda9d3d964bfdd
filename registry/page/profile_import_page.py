"""Import of profiles: a file is sent, what it would do is shown, and only then it is stored."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fastapi import APIRouter
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message

from registry.beats import read_body
from registry.errors import BadRequestError, ChangedError, RegistryError
from registry.page import act_answers, flash
from registry.page.answers import large_html, see
from registry.page.login import is_secure
from registry.page.reasons import parse_name
from registry.profile_bundle import MAX_BYTES, MOST, Entry, Outcome
from registry.profile_import import STORED, preview, store_entries
from registry.running import Registry
from registry.store import StoreError

_FORM_BYTES = MAX_BYTES * 4 // 3 + 65_536
"""Of the form: a file, or one in base64, and what is around it."""

_MAX_FIELDS = 10

_CHANGED_MEANWHILE = "The stored profiles have changed in the meantime. Look again at what the file would do."


@dataclass(frozen=True, slots=True, kw_only=True)
class _Import:
    """What the form for a file says."""

    data: bytes
    name: str
    """Of the file, for people."""

    seen: str
    """Which preview was confirmed; empty = none was."""

    only_valid: bool
    by: str


def profile_import_router(registry: Registry) -> APIRouter:
    """`/profiles/import`: by GET the form, by POST with a file what it would do, and with that confirmed it is done."""
    router = APIRouter(include_in_schema=False)

    @router.get("/profiles/import")
    async def import_page(request: Request) -> Response:
        return await _answer(registry, request)

    @router.post("/profiles/import")
    async def import_file(request: Request) -> Response:
        try:
            wanted = await _read(request)
            entries = await preview(registry.store.profiles, wanted.data)
        except RegistryError as error:
            return await _answer(registry, request, trouble=f"{error}.", status=error.http_status)
        except StoreError as error:
            trouble = f"The stored profiles cannot be read now: {error}."
            return await _answer(registry, request, trouble=trouble, status=503)
        objection = _objection(wanted, entries)
        trouble = objection or ""
        if objection is None:
            try:
                rows = await store_entries(
                    registry.store.profiles,
                    entries,
                    now=registry.fleet.clock.utc(),
                    by=parse_name({"by": wanted.by}),
                )
            except ChangedError:
                trouble = _CHANGED_MEANWHILE
                entries = await preview(registry.store.profiles, wanted.data)
            except StoreError as error:
                trouble = f"Nothing was stored: {error}."
            else:
                return _done(request, wanted, len(rows))
        return await _answer(
            registry, request, wanted=wanted, entries=entries, trouble=trouble, status=400 if trouble else 200
        )

    return router


def _objection(wanted: _Import, entries: Sequence[Entry]) -> str | None:
    """Why this is not stored now; empty = nobody has confirmed it yet, None = it is to be stored."""
    if not wanted.seen:
        return ""
    if wanted.seen != _digest(entries):
        return _CHANGED_MEANWHILE
    if any(entry.outcome is Outcome.BROKEN for entry in entries) and not wanted.only_valid:
        return "Nothing was stored: some entries are broken. Mend the file, or tick that they are left out."
    return None


def _done(request: Request, wanted: _Import, n_stored: int) -> Response:
    response = see("/profiles")
    said = f"{n_stored} profile{' was' if n_stored == 1 else 's were'} imported. They count from the next calls on."
    flash.put(
        response,
        said.replace("They count", "It counts") if n_stored == 1 else said,
        is_secure=is_secure(request),
    )
    act_answers.keep_name(response, request, {"by": wanted.by})
    return response


def _digest(entries: Sequence[Entry]) -> str:
    """Another one when an entry would do something else."""
    outcomes = "\n".join(f"{entry.agent_id} {entry.outcome.value} {entry.seen}" for entry in entries)
    return hashlib.sha256(outcomes.encode("utf-8", "replace")).hexdigest()[:16]


async def _read(request: Request) -> _Import:
    """The form, with a file or with one that was sent before.

    Raises:
        TooLargeError: It is larger than a file may be.
        BadRequestError: It is no form of the page, or has no file.
    """
    body = await read_body(request.receive, limit=_FORM_BYTES)

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    try:
        async with Request(request.scope, receive).form(
            max_files=1, max_fields=_MAX_FIELDS, max_part_size=_FORM_BYTES
        ) as form:
            texts = {name: value for name, value in form.items() if isinstance(value, str)}
            file = form.get("file")
            if isinstance(file, UploadFile) and file.filename:
                data, name = await file.read(), file.filename
            else:
                data, name = _again(texts), texts.get("name", "")
    except HTTPException as error:
        raise BadRequestError(f"This is no form of the page: {error.detail}") from error
    return _Import(
        data=data,
        name=name[:200],
        seen=texts.get("seen", ""),
        only_valid=texts.get("only_valid") == "on",
        by=texts.get("by", ""),
    )


def _again(texts: Mapping[str, str]) -> bytes:
    """The file that was sent before its preview was confirmed. Raises `BadRequestError`: there is none."""
    try:
        data = base64.b64decode(texts.get("data", ""), validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadRequestError("The file did not come back whole; choose it again") from error
    if not data:
        raise BadRequestError("No file was chosen; choose one that was exported here")
    return data


async def _answer(
    registry: Registry,
    request: Request,
    *,
    wanted: _Import | None = None,
    entries: Sequence[Entry] = (),
    trouble: str = "",
    status: int = 200,
) -> Response:
    n_broken = sum(entry.outcome is Outcome.BROKEN for entry in entries)
    values = {
        "name": "" if wanted is None else wanted.name,
        "data": "" if wanted is None else base64.b64encode(wanted.data).decode(),
        "entries": entries,
        "seen": _digest(entries) if entries else "",
        "n_broken": n_broken,
        "n_stored": sum(entry.outcome in STORED for entry in entries),
        "most": MOST,
        "most_bytes": MAX_BYTES,
        "trouble": f"{trouble[:1].upper()}{trouble[1:]}",
        "by": act_answers.name_in(request),
        "now": registry.fleet.clock.utc(),
        "registry": registry.view(),
        "said": "",
        "has_token": registry.token is not None,
    }
    return await large_html("profile_import.html", values, status=status)
