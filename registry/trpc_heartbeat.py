"""Heartbeats of tRPC clients, which know less of themselves than a beat says."""

from __future__ import annotations

import hashlib
import uuid

import msgspec

from registry.agents import Agent
from registry.errors import BadRequestError
from wire import Beat, Said
from wire.errors import describe

_LONGEST_NUMBER = 18
"""Digits. Longer texts are no number of a process, and Python refuses to count very long ones."""

_SAID = {
    "starting": Said.STARTING,
    "initializing": Said.STARTING,
    "running": Said.RUNNING,
    "online": Said.RUNNING,
    "active": Said.RUNNING,
    "idle": Said.RUNNING,
    "busy": Said.RUNNING,
    "ready": Said.RUNNING,
    "healthy": Said.RUNNING,
    "ok": Said.RUNNING,
    "warning": Said.WARNING,
    "degraded": Said.WARNING,
    "error": Said.ERROR,
    "failed": Said.ERROR,
    "unhealthy": Said.ERROR,
    "stopped": Said.STOPPED,
    "stopping": Said.STOPPED,
    "inactive": Said.STOPPED,
    "offline": Said.STOPPED,
}
"""What clients call their status, in any case."""


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a client sends. Numbers may come as texts; what is not named here is ignored."""

    agent_id: str
    name: str | None = None
    status: str | None = None
    host: str | None = None
    port: int | None = None
    process_id: int | str | None = None
    model: str | None = None
    voice: str | None = None
    temperature: float | None = None
    prompt: str | None = None
    description: str | None = None
    deployment_mode: str | None = None
    mode: str | None = None
    room: str | None = None
    last_error: str | dict[str, object] | None = None
    interval: float | None = None
    """Seconds between two heartbeats; an agent that beats more seldom than the registry asks for should say so."""

    metrics: dict[str, object] | None = None
    """`cpu` in percent of a core; `memory` or `rss` in bytes."""


def parse_heartbeat(value: object) -> Heartbeat:
    """Raises `BadRequestError`: it is no object, has no `agentId`, or a value is of another type."""
    try:
        return msgspec.convert(value, Heartbeat, strict=False)
    except msgspec.ValidationError as error:
        raise BadRequestError(describe(error, msgspec.json.encode(value))) from error


def beat_of(heartbeat: Heartbeat, agent: Agent | None) -> Beat:
    """The beat that a heartbeat stands for.

    Args:
        agent: Who has the id now.

    Raises:
        BadRequestError: A value that no beat has.
    """
    said = _said(heartbeat.status)
    incarnation = _incarnation(heartbeat, agent, is_goodbye=said is Said.STOPPED)
    is_same = agent is not None and agent.beat.incarnation == incarnation
    values = {
        "agentId": heartbeat.agent_id,
        "incarnation": incarnation,
        "sequence": agent.beat.sequence + 1 if agent is not None and is_same else 0,
        "status": said.value,
        "kind": "session" if heartbeat.room else "program",
        "name": heartbeat.name,
        "description": heartbeat.description,
        "model": heartbeat.model,
        "voice": heartbeat.voice,
        "temperature": heartbeat.temperature,
        "prompt": heartbeat.prompt,
        "processId": _number(heartbeat.process_id),
        "host": heartbeat.host,
        "port": heartbeat.port,
        "deployment": (heartbeat.deployment_mode or heartbeat.mode or "local").lower(),
        "interval": heartbeat.interval,
        "call": {"room": heartbeat.room, "phase": "active"} if heartbeat.room else None,
        **_error(heartbeat.last_error),
        **_measured(heartbeat.metrics or {}),
    }
    given = {name: value for name, value in values.items() if value is not None}
    try:
        return msgspec.convert(given, Beat)
    except msgspec.ValidationError as error:
        raise BadRequestError(describe(error, msgspec.json.encode(given))) from error


def _incarnation(heartbeat: Heartbeat, agent: Agent | None, *, is_goodbye: bool) -> str:
    """Which process it is: told by its number and host, because it does not say it.

    Numbers come again, in containers above all, and goodbyes are final; so each life has a part of its own.
    """
    process = hashlib.blake2s(f"{heartbeat.host}\n{heartbeat.process_id}".encode(), digest_size=8).hexdigest()
    prefix = f"trpc-{process}~"
    if agent is not None:
        current = agent.beat
        if current.incarnation.startswith(prefix) and (current.status is not Said.STOPPED or is_goodbye):
            return current.incarnation
        before = next((past for past in agent.past if past.startswith(prefix)), None)
        if before is not None and not agent.verdict.status.is_over:
            return before  # and is refused: another process has taken over
    return f"{prefix}{uuid.uuid4().hex[:8]}"


def _said(status: str | None) -> Said:
    if status is None:
        return Said.RUNNING
    said = _SAID.get(status.strip().lower())
    if said is None:
        raise BadRequestError(f"status: {status[:40]!r} is none; there are {', '.join(_SAID)}")
    return said


def _number(process_id: int | str | None) -> int | None:
    """A process's number; None where clients use something else for it."""
    if isinstance(process_id, str):
        is_number = process_id.isascii() and process_id.isdecimal() and len(process_id) <= _LONGEST_NUMBER
        process_id = int(process_id) if is_number else None
    return process_id or None


def _error(error: str | dict[str, object] | None) -> dict[str, object]:
    if isinstance(error, dict):
        text = error.get("message") or error.get("text")
        error = text if isinstance(text, str) else None
    return {"lastError": error[:2_000]} if error else {}


def _measured(metrics: dict[str, object]) -> dict[str, object]:
    """Numbers that can be ones; anything else is left out."""
    cpu = _amount(metrics.get("cpu"), most=1e6)
    memory = _amount(metrics.get("rss", metrics.get("memory")), most=2.0**53)
    return {"cpu": cpu, "rss": None if memory is None else int(memory)}


def _amount(value: object, *, most: float) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= most else None
