"""What an agent says of itself, and the beat that is made of it. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import msgspec

from heartbeat.texts import one_line, paragraphs
from wire import (
    MAX_BEAT_BYTES,
    Beat,
    CallFacts,
    Deployment,
    Guest,
    Hint,
    Joining,
    Kind,
    ModelFacts,
    Said,
    SwitchFacts,
    encode_beat,
)

_WORD = 20
_LINE = 200
_TEXT = 2_000
_PROMPT = 32_000
_MOST_HINTS = 20
_MOST_HUMANS = 200
_FEW_HUMANS = 20  # of a beat that would be too large with all of them
_MOST_JOINING = 200
_FEW_JOINING = 20
_MOST_MODELS = 32
_FEW_MODELS = 8
_MOST_SWITCHES = 10
_FEW_SWITCHES = 3
_LONGEST = 1e9
_LARGEST_INT = 2**53


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """An agent by its own account. The fields mean what they mean in `wire.Beat`; too long texts are cut."""

    agent_id: str
    status: Said = Said.RUNNING
    kind: Kind = Kind.PROGRAM
    name: str = ""
    description: str = ""
    model: str | None = None
    voice: str | None = None
    temperature: float | None = None
    prompt: str | None = None
    host: str | None = None
    port: int | None = None
    deployment: Deployment = Deployment.LOCAL
    reason: str | None = None
    hints: tuple[Hint, ...] = ()
    last_error: str | None = None
    error_age: float | None = None
    idle: float | None = None
    call: CallFacts | None = None
    joining: tuple[Joining, ...] = ()
    takes_jobs: bool | None = None
    models: tuple[ModelFacts, ...] = ()
    switches: tuple[SwitchFacts, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What is measured of a process; None = it cannot be told."""

    process_id: int
    process_age: float | None = None
    machine: str | None = None
    cpu: float | None = None
    """Percent of one core since the reading before."""

    rss: int | None = None
    """Bytes."""

    loop_lag: float | None = None


def beat_of(
    facts: Facts,
    reading: Reading,
    *,
    agent_id: str,
    incarnation: str,
    sequence: int,
    interval: float,
    mask: Callable[[str], str] = str,
) -> Beat:
    """A beat that the registry can take, whatever the facts are.

    Args:
        agent_id: Under which name, whatever the facts say.
        mask: Takes secrets out of the texts that come from errors.
    """
    beat = Beat(
        agent_id=one_line(agent_id, _LINE).strip() or "unnamed",
        incarnation=incarnation,
        sequence=sequence,
        status=facts.status,
        kind=facts.kind,
        name=one_line(facts.name, _LINE),
        description=paragraphs(facts.description, _TEXT),
        model=_line(facts.model),
        voice=_line(facts.voice),
        temperature=_number(facts.temperature, 100),
        prompt=None if facts.prompt is None else paragraphs(facts.prompt, _PROMPT),
        process_id=reading.process_id,
        process_age=_number(reading.process_age, _LONGEST),
        machine=_line(reading.machine),
        host=_line(facts.host),
        port=facts.port if facts.port is not None and 0 <= facts.port <= 65_535 else None,
        deployment=facts.deployment,
        interval=interval,
        reason=_text(facts.reason, mask),
        hints=tuple(_hint(hint, mask) for hint in facts.hints[:_MOST_HINTS] if hint.text),
        last_error=_text(facts.last_error, mask),
        error_age=_number(facts.error_age, _LONGEST),
        idle=_number(facts.idle, _LONGEST),
        cpu=_number(reading.cpu, 1e6),
        rss=None if reading.rss is None else min(reading.rss, _LARGEST_INT),
        loop_lag=_number(reading.loop_lag, _LONGEST),
        call=None if facts.call is None else _call(facts.call),
        joining=tuple(map(_joining, facts.joining[:_MOST_JOINING])),
        takes_jobs=facts.takes_jobs,
        models=tuple(_model(model, mask) for model in facts.models[:_MOST_MODELS]),
        switches=tuple(_switch(switch, mask) for switch in facts.switches[:_MOST_SWITCHES]),
    )
    return _fitted(beat)


def goodbye(facts: Facts, reason: str) -> Facts:
    """What an agent says last."""
    return replace(facts, status=Said.STOPPED, reason=reason)


def _fitted(beat: Beat) -> Beat:
    """`beat` with less in it, as far as it is too large."""
    for shrink in _SHRINKS:
        excess = len(encode_beat(beat)) - MAX_BEAT_BYTES
        if excess <= 0:
            return beat
        beat = shrink(beat, excess)
    return beat


def _less_prompt(beat: Beat, excess: int) -> Beat:
    # Each byte of it is one or more in JSON. The mark of the cut is three.
    data = (beat.prompt or "").encode()
    kept = data[: max(0, len(data) - excess - 3)].decode(errors="ignore")
    return msgspec.structs.replace(beat, prompt=f"{kept}…" if kept else None)


def _fewer_humans(beat: Beat, _: int) -> Beat:
    call = beat.call
    if call is None:
        return beat
    return msgspec.structs.replace(beat, call=msgspec.structs.replace(call, humans=call.humans[:_FEW_HUMANS]))


def _fewer_joining(beat: Beat, _: int) -> Beat:
    return msgspec.structs.replace(beat, joining=beat.joining[:_FEW_JOINING])


def _fewer_models(beat: Beat, _: int) -> Beat:
    return msgspec.structs.replace(
        beat, models=beat.models[:_FEW_MODELS], switches=beat.switches[:_FEW_SWITCHES]
    )


def _no_hints(beat: Beat, _: int) -> Beat:
    return msgspec.structs.replace(beat, hints=())


def _no_description(beat: Beat, _: int) -> Beat:
    return msgspec.structs.replace(beat, description="")


def _no_prompt(beat: Beat, _: int) -> Beat:
    return msgspec.structs.replace(beat, prompt=None)


def _no_models(beat: Beat, _: int) -> Beat:
    return msgspec.structs.replace(beat, models=(), switches=())


_SHRINKS = (
    _less_prompt, _fewer_humans, _fewer_joining, _fewer_models, _no_hints, _no_description, _no_prompt, _no_models,
)  # fmt: skip


def _call(call: CallFacts) -> CallFacts:
    return CallFacts(
        room=one_line(call.room, 256) or "unnamed",
        phase=one_line(call.phase, _WORD),
        humans=tuple(
            Guest(identity=one_line(guest.identity, _LINE), role=one_line(guest.role, _WORD))
            for guest in call.humans[:_MOST_HUMANS]
        ),
        since=_number(call.since, _LONGEST) or 0.0,
        grace_left=_number(call.grace_left, _LONGEST),
        llm=_line(call.llm),
        llm_state=None if call.llm_state is None else one_line(call.llm_state, _WORD),
        is_connected=call.is_connected,
        closing=None if call.closing is None else one_line(call.closing, 40),
    )


def _joining(job: Joining) -> Joining:
    return Joining(room=one_line(job.room, 256) or "unnamed", age=_number(job.age, _LONGEST) or 0.0)


def _model(model: ModelFacts, mask: Callable[[str], str]) -> ModelFacts:
    return ModelFacts(
        id=one_line(model.id, _LINE) or "unnamed",
        model=_line(model.model),
        host=one_line(model.host, _LINE),
        source=one_line(model.source, _WORD),
        kind=one_line(model.kind, _WORD),
        state=one_line(model.state, _WORD) or "unknown",
        reason=one_line(mask(model.reason), _LINE),
        age=_number(model.age, _LONGEST) or 0.0,
        first_token_ms=_number(model.first_token_ms, _LONGEST),
        is_current=model.is_current,
    )


def _switch(switch: SwitchFacts, mask: Callable[[str], str]) -> SwitchFacts:
    return SwitchFacts(
        age=_number(switch.age, _LONGEST) or 0.0,
        source=_line(switch.source),
        target=_line(switch.target),
        reason=one_line(mask(switch.reason), _LINE),
    )


def _hint(hint: Hint, mask: Callable[[str], str]) -> Hint:
    return Hint(points=min(max(hint.points, 0), 100), text=one_line(mask(hint.text), _LINE))


def _line(text: str | None) -> str | None:
    return None if text is None else one_line(text, _LINE)


def _text(text: str | None, mask: Callable[[str], str]) -> str | None:
    return None if text is None else paragraphs(mask(text[: 2 * _TEXT]), _TEXT)


def _number(value: float | None, largest: float) -> float | None:
    """`value` from 0 to `largest`; None for what is no number, as nobody knows it then."""
    if value is None or not math.isfinite(value):
        return None
    return min(max(value, 0.0), largest)
