"""Which agent a person means: an id, or a name that only one agent has."""

from __future__ import annotations

from difflib import get_close_matches

from cli.answers import Agent
from cli.client import Client, Query
from cli.errors import CommandError, RefusedError, UsageError
from cli.terminal import one_line

_MOST_CANDIDATES = 10


async def find_agent(client: Client, name: str) -> Agent:
    """The agent with this id, or else with this name.

    Raises:
        CommandError: There is none, or there are several with the name.
    """
    if not name.strip():
        raise UsageError("an empty text is no agent's id or name")
    try:
        return await client.agent(name)
    except RefusedError as error:
        if error.status != 404:
            raise
    page = await client.agents(Query(search=name))
    called_so = [agent for agent in page.agents if agent.name.casefold() == name.casefold()]
    match called_so:
        case [agent]:
            return agent
        case []:
            raise CommandError(_unknown(name, [agent.agent_id for agent in page.agents]))
        case _:
            raise CommandError(_ambiguous(name, called_so))


def _unknown(name: str, ids: list[str]) -> str:
    near = get_close_matches(name, ids, n=3, cutoff=0.0) if len(ids) <= 1_000 else []
    hint = f"did you mean {' or '.join(repr(one) for one in near)}?" if near else "see `roomkeeper agents`"
    return f"no agent has the id or the name {name!r}; {hint}"


def _ambiguous(name: str, agents: list[Agent]) -> str:
    lines = [
        f"  {one_line(agent.agent_id)}  {agent.status}"
        + (f", process {agent.process_id} on {one_line(agent.host or '?')}" if agent.process_id else "")
        for agent in agents[:_MOST_CANDIDATES]
    ]
    if len(agents) > _MOST_CANDIDATES:
        lines.append(f"  … and {len(agents) - _MOST_CANDIDATES} more")
    return "\n".join([f"{len(agents)} agents have the name {name!r}; give the id of one:", *lines])
