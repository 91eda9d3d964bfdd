"""Lets any Python program be seen by the registry, in two lines.

    mark_agent_started(name="Invoice robot")
    ...
    mark_agent_stopped("all invoices are sent")  # or nothing: the end of the program is noticed

One program is one agent. All functions may be called from any thread, in any order and again; they return at once,
but for `mark_agent_stopped`, which waits up to two seconds for the registry (on an event loop it does not wait). A
registry that is away is none of the program's trouble. Without WEB_UI_URL they do nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from heartbeat import arguments
from heartbeat.errors import StatusError
from heartbeat.texts import error_text
from heartbeat.this_program import OnStop, this_program
from wire import Order, Said

WARNING_POINTS = 25
"""Health that a warning takes: enough for the registry's status `warning`."""


def mark_agent_started(
    name: str | None = None,
    *,
    agent_id: str | None = None,
    description: str | None = None,
    model: str | None = None,
    voice: str | None = None,
    temperature: float | None = None,
    prompt: str | None = None,
    host: str | None = None,
    port: int | None = None,
    status: str | Said | None = None,
    on_stop: OnStop | None = None,
    on_drain: OnStop | None = None,
) -> bool:
    """Begin to beat for this program. Called again, it changes what is given; another id begins another agent.

    Called on an event loop, that loop is watched: the registry sees when it is blocked.

    Args:
        name: Shown to people; None = AGENT_NAME, else the script's name.
        agent_id: The agent's row; None = AGENT_ID, else made from `name`, else script@host.
        host: None = AGENT_HOST, else this machine's name.
        port: Where the program serves something; None = AGENT_PORT.
        status: `starting` for a program that still has to load something; None = `running`.
        on_stop: What to do when somebody stops the agent from the registry; None = SIGTERM to itself, so that the
            program's own handlers run.
        on_drain: Take no new work, and end when the work is done; None = the order is answered with "not supported".

    Returns:
        Whether there was no agent before.

    Raises:
        StatusError: An argument or a setting is wrong.
    """
    given = {
        "name": arguments.text("name", name) or None,
        "description": arguments.text("description", description),
        "model": arguments.text("model", model),
        "voice": arguments.text("voice", voice),
        "temperature": arguments.number("temperature", temperature, least=0, most=100),
        "prompt": arguments.text("prompt", prompt),
        "host": arguments.text("host", host) or None,
        "port": arguments.port(port),
        "status": None if status is None else arguments.status(status),
    }
    for word, action in (("on_stop", on_stop), ("on_drain", on_drain)):
        if action is not None and not callable(action):
            raise StatusError(f"{word}={action!r} is not a function")
    return this_program.start(
        {fact: value for fact, value in given.items() if value is not None},
        agent_id=arguments.agent_id(agent_id),
        actions={Order.STOP: on_stop, Order.DRAIN: on_drain},
    )


def mark_agent_stopped(reason: str | None = None) -> None:
    """Say goodbye, and beat no more. Waits up to two seconds; on an event loop the goodbye goes on by itself."""
    this_program.stop(arguments.text("reason", reason) or "the program said so")


def update_agent_status(
    status: str | Said, reason: str | None = None, *, hints: Mapping[str, int] | None = None
) -> None:
    """Say how the agent is: `starting`, `running`, `warning`, `error`; `stopped` is `mark_agent_stopped`.

    `running` settles what `report_warning` and `report_error` have told before.

    Args:
        reason: Why, in words that stand on the page.
        hints: What makes the agent less than well, and how many of 100 points of health each takes.

    Raises:
        StatusError: An argument is wrong.
    """
    said, why = arguments.status(status), arguments.text("reason", reason)
    checked = arguments.hints({} if hints is None else hints)
    if said is Said.STOPPED:
        mark_agent_stopped(reason)
        return
    this_program.change("update_agent_status", lambda program, _: program.with_status(said, why, checked))


def send_heartbeat() -> None:
    """Beat now, and say that the agent has just done something: the page shows when that was last."""
    this_program.change("send_heartbeat", lambda program, now: program.with_activity(now=now))


def report_error(error: BaseException | str, *, fatal: bool = False) -> None:
    """Tell of an error: it is shown as the last one, and takes 25 points of health for five minutes.

    It never ends anything, and secrets that look like secrets are taken out.

    Args:
        fatal: The agent does not do its work any more: its status is `error` until it says otherwise.

    Raises:
        StatusError: `error` is neither an exception nor words.
    """
    words = error_text(error) if isinstance(error, BaseException) else arguments.text("error", error)
    if not words or not words.strip():
        raise StatusError(f"error={error!r} says nothing; give an exception, or tell in words what is wrong")
    this_program.change(
        "report_error", lambda program, now: program.with_error(words, is_fatal=fatal, now=now)
    )


def report_warning(text: str, *, points: int = WARNING_POINTS) -> None:
    """Warn: the words are shown, and take `points` of health for five minutes, or until `running` is said.

    Raises:
        StatusError: An argument is wrong.
    """
    hint = arguments.hint(text, points)
    this_program.change("report_warning", lambda program, now: program.with_warning(hint, now=now))
