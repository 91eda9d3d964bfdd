"""Which names a program uses already, and which of them are ours. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import libcst as cst

from cli.integration.entries import dotted_name
from cli.integration.errors import CannotIntegrateError

PACKAGE = "heartbeat"

API = frozenset(
    {
        "RunningAgent",
        "Sender",
        "mark_agent_started",
        "mark_agent_stopped",
        "report_error",
        "report_warning",
        "running_agent",
        "send_heartbeat",
        "update_agent_status",
    }
)
"""What programs import from `heartbeat`."""


def has_status_calls(module: cst.Module) -> bool:
    """Whether the program imports our functions.

    Raises:
        CannotIntegrateError: It imports another module of that name.
    """
    finder = _ImportFinder()
    module.visit(finder)
    if finder.names & API or finder.is_whole:
        return True
    if finder.names:
        raise CannotIntegrateError(
            f"it imports {', '.join(sorted(finder.names))} from another module named {PACKAGE!r}, which hides ours; "
            "rename that one first"
        )
    return False


def names_in(module: cst.Module) -> frozenset[str]:
    """All names of a program, wherever they stand."""
    collector = _NameCollector()
    module.visit(collector)
    return frozenset(collector.names)


def free_name(taken: frozenset[str], candidates: Iterable[str]) -> str:
    """The first candidate that means nothing in the program yet, or the last one with a number."""
    last = ""
    for last in candidates:
        if last not in taken:
            return last
    return next(name for n in range(2, len(taken) + 3) if (name := f"{last}_{n}") not in taken)


class _NameCollector(cst.CSTVisitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def visit_Name(self, node: cst.Name) -> None:  # noqa: N802  # libcst's name
        self.names.add(node.value)


class _ImportFinder(cst.CSTVisitor):
    """What a program imports from `heartbeat`."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.is_whole = False

    def visit_ImportFrom(self, node: cst.ImportFrom) -> None:  # noqa: N802  # libcst's name
        if node.relative or node.module is None or dotted_name(node.module).partition(".")[0] != PACKAGE:
            return
        if isinstance(node.names, cst.ImportStar):
            self.is_whole = True
        else:
            self.names |= {dotted_name(alias.name) for alias in node.names}

    def visit_Import(self, node: cst.Import) -> None:  # noqa: N802
        self.is_whole |= any(dotted_name(alias.name).partition(".")[0] == PACKAGE for alias in node.names)
