"""Agents and changes to store."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import msgspec

from registry.records import AgentRow, Change, Forced, Reason, Status
from tests.registry.agent_rows import agent_row
from wire import Beat, CallFacts, Deployment, Guest, Hint, Joining, Kind, ModelFacts, Said, SwitchFacts

NOW = datetime(2026, 3, 4, 5, 6, 7, 890_123, tzinfo=UTC)

FULL_BEAT = Beat(
    agent_id="ada",
    incarnation="0b5f4e1c-60a5-4d4b-9a55-5e2a1c5a3c11",
    sequence=2**53,
    status=Said.WARNING,
    version=1,
    kind=Kind.SESSION,
    name="Ada",
    description="Receptionist of Harbour Hotel",
    model="gpt-4.1-mini",
    voice="aura-2-thalia-en",
    temperature=0.1 + 0.2,
    prompt="You are Ada.\n\tBe kind.\r\n",
    process_id=2**53,
    process_age=12.000000000000002,
    host="host-1",
    port=8080,
    deployment=Deployment.CLOUD,
    interval=10.1,
    reason="the language model is slow",
    hints=(Hint(points=15, text="slow"), Hint(points=0, text="no voice")),
    last_error="Traceback:\n  boom",
    error_age=3.3333333333333335,
    idle=0.7,
    cpu=99.9,
    rss=2**53,
    loop_lag=0.0012,
    call=CallFacts(
        room="agent-ada-room",
        phase="grace_period",
        humans=(Guest(identity="coach-1", role="coach"), Guest(identity="human-2")),
        since=17.1,
        grace_left=42.9,
        llm="gpt-4.1",
        is_connected=False,
        closing="humans_left",
        llm_state="rate_limited",
    ),
    joining=(Joining(room="agent-bob-room", age=0.4), Joining(room="agent-eve-room")),
    takes_jobs=True,
    models=(
        ModelFacts(
            id="127.0.0.1:11434",
            model="llama3.2",
            host="127.0.0.1:11434",
            source="discovered",
            kind="ollama",
            state="failing",
            reason="no first word in 3 s",
            age=12.5,
            first_token_ms=412.25,
            is_current=True,
        ),
        ModelFacts(id="api.openai.com"),
    ),
    switches=(
        SwitchFacts(age=3.3, source="127.0.0.1:11434", target="api.openai.com", reason="slow"),
        SwitchFacts(),
    ),
    machine="boot/pid",
)

FULL_ROW = AgentRow(
    beat=FULL_BEAT,
    status=Status.WARNING,
    health=70,
    reasons=(Reason(points=15, text="slow"), Reason(points=15, text="late")),
    cause="the line broke",
    forced=Forced(
        status=Status.ERROR, health=5, by="root", reason="maintenance", at=NOW - timedelta(hours=1)
    ),
    heard_at=NOW,
    first_seen_at=NOW - timedelta(days=400),
    status_since=NOW - timedelta(seconds=1),
    error_at=NOW - timedelta(seconds=3),
    active_at=NOW - timedelta(milliseconds=700),
    updated_at=NOW + timedelta(microseconds=1),
)


def agent(agent_id: str = "bob", *, status: Status = Status.RUNNING, heard_at: datetime = NOW) -> AgentRow:
    """One that says as little as it can."""
    beat = Beat(agent_id=agent_id, incarnation="1", sequence=0, status=Said.RUNNING)
    return dataclasses.replace(agent_row(beat, at=NOW, status=status), health=None, heard_at=heard_at)


def agent_saying(**fields: object) -> AgentRow:
    """`FULL_ROW` with other things in its beat."""
    return dataclasses.replace(FULL_ROW, beat=msgspec.structs.replace(FULL_BEAT, **fields))


def change(
    agent_id: str = "bob", *, at: datetime = NOW, reason: str = "it beats", by: str = "agent"
) -> Change:
    return Change(
        at=at,
        agent_id=agent_id,
        incarnation="1",
        before=None,
        after=Status.RUNNING,
        health=100,
        reason=reason,
        by=by,
    )
