"""Which webhooks are LiveKit's, and where they say to look."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import timedelta
from typing import Any

import jwt
import pytest
from livekit import api
from pydantic import SecretStr

from config import LiveKitLogin
from rooms.webhooks import REMEMBERED, ForgedWebhookError, Hint, Webhooks

SECRET = "a-secret-of-thirty-two-characters"
LOGIN = LiveKitLogin(url="ws://127.0.0.1:7880", api_key="key", api_secret=SecretStr(SECRET))
NOW = 1_800_000_000


def a_body(event: str = "participant_joined", **fields: Any) -> bytes:
    told = {"event": event, "id": "EV_1", "createdAt": str(NOW), "room": {"name": "agent-7-room"}} | fields
    return json.dumps({key: value for key, value in told.items() if value is not None}).encode()


def signed(body: bytes, *, key: str = "key", secret: str = SECRET, life: float = 300.0) -> str:
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    return api.AccessToken(key, secret).with_sha256(digest).with_ttl(timedelta(seconds=life)).to_jwt()


@pytest.fixture
def webhooks() -> Webhooks:
    return Webhooks(LOGIN, now=lambda: float(NOW))


@pytest.mark.parametrize(
    "event",
    [
        "room_started",
        "room_finished",
        "participant_joined",
        "participant_left",
        "participant_connection_aborted",
    ],
)
def test_who_comes_and_goes_is_a_hint(webhooks: Webhooks, event: str) -> None:
    body = a_body(event)
    assert webhooks.take(body, signed(body)) == Hint(room="agent-7-room", event=event)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(a_body("track_published"), id="a track"),
        pytest.param(a_body("egress_ended"), id="a recording"),
        pytest.param(a_body("moon_landed"), id="an unknown event"),
        pytest.param(a_body(""), id="none"),
        pytest.param(a_body(room=None), id="no room"),
        pytest.param(a_body(room={"name": ""}), id="a room without a name"),
        pytest.param(a_body("room_started", room={"sid": "RM_1"}, moon=[{"landed": 1}]), id="unknown fields"),
    ],
)
def test_what_says_nothing_of_interest_is_ignored(webhooks: Webhooks, body: bytes) -> None:
    assert webhooks.take(body, signed(body)) is None


@pytest.mark.parametrize(
    "name",
    ["a/b", "ünï 👩🏽‍🚀", "x" * 256, "100%", "<script>"],
    ids=["slash", "unicode", "long", "percent", "html"],
)
def test_rooms_have_any_name(webhooks: Webhooks, name: str) -> None:
    body = a_body(room={"name": name})
    hint = webhooks.take(body, signed(body))
    assert hint is not None
    assert hint.room == name


BODY = a_body()
FORGED = [
    pytest.param("", id="unsigned"),
    pytest.param("nonsense", id="no JWT"),
    pytest.param("a.b.c", id="nearly a JWT"),
    pytest.param("\xff", id="odd letters"),
    pytest.param(signed(BODY, secret="another-secret-of-32-characters!!"), id="another secret"),
    pytest.param(signed(BODY, key="other"), id="another key"),
    pytest.param(signed(a_body("room_finished")), id="of another body"),
    pytest.param(signed(BODY, life=-120.0), id="expired"),
    pytest.param("Bearer " + signed(BODY), id="a bearer token"),
    pytest.param(api.AccessToken("key", SECRET).to_jwt(), id="a token of a participant"),
    pytest.param(jwt.encode({"iss": "key", "sha256": "x"}, SECRET), id="that never expires"),
    pytest.param(jwt.encode({"iss": "key"}, None, algorithm="none"), id="of no algorithm"),
    pytest.param(
        jwt.encode({"iss": "key", "exp": NOW * 2, "sha256": "not base64!"}, SECRET), id="with a broken claim"
    ),
]


@pytest.mark.parametrize("authorization", FORGED)
def test_what_livekit_did_not_sign_is_refused(webhooks: Webhooks, authorization: str) -> None:
    with pytest.raises(ForgedWebhookError) as refused:
        webhooks.take(BODY, authorization)
    assert SECRET not in str(refused.value)
    assert webhooks.take(BODY, signed(BODY)) is not None, "the real one still counts"


@pytest.mark.parametrize(
    "body",
    [b"", b"\xff\xfe", b"[]", b"{", b'{"event": 7}', b'{"createdAt": "soon"}', b'{"event":' * 5_000],
    ids=["nothing", "no UTF-8", "a list", "half an object", "a number", "no number", "deep"],
)
def test_a_signed_body_that_cannot_be_read_is_refused(webhooks: Webhooks, body: bytes) -> None:
    with pytest.raises(ForgedWebhookError):
        webhooks.take(body, signed(body))


@pytest.mark.parametrize(
    ("age", "is_taken"),
    [(0, True), (300, True), (301, False), (86_400, False), (-60, True), (-61, False)],
)
def test_a_copy_of_an_old_webhook_is_refused(webhooks: Webhooks, age: int, is_taken: bool) -> None:
    body = a_body(createdAt=str(NOW - age))
    if is_taken:
        assert webhooks.take(body, signed(body)) is not None
    else:
        with pytest.raises(ForgedWebhookError, match="clocks"):
            webhooks.take(body, signed(body))


def test_one_that_tells_no_time_is_refused(webhooks: Webhooks) -> None:
    body = a_body(createdAt=None)
    with pytest.raises(ForgedWebhookError):
        webhooks.take(body, signed(body))


def test_the_same_event_is_a_hint_once(webhooks: Webhooks) -> None:
    for number, expected in enumerate([True, False, False]):
        assert (webhooks.take(BODY, signed(BODY)) is not None) is expected, number
    other = a_body(id="EV_2")
    assert webhooks.take(other, signed(other)) is not None


def test_events_without_an_id_all_count(webhooks: Webhooks) -> None:
    body = a_body(id=None)
    assert webhooks.take(body, signed(body)) is not None
    assert webhooks.take(body, signed(body)) is not None


def test_only_so_many_events_are_remembered(webhooks: Webhooks, monkeypatch: pytest.MonkeyPatch) -> None:
    assert REMEMBERED >= 1_000
    monkeypatch.setattr("rooms.webhooks.REMEMBERED", 3)
    for number in (1, 2, 3, 1, 4):  # 1 was seen again, so 2 is the oldest
        body = a_body(id=f"EV_{number}")
        webhooks.take(body, signed(body))
    seen = []
    for number in (1, 3, 4, 2):
        body = a_body(id=f"EV_{number}")
        seen.append(webhooks.take(body, signed(body)) is None)
    assert seen == [True, True, True, False]
