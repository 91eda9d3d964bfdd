"""The story of a watched agent."""

from __future__ import annotations

from typing import Any

import pytest

from cli.answers import RegistryFacts
from cli.following import Lost, Snapshot, Update
from cli.story import Story
from tests.cli.fakes import an_agent

REGISTRY = RegistryFacts()


def update(*changes: dict[str, Any], removed: tuple[str, ...] = ()) -> Update:
    agents = tuple(an_agent(**{"agent_id": "ada", **change}) for change in changes)
    return Update(agents=agents, removed=removed, registry=REGISTRY)


def snapshot(*changes: dict[str, Any]) -> Snapshot:
    agents = tuple(an_agent(**{"agent_id": "ada", **change}) for change in changes)
    return Snapshot(agents=agents, total=len(agents), registry=REGISTRY)


@pytest.fixture
def story() -> Story:
    return Story(lambda agent: agent.agent_id == "ada")


def test_each_change_is_told_once(story: Story) -> None:
    lines = story.take(snapshot({"status": "starting"}))
    lines += story.take(update({"status": "starting"}, {"status": "running"}))
    lines += story.take(update({"beatAge": 9.0}))
    lines += story.take(update({"status": "warning", "cause": "late"}))
    lines += story.take(update({"status": "warning", "cause": "later"}))
    lines += story.take(update({"agent_id": "bob"}, removed=("ada", "bob")))
    assert [(line.before, line.after) for line in lines] == [
        (None, "starting"),
        ("starting", "running"),
        ("running", "warning"),
        ("warning", "warning"),
        ("warning", "not listed"),
    ]
    assert story.ran == {"ada"}


@pytest.mark.parametrize(
    ("statuses", "ran", "failed"),
    [
        ([], False, False),
        (["starting"], False, False),
        (["running"], True, False),
        (["warning"], True, False),
        (["running", "stopped"], True, False),
        (["running", "offline"], True, True),
        (["running", "error"], True, True),
        (["running", "error", "running"], True, False),
        (["error"], False, True),
    ],
)
def test_how_it_ends(story: Story, statuses: list[str], *, ran: bool, failed: bool) -> None:
    story.take(snapshot())
    for status in statuses:
        story.take(update({"status": status}))
    assert (bool(story.ran), bool(story.failed)) == (ran, failed)


def test_what_was_over_before_says_nothing(story: Story) -> None:
    story.take(snapshot({"status": "offline"}))
    assert (story.ran, story.failed) == (frozenset(), ())
    story.take(update({"status": "running", "incarnation": "new"}))
    assert story.ran == {"ada"}
    story.take(update({"status": "offline", "incarnation": "new"}))
    assert len(story.failed) == 1


def test_what_is_missing_after_a_break_is_told(story: Story) -> None:
    story.take(snapshot({}))
    assert story.take(Lost(reason="x", retry_after=1)) == []
    assert [line.after for line in story.take(snapshot())] == ["not listed"]
