"""`roomkeeper fix`: put the registry right about the agents of this machine."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from cli.client import Client
from cli.correcting import Correction, Survey, correct, survey
from cli.errors import CommandError
from cli.processes import look
from cli.reach import Url, open_client, this_host, who
from cli.terminal import err, one_line, plain_table, print_table


def fix(
    context: typer.Context,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Only say what would be told.")] = False,
    url: Url = None,
) -> None:
    """Put the registry right about this host's agents.

    Their processes are looked for, and the registry is told which are gone and which are still there. Nothing is ever
    started, stopped or killed. Which agents are of this host is told by its name, or AGENT_HOST.
    """
    asyncio.run(_fix(open_client(context, url), this_host(), dry_run=dry_run))


async def _fix(client: Client, host: str, *, dry_run: bool) -> None:
    async with client:
        found = await survey(client, host, look)
        if dry_run:
            corrections = [
                Correction(
                    finding=one, text=f"would tell {one.evidence.value}" if one.evidence else "nothing"
                )
                for one in found.findings
            ]
        else:
            corrections = [await correct(client, one, by=who("roomkeeper fix")) for one in found.findings]
    _report(found, corrections, host)
    n_refused = sum(one.is_refused for one in corrections)
    if n_refused:
        raise CommandError(f"the registry refused {n_refused} of {len(corrections)} corrections")


def _report(found: Survey, corrections: list[Correction], host: str) -> None:
    if corrections:
        table = plain_table("AGENT", "PROCESS", "STATUS", "FOUND", "DONE")
        for one in corrections:
            agent = one.finding.agent
            table.add_row(
                one_line(agent.agent_id),
                str(agent.process_id or ""),
                one_line(agent.status),
                one_line(one.finding.text),
                one_line(one.text),
            )
        print_table(table)
    n_fine = found.n_agents - len(corrections)
    agents = "agent" if found.n_agents == 1 else "agents"
    err().print(f"{found.n_agents} {agents} on {one_line(host)}, {n_fine} as they should be", style="dim")
