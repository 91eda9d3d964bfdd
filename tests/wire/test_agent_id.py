"""Room names and metadata: which agent they ask for, and what is said of those that ask for none."""

import pytest

from wire import AgentIdError, agent_id_in_metadata, agent_id_in_room, agent_id_of_session, parse_agent_id


@pytest.mark.parametrize(
    ("room", "agent_id"),
    [
        ("agent-1-room", "1"),
        ("agent-hotel.ada_2-room", "hotel.ada_2"),
        ("agent-room-room", "room"),
        ("agent-a-room-b-room", "a-room-b"),
        (f"agent-{'x' * 128}-room", "x" * 128),
    ],
)
def test_a_room_names_its_agent(room: str, agent_id: str) -> None:
    assert agent_id_in_room(room) == agent_id


@pytest.mark.parametrize(
    "room",
    [
        "agent--room",
        "agent-1-rooms",
        "Agent-1-room",
        " agent-1-room",
        "agent-1-room\n",
        "agent-1_room",
        "agents-1-room",
        "room",
        "",
        "agent-a/b-room",
        "agent-../../etc-room",
        "agent-.hidden-room",
        "agent--1-room",
        "agent-ä-room",
        "agent-1\n2-room",
        f"agent-{'x' * 129}-room",
        f"agent-{'x' * 300}-room",
    ],
)
def test_a_room_that_nearly_matches_names_none(room: str) -> None:
    with pytest.raises(AgentIdError) as error:
        agent_id_in_room(room)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 200


def test_an_error_shows_the_value_and_the_way_out() -> None:
    with pytest.raises(AgentIdError, match=r"room 'agent-1-rooms' is not named agent-<id>-room"):
        agent_id_in_room("agent-1-rooms")
    with pytest.raises(AgentIdError, match=r"'a/b' must be 1 to 128 letters"):
        parse_agent_id("a/b")
    with pytest.raises(AgentIdError, match=r"agent id 7 is not a string"):
        parse_agent_id(7)


@pytest.mark.parametrize(
    ("metadata", "agent_id"),
    [
        ('{"agent_id": "7"}', "7"),
        ('{"agent_id": "7", "other": [1]}', "7"),
        ("", None),
        ("  \n", None),
        ('{"other": 1}', None),
    ],
)
def test_metadata_may_name_the_agent(metadata: str, agent_id: str | None) -> None:
    assert agent_id_in_metadata(metadata) == agent_id


@pytest.mark.parametrize(
    "metadata",
    [
        "agent 7",
        "{",
        "[]",
        '"7"',
        "null",
        '{"agent_id": 7}',
        '{"agent_id": ""}',
        '{"agent_id": "a/b"}',
        "[" * 100_000,
    ],
    ids=lambda text: text[:20],
)
def test_metadata_that_cannot_be_used_says_why(metadata: str) -> None:
    with pytest.raises(AgentIdError) as error:
        agent_id_in_metadata(metadata)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("row_id", "agent_id"),
    [
        ("7", "7"), ("7@lobby", "7"), ("7~1a2b", "7"), ("7@lobby~1a2b", "7"), ("a.b-c@agent~x", "a.b-c"),
        ("my worker", None), ("", None), ("@lobby", None), ("script/7", None),
    ],
)  # fmt: skip
def test_a_sessions_row_names_its_agent(row_id: str, agent_id: str | None) -> None:
    assert agent_id_of_session(row_id) == agent_id
