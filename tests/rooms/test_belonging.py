"""Which agent belongs into a room, by what the room itself says."""

from __future__ import annotations

import pytest

from rooms.belonging import agent_named_by, agent_told_by


@pytest.mark.parametrize(
    ("room", "agent_id"),
    [("agent-1-room", "1"), ("agent-a.b-room", "a.b"), ("agent--room", None), ("lobby", None), ("", None)],
)
def test_a_name_tells_an_agent_or_none(room: str, agent_id: str | None) -> None:
    assert agent_named_by(room) == agent_id


@pytest.mark.parametrize(
    ("room", "metadata", "agent_id"),
    [
        pytest.param("lobby", '{"agent_id":"7"}', "7", id="only the metadata"),
        pytest.param("agent-1-room", '{"agent_id":"7"}', "7", id="the metadata before the name"),
        pytest.param("agent-1-room", "", "1", id="only the name"),
        pytest.param("agent-1-room", "{}", "1", id="metadata about something else"),
        pytest.param("agent-1-room", '{"agent_id":"a/b"}', "1", id="metadata with what is no id"),
        pytest.param("agent-1-room", "not ours", "1", id="metadata of somebody else"),
        pytest.param("lobby", "not ours", None, id="neither"),
    ],
)
def test_a_room_tells_whom_it_was_made_for(room: str, metadata: str, agent_id: str | None) -> None:
    assert agent_told_by(room, metadata=metadata) == agent_id
