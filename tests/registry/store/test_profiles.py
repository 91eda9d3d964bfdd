"""Profiles are there again, on SQLite and on PostgreSQL."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from registry.session_records import ProfileRow
from registry.store import Store
from tests.registry.store.samples import NOW
from tests.registry.store.session_samples import FULL_PROFILE, profile
from tests.registry.store.test_store import HOSTILE
from wire import Profile

SECOND = timedelta(seconds=1)


def test_every_field_of_the_full_profile_differs_from_its_default() -> None:
    """Or the round trip would not see a field that is forgotten."""
    for name, field in Profile.model_fields.items():
        assert name == "name" or getattr(FULL_PROFILE, name) not in (field.default, None)


@pytest.mark.parametrize(
    "row", [profile(), profile(stored=Profile(prompt="x")), profile(by="")], ids=["full", "bare", "nobody"]
)
def test_a_profile_comes_back_as_it_was(store: Store, row: ProfileRow) -> None:
    assert store.profiles.put(row)
    assert store.profiles.get("ada") == row


def test_a_later_profile_takes_the_place_of_the_one_before(store: Store) -> None:
    assert store.profiles.put(profile())
    assert not store.profiles.put(profile(by="Eve"))
    assert store.profiles.get("ada") == profile(by="Eve")
    assert store.profiles.put(profile("bob"))
    assert store.profiles.all() == [profile("ada", by="Eve"), profile("bob")]


def test_a_profile_that_was_deleted_is_gone(store: Store) -> None:
    store.profiles.put(profile())
    store.profiles.put(profile("bob"))
    assert store.profiles.delete("ada")
    assert not store.profiles.delete("ada")
    assert store.profiles.get("ada") is None
    assert store.profiles.all() == [profile("bob")]
    assert store.profiles.put(profile())


@pytest.mark.parametrize("text", HOSTILE)
def test_any_text_is_kept_like_any_other(store: Store, text: str) -> None:
    row = profile(text, stored=Profile(prompt=text, greeting=text, examples=((text, text),)), by=text)
    store.profiles.put(row)
    store.profiles.put(profile("other"))
    assert store.profiles.get(text) == row
    assert store.profiles.delete(text)
    assert store.profiles.all() == [profile("other")]


def test_a_profile_with_a_text_that_cannot_be_held_is_kept(store: Store) -> None:
    assert store.profiles.put(profile(stored=Profile(prompt="a\0b", examples=(("\0", "x"),)), by="\0"))
    kept = store.profiles.get("ada")
    assert kept is not None
    assert kept.profile.prompt in ("a\0b", "a\ufffdb")
    assert kept.profile.examples in ((("\0", "x"),), (("\ufffd", "x"),))


@pytest.mark.parametrize("bad", ["\0", "\ud800"], ids=["nul", "surrogate"])
def test_an_id_that_cannot_be_held_keeps_nobody_out(store: Store, bad: str) -> None:
    store.profiles.put(profile(bad))
    assert len(store.profiles.all()) == 1
    assert store.profiles.get(f"x{bad}") is None
    assert not store.profiles.delete(f"x{bad}")
    assert store.profiles.get(bad) == store.profiles.all()[0]
    assert store.profiles.delete(bad)


def test_a_profile_that_cannot_be_read_is_left_out_and_can_be_replaced(
    store: Store, other_program: sa.Engine, caplog: pytest.LogCaptureFixture
) -> None:
    store.profiles.put(profile())
    store.profiles.put(profile("bob"))
    with other_program.begin() as connection:
        connection.execute(
            sa.text("UPDATE agent_profiles SET profile = '{\"prompt\": 1}' WHERE \"agentId\" = 'ada'")
        )
    assert store.profiles.get("ada") is None
    assert store.profiles.all() == [profile("bob")]
    assert {record.__dict__["action"] for record in caplog.records} == {"database.row"}
    store.profiles.put(profile())
    assert store.profiles.get("ada") == profile()


def test_groups_are_those_that_profiles_name(store: Store) -> None:
    store.profiles.put(profile("ada", stored=Profile(prompt="x", group="Hotel & 'Co' 李")))
    store.profiles.put(profile("bob", stored=Profile(prompt="x")))
    assert store.profiles.groups() == {"ada": "Hotel & 'Co' 李"}
    assert store.profiles.ids() == {"ada", "bob"}
    store.profiles.put(profile("ada", stored=Profile(prompt="x")))
    assert store.profiles.groups() == {}


def test_a_profile_is_added_only_where_none_is(store: Store) -> None:
    assert store.profiles.add(profile())
    assert not store.profiles.add(profile(by="Eve"))
    assert store.profiles.get("ada") == profile()


def test_many_are_written_at_once(store: Store) -> None:
    store.profiles.put(profile())
    assert store.profiles.put_unless_changed([], {})
    assert store.profiles.put_unless_changed([profile(by="Eve"), profile("bob")], {"ada": NOW})
    assert store.profiles.all() == [profile(by="Eve"), profile("bob")]


@pytest.mark.parametrize(
    "seen",
    [{}, {"ada": NOW - SECOND}, {"ada": NOW + timedelta(microseconds=1)}, {"ada": NOW, "bob": NOW}],
    ids=["it is there by now", "it is another one", "it is a newer one", "it is gone"],
)
def test_nothing_is_written_over_unseen(store: Store, seen: dict[str, datetime]) -> None:
    store.profiles.put(profile())
    count = store.profiles.n_changes
    assert not store.profiles.put_unless_changed([profile("bob"), profile("eve"), profile(by="Eve")], seen)
    assert store.profiles.all() == [profile()], "all of them or none"
    assert store.profiles.n_changes == count


def test_a_profile_with_a_text_that_cannot_be_held_is_written_over_too(store: Store) -> None:
    store.profiles.put(profile())
    bad = profile(stored=Profile(prompt="a\0b"))
    assert store.profiles.put_unless_changed([bad], {"ada": NOW})
    assert not store.profiles.put_unless_changed([bad], {"ada": NOW - SECOND})


def test_only_the_profile_that_was_seen_is_deleted(store: Store) -> None:
    store.profiles.put(profile())
    assert not store.profiles.delete("ada", seen=NOW - SECOND)
    assert store.profiles.get("ada") == profile()
    assert store.profiles.delete("ada", seen=NOW)
    assert not store.profiles.delete("ada", seen=NOW)


def test_of_many_who_change_what_they_saw_one_does(store: Store) -> None:
    store.profiles.put(profile())
    changed = [
        dataclasses.replace(profile(by=f"{number}"), updated_at=NOW + number * SECOND)
        for number in range(1, 9)
    ]
    with ThreadPoolExecutor(4) as threads:
        done = list(threads.map(lambda row: store.profiles.put_unless_changed([row], {"ada": NOW}), changed))
    (winner,) = (row for row, is_done in zip(changed, done, strict=True) if is_done)
    assert store.profiles.get("ada") == winner


def test_each_change_is_counted(store: Store) -> None:
    counts = [store.profiles.n_changes]
    store.profiles.put(profile())
    counts.append(store.profiles.n_changes)
    store.profiles.put_unless_changed([profile("bob")], {})
    counts.append(store.profiles.n_changes)
    store.profiles.add(profile("eve"))
    counts.append(store.profiles.n_changes)
    store.profiles.delete("ada")
    counts.append(store.profiles.n_changes)
    assert counts == sorted(set(counts))
