"""The command `roomkeeper`: all its commands, and what becomes of their errors."""

from __future__ import annotations

import importlib.metadata
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from cli.commands import (
    agents,
    demo_agent,
    doctor,
    fix,
    integrate,
    monitor,
    orders,
    processes,
    profile,
    rooms,
    sessions,
    set_status,
    watch_agent,
)
from cli.errors import CommandError
from cli.reach import Reach, Url

INTERRUPTED = 130
"""Exit code after Ctrl-C, as of any program that a SIGINT ends."""


class _Commands(TyperGroup):
    """Turns errors into one line on stderr and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except CommandError as error:
            typer.echo(f"roomkeeper: {error}", err=True)
            raise typer.Exit(error.exit_code) from error
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None


app = typer.Typer(
    name="roomkeeper",
    cls=_Commands,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=(
        "Exit codes: 0 done; 1 failed, nothing of that name, or a human waits (why); 2 wrong usage or setting; "
        "3 no registry answers; 130 Ctrl-C. "
        "Settings: WEB_UI_URL, REGISTRY_TOKEN, AGENT_HOST (environment, .env.local, .env)."
    ),
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"roomkeeper {importlib.metadata.version('roomkeeper')}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    url: Url = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Tell the version.")
    ] = False,
) -> None:
    """See your agents, and put right what is wrong with them."""
    reach = context.obj if isinstance(context.obj, Reach) else Reach()
    reach.url = url
    context.obj = reach


app.add_typer(agents.app, name="agents")
app.command("rooms")(rooms.rooms)
app.command("why")(rooms.why)
app.command("close")(rooms.close)
app.command("gc")(rooms.collect_garbage)
app.add_typer(sessions.app, name="sessions")
app.command("processes")(processes.processes)
app.command("start")(processes.start)
app.command("stop")(processes.stop)
app.command("restart")(processes.restart)
app.add_typer(profile.app, name="profile")
app.command("doctor")(doctor.doctor)
app.command("set")(set_status.set_status)
app.command("fix")(fix.fix)
app.command("monitor")(monitor.monitor)
app.command("demo-agent")(demo_agent.demo_agent)
app.command("watch-agent")(watch_agent.watch_agent)
app.command("integrate")(integrate.integrate)
orders.add_to(agents.app)
