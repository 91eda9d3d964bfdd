"""Bodies of the API's requests."""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

import msgspec
from starlette.requests import Request

from registry.beats import read_body
from registry.errors import BadRequestError
from wire.errors import describe

MAX_BODY_BYTES = 65_536

_T = TypeVar("_T", bound="Words")

_WORDS = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
"""Something that can be seen, and no control characters. For the schema; `_check` says it in words."""

Reason = Annotated[
    str,
    msgspec.Meta(
        min_length=1, max_length=500, extra_json_schema={"pattern": _WORDS, "examples": ["rollout"]}
    ),
]
"""Why, for the history."""

Author = Annotated[
    str, msgspec.Meta(min_length=1, max_length=80, extra_json_schema={"pattern": _WORDS, "examples": ["ann"]})
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


async def read_words(request: Request, kind: type[_T], *, may_be_empty: bool = False) -> _T:
    """The body of a request, its texts without blanks around them.

    Args:
        may_be_empty: No body at all counts as ``{}``.

    Raises:
        BadRequestError: It is not JSON, or not of that kind.
        TooLargeError: It is over `MAX_BODY_BYTES` long.
    """
    data = await read_body(request.receive, limit=MAX_BODY_BYTES)
    if not data and may_be_empty:
        data = b"{}"
    try:
        words = msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequestError(describe(error, data)) from error
    return msgspec.structs.replace(words, reason=_check("reason", words.reason), by=_check("by", words.by))


def _check(where: str, text: str) -> str:
    stripped = text.strip()
    if not stripped:
        raise BadRequestError(f"{where}: {text[:40]!r} is blank; write some words")
    if not stripped.isprintable() and any(ord(char) < 32 or 0x7F <= ord(char) < 0xA0 for char in stripped):
        raise BadRequestError(f"{where}: {stripped[:40]!r} holds a control character; write one line of text")
    return stripped
