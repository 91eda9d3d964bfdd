"""Tells the registry of errors that a program catches by itself. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import libcst as cst


class HandlerReporter(cst.CSTTransformer):
    """Puts ``report_error(error)`` at the beginning of handlers of `Exception`.

    Of those in loops, which is where agents catch what must not end them; a handler elsewhere often means that
    something is not there, which is no error. Those that raise again are left alone: whoever catches it reports it.

    Args:
        function: Name under which `report_error` is known.
        free_name: For the exception, in handlers that give it none.
        everywhere: Also handlers of a `try` that is in no loop.
    """

    def __init__(self, function: str, free_name: str, *, everywhere: bool = False) -> None:
        super().__init__()
        self.n_reported = 0
        self._function = function
        self._free_name = free_name
        self._depth = 1 if everywhere else 0
        """Loops around the present node."""

    def applied_to(self, suite: cst.BaseSuite, *, start: int = 0) -> cst.BaseSuite:
        """`suite` with its errors reported, from the statement at index `start` on."""
        body = [one.visit(self) if index >= start else one for index, one in enumerate(suite.body)]
        return suite.with_changes(body=body)

    def visit_While(self, node: cst.While) -> None:  # noqa: N802  # libcst's names
        self._depth += 1

    def leave_While(self, original_node: cst.While, updated_node: cst.While) -> cst.While:  # noqa: N802
        self._depth -= 1
        return updated_node

    def visit_For(self, node: cst.For) -> None:  # noqa: N802
        self._depth += 1

    def leave_For(self, original_node: cst.For, updated_node: cst.For) -> cst.For:  # noqa: N802
        self._depth -= 1
        return updated_node

    def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:  # noqa: N802
        return False

    def visit_ClassDef(self, node: cst.ClassDef) -> bool:  # noqa: N802
        return False

    def leave_ExceptHandler(  # noqa: N802
        self, original_node: cst.ExceptHandler, updated_node: cst.ExceptHandler
    ) -> cst.ExceptHandler:
        if self._depth == 0 or not _is_broad(updated_node.type) or _raises_again(updated_node.body):
            return updated_node
        handler = updated_node
        if handler.name is None:
            handler = handler.with_changes(
                name=cst.AsName(
                    name=cst.Name(self._free_name), whitespace_before_as=cst.SimpleWhitespace(" ")
                )
            )
        assert handler.name is not None  # noqa: S101  # given above
        self.n_reported += 1
        name = cst.ensure_type(handler.name.name, cst.Name).value
        return handler.with_changes(body=with_statement(handler.body, call(self._function, name)))


def call(function: str, *names: str) -> cst.Expr:
    """``function(name, …)`` as a statement."""
    return cst.Expr(
        value=cst.Call(func=cst.Name(function), args=[cst.Arg(value=cst.Name(name)) for name in names])
    )


def with_statement(suite: cst.BaseSuite, statement: cst.BaseSmallStatement, *, at: int = 0) -> cst.BaseSuite:
    """`suite` with one more statement before the one at index `at`."""
    if isinstance(suite, cst.SimpleStatementSuite):
        # ``except Exception: print(1)`` stays one line.
        first = statement.with_changes(semicolon=cst.Semicolon(whitespace_after=cst.SimpleWhitespace(" ")))
        return suite.with_changes(body=[*suite.body[:at], first, *suite.body[at:]])
    block = cst.ensure_type(suite, cst.IndentedBlock)
    return block.with_changes(body=with_line(block.body, statement, at=at))


def with_line(
    body: Sequence[cst.BaseStatement], statement: cst.BaseSmallStatement, *, at: int
) -> list[cst.BaseStatement]:
    """`body` with one more line before the statement at index `at`: below the blank lines, above the comments."""
    following = body[at]
    assert isinstance(following, cst.SimpleStatementLine | cst.BaseCompoundStatement)  # noqa: S101  # no others
    lines = following.leading_lines
    n_blank = next((n for n, line in enumerate(lines) if line.comment is not None), len(lines))
    line = cst.SimpleStatementLine(body=[statement], leading_lines=lines[:n_blank])
    following = following.with_changes(leading_lines=lines[n_blank:])
    return [*body[:at], line, following, *body[at + 1 :]]


def _is_broad(kind: cst.BaseExpression | None) -> bool:
    match kind:
        case cst.Name(value="Exception"):
            return True
        case cst.Tuple(elements=elements):
            return any(_is_broad(element.value) for element in elements)
        case _:
            return False


def _raises_again(suite: cst.BaseSuite) -> bool:
    for statement in suite.body:
        small = statement.body if isinstance(statement, cst.SimpleStatementLine) else [statement]
        if any(isinstance(one, cst.Raise) for one in small):
            return True
    return False
