"""What operators want of processes is there again, on SQLite and on PostgreSQL."""

from __future__ import annotations

import pytest

from registry.session_records import WishRow
from registry.store import Store
from tests.registry.store.samples import NOW
from tests.registry.store.session_samples import wish
from tests.registry.store.test_store import HOSTILE


def test_the_last_wish_for_a_process_counts(store: Store) -> None:
    store.wishes.put(wish())
    store.wishes.put(wish("another", is_wanted=False))
    assert store.wishes.all() == [wish("another", is_wanted=False), wish()]
    store.wishes.put(wish(is_wanted=False, reason="it is Sunday"))
    assert store.wishes.all() == [
        wish("another", is_wanted=False),
        wish(is_wanted=False, reason="it is Sunday"),
    ]


def test_a_wish_that_was_deleted_is_gone(store: Store) -> None:
    store.wishes.put(wish())
    for _ in range(2):
        store.wishes.delete("worker")
        assert store.wishes.all() == []


@pytest.mark.parametrize("text", HOSTILE)
def test_any_text_is_kept_like_any_other(store: Store, text: str) -> None:
    row = WishRow(process_id=text, is_wanted=True, by=text, reason=text, at=NOW)
    store.wishes.put(row)
    assert store.wishes.all() == [row]
    store.wishes.delete(text)
    assert store.wishes.all() == []


@pytest.mark.parametrize("bad", ["\0", "\ud800"], ids=["nul", "surrogate"])
def test_a_text_that_cannot_be_held_is_changed_where_it_must_be(store: Store, bad: str) -> None:
    store.wishes.put(wish(bad, reason=bad))
    (kept,) = store.wishes.all()
    assert kept.reason in (bad, "\ufffd")
    store.wishes.delete(bad)
    assert store.wishes.all() == []
