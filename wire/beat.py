"""The beat: one full statement of an agent about itself, sent every few seconds. Pure.

Everything an agent knows stands in every beat, so that any beat alone puts its row right: there is no
registration to lose. Durations are seconds and moments are told as ages, because the receiver does not
trust the sender's clock.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from operator import attrgetter, eq
from typing import Annotated, Any

import msgspec

from wire.errors import BeatError, describe

BEAT_VERSION = 1
"""Raised only by a change that an older registry would misunderstand. New fields do not: unknown ones are ignored."""

MAX_BEAT_BYTES = 65_536
"""Largest beat, in UTF-8."""

_MAX_INT = 2**53  # what JSON's numbers hold exactly everywhere


class Kind(enum.Enum):
    """What kind of process an agent is."""

    WORKER = "worker"  # takes jobs from LiveKit
    SESSION = "session"  # one agent in one room
    PROGRAM = "program"  # anything else that beats


class Said(enum.Enum):
    """The status that an agent states of itself."""

    STARTING = "starting"
    RUNNING = "running"
    WARNING = "warning"  # works, but someone should look
    ERROR = "error"  # does not do its work
    STOPPED = "stopped"  # a goodbye; final for its incarnation


class Deployment(enum.Enum):
    """Where an agent runs, seen from the people who look at the page."""

    LOCAL = "local"
    CLOUD = "cloud"


Key = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
"""An agent's id among all that beat: any characters but control characters, no blanks at the ends."""

_Line = Annotated[str, msgspec.Meta(max_length=200)]
_Word = Annotated[str, msgspec.Meta(max_length=20)]
_Text = Annotated[str, msgspec.Meta(max_length=2_000)]
_Count = Annotated[int, msgspec.Meta(ge=0, le=_MAX_INT)]
_Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e9)]


class Hint(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """Something that makes an agent less than well, by its own account."""

    points: Annotated[int, msgspec.Meta(ge=0, le=100)]
    """What it takes from the health of 100."""

    text: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class Guest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """A human in a call."""

    identity: _Line
    role: Annotated[str, msgspec.Meta(max_length=20)] = "client"


class CallFacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """What a session says of its room."""

    room: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
    phase: Annotated[str, msgspec.Meta(max_length=20)]
    """`starting`, `active`, `grace_period` or `closing`."""

    humans: Annotated[tuple[Guest, ...], msgspec.Meta(max_length=200)] = ()
    since: _Seconds = 0.0
    """Seconds that the phase has lasted."""

    grace_left: _Seconds | None = None
    """Seconds until the agent leaves; None outside the grace period."""

    llm: _Line | None = None
    """Language model in use."""

    llm_state: _Word | None = None
    """Of the model in use, as `ModelFacts.state`; `none` = the call waits for a model; None = it does not say."""

    is_connected: bool = True
    """LiveKit is in reach; if not, the agent reconnects by itself."""

    closing: Annotated[str, msgspec.Meta(max_length=40)] | None = None
    """Why the agent leaves; None = it does not."""


class Joining(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """A job that a worker has taken and whose agent is not in its room yet."""

    room: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
    age: _Seconds = 0.0
    """Seconds since the job was taken."""


class ModelFacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """A server of language models that an agent may use: one endpoint, as the agent finds it."""

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    """Readable, stable and without secrets: `127.0.0.1:11434`, `api.openai.com/gpt-4.1-mini`."""

    model: _Line | None = None
    """Which of its models would answer; None = that is not known yet."""

    host: _Line = ""
    """Host and port that it is asked at, as the agent sees them."""

    source: _Word = ""
    """How the agent came to know it: `cloud`, `url`, `local`, `container`, `discovered` or `backend`."""

    kind: _Word = ""
    """What serves it: `ollama`, `vllm`, `openai`, …"""

    state: _Word = "unknown"
    """`unknown`, `healthy`, `warming`, `busy`, `rate_limited`, `misconfigured` or `failing`."""

    reason: _Line = ""
    """Why it is in this state, without numbers that count; empty = it is well."""

    age: _Seconds = 0.0
    """Seconds that the state has lasted."""

    first_token_ms: Annotated[float, msgspec.Meta(ge=0, le=1e9)] | None = None
    """Milliseconds until its last answer began; None = it has given none."""

    is_current: bool = False
    """It is the one that would answer now."""


class SwitchFacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """An agent left one endpoint for another."""

    age: _Seconds = 0.0
    """Seconds since then."""

    source: _Line | None = None
    """Id of the endpoint that it left; None = it had none."""

    target: _Line | None = None
    """Id of the one that it took; None = none was left."""

    reason: _Line = ""


class Beat(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """One full statement of an agent. On the wire: a JSON object with these names in camelCase."""

    agent_id: Key
    incarnation: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    """UUID of one process life. A new one takes the row over; an older one never gets it back."""

    sequence: _Count
    """Counts this incarnation's beats. One that is not larger than the last is late, and ignored."""

    status: Said
    version: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = BEAT_VERSION
    kind: Kind = Kind.PROGRAM
    name: _Line = ""
    description: _Text = ""
    model: _Line | None = None
    voice: _Line | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0, le=100)] | None = None
    prompt: Annotated[str, msgspec.Meta(max_length=32_000)] | None = None
    process_id: Annotated[int, msgspec.Meta(ge=1, le=_MAX_INT)] | None = None
    process_age: _Seconds | None = None
    """Seconds since the process started; tells it from another one that got the same number later."""

    machine: _Line | None = None
    """Names where process numbers mean the same: one boot of one machine, one namespace of processes. Hosts of one name
    need not be one."""

    host: _Line | None = None
    port: Annotated[int, msgspec.Meta(ge=0, le=65_535)] | None = None
    deployment: Deployment = Deployment.LOCAL
    interval: Annotated[float, msgspec.Meta(gt=0, le=86_400)] | None = None
    """Seconds between two beats as the sender means to send them; None = as the reply says."""

    reason: _Text | None = None
    """Why the status is what it is; of a goodbye, why the agent stopped."""

    hints: Annotated[tuple[Hint, ...], msgspec.Meta(max_length=20)] = ()
    last_error: _Text | None = None
    error_age: _Seconds | None = None
    """Seconds since `last_error`."""

    idle: _Seconds | None = None
    """Seconds since the agent last did something; None = it does not say."""

    cpu: Annotated[float, msgspec.Meta(ge=0, le=1e6)] | None = None
    """Percent of one core."""

    rss: _Count | None = None
    """Bytes of memory."""

    loop_lag: _Seconds | None = None
    """Seconds that the main event loop is late; None = there is none, or it is not watched."""

    call: CallFacts | None = None
    joining: Annotated[tuple[Joining, ...], msgspec.Meta(max_length=200)] = ()
    """Of a worker: jobs whose agents are on their way."""

    takes_jobs: bool | None = None
    """Of a worker: LiveKit has taken it, is in its reach, and it is not about to end; None = it does not say."""

    models: Annotated[tuple[ModelFacts, ...], msgspec.Meta(max_length=32)] = ()
    """Endpoints of language models that it may use, the preferred one first: a worker's are its host's."""

    switches: Annotated[tuple[SwitchFacts, ...], msgspec.Meta(max_length=10)] = ()
    """The last times that it went from one of them to another, the newest first."""


_decoder = msgspec.json.Decoder(Beat)
_encoder = msgspec.json.Encoder()

_FACTS = attrgetter(
    "incarnation", "status", "kind", "name", "description", "model", "voice", "temperature", "prompt",
    "process_id", "host", "port", "deployment", "reason", "hints", "last_error", "takes_jobs",
)  # fmt: skip
_CALL_FACTS = attrgetter("room", "phase", "humans", "llm", "llm_state", "is_connected", "closing")
_WIRE_NAMES = {"agent_id": "agentId", "llm_state": "llmState"}
"""Of the lines whose name on the wire is another one."""

_JOINING_FACTS = attrgetter("room")
_MODEL_FACTS = attrgetter("id", "model", "host", "source", "kind", "state", "reason", "is_current")
_SWITCH_FACTS = attrgetter("source", "target", "reason")


def decode_beat(data: bytes) -> Beat:
    """A beat from its JSON.

    Raises:
        BeatError: Not JSON, a field is missing or wrong, too large, or of a version that is not known.
    """
    if len(data) > MAX_BEAT_BYTES:
        raise BeatError(f"the beat is {len(data):,} bytes long; at most {MAX_BEAT_BYTES:,} are taken")
    try:
        beat = _decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        _check_version_of(data)  # a newer version may well be wrong in every other way
        raise BeatError(describe(error, data)) from error
    check_version(beat.version)
    return beat


def encode_beat(beat: Beat) -> bytes:
    """`beat` as JSON, in one line."""
    return _encoder.encode(beat)


def same_facts(one: Beat, other: Beat) -> bool:
    """Whether two beats differ at most in what changes all the time: counters, ages and measurements."""
    if _FACTS(one) != _FACTS(other):
        return False
    if not (
        _same(_JOINING_FACTS, one.joining, other.joining)
        and _same(_MODEL_FACTS, one.models, other.models)
        and _same(_SWITCH_FACTS, one.switches, other.switches)
    ):
        return False
    if one.call is None or other.call is None:
        return one.call is other.call
    return bool(_CALL_FACTS(one.call) == _CALL_FACTS(other.call))


def check_texts(beat: Beat) -> None:
    """Check what a decoder does not: texts that databases and pages cannot hold. Cheap enough for new facts only.

    Raises:
        BeatError: A control character, or blanks around the id.
    """
    if beat.agent_id != beat.agent_id.strip():
        raise BeatError(f"agentId: {beat.agent_id!r} begins or ends with a blank")
    texts = {
        "description": beat.description,
        "prompt": beat.prompt,
        "reason": beat.reason,
        "lastError": beat.last_error,
    }
    for where, text in _lines(beat):
        if text is not None and not _is_clean(text, allowed=""):
            raise BeatError(f"{where}: {text[:40]!r} holds a control character; leave it out")
    for where, text in texts.items():
        if text is not None and not _is_clean(text, allowed="\t\n\r"):
            raise BeatError(f"{where}: holds a control character; only tabs and line ends are taken")


def _same(facts: attrgetter[Any], ones: tuple[Any, ...], others: tuple[Any, ...]) -> bool:
    """Whether two lists are of the same facts in the same order."""
    if ones is others:  # the usual: both are empty
        return True
    return len(ones) == len(others) and all(map(eq, map(facts, ones), map(facts, others)))


def _lines(beat: Beat) -> Iterator[tuple[str, str | None]]:
    """Names and values of all texts of one line."""
    yield from _named(beat, "", "agent_id", "incarnation", "name", "model", "voice", "host", "machine")
    for index, job in enumerate(beat.joining):
        yield from _named(job, f"joining[{index}].", "room")
    for index, hint in enumerate(beat.hints):
        yield from _named(hint, f"hints[{index}].", "text")
    for index, model in enumerate(beat.models):
        yield from _named(
            model, f"models[{index}].", "id", "model", "host", "source", "kind", "state", "reason"
        )
    for index, switch in enumerate(beat.switches):
        yield from _named(switch, f"switches[{index}].", "source", "target", "reason")
    if beat.call is not None:
        yield from _named(beat.call, "call.", "room", "phase", "llm", "llm_state", "closing")
        for index, guest in enumerate(beat.call.humans):
            yield from _named(guest, f"call.humans[{index}].", "identity", "role")


def _named(struct: msgspec.Struct, where: str, *names: str) -> Iterator[tuple[str, str | None]]:
    for name in names:
        yield where + _WIRE_NAMES.get(name, name), getattr(struct, name)


class _Versioned(msgspec.Struct):
    version: int = BEAT_VERSION


_version_decoder = msgspec.json.Decoder(_Versioned)


def _check_version_of(data: bytes) -> None:
    try:
        version = _version_decoder.decode(data).version
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return
    check_version(version)


def check_version(version: int) -> None:
    """Check that this code knows a beat's version.

    Raises:
        BeatError: It is newer.
    """
    if version > BEAT_VERSION:
        raise BeatError(
            f"version: {version} is newer than what this registry reads ({BEAT_VERSION}); update the registry"
        )


def _is_clean(text: str, *, allowed: str) -> bool:
    return text.isprintable() or not any(
        (ord(char) < 32 and char not in allowed) or 0x7F <= ord(char) < 0xA0 or 0xD800 <= ord(char) < 0xE000
        for char in text
    )
