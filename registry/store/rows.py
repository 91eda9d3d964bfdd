"""Agents and changes as rows of plain values, in the order of the tables' columns, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import msgspec

from registry.records import AgentRow, Change, Forced, Reason, Status
from registry.store.moments import moment_text
from registry.store.tables import AGENTS, CHANGES, read
from wire import Beat, CallFacts, Deployment, Guest, Hint, Joining, Kind, ModelFacts, Said, SwitchFacts

Values: TypeAlias = tuple[str | int | float | bool | None, ...]
"""Moments and lists are texts: both databases take them so, and both can take many rows as one parameter."""

READ_AGENTS = read(AGENTS)
"""Its rows are what `agent_from` reads."""

READ_CHANGES = read(CHANGES)
"""Its rows are what `change_from` reads."""

_encode = msgspec.json.Encoder().encode
_decode_reasons = msgspec.json.Decoder(tuple[Reason, ...]).decode
_decode_hints = msgspec.json.Decoder(tuple[Hint, ...]).decode
_decode_humans = msgspec.json.Decoder(tuple[Guest, ...]).decode
_decode_joining = msgspec.json.Decoder(tuple[Joining, ...]).decode
_decode_models = msgspec.json.Decoder(tuple[ModelFacts, ...]).decode
_decode_switches = msgspec.json.Decoder(tuple[SwitchFacts, ...]).decode

# A third of the price of calling the enum, and there are four of them in each of ten thousand rows.
_STATUS = {member.value: member for member in Status}
_SAID = {member.value: member for member in Said}
_KIND = {member.value: member for member in Kind}
_DEPLOYMENT = {member.value: member for member in Deployment}


def agent_values(row: AgentRow) -> Values:
    """`row` in the order of the columns of `AGENTS`."""
    beat, call, forced = row.beat, row.beat.call, row.forced
    return (
        beat.agent_id,
        beat.name,
        beat.kind.value,
        beat.description,
        beat.model,
        beat.voice,
        beat.temperature,
        beat.prompt,
        beat.process_id,
        beat.process_age,
        beat.host,
        beat.port,
        beat.deployment.value,
        beat.version,
        beat.incarnation,
        beat.sequence,
        beat.interval,
        beat.status.value,
        beat.reason,
        _encode(beat.hints).decode() if beat.hints else "[]",
        moment_text(row.heard_at),
        row.status.value,
        row.health,
        _encode(row.reasons).decode() if row.reasons else "[]",
        row.cause,
        moment_text(row.status_since),
        *(
            (None, None, None, None, None)
            if forced is None
            else (forced.status.value, forced.health, forced.by, forced.reason, moment_text(forced.at))
        ),
        beat.last_error,
        beat.error_age,
        None if row.error_at is None else moment_text(row.error_at),
        beat.idle,
        None if row.active_at is None else moment_text(row.active_at),
        beat.cpu,
        beat.rss,
        beat.loop_lag,
        *(
            (None, None, None, None, None, None, None, None, None)
            if call is None
            else (
                call.room,
                call.phase,
                _encode(call.humans).decode() if call.humans else "[]",
                call.since,
                call.grace_left,
                call.llm,
                call.is_connected,
                call.closing,
                call.llm_state,
            )
        ),
        _encode(beat.joining).decode() if beat.joining else "[]",
        beat.takes_jobs,
        _encode(beat.models).decode() if beat.models else "[]",
        _encode(beat.switches).decode() if beat.switches else "[]",
        beat.machine,
        moment_text(row.first_seen_at),
        moment_text(row.updated_at),
    )


def agent_from(values: Sequence[Any]) -> AgentRow:
    """The agent of a row of `READ_AGENTS`.

    Raises:
        ValueError, KeyError, TypeError, msgspec.MsgspecError: It was not written by this version.
    """
    (
        agent_id, name, kind, description, model, voice, temperature, prompt,
        process_id, process_age, host, port, deployment,
        version, incarnation, sequence, interval, said, reason, hints, heard_at,
        status, health, reasons, cause, status_since,
        forced_status, forced_health, forced_by, forced_reason, forced_at,
        last_error, error_age, error_at, idle, active_at, cpu, rss, loop_lag,
        room, phase, humans, since, grace_left, llm, is_connected, closing, llm_state,
        joining, takes_jobs, models, switches, machine, first_seen_at, updated_at,
    ) = values  # fmt: skip
    return AgentRow(
        beat=Beat(
            agent_id=agent_id,
            incarnation=incarnation,
            sequence=sequence,
            status=_SAID[said],
            version=version,
            kind=_KIND[kind],
            name=name,
            description=description,
            model=model,
            voice=voice,
            temperature=temperature,
            prompt=prompt,
            process_id=process_id,
            process_age=process_age,
            host=host,
            port=port,
            deployment=_DEPLOYMENT[deployment],
            interval=interval,
            reason=reason,
            hints=() if hints == "[]" else _decode_hints(hints),
            last_error=last_error,
            error_age=error_age,
            idle=idle,
            cpu=cpu,
            rss=rss,
            loop_lag=loop_lag,
            call=None
            if room is None
            else CallFacts(
                room=room,
                phase=phase,
                humans=() if humans == "[]" else _decode_humans(humans),
                since=since,
                grace_left=grace_left,
                llm=llm,
                is_connected=is_connected is not False,
                closing=closing,
                llm_state=llm_state,
            ),
            joining=() if joining == "[]" else _decode_joining(joining),
            takes_jobs=takes_jobs,
            models=() if models == "[]" else _decode_models(models),
            switches=() if switches == "[]" else _decode_switches(switches),
            machine=machine,
        ),
        status=_STATUS[status],
        health=health,
        reasons=() if reasons == "[]" else _decode_reasons(reasons),
        cause=cause,
        forced=None
        if forced_status is None
        else Forced(
            status=_STATUS[forced_status],
            health=forced_health,
            by=forced_by,
            reason=forced_reason,
            at=forced_at,
        ),
        heard_at=heard_at,
        first_seen_at=first_seen_at,
        status_since=status_since,
        error_at=error_at,
        active_at=active_at,
        updated_at=updated_at,
    )


def change_values(change: Change) -> Values:
    """`change` in the order of the columns of `CHANGES`, but for its id."""
    return (
        moment_text(change.at),
        change.agent_id,
        change.incarnation,
        None if change.before is None else change.before.value,
        change.after.value,
        change.health,
        change.reason,
        change.by,
    )


def change_from(values: Sequence[Any]) -> Change:
    """The change of a row of `READ_CHANGES`. Raises as `agent_from`."""
    number, at, agent_id, incarnation, before, after, health, reason, by = values
    return Change(
        id=number,
        at=at,
        agent_id=agent_id,
        incarnation=incarnation,
        before=None if before is None else _STATUS[before],
        after=_STATUS[after],
        health=health,
        reason=reason,
        by=by,
    )
