"""What a worker and its calls say of themselves in a beat. Pure, but for the name of the host."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from config import Providers, Settings
from heartbeat import Facts
from llm.models import Models
from session.call_state import CallState
from session.trouble import Part
from wire import (
    AgentId,
    CallFacts,
    Deployment,
    Guest,
    Hint,
    Joining,
    Kind,
    ModelFacts,
    Profile,
    Said,
    SwitchFacts,
)

_PARTS = {Part.STT: "speech to text", Part.LLM: "the language model", Part.TTS: "text to speech"}

FAILING_POINTS = 30
"""Health that a failing provider takes: enough that someone should look."""

_PROMPT = 4_000
"""Characters of a prompt in a beat: it is sent every few seconds."""


def row_id(agent_id: AgentId, room_name: str) -> str:
    """The id of a call's row: the agent's, and the room with it where the room is not named after the agent.

    One agent may be in several rooms at once by explicit dispatch, and each is a row of its own.
    """
    return agent_id if room_name == f"agent-{agent_id}-room" else f"{agent_id}@{room_name}"[:200]


def host_of(settings: Settings) -> str:
    """What beats tell as the host."""
    return settings.agent_host or socket.gethostname()


def call_facts(
    state: CallState,
    *,
    agent_id: AgentId,
    profile: Profile,
    providers: Providers,
    settings: Settings,
    models: Models,
) -> Facts:
    """A call, for a beat."""
    current = models.current
    model = (current and current.model) or profile.model
    return Facts(
        agent_id=row_id(agent_id, state.room_name),
        status=Said.RUNNING if state.is_ready else Said.STARTING,
        kind=Kind.SESSION,
        name=profile.name,
        description=profile.description,
        model=model,
        voice=profile.voice or providers.tts.voice,
        temperature=profile.temperature,
        prompt=profile.prompt[:_PROMPT],
        host=host_of(settings),
        port=settings.agent_port,
        deployment=Deployment(settings.agent_deployment),
        hints=tuple(
            Hint(points=FAILING_POINTS, text=f"{_PARTS[part]} fails: {error}"[:200])
            for part, error in state.failing.items()
        ),
        last_error=state.last_error,
        error_age=state.error_age,
        idle=state.idle,
        call=CallFacts(
            room=state.room_name,
            phase=state.phase.value,
            humans=tuple(Guest(identity=human.identity, role=human.role.value) for human in state.humans),
            since=state.since,
            grace_left=state.grace_left,
            llm=model,
            llm_state=current.state.value if current else "none",
            is_connected=state.is_connected,
            closing=None if state.closing is None else state.closing.value,
        ),
        models=model_facts(models),
        switches=switch_facts(models),
    )


def model_facts(models: Models) -> tuple[ModelFacts, ...]:
    """The language models, for a beat. From any thread: it only reads."""
    return tuple(
        ModelFacts(
            id=view.id,
            model=view.model,
            host=view.host,
            source=view.source,
            kind=view.kind,
            state=view.state.value,
            reason=view.reason,
            age=view.age,
            first_token_ms=view.first_token_ms,
            is_current=view.is_current,
        )
        for view in models.views()
    )


def switch_facts(models: Models) -> tuple[SwitchFacts, ...]:
    """What took over from what, for a beat, likewise."""
    return tuple(
        SwitchFacts(age=switch.age, source=switch.source, target=switch.target, reason=switch.reason)
        for switch in models.switches()
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerState:
    """A worker at one moment."""

    n_calls: int
    max_calls: int
    is_registered: bool
    """LiveKit has taken it at least once."""

    is_connected: bool
    is_draining: bool
    is_full: bool
    joining: tuple[Joining, ...] = ()


def worker_facts(
    state: WorkerState, *, profile: Profile, settings: Settings, models: Models | None = None
) -> Facts:
    """A worker, for a beat."""
    hints = []
    if models is not None and not models.may_answer:
        hints.append(Hint(points=FAILING_POINTS, text="no language model answers: calls wait for one"))
    if state.is_registered and not state.is_connected:
        hints.append(Hint(points=50, text="LiveKit is out of reach: no new calls come"))
    if state.is_full and not state.is_draining:
        hints.append(Hint(points=10, text="full: it takes no further call (MAX_CALLS, MIN_FREE_MEMORY_MB)"))
    calls = "1 call" if state.n_calls == 1 else f"{state.n_calls} calls"
    if state.is_draining:
        status, reason = Said.WARNING, f"it takes no new calls, and ends when {calls} have ended"
    elif not state.is_registered:
        status, reason = Said.STARTING, "it waits for LiveKit to take it"
    else:
        status, reason = Said.RUNNING, f"{calls} of {state.max_calls}"
    return Facts(
        agent_id=settings.agent_id or f"worker-{host_of(settings)}"[:200],
        status=status,
        kind=Kind.WORKER,
        name=settings.agent_name or profile.name,
        description="LiveKit worker",
        host=host_of(settings),
        port=settings.agent_port,
        deployment=Deployment(settings.agent_deployment),
        reason=reason,
        hints=tuple(hints),
        joining=state.joining,
        takes_jobs=state.is_registered and state.is_connected and not state.is_draining,
        models=() if models is None else model_facts(models),
        switches=() if models is None else switch_facts(models),
    )
