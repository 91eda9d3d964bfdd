"""What a leaving agent leaves behind."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import cast

import pytest
from livekit.protocol import agent, models

from lifecycle import CloseReason
from session.room_end import SHORTEST_LIFE, leave_behind, sends_successor
from session.roster import Human, Role
from session.server_api import ServerApi
from wire import AgentId

GUEST = Human(identity="guest", role=Role.CLIENT)
FOLLOWED = {
    CloseReason.WORKER_SHUTDOWN,
    CloseReason.PIPELINE_ENDED,
    CloseReason.FAILED,
    CloseReason.HUMANS_LEFT,
    CloseReason.NEVER_JOINED,
}


@dataclass
class FakeServer:
    there: list[Human] | None = field(default_factory=lambda: [GUEST])
    is_deleted: bool = False
    deleted: list[str] = field(default_factory=list)
    dispatched: list[tuple[str, str, str]] = field(default_factory=list)

    async def humans(self, room_name: str) -> list[Human] | None:
        return self.there

    async def delete_room(self, room_name: str) -> None:
        self.deleted.append(room_name)

    async def dispatch(self, room_name: str, *, agent_name: str, metadata: str) -> None:
        self.dispatched.append((room_name, agent_name, metadata))

    async def is_dispatch_deleted(self, room_name: str, *, dispatch_id: str) -> bool:
        return self.is_deleted


async def leave(
    server: FakeServer,
    reason: CloseReason,
    *,
    is_followed: bool = True,
    metadata: str = "",
    incarnation: str = "me",
) -> None:
    job = agent.Job(
        id="AJ_1",
        room=models.Room(name="agent-7-room"),
        agent_name="ada",
        metadata=metadata,
        dispatch_id="AD_1",
    )
    await leave_behind(
        cast(ServerApi, server),
        job,
        reason,
        agent_id=AgentId("7"),
        incarnation=incarnation,
        is_followed=is_followed,
    )


@pytest.mark.parametrize("reason", CloseReason)
async def test_an_empty_room_is_deleted_where_it_is_there_and_nobody_elses(reason: CloseReason) -> None:
    server = FakeServer(there=[])
    await leave(server, reason)
    keeps = {CloseReason.DUPLICATE, CloseReason.ROOM_CLOSED, CloseReason.REMOVED, CloseReason.DISCONNECTED}
    assert server.deleted == ([] if reason in keeps else ["agent-7-room"])
    assert server.dispatched == []


@pytest.mark.parametrize("reason", [CloseReason.HUMANS_LEFT, CloseReason.NEVER_JOINED])
async def test_who_comes_too_late_gets_another_agent_and_a_new_conversation(reason: CloseReason) -> None:
    server = FakeServer()
    await leave(server, reason, metadata='{"agent_id": "7", "resumes": "old", "tier": 1}')
    ((room, name, metadata),) = server.dispatched
    assert (room, name, json.loads(metadata)) == ("agent-7-room", "ada", {"agent_id": "7", "tier": 1})


@pytest.mark.parametrize(
    ("metadata", "incarnation", "sent"),
    [
        ("", "me", {"agent_id": "7", "resumes": "me"}),
        ('{"tier": 1, "resumes": "old"}', "me", {"tier": 1, "agent_id": "7", "resumes": "me"}),
        ("not JSON", "me", {"agent_id": "7", "resumes": "me"}),
        ('{"resumes": "old"}', "", {"agent_id": "7", "resumes": "old"}),
    ],
    ids=["no metadata", "more metadata", "other metadata", "never in the room"],
)
async def test_a_conversation_that_was_cut_short_goes_on_with_another_agent(
    metadata: str, incarnation: str, sent: dict[str, object]
) -> None:
    server = FakeServer()
    await leave(server, CloseReason.WORKER_SHUTDOWN, metadata=metadata, incarnation=incarnation)
    assert [json.loads(one[2]) for one in server.dispatched] == [sent]
    assert server.deleted == []


async def test_what_an_operator_ended_by_deleting_its_dispatch_does_not_go_on() -> None:
    server = FakeServer(is_deleted=True)
    await leave(server, CloseReason.WORKER_SHUTDOWN)
    assert server.dispatched == []


@pytest.mark.parametrize("is_followed", [True, False])
@pytest.mark.parametrize("reason", sorted(FOLLOWED, key=str))
async def test_a_list_that_cannot_be_had_changes_nothing(reason: CloseReason, is_followed: bool) -> None:
    server = FakeServer(there=None)
    await leave(server, reason, is_followed=is_followed)
    assert (server.deleted, server.dispatched) == ([], [])


@pytest.mark.parametrize("reason", CloseReason)
async def test_with_a_keeper_a_human_is_left_to_it(reason: CloseReason) -> None:
    server = FakeServer()
    await leave(server, reason, is_followed=sends_successor(reason, lasted=60, has_keeper=True))
    assert (server.deleted, server.dispatched) == ([], [])


@pytest.mark.parametrize("reason", CloseReason)
def test_who_leaves_somebody_alone_sends_a_successor_where_nobody_else_does(reason: CloseReason) -> None:
    assert sends_successor(reason, lasted=60, has_keeper=False) is (reason in FOLLOWED)
    assert not sends_successor(reason, lasted=60, has_keeper=True)


@pytest.mark.parametrize(
    ("reason", "lasted", "sends"),
    [
        (CloseReason.FAILED, SHORTEST_LIFE - 0.1, False),
        (CloseReason.FAILED, SHORTEST_LIFE, True),
        (CloseReason.PIPELINE_ENDED, 1, False),
        (CloseReason.WORKER_SHUTDOWN, 1, True),
        (CloseReason.HUMANS_LEFT, 1, True),
    ],
)
def test_what_fails_at_once_is_not_tried_again(reason: CloseReason, lasted: float, sends: bool) -> None:
    assert sends_successor(reason, lasted=lasted, has_keeper=False) is sends
