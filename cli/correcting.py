"""Looks after the agents of this machine: asks the registry for them, looks at their processes, tells what is seen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cli.answers import Agent
from cli.checking import Finding, compare, find_inactive
from cli.client import Client, Query
from cli.errors import RefusedError
from cli.processes import Look


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """All agents of a host, and what is wrong with some."""

    n_agents: int
    findings: tuple[Finding, ...]
    registry_started_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """What the registry made of a finding."""

    finding: Finding
    text: str
    is_refused: bool = False


async def survey(client: Client, host: str, look: Look, *, inactive_after: float | None = None) -> Survey:
    """Compare the agents of `host`, which is this one, with its processes.

    Args:
        inactive_after: Seconds; None = nobody is called inactive.
    """
    page = await client.agents(Query(host=host))
    agents = [agent for agent in page.agents if agent.host == host]
    findings = []
    for agent in agents:
        finding = compare(agent, look(agent.process_id) if agent.process_id else None)
        if finding is None and inactive_after is not None:
            finding = find_inactive(agent, after=inactive_after)
        if finding is not None:
            findings.append(finding)
    return Survey(
        n_agents=len(agents),
        findings=tuple(findings),
        registry_started_at=page.registry.started_at,
    )


async def correct(client: Client, finding: Finding, *, by: str) -> Correction:
    """Tell the registry. Raises `UnreachableError`; that it says no is an outcome like others."""
    evidence = finding.evidence
    if evidence is None:
        return Correction(finding=finding, text="nothing")
    try:
        agent = await client.tell(finding.agent, evidence.value, reason=finding.text, by=by)
    except RefusedError as error:
        if error.is_about_access:
            raise
        return Correction(finding=finding, text=f"refused: {error}", is_refused=True)
    return Correction(finding=finding, text=_outcome(finding.agent, agent))


def _outcome(before: Agent, after: Agent) -> str:
    if before.status != after.status:
        return f"{before.status} → {after.status}"
    return f"told; it stays {after.status}"
