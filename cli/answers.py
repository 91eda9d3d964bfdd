"""What the registry answers, as far as the command line reads it. Unknown fields are ignored."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec


class Reason(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    points: int
    """What it takes from the health of 100."""

    text: str


class Forced(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A status that somebody set by hand."""

    status: str
    health: int | None = None
    by: str
    reason: str
    at: datetime


class LastError(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    text: str
    at: datetime | None = None


class Human(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    identity: str
    role: str = ""


class Call(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    room: str
    phase: str
    humans: tuple[Human, ...] = ()
    phase_since: datetime | None = None
    grace_ends_at: datetime | None = None
    llm: str | None = None


class ModelInUse(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """With which language model an agent would answer now."""

    endpoint: str | None = None
    model: str | None = None
    state: str
    """`none` = no model answers."""

    reason: str = ""


class Agent(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One agent. Moments are the registry's; None = nobody knows."""

    agent_id: str
    name: str = ""
    kind: str = "program"
    description: str = ""
    model: str | None = None
    voice: str | None = None
    temperature: float | None = None
    prompt: str | None = None
    """Only of one agent alone; None in lists."""

    process_id: int | None = None
    process_started_at: datetime | None = None
    host: str | None = None
    port: int | None = None
    deployment: str = "local"
    incarnation: str
    status: str
    health: int | None = None
    reasons: tuple[Reason, ...] = ()
    suspect: bool = False
    cause: str | None = None
    forced: Forced | None = None
    last_error: LastError | None = None
    last_activity: datetime | None = None
    last_heartbeat: datetime
    beat_age: float
    """Seconds since the last beat, when this was sent."""

    first_seen: datetime | None = None
    status_since: datetime | None = None
    cpu: float | None = None
    """Percent of one core."""

    rss: int | None = None
    """Bytes."""

    loop_lag: float | None = None
    call: Call | None = None
    model_in_use: ModelInUse | None = None
    has_line: bool = False

    @property
    def is_over(self) -> bool:
        """Nothing more is expected of the process."""
        return self.status in ("stopped", "offline")

    @property
    def why(self) -> str:
        """Why the status and the health are what they are; empty when all is well."""
        texts = [reason.text for reason in self.reasons]
        if self.cause and not any(self.cause in text for text in texts):
            texts.insert(0, self.cause)
        return "; ".join(texts)


class Notice(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    level: str
    text: str


class RegistryFacts(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The registry, by its own account."""

    started_at: datetime | None = None
    uptime: float = 0.0
    """Seconds."""

    notices: tuple[Notice, ...] = ()
    counts: dict[str, int] = {}
    ttl: float = 25.0
    version: str = ""

    @property
    def now(self) -> datetime | None:
        """Its clock, when it sent this; None = it does not say."""
        return None if self.started_at is None else self.started_at + timedelta(seconds=self.uptime)


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Some of the agents that were asked for."""

    agents: tuple[Agent, ...]
    total: int
    """All that there are."""

    registry: RegistryFacts = RegistryFacts()


class RawPage(msgspec.Struct, frozen=True, kw_only=True):
    """The same in the registry's own words."""

    agents: tuple[msgspec.Raw, ...]
    total: int
    registry: msgspec.Raw = msgspec.Raw(b"{}")


class Change(msgspec.Struct, frozen=True, kw_only=True, rename={"before": "from", "after": "to"}):
    """A row of an agent's history."""

    at: datetime
    before: str | None = None
    after: str
    health: int | None = None
    reason: str = ""
    by: str = ""


class History(msgspec.Struct, frozen=True, kw_only=True):
    changes: tuple[Change, ...]
    """Newest first."""


class Lines(msgspec.Struct, frozen=True, kw_only=True):
    """Lines of a log, oldest first."""

    lines: tuple[str, ...]


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an order."""

    state: str
    """`sent` on the agent's line, or `queued` for the reply to its next beat."""

    message: str = ""


class Pulse(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What changes with every beat."""

    beat_age: float
    last_heartbeat: datetime


class Pulses(msgspec.Struct, frozen=True, kw_only=True):
    agents: dict[str, Pulse]


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """Agents that have changed, whole, and the ids of those that are gone from the list."""

    agents: tuple[Agent, ...] = ()
    removed: tuple[str, ...] = ()
    registry: RegistryFacts = RegistryFacts()
