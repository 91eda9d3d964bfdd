"""The groups of agents, kept in memory."""

from __future__ import annotations

from collections.abc import Mapping

from registry.groups import PERIOD, Groups, members, names
from registry.store import StoreError
from tests.registry.room_parts import FakeClock


class FakeProfiles:
    def __init__(self) -> None:
        self.n_changes = 0
        self.n_reads = 0
        self.known = {"ada": "Hotel"}
        self.error: StoreError | None = None

    def groups(self) -> Mapping[str, str]:
        self.n_reads += 1
        if self.error is not None:
            raise self.error
        return dict(self.known)


async def test_they_are_read_again_when_a_profile_changes_here() -> None:
    profiles, clock = FakeProfiles(), FakeClock()
    groups = Groups(profiles, monotonic=clock.monotonic)
    for _ in range(3):
        assert await groups.look() == {"ada": "Hotel"}
    assert profiles.n_reads == 1
    profiles.known["bob"] = "Bank"
    profiles.n_changes += 1
    assert await groups.look() == {"ada": "Hotel", "bob": "Bank"}
    assert profiles.n_reads == 2


async def test_they_are_read_again_in_case_another_registry_changed_one() -> None:
    profiles, clock = FakeProfiles(), FakeClock()
    groups = Groups(profiles, monotonic=clock.monotonic)
    await groups.look()
    profiles.known.clear()
    clock.move(seconds=PERIOD - 0.1)
    assert await groups.look() == {"ada": "Hotel"}
    clock.move(seconds=0.1)
    assert await groups.look() == {}


async def test_the_last_known_ones_count_while_the_database_cannot_be_read() -> None:
    profiles, clock = FakeProfiles(), FakeClock()
    groups = Groups(profiles, monotonic=clock.monotonic)
    await groups.look()
    profiles.error = StoreError("gone")
    clock.move(seconds=PERIOD)
    assert await groups.look() == {"ada": "Hotel"}
    profiles.error = None
    profiles.known.clear()
    assert await groups.look() == {}, "tried again at once"


def test_groups_are_told_in_order_with_the_chosen_one() -> None:
    groups = {"ada": "Hotel", "bob": "bank", "eve": "Hotel"}
    assert names(groups, "") == ["bank", "Hotel"]
    assert names(groups, "Zoo") == ["bank", "Hotel", "Zoo"]
    assert members(groups, "Hotel") == {"ada", "eve"}
    assert members(groups, "hotel") == frozenset()
