"""Who may come into which room, and what their token grants."""

from __future__ import annotations

import time
from dataclasses import replace

import jwt
import pytest
from livekit import api
from pydantic import SecretStr

from config import LiveKitLogin
from rooms.tokens import GuestError, Tokens, guest_for, room_for
from wire import AgentId, job_metadata

SECRET = "a-secret-of-thirty-two-characters"


def a_login(url: str = "ws://127.0.0.1:7880") -> LiveKitLogin:
    return LiveKitLogin(url=url, api_key="key", api_secret=SecretStr(SECRET))


# -- rooms


@pytest.mark.parametrize(
    ("room", "agent_id", "expected"),
    [
        pytest.param(None, "7", ("agent-7-room", "7"), id="the agent's own room"),
        pytest.param("agent-7-room", None, ("agent-7-room", "7"), id="by its name"),
        pytest.param("agent-7-room", "7", ("agent-7-room", "7"), id="both, and they agree"),
        pytest.param("meeting", "7", ("meeting", "7"), id="an agent in another room"),
        pytest.param("meeting", None, ("meeting", None), id="nobody's room"),
        pytest.param("agent-ä b-room", None, ("agent-ä b-room", None), id="a name with no id in it"),
        pytest.param("a/b ü 👩🏽‍🚀 %2F", None, ("a/b ü 👩🏽‍🚀 %2F", None), id="slashes and unicode"),
        pytest.param("x" * 256, None, ("x" * 256, None), id="the longest name"),
    ],
)
def test_a_room_is_found(room: str | None, agent_id: str | None, expected: tuple[str, str | None]) -> None:
    assert room_for(room, agent_id) == expected


@pytest.mark.parametrize(
    ("room", "agent_id", "words"),
    [
        pytest.param(None, None, "neither room nor agentId", id="nothing"),
        pytest.param("agent-1-room", "2", "agent '1', not to '2'", id="a contradiction"),
        pytest.param(None, "a b", "'a b'", id="no agent's id"),
        pytest.param(None, "", "agentId", id="an empty id"),
        pytest.param("", None, "blank", id="an empty name"),
        pytest.param("  ", None, "blank", id="a blank name"),
        pytest.param("x" * 257, None, "257 bytes", id="one too long"),
        pytest.param("x" * 300, None, "300 bytes", id="300 characters"),
        pytest.param("ü" * 129, None, "258 bytes", id="too long in UTF-8"),
        pytest.param("a\nb", None, "control character", id="a line end"),
        pytest.param("a\0b", None, "control character", id="NUL"),
        pytest.param("a\x85b", None, "control character", id="C1"),
    ],
)
def test_what_is_no_room_is_refused_in_words(room: str | None, agent_id: str | None, words: str) -> None:
    with pytest.raises(GuestError) as refused:
        room_for(room, agent_id)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 300


# -- identities


@pytest.mark.parametrize(
    ("identity", "role", "expected"),
    [
        pytest.param("ann", "client", "ann", id="a client"),
        pytest.param(None, "client", "guest-4711", id="a client without a name"),
        pytest.param(None, "coach", "coach-4711", id="a coach without a name"),
        pytest.param("ann", "coach", "coach-ann", id="a coach's beginning is added"),
        pytest.param("coach-ann", "coach", "coach-ann", id="or is there already"),
        pytest.param("aida", "client", "aida", id="nearly an agent's"),
        pytest.param("coachman", "client", "coachman", id="nearly a coach's"),
    ],
)
def test_a_guest_has_an_identity_that_tells_the_role(identity: str | None, role: str, expected: str) -> None:
    guest = guest_for(identity, name="Ann", role=role, unnamed="4711")
    assert (guest.identity, guest.name, guest.role) == (expected, "Ann", role)


@pytest.mark.parametrize(
    ("identity", "name", "role", "words"),
    [
        pytest.param("ai-7-x", "", "client", "'ai-7-x' begins with 'ai-'", id="an agent's"),
        pytest.param("ai-7-x", "", "coach", "'ai-7-x' begins with 'ai-'", id="an agent's for a coach"),
        pytest.param("coach-ann", "", "client", "'coach-ann' begins with 'coach-'", id="a coach's"),
        pytest.param("", "", "client", "blank", id="an empty one"),
        pytest.param("x" * 257, "", "client", "257 bytes", id="a long one"),
        pytest.param("x" * 256, "", "coach", "262 bytes", id="a long one with its beginning"),
        pytest.param("a\tb", "", "client", "control character", id="a tab"),
        pytest.param("ann", "x" * 257, "client", "name:", id="a long name"),
        pytest.param("ann", "\x1b[31m", "client", "name:", id="a name with a control character"),
    ],
)
def test_an_identity_that_nobody_may_have_is_refused(identity: str, name: str, role: str, words: str) -> None:
    with pytest.raises(GuestError) as refused:
        guest_for(identity, name=name, role=role, unnamed="4711")
    assert words in str(refused.value)


# -- tokens


def test_a_token_is_for_one_room_for_an_hour_and_grants_what_a_call_needs() -> None:
    guest = guest_for("ann", name="Ann", role="client", unnamed="")
    token = Tokens(a_login()).token(guest, room="agent-7-room")
    claims = api.TokenVerifier("key", SECRET).verify(token)
    assert (claims.identity, claims.name) == ("ann", "Ann")
    video = claims.video
    assert video is not None
    assert (video.room_join, video.room, video.can_publish, video.can_subscribe) == (
        True, "agent-7-room", True, True,
    )  # fmt: skip
    assert not any(
        (video.can_update_own_metadata, video.room_admin, video.room_create, video.room_list, video.hidden)
    )
    plain = jwt.decode(token, SECRET, algorithms=["HS256"])
    assert 3_590 < plain["exp"] - time.time() <= 3_600
    assert claims.room_config is not None
    assert (claims.room_config.departure_timeout, claims.room_config.empty_timeout) == (120, 300)
    assert not claims.room_config.agents, "an agent comes by itself"


def test_a_token_of_a_dispatched_room_brings_its_agent_along() -> None:
    guest = guest_for("ann", name="", role="client", unnamed="")
    metadata = job_metadata(AgentId("7"))
    token = Tokens(a_login(), agent_name="desk").token(guest, room="meeting", job_metadata=metadata)
    config = api.TokenVerifier("key", SECRET).verify(token).room_config
    assert config is not None
    (agent,) = config.agents
    assert (agent.agent_name, agent.metadata) == ("desk", '{"agent_id":"7"}')


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("ws://h:7880", "ws://h:7880"),
        ("wss://h/path", "wss://h/path"),
        ("http://h:7880", "ws://h:7880"),
        ("HTTPS://h", "wss://h"),
    ],
)
def test_browsers_connect_by_websocket(url: str, expected: str) -> None:
    assert Tokens(a_login(url)).url == expected


def test_browsers_may_know_it_by_another_name_than_servers() -> None:
    assert Tokens(replace(a_login("ws://livekit:7880"), public_url="https://h")).url == "wss://h"
