"""Agents as a table, and one agent with all that is known of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.table import Table
from rich.text import Text

from cli.answers import Agent, Call, Change, ModelInUse, Notice, RegistryFacts
from cli.durations import ago, clock_time, duration, moment, zone
from cli.shortened import Shortened
from cli.terminal import clean, one_line, plain_table, status_text, words

_URGENCY = ("error", "offline", "warning", "unknown", "starting", "running", "stopped")
_MB = 1_000_000


def in_order(agents: Iterable[Agent]) -> list[Agent]:
    """Those first that somebody should look at, then by name."""

    def place(agent: Agent) -> tuple[int, str, str]:
        urgency = _URGENCY.index(agent.status) if agent.status in _URGENCY else 0
        return urgency, (agent.name or agent.agent_id).casefold(), agent.agent_id

    return sorted(agents, key=place)


def agents_table(agents: Iterable[Agent], *, folds: bool = True) -> Table:
    """One row for each agent.

    Args:
        folds: Fold long texts; else each row is one line, and what does not fit is cut.
    """
    table = plain_table(
        "STATUS", "HEALTH", "NAME", "ID", "KIND", "HOST/PID", "ROOM", "LAST BEAT", "REASON",
        whole=("STATUS", "HEALTH", "KIND", "LAST BEAT"), folds=folds,
    )  # fmt: skip
    for agent in agents:
        table.add_row(
            status_text(agent.status + (" (forced)" if agent.forced else "")),
            "?" if agent.health is None else str(agent.health),
            words(agent.name, folds=folds),
            Shortened(agent.agent_id),
            one_line(agent.kind),
            Shortened(_process(agent)),
            words(_room(agent), folds=folds),
            ago(agent.beat_age),
            words(agent.why, folds=folds),
        )
    return table


def totals(shown: int, total: int, registry: RegistryFacts) -> str:
    """How many agents there are, in one line."""
    counts = ", ".join(f"{registry.counts[name]} {name}" for name in _URGENCY if registry.counts.get(name))
    if shown < total:
        return f"{shown} of {total} agents shown; --all shows all" + (f" ({counts})" if counts else "")
    if total == 0:
        return "no agents" + (f" match (there are {counts})" if counts else "")
    return f"{total} agent{'s' if total != 1 else ''}"


def notices(registry: RegistryFacts) -> list[Text]:
    """What the registry says of itself."""
    styles = {"warning": "yellow", "error": "red"}

    def line(notice: Notice) -> Text:
        return Text(f"{clean(notice.level)}: {one_line(notice.text)}", style=styles.get(notice.level, ""))

    return [line(notice) for notice in registry.notices]


def facts_of(agent: Agent) -> Table:
    """All that is known of one agent, a row for each fact."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in _facts(agent):
        table.add_row(name, value)
    return table


def history_table(changes: Iterable[Change]) -> Table:
    """Changes of status, newest first."""
    changes = list(changes)
    at = f"AT ({zone(change.at for change in changes)})"
    table = plain_table(at, "FROM", "TO", "HEALTH", "BY", "REASON", whole=(at, "FROM", "TO", "HEALTH"))
    for change in changes:
        table.add_row(
            moment(change.at),
            status_text(change.before or "-"),
            status_text(change.after),
            "?" if change.health is None else str(change.health),
            one_line(change.by),
            one_line(change.reason),
        )
    return table


def _facts(agent: Agent) -> Iterator[tuple[str, Text | str]]:
    yield "id", one_line(agent.agent_id)
    yield "name", one_line(agent.name)
    yield "kind", f"{one_line(agent.kind)}, {one_line(agent.deployment)}"
    since = f" since {moment(agent.status_since)}" if agent.status_since else ""
    yield "status", status_text(agent.status) + Text(since)
    yield "health", "unknown" if agent.health is None else str(agent.health)
    for index, reason in enumerate(agent.reasons):
        yield "" if index else "reasons", f"{-reason.points:+d}  {one_line(reason.text)}"
    if agent.cause:
        yield "cause", one_line(agent.cause)
    if agent.forced:
        forced = agent.forced
        yield (
            "forced",
            f"{one_line(forced.status)} by {one_line(forced.by)} at {moment(forced.at)}: {one_line(forced.reason)}",
        )
    if agent.last_error:
        at = f" at {moment(agent.last_error.at)}" if agent.last_error.at else ""
        yield f"last error{at}", clean(agent.last_error.text)
    if agent.call:
        yield from _call_facts(agent.call)
    if agent.model_in_use:
        yield "model in use", _model(agent.model_in_use)
    yield from _process_facts(agent)
    yield "last beat", f"{moment(agent.last_heartbeat)}, {ago(agent.beat_age)}"
    if agent.last_activity:
        yield "last activity", moment(agent.last_activity)
    if agent.first_seen:
        yield "first seen", moment(agent.first_seen)
    yield "line", "open" if agent.has_line else "none"
    yield "time zone", zone([agent.last_heartbeat])
    for name in ("description", "model", "voice", "temperature", "prompt"):
        value = getattr(agent, name)
        if value not in (None, ""):
            yield name, clean(str(value))


def _call_facts(call: Call) -> Iterator[tuple[str, str]]:
    yield "room", one_line(call.room)
    since = f" since {clock_time(call.phase_since)}" if call.phase_since else ""
    until = f", ends at {clock_time(call.grace_ends_at)}" if call.grace_ends_at else ""
    yield "phase", f"{one_line(call.phase)}{since}{until}"
    humans = ", ".join(
        one_line(human.identity) + (f" ({one_line(human.role)})" if human.role else "")
        for human in call.humans
    )
    yield "humans", humans or "none"
    if call.llm:
        yield "language model", one_line(call.llm)


def _model(used: ModelInUse) -> str:
    """`gpt-4.1-mini at api.openai.com, failing: no first word in 3 s`."""
    if used.state == "none":
        text = "no model"
    else:
        at = f" at {one_line(used.endpoint)}" if used.endpoint else ""
        text = f"{one_line(used.model or 'a model')}{at}, {one_line(used.state).replace('_', ' ')}"
    return f"{text}: {one_line(used.reason)}" if used.reason else text


def _process_facts(agent: Agent) -> Iterator[tuple[str, str]]:
    yield "process", _process(agent) or "not told"
    if agent.process_started_at:
        yield "started", moment(agent.process_started_at)
    yield "incarnation", one_line(agent.incarnation)
    if agent.port:
        yield "port", str(agent.port)
    costs = []
    if agent.cpu is not None:
        costs.append(f"{agent.cpu:.1f} % of a core")
    if agent.rss is not None:
        costs.append(f"{agent.rss / _MB:.0f} MB")
    if agent.loop_lag is not None:
        costs.append(
            f"main loop {duration(agent.loop_lag)} late" if agent.loop_lag >= 1 else "main loop on time"
        )
    if costs:
        yield "costs", ", ".join(costs)


def _process(agent: Agent) -> str:
    if agent.process_id is None:
        return one_line(agent.host or "")
    return f"{one_line(agent.host or '?')}/{agent.process_id}"


def _room(agent: Agent) -> str:
    call = agent.call
    if call is None:
        return ""
    if agent.is_over:  # what it told last is so no more
        return one_line(call.room)
    n = len(call.humans)
    return f"{one_line(call.room)} ({n} human{'s' if n != 1 else ''}, {one_line(call.phase)})"
