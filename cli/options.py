"""Arguments and options that several commands have in common, beside `cli.reach.Url`."""

from __future__ import annotations

from typing import Annotated

import typer

AgentName = Annotated[str, typer.Argument(metavar="ID", help="Id, or a name that only one agent has.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the registry's JSON.")]
Live = Annotated[bool, typer.Option("--watch", "-w", help="Keep the table current, until Ctrl-C.")]
Kill = Annotated[bool, typer.Option("--force", help="Kill it; its calls end at once.")]
