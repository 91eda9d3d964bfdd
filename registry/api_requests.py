"""Bodies of requests about agents, and how bodies are read."""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

import msgspec
from starlette.requests import Request

from registry.beats import read_body
from registry.errors import BadRequestError
from wire.errors import describe
from wire.texts import CONTROLS, is_line

MAX_BODY_BYTES = 65_536

_T = TypeVar("_T")
_W = TypeVar("_W", bound="Words")

WORDS = rf"^[^{CONTROLS}]*[^\s{CONTROLS}][^{CONTROLS}]*$"
"""Something that can be seen, and no control characters. For the schema; `_check` says it in words."""

Reason = Annotated[
    str,
    msgspec.Meta(min_length=1, max_length=500, extra_json_schema={"pattern": WORDS, "examples": ["rollout"]}),
]
"""Why, for the history."""

Author = Annotated[
    str, msgspec.Meta(min_length=1, max_length=80, extra_json_schema={"pattern": WORDS, "examples": ["ann"]})
]
"""Who asks, for the history."""


class Words(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Why something is done, and who does it."""

    reason: Reason
    by: Author = "api"


class UnlockBody(Words, frozen=True, kw_only=True, rename="camel"):
    """Why an agent's own status counts again."""

    reason: Reason = "not needed any more"


class RemoveBody(Words, frozen=True, kw_only=True, rename="camel"):
    """Why an agent is removed."""

    force: bool = False
    """Although it is alive. It comes back with its next beat."""


class ForceBody(Words, frozen=True, kw_only=True, rename="camel"):
    """A status that holds against the agent's own word."""

    status: Literal["running", "warning", "error", "stopped", "offline"]
    health: Annotated[int, msgspec.Meta(ge=0, le=100)] | None = None
    """None = as computed."""


class EvidenceBody(Words, frozen=True, kw_only=True, rename="camel"):
    """What somebody on the agent's host saw of its process."""

    incarnation: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    """Of the process that was looked at."""

    evidence: Literal["process_gone", "process_present", "inactive"]


async def read_words(request: Request, kind: type[_W], *, may_be_empty: bool = False) -> _W:
    """As `read_struct`, with its texts checked, and without blanks around them."""
    words = await read_struct(request, kind, may_be_empty=may_be_empty)
    return msgspec.structs.replace(words, reason=_check("reason", words.reason), by=check_author(words.by))


async def read_struct(request: Request, kind: type[_T], *, may_be_empty: bool = False) -> _T:
    """The body of a request.

    Args:
        may_be_empty: No body at all counts as ``{}``.

    Raises:
        BadRequestError: It is not JSON, or not of that kind.
        TooLargeError: It is over `MAX_BODY_BYTES` long.
    """
    data = await read_body(request.receive, limit=MAX_BODY_BYTES)
    return decode_body(data or (b"{}" if may_be_empty else b""), kind)


def decode_body(data: bytes, kind: type[_T]) -> _T:
    """A body that was read. Raises `BadRequestError`: it is not JSON, or not of that kind."""
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequestError(describe(error, data)) from error


def check_author(by: str) -> str:
    """Who asks, without blanks around the name. Raises `BadRequestError`: it is blank, or is no line of text."""
    return _check("by", by)


def _check(where: str, text: str) -> str:
    stripped = text.strip()
    if not stripped:
        raise BadRequestError(f"{where}: {text[:40]!r} is blank; write some words")
    if not is_line(stripped):
        raise BadRequestError(f"{where}: {stripped[:40]!r} holds a control character; write one line of text")
    return stripped
