"""The query of the list's address."""

from __future__ import annotations

import pytest

from registry.page.listing import (
    Query,
    address,
    of_room,
    parse_query,
    parse_text,
    query_text,
    with_page,
    with_sort,
    with_statuses,
)
from registry.records import Status
from wire import Deployment, Kind

FULL = Query(
    search="a & b",
    statuses=frozenset({Status.ERROR, Status.OFFLINE}),
    kind=Kind.WORKER,
    deployment=Deployment.CLOUD,
    host="h ü",
    room="agent-1-room",
    group="Hotel & Co",
    hides_over=True,
    sort="name",
    page=3,
)


def test_everything_is_the_bare_address() -> None:
    assert address(Query()) == "/"
    assert parse_query({}) == Query()


def test_an_address_says_all_of_a_query() -> None:
    assert parse_text(query_text(FULL)) == FULL


@pytest.mark.parametrize(
    "values",
    [
        {"status": "nonsense"}, {"kind": "x"}, {"deployment": "moon"}, {"sort": "; drop table"},
        {"page": "-1"}, {"page": "0"}, {"page": "1e9"}, {"page": "9" * 30}, {"page": "²"}, {"over": "1"}, {"x": "y"},
    ],
)  # fmt: skip
def test_nonsense_is_ignored(values: dict[str, str]) -> None:
    assert parse_query(values) == Query()


def test_nonsense_in_a_form_is_everything() -> None:
    assert parse_text("a=1&" * 1_000) == Query()
    assert parse_text("//evil.example/%00") == Query()


def test_a_change_of_the_filter_begins_at_the_first_page() -> None:
    query = Query(page=3)
    assert with_statuses(query, Status.ERROR) == "/?status=error"
    assert with_sort(query, "name") == "/?sort=name"
    assert with_page(query, 2) == "/?page=2"


def test_a_room_is_quoted() -> None:
    assert of_room("a&b=c") == "/?room=a%26b%3Dc"


def test_hiding_leaves_those_that_live() -> None:
    live = frozenset(status for status in Status if not status.is_over)
    assert Query(hides_over=True).wanted().statuses == live
    chosen = frozenset({Status.ERROR, Status.OFFLINE})
    assert Query(hides_over=True, statuses=chosen).wanted().statuses == {Status.ERROR}


def test_what_is_asked_for_by_name_is_not_hidden() -> None:
    chosen = frozenset({Status.OFFLINE})
    assert Query(hides_over=True, statuses=chosen).wanted().statuses == chosen


def test_order_and_page_filter_nothing() -> None:
    assert not Query(sort="name", page=2).is_filter
    assert Query(search="x").is_filter
