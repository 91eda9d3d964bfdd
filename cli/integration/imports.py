"""Adds an import to a program, where its other ones are. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import libcst as cst

from cli.integration.entries import Entry, dotted_name

_Statement = cst.SimpleStatementLine | cst.BaseCompoundStatement


def with_import(module: cst.Module, package: str, names: Mapping[str, str], entry: Entry) -> cst.Module:
    """Add ``from package import name as known`` after the last import, or after docstring and `__future__`.

    It stands before the first function, class, or start of the program, as these need it.

    Args:
        names: What each imported name is called in the program.
    """
    aliases = [
        cst.ImportAlias(
            name=cst.Name(name), asname=None if known == name else cst.AsName(name=cst.Name(known))
        )
        for name, known in sorted(names.items())
    ]
    body = list(module.body)
    index = _place(body[: _first_use(body, entry)])
    is_among_imports = index > 0 and _is_import(body[index - 1]) and not _is_future(body[index - 1])
    line = cst.SimpleStatementLine(
        body=[cst.ImportFrom(module=cst.Name(package), names=aliases)],
        leading_lines=[] if is_among_imports or index == 0 else [cst.EmptyLine(indent=False)],
    )
    if index < len(body) and not is_among_imports:
        body[index] = _apart(body[index])
    return module.with_changes(body=[*body[:index], line, *body[index:]])


def _place(body: Sequence[_Statement]) -> int:
    imports = [index for index, one in enumerate(body) if _is_import(one)]
    if imports:
        return imports[-1] + 1
    return 1 if body and _is_docstring(body[0]) else 0


def _first_use(body: Sequence[_Statement], entry: Entry) -> int:
    start = entry.guard if entry.guard is not None else entry.index
    definitions = (index for index, one in enumerate(body) if isinstance(one, cst.FunctionDef | cst.ClassDef))
    return min(start, next(definitions, start))


def _apart(statement: _Statement) -> _Statement:
    """`statement` with a blank line above it, or two above a definition."""
    lines = statement.leading_lines
    is_definition = isinstance(statement, cst.FunctionDef | cst.ClassDef)
    missing = (2 if is_definition else 1) - sum(line.comment is None for line in lines)
    blank = [cst.EmptyLine(indent=False) for _ in range(missing)]
    return statement.with_changes(leading_lines=[*blank, *lines])


def _is_import(statement: _Statement) -> bool:
    return isinstance(statement, cst.SimpleStatementLine) and any(
        isinstance(one, cst.Import | cst.ImportFrom) for one in statement.body
    )


def _is_future(statement: _Statement) -> bool:
    return isinstance(statement, cst.SimpleStatementLine) and any(
        isinstance(one, cst.ImportFrom) and one.module is not None and dotted_name(one.module) == "__future__"
        for one in statement.body
    )


def _is_docstring(statement: _Statement) -> bool:
    match statement:
        case cst.SimpleStatementLine(
            body=[cst.Expr(value=cst.SimpleString() | cst.ConcatenatedString()), *_]
        ):
            return True
        case _:
            return False
