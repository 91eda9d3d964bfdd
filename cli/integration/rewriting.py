"""Adds status calls to a program's source. Pure.

Lines are added, and ``as error`` or a call to a line of an ``except``. Nothing is moved, indented or reformatted.
"""

from __future__ import annotations

import ast
import codecs
import warnings
from dataclasses import dataclass

import libcst as cst

from cli.integration.entries import Entry, find_entry
from cli.integration.errors import CannotIntegrateError
from cli.integration.handlers import HandlerReporter, call, with_line, with_statement
from cli.integration.imports import with_import
from cli.integration.names import PACKAGE, free_name, has_status_calls, names_in

_DECORATOR = "running_agent"
_MARK = "mark_agent_started"
_REPORT = "report_error"

_BY_HAND = (
    f"by hand: `from {PACKAGE} import {_MARK}` among its imports, and `{_MARK}()` where its work begins"
)


def integrate_source(source: bytes) -> bytes:
    """The program with status calls; the same bytes when it has some already.

    Raises:
        CannotIntegrateError: It is no Python, or it cannot be told where it starts.
    """
    _check_syntax(source)
    try:
        module = cst.parse_module(source)
    except (cst.ParserSyntaxError, UnicodeDecodeError, LookupError) as error:
        raise CannotIntegrateError(f"it cannot be read: {error}; {_BY_HAND}") from error
    if has_status_calls(module):
        return source
    entry = find_entry(module)
    if entry is None:
        raise CannotIntegrateError(
            'it has no `if __name__ == "__main__":`, `asyncio.run(…)` or `cli.run_app(…)`, so it cannot be told where '
            f"it starts; {_BY_HAND}"
        )
    edit = _with_calls(module, entry, _names(module))
    result = with_import(edit.module, PACKAGE, edit.names, entry).bytes
    if source.startswith(codecs.BOM_UTF8) and not result.startswith(codecs.BOM_UTF8):
        result = codecs.BOM_UTF8 + result
    _check_syntax(result)
    return result


@dataclass(frozen=True, slots=True, kw_only=True)
class _Names:
    """What ours are called in the program, where their own names are taken."""

    decorator: str
    mark: str
    report: str
    error: str
    """For exceptions that have no name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Edit:
    """A module with calls."""

    module: cst.Module
    names: dict[str, str]
    """What has to be imported, and what each is called."""


def _names(module: cst.Module) -> _Names:
    taken = names_in(module)
    return _Names(
        decorator=free_name(taken, (_DECORATOR, f"roomkeeper_{_DECORATOR}")),
        mark=free_name(taken, (_MARK, f"roomkeeper_{_MARK}")),
        report=free_name(taken, (_REPORT, f"roomkeeper_{_REPORT}")),
        error=free_name(taken, ("error", "exception", "caught")),
    )


def _with_calls(module: cst.Module, entry: Entry, names: _Names) -> _Edit:
    if entry.function is not None:
        return _with_decorator(module, entry.function, names)
    mark = call(names.mark)
    if entry.guard is None:
        body = with_line(module.body, mark, at=entry.index)
        return _Edit(module=module.with_changes(body=body), names={_MARK: names.mark})
    guard = cst.ensure_type(module.body[entry.guard], cst.If)
    reporter = HandlerReporter(names.report, names.error, everywhere=True)
    suite = with_statement(reporter.applied_to(guard.body, start=entry.index), mark, at=entry.index)
    return _Edit(
        module=_replaced(module, entry.guard, guard.with_changes(body=suite)),
        names={_MARK: names.mark} | _report_in(reporter, names),
    )


def _with_decorator(module: cst.Module, function: str, names: _Names) -> _Edit:
    index, definition = next(
        (index, one)
        for index, one in enumerate(module.body)
        if isinstance(one, cst.FunctionDef) and one.name.value == function
    )
    reporter = HandlerReporter(names.report, names.error)
    # Innermost: what other decorators make of the function still runs ours.
    decorator = cst.Decorator(decorator=cst.Call(func=cst.Name(names.decorator)))
    definition = definition.with_changes(
        body=reporter.applied_to(definition.body), decorators=[*definition.decorators, decorator]
    )
    return _Edit(
        module=_replaced(module, index, definition),
        names={_DECORATOR: names.decorator} | _report_in(reporter, names),
    )


def _report_in(reporter: HandlerReporter, names: _Names) -> dict[str, str]:
    return {_REPORT: names.report} if reporter.n_reported else {}


def _replaced(module: cst.Module, index: int, statement: cst.BaseCompoundStatement) -> cst.Module:
    return module.with_changes(body=[*module.body[:index], statement, *module.body[index + 1 :]])


def _check_syntax(source: bytes) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the program itself, about its backslashes
            ast.parse(source)
    except SyntaxError as error:
        where = f"line {error.lineno}: " if error.lineno else ""
        raise CannotIntegrateError(f"it is not valid Python: {where}{error.msg}") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise CannotIntegrateError(f"it is not valid Python: {error}") from error
