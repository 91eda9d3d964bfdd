"""Finds where a program starts. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import libcst as cst

_RUNNERS = frozenset({"asyncio.run", "anyio.run", "uvloop.run", "run_until_complete"})
"""Functions that run a coroutine on an asyncio loop, by their names or the ends of these."""

_OTHER_RUNNERS = frozenset({"trio.run", "curio.run"})
"""Their coroutines cannot be decorated: what we do at the end needs asyncio."""

_EXITS = frozenset({"sys.exit", "exit", "quit", "SystemExit"})

RUN_APP = "run_app"
"""How LiveKit's worker is started: ``cli.run_app(...)``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Where a program starts."""

    guard: int | None
    """Index of ``if __name__ == "__main__":`` in the module's body; None = there is none."""

    function: str | None
    """The one function of the module that the program runs; None = it runs something else."""

    index: int
    """Index of the statement that starts it all, in the guard's body or else in the module's."""


def find_entry(module: cst.Module) -> Entry | None:
    """Where `module` starts when it is run as a program; None = that cannot be told."""
    functions = _functions(module)
    guard = next((n for n, one in reversed([*enumerate(module.body)]) if _is_guard(one)), None)
    if guard is not None:
        block = cst.ensure_type(module.body[guard], cst.If).body
        starts = list(_starts(block.body, functions))
        return _entry(guard, starts) or Entry(guard=guard, function=None, index=0)
    starts = [
        start
        for start in _starts(module.body, functions)
        if start.is_runner or start.index == len(module.body) - 1
    ]
    return _entry(None, starts)


def dotted_name(node: cst.BaseExpression) -> str:
    """``asyncio.run`` of that expression; what is no name is left out: ``loop().run`` is ``.run``."""
    match node:
        case cst.Name(value=name):
            return name
        case cst.Attribute(value=owner, attr=cst.Name(value=name)):
            return f"{dotted_name(owner)}.{name}"
        case _:
            return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Start:
    """A call that may be what the program is there for."""

    index: int
    function: str | None
    is_runner: bool
    """It says by itself that it runs something: ``asyncio.run``, ``cli.run_app``."""


def _entry(guard: int | None, starts: Sequence[_Start]) -> Entry | None:
    if not starts:
        return None
    apps = [start for start in starts if start.is_runner and start.function is None]
    if apps:
        return Entry(guard=guard, function=None, index=apps[0].index)
    of_runners = [start for start in starts if start.is_runner]
    likely = of_runners or [start for start in starts if start.function == "main"] or list(starts)
    is_certain = len({start.function for start in likely}) == 1
    return Entry(guard=guard, function=likely[0].function if is_certain else None, index=likely[0].index)


def _starts(
    statements: Sequence[cst.BaseStatement | cst.BaseSmallStatement], functions: Mapping[str, bool]
) -> Iterator[_Start]:
    for index, statement in enumerate(statements):
        for call in _calls(statement):
            start = _start(call, index, functions)
            if start is not None:
                yield start


def _start(call: cst.Call, index: int, functions: Mapping[str, bool]) -> _Start | None:
    name = dotted_name(call.func)
    if name.rpartition(".")[2] == RUN_APP:
        return _Start(index=index, function=None, is_runner=True)
    first = call.args[0].value if call.args else None
    if name in _EXITS:
        return _start(first, index, functions) if isinstance(first, cst.Call) else None
    if name in _OTHER_RUNNERS:
        return _Start(index=index, function=None, is_runner=True)
    if name in _RUNNERS or name.rpartition(".")[2] in _RUNNERS:
        return _Start(index=index, function=_run_by(call, functions), is_runner=True)
    if name in functions:
        return _Start(index=index, function=None if functions[name] else name, is_runner=False)
    return None


def _run_by(call: cst.Call, functions: Mapping[str, bool]) -> str | None:
    """The coroutine function that a runner runs; None = it cannot be decorated.

    A function that is none would end, and its agent with it, before its coroutine begins.
    """
    if not call.args or any(one.keyword is not None and one.keyword.value == "backend" for one in call.args):
        return None  # `anyio` on another loop
    first = call.args[0].value
    name = dotted_name(first.func if isinstance(first, cst.Call) else first)
    return name if functions.get(name) else None


def _calls(statement: cst.BaseStatement | cst.BaseSmallStatement) -> Iterator[cst.Call]:
    """Calls that are a statement of their own, also inside `try` and `with`. Not in loops: those run many times."""
    match statement:
        case cst.SimpleStatementLine(body=small):
            for one in small:
                yield from _calls(one)
        case cst.Expr(value=cst.Call() as call) | cst.Assign(value=cst.Call() as call):
            yield call
        case cst.Raise(exc=cst.Call() as call):
            yield call
        case cst.Try(body=block) | cst.With(body=block):
            for inner in block.body:
                yield from _calls(inner)
        case _:
            pass


def _functions(module: cst.Module) -> dict[str, bool]:
    """Functions that can be decorated, and whether they are coroutine functions.

    They are the module's own, defined once, and no generators.
    """
    found = [one for one in module.body if isinstance(one, cst.FunctionDef)]
    names = [one.name.value for one in found]
    return {
        one.name.value: one.asynchronous is not None
        for one in found
        if names.count(one.name.value) == 1 and not _is_generator(one)
    }


def _is_generator(function: cst.FunctionDef) -> bool:
    finder = _YieldFinder()
    function.body.visit(finder)
    return finder.found


class _YieldFinder(cst.CSTVisitor):
    def __init__(self) -> None:
        super().__init__()
        self.found = False

    def visit_Yield(self, node: cst.Yield) -> None:  # noqa: N802  # libcst's names
        self.found = True

    def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:  # noqa: N802
        return False

    def visit_Lambda(self, node: cst.Lambda) -> bool:  # noqa: N802
        return False


def _is_guard(statement: cst.BaseStatement) -> bool:
    if not isinstance(statement, cst.If):
        return False
    match statement.test:
        case cst.Comparison(
            left=left, comparisons=[cst.ComparisonTarget(operator=cst.Equal(), comparator=right)]
        ):
            sides = (left, right)
        case _:
            return False
    names = [side.value for side in sides if isinstance(side, cst.Name)]
    texts = [side.evaluated_value for side in sides if isinstance(side, cst.SimpleString)]
    return names == ["__name__"] and texts == ["__main__"]
