"""What the registry answers to a beat, and what both say on the line. Pure.

A line is a WebSocket at `Reply.line`. Each text frame is one JSON object with one key that says what it is:
up ``{"beat": …}``, ``{"outcome": …}`` or ``{"logs": …}``; down ``{"reply": …}``, ``{"refused": …}`` or
``{"command": …}``. A frame with none of the known keys is ignored.
"""

from __future__ import annotations

import enum
from typing import Annotated, TypeVar

import msgspec

from wire.beat import MAX_BEAT_BYTES, Beat, check_version
from wire.errors import BeatError, describe

_T = TypeVar("_T")

LINE_PATH = "/api/line"
BEATS_PATH = "/api/beats"

MAX_LOG_LINES = 200
"""Lines of a log that a process keeps and sends."""


class Order(enum.Enum):
    """What the registry may ask of an agent."""

    STOP = "stop"  # end now: a call leaves, a worker ends its calls
    DRAIN = "drain"  # take no new work, end when the work is done
    LEAVE = "leave"  # a session leaves its room
    LOGS = "logs"  # send the last log lines, then each new one for `seconds`
    PROBE = "probe"  # is the process `args["pid"]`, started `args["age"]` seconds ago, still there?


class Command(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """An order to one incarnation of an agent."""

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    order: str
    """One of `Order`'s values; an agent that does not know it says so in its `Outcome`."""

    reason: str = ""
    seconds: float | None = None
    """How long a `LOGS` order holds."""

    args: dict[str, float | str] = {}


class Reply(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """The answer to a beat that was taken."""

    ttl: float
    """Seconds without a beat after which the agent counts as offline."""

    interval: float
    """Seconds until the next beat."""

    line: str | None = None
    """Path of the line, when the registry offers one."""

    commands: tuple[Command, ...] = ()
    """Orders for agents that have no line."""


class Refused(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """Why a beat was not taken."""

    code: str
    """`superseded`: another process has this id now. `stopped`: this incarnation has said goodbye. Others: see
    the HTTP API, which has the same codes."""

    message: str
    retry_after: float | None = None
    """Seconds to wait before the next try."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """What became of a command."""

    id: str
    ok: bool
    detail: Annotated[str, msgspec.Meta(max_length=2_000)] = ""


class LogLines(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """Lines of a process's log, oldest first, secrets masked by the sender."""

    lines: Annotated[
        tuple[Annotated[str, msgspec.Meta(max_length=4_000)], ...], msgspec.Meta(max_length=MAX_LOG_LINES)
    ]
    is_start: bool = False
    """These are the last lines so far; what was sent before is to be forgotten."""


class Up(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """A frame from an agent."""

    beat: Beat | None = None
    outcome: Outcome | None = None
    logs: LogLines | None = None


class Down(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """A frame from the registry."""

    reply: Reply | None = None
    refused: Refused | None = None
    command: Command | None = None


class Errors(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The body of every HTTP error of the API: ``{"error": {"code": …, "message": …}}``."""

    error: Refused


_encoder = msgspec.json.Encoder()
_up = msgspec.json.Decoder(Up)
_down = msgspec.json.Decoder(Down)
_reply = msgspec.json.Decoder(Reply)
_errors = msgspec.json.Decoder(Errors)

MAX_FRAME_BYTES = 16 * MAX_BEAT_BYTES
"""Largest frame: 200 log lines of 4,000 characters do not fit, so a sender cuts its lines."""


def encode(message: msgspec.Struct) -> bytes:
    """`message` as JSON, in one line."""
    return _encoder.encode(message)


def decode_up(data: bytes) -> Up:
    """A frame from an agent.

    Raises:
        BeatError: Not JSON, or a field of it is missing or wrong.
    """
    up = _decode(_up, data)
    if up.beat is not None:
        check_version(up.beat.version)
    return up


def decode_down(data: bytes) -> Down:
    """A frame from the registry. Raises `BeatError` as `decode_up`."""
    return _decode(_down, data)


def decode_reply(data: bytes) -> Reply:
    """The body of an answer with status 200. Raises `BeatError` as `decode_up`."""
    return _decode(_reply, data)


def decode_refused(data: bytes) -> Refused:
    """The body of an answer with an error's status. Raises `BeatError` as `decode_up`."""
    return _decode(_errors, data).error


def _decode(decoder: msgspec.json.Decoder[_T], data: bytes) -> _T:
    try:
        return decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BeatError(describe(error, data)) from error
