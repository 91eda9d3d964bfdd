"""`roomkeeper sessions`: calls, past and present."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from cli.client import Client
from cli.options import AsJson
from cli.reach import Url, open_client
from cli.session_listing import sessions_table
from cli.terminal import err, print_json, print_table


def sessions(
    context: typer.Context,
    *,
    room: Annotated[str | None, typer.Option("--room", help="Only of this room.")] = None,
    agent: Annotated[str | None, typer.Option("--agent", metavar="ID", help="Only of this agent.")] = None,
    only_open: Annotated[bool, typer.Option("--open", help="Only those that have not ended.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=500, help="So many, the newest.")] = 50,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """List sessions, the newest first: how long they lasted, and how they ended."""
    asyncio.run(
        _list(open_client(context, url), room, agent, limit=limit, is_open=only_open, as_json=as_json)
    )


async def _list(
    client: Client, room: str | None, agent: str | None, *, limit: int, is_open: bool, as_json: bool
) -> None:
    async with client:
        raw = await client.sessions.raw(
            room=room or None, agent_id=agent or None, is_open=is_open, limit=limit
        )
        if as_json:
            print_json(raw)
            return
        found = client.sessions.decode(raw)
    if found:
        print_table(sessions_table(found))
    n = len(found)
    more = "; --limit shows more" if n == limit else ""
    err().print(f"{n} session{'s' if n != 1 else ''}{more}" if n else "no sessions", style="dim")
