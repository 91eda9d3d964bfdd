"""Profiles are there again, on SQLite and on PostgreSQL."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from registry.session_records import ProfileRow
from registry.store import Store
from tests.registry.store.session_samples import FULL_PROFILE, profile
from tests.registry.store.test_store import HOSTILE
from wire import Profile

pytestmark = pytest.mark.timeout(20)


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
    store.profiles.put_all([])
    store.profiles.put_all([profile(by="Eve"), profile("bob")])
    assert store.profiles.all() == [profile(by="Eve"), profile("bob")]


def test_each_change_is_counted(store: Store) -> None:
    counts = [store.profiles.n_changes]
    store.profiles.put(profile())
    counts.append(store.profiles.n_changes)
    store.profiles.put_all([profile("bob")])
    counts.append(store.profiles.n_changes)
    store.profiles.add(profile("eve"))
    counts.append(store.profiles.n_changes)
    store.profiles.delete("ada")
    counts.append(store.profiles.n_changes)
    assert counts == sorted(set(counts))
