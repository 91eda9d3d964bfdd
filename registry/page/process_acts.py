"""What an operator can do with a process of this host from the page, each with a reason."""

from __future__ import annotations

import enum
from collections.abc import Mapping

from processes import ProcessesError, State
from registry.children import Children
from registry.errors import RegistryError
from registry.page.acts import Words
from registry.page.reasons import Why
from registry.page.sources import Process
from registry.page.words import isolated


class ProcessAct(enum.Enum):
    START = "start"
    RESTART = "restart"
    STOP = "stop"  # asked to end, and given time for it
    FORCE_STOP = "force-stop"  # ended at once
    START_ALL = "start-all"  # of no process: of all of them


PROCESS_WORDS: Mapping[ProcessAct, Words] = {
    ProcessAct.START: Words(
        menu="Start…",
        button="Start",
        explanation="It runs from now on, also after a restart of the registry, until somebody stops it.",
    ),
    ProcessAct.RESTART: Words(
        menu="Restart…",
        button="Restart",
        explanation="It is asked to end, as by Stop, and is started anew when it has. Its calls end.",
        is_grave=True,
    ),
    ProcessAct.STOP: Words(
        menu="Stop…",
        button="Stop",
        explanation="It is asked to end, has time for it, and stays stopped until somebody starts it. Its calls end.",
        is_grave=True,
    ),
    ProcessAct.FORCE_STOP: Words(
        menu="Force stop…",
        button="Force stop",
        explanation="It is killed at once, with all processes that it has started. Its calls break off in mid-word.",
        is_grave=True,
    ),
    ProcessAct.START_ALL: Words(
        menu="Start all…",
        button="Start all",
        explanation="All processes that do not run are started, and stay wanted until somebody stops them.",
    ),
}


class NotDoneError(RegistryError):
    """The supervisor does not do it."""

    code = "process"
    http_status = 409


def possible_for(process: Process) -> list[ProcessAct]:
    """What makes sense for a process as it is, in the order of the buttons."""
    match process.now.state:
        case State.STOPPED | State.EXITED:
            return [ProcessAct.START]
        case State.BACKOFF:
            return [ProcessAct.START, ProcessAct.STOP]
        case State.STOPPING:
            return [ProcessAct.START, ProcessAct.FORCE_STOP]
        case _:
            return [ProcessAct.RESTART, ProcessAct.STOP, ProcessAct.FORCE_STOP]


async def carry_out_on(children: Children, process: Process | None, act: ProcessAct, why: Why) -> str:
    """Do it, and tell in one sentence what was begun.

    Args:
        process: None = all of them.

    Raises:
        NotDoneError: It is not defined any more, or the registry is ending.
    """
    by, reason = why.by, why.reason
    try:
        if process is None:
            await children.start_all(by=by, reason=reason)
            return "All processes are being started."
        name = isolated(process.now.name)
        match act:
            case ProcessAct.START:
                await children.start(process.id, by=by, reason=reason)
                return f"{name} is being started."
            case ProcessAct.RESTART:
                await children.restart(process.id, by=by, reason=reason)
                return f"{name} is being restarted."
            case _:
                is_forced = act is ProcessAct.FORCE_STOP
                await children.stop(process.id, by=by, reason=reason, force=is_forced)
                return f"{name} is killed." if is_forced else f"{name} is asked to stop."
    except ProcessesError as error:
        raise NotDoneError(str(error)) from error
