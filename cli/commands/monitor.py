"""`roomkeeper monitor`: `fix`, again and again, as a daemon."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from cli import logs
from cli.client import Client
from cli.monitoring import Monitor, run
from cli.processes import look
from cli.reach import Url, open_client, this_host, who
from cli.signals import until_stopped


def monitor(
    context: typer.Context,
    *,
    interval: Annotated[
        float, typer.Option("--interval", min=1, max=86_400, help="Seconds between two checks.")
    ] = 60.0,
    inactive_after: Annotated[
        float,
        typer.Option(
            "--inactive-after",
            min=0,
            help="Seconds without activity after which an agent is warned of; 0 = never.",
        ),
    ] = 900.0,
    once: Annotated[bool, typer.Option("--once", help="Check once, and end.")] = False,
    url: Url = None,
) -> None:
    """Do what `fix` does, again and again.

    Agents that do nothing for long are told of, too. A line is logged when something changes. While no registry
    answers, it waits. Nothing is ever killed. SIGTERM or Ctrl-C ends it.
    """
    logs.set_up()
    client = open_client(context, url)
    watcher = Monitor(
        client,
        this_host(),
        look,
        inactive_after=inactive_after or None,
        by=who("roomkeeper monitor"),
    )
    asyncio.run(_monitor(client, watcher, interval=interval, once=once))


async def _monitor(client: Client, watcher: Monitor, *, interval: float, once: bool) -> None:
    async with client:
        await until_stopped(watcher.check() if once else run(watcher, interval=interval))
