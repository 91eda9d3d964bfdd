"""Starts, stops and watches agent processes on this host."""

from processes.definitions import Definition, parse_definitions
from processes.definitions_file import Reading, read_definitions
from processes.errors import (
    ClosingError,
    DefinitionsError,
    ProcessesError,
    StartError,
    UnknownProcessError,
    WishError,
)
from processes.machine import Restart, Rules, State
from processes.process import Ended, Snapshot, how_it_ended
from processes.supervisor import Found, Supervisor
from processes.wishes import Wish, Wishes

__all__ = [
    "ClosingError",
    "Definition",
    "DefinitionsError",
    "Ended",
    "Found",
    "ProcessesError",
    "Reading",
    "Restart",
    "Rules",
    "Snapshot",
    "StartError",
    "State",
    "Supervisor",
    "UnknownProcessError",
    "Wish",
    "WishError",
    "Wishes",
    "how_it_ended",
    "parse_definitions",
    "read_definitions",
]
