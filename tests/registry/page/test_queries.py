"""Numbers and moments in addresses."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from registry.page.queries import moment_text, page_number, parse_id, parse_moment


@pytest.mark.parametrize(
    ("text", "number"),
    [("", 1), ("2", 2), ("0", 1), ("-1", 1), ("x", 1), ("²", 1), ("1.5", 1), ("99999999", 1)],
)
def test_nonsense_is_the_first_page(text: str, number: int) -> None:
    assert page_number(text) == number


@pytest.mark.parametrize(
    ("text", "number"), [("7", 7), ("0", 0), ("", None), ("-1", None), ("x", None), ("1" * 19, None)]
)
def test_ids_are_numbers_that_databases_know(text: str, number: int | None) -> None:
    assert parse_id(text) == number


def test_moments_survive_an_address() -> None:
    moment = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
    assert parse_moment(moment_text(moment)) == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "2026-03-01",
        "2026-03-01T12:00:00",
        "1",
        "9" * 30,
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
    ],
)
def test_other_moments_are_none(text: str) -> None:
    assert parse_moment(text) is None
