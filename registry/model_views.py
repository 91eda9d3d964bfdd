"""What is shown of an agent's language models: its endpoints, the one in use, and how it went from one to another."""

from __future__ import annotations

from datetime import datetime

import msgspec

from wire import Beat, ModelFacts, SwitchFacts

HEALTHY = "healthy"

UNTRIED = "unknown"
"""The state of an endpoint that nobody has asked anything yet."""

NO_MODEL = "none"
"""The state of an agent that waits for a model."""

STATES = (HEALTHY, UNTRIED, "warming", "busy", "rate_limited", "misconfigured", "failing")
"""Of endpoints. An agent may tell of another one, which is shown as it is."""


class ModelView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An endpoint, as an agent finds it."""

    id: str
    model: str | None
    """Which of its models would answer; None = that is not known yet."""

    host: str
    """Host and port that it is asked at, as the agent sees them."""

    source: str
    kind: str
    state: str
    """`healthy`, `unknown`, `warming`, `busy`, `rate_limited`, `misconfigured` or `failing`."""

    reason: str
    """Why; empty = it is well."""

    since: datetime
    """When the state began."""

    first_token_ms: float | None
    """Milliseconds until its last answer began; None = it has given none."""

    is_current: bool
    """It is the one that would answer now."""


class SwitchView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An agent left one endpoint for another."""

    at: datetime
    source: str | None
    """Id of the endpoint that it left; None = it had none."""

    target: str | None
    """Id of the one that it took; None = none was left."""

    reason: str


class ModelInUse(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """With which model an agent would answer now."""

    endpoint: str | None
    """Its id; None = the agent does not say, or has none."""

    model: str | None
    """Its name; None as `endpoint`."""

    state: str
    """As of an endpoint; `none` = no model answers, and the agent waits for one."""

    reason: str
    """Why; empty = it is well, or the agent does not say."""


def model_view(facts: ModelFacts, heard_at: datetime) -> ModelView:
    """One endpoint.

    Args:
        heard_at: When the beat came that tells of it.
    """
    return ModelView(
        id=facts.id,
        model=facts.model,
        host=facts.host,
        source=facts.source,
        kind=facts.kind,
        state=facts.state,
        reason=facts.reason,
        since=before(heard_at, facts.age),
        first_token_ms=facts.first_token_ms,
        is_current=facts.is_current,
    )


def switch_view(facts: SwitchFacts, heard_at: datetime) -> SwitchView:
    """One switch. `heard_at` as in `model_view`."""
    return SwitchView(
        at=before(heard_at, facts.age), source=facts.source, target=facts.target, reason=facts.reason
    )


def model_in_use(beat: Beat) -> ModelInUse | None:
    """With which model the agent of a beat would answer; None = it does not say how its models are.

    Its own word in a call counts more than its list of endpoints, which may be some seconds older.
    """
    call = beat.call
    current = next((model for model in beat.models if model.is_current), None)
    state = None if call is None else call.llm_state
    if state is None and beat.models:
        state = NO_MODEL if current is None else current.state
    if state is None:
        return None
    if state == NO_MODEL:
        return ModelInUse(endpoint=None, model=None, state=NO_MODEL, reason=_why_none(beat))
    named = None if call is None else call.llm
    return ModelInUse(
        endpoint=None if current is None else current.id,
        model=named or (None if current is None else current.model) or beat.model,
        state=state,
        reason=current.reason if current is not None and current.state == state else "",
    )


def before(heard_at: datetime, age: float) -> datetime:
    """The moment of an age, to the second: ages are told with each beat, and come a little sooner or later."""
    return datetime.fromtimestamp(round(heard_at.timestamp() - age), tz=heard_at.tzinfo)


def _why_none(beat: Beat) -> str:
    last = beat.switches[0] if beat.switches else None
    return last.reason if last is not None and last.target is None else ""
