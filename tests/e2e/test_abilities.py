"""What a profile can ask for beyond talking: another language, eyes, a face."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from livekit import rtc
from PIL import Image

from stack.caller import Caller
from stack.livekit_server import LiveKitServer
from stack.llm_stub import LlmStub
from stack.local_models import LocalModels
from stack.until import until
from stack.worker import Worker
from wire import NOTES

pytestmark = pytest.mark.asyncio(loop_scope="session")

SECRET = "stub-account-secret"
AVATAR_AGENT = (sys.executable, "-m", "tests.e2e.avatar_agent", "start")

RED, BLUE = (200, 20, 20), (20, 20, 200)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One worker for all tests of this file; each writes the profile of its own agent."""

    worker: Worker
    stub: LlmStub

    def give(self, room: str, **profile: object) -> None:
        """The profile of the agent of `room`."""
        agent_id = room.removeprefix("agent-").removesuffix("-room")
        file = self.worker.folder / "home" / "profiles" / f"{agent_id}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({"prompt": "You are Ada.", **profile}))

    def records(self, action: str, room: str) -> list[dict[str, Any]]:
        return [record for record in self.worker.records(action) if record.get("room") == room]

    async def record(self, action: str, room: str, *, timeout: float) -> dict[str, Any]:
        """The first one, once it is there."""
        found = await until(
            lambda: self.records(action, room), timeout=timeout, what=f"{action} in the worker's log"
        )
        return found[0]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stage(
    livekit: LiveKitServer, models: LocalModels, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stage]:
    async with (
        LlmStub() as stub,
        Worker(
            livekit.address,
            models_url=models.url,
            command=AVATAR_AGENT,
            env={"LLM_URLS": stub.url, "STUB_AVATAR_KEY": SECRET},
            folder=tmp_path_factory.mktemp("abilities"),
        ) as worker,
    ):
        await worker.wait_until_warm(1)
        yield Stage(worker=worker, stub=stub)


def notes_of(guest: Caller) -> dict[str, Any]:
    agent = next(one for one in guest.others if one.identity in guest.agents and not _is_avatar(one))
    text = agent.attributes.get(NOTES, "")
    return dict(json.loads(text)) if text else {}


def _is_avatar(participant: rtc.RemoteParticipant) -> bool:
    return bool(participant.attributes.get("lk.publish_on_behalf"))


async def write(guest: Caller, text: str) -> None:
    await guest.room.local_participant.send_text(text, topic="lk.chat")


@asynccontextmanager
async def showing(
    guest: Caller, colour: tuple[int, int, int], source: rtc.TrackSource.ValueType, *, side: int = 320
) -> AsyncIterator[None]:
    """The guest shows a picture of one colour."""
    video = rtc.VideoSource(side, side)
    track = rtc.LocalVideoTrack.create_video_track("picture", video)
    frame = rtc.VideoFrame(side, side, rtc.VideoBufferType.RGBA, bytes([*colour, 255]) * (side * side))

    async def show() -> None:
        while True:
            video.capture_frame(frame)
            await asyncio.sleep(0.1)

    showing = asyncio.create_task(show())
    publication = await guest.room.local_participant.publish_track(
        track, rtc.TrackPublishOptions(source=source)
    )
    try:
        yield
    finally:
        showing.cancel()
        await guest.room.local_participant.unpublish_track(publication.sid)


def pictures_in(request: Mapping[str, Any]) -> list[Image.Image]:
    """The pictures of a request, decoded."""
    parts = [
        part
        for message in request["messages"]
        if isinstance(message["content"], list)
        for part in message["content"]
    ]
    urls = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
    assert all(url.startswith("data:image/jpeg;base64,") for url in urls)
    return [Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))) for url in urls]


def is_of(picture: Image.Image, colour: tuple[int, int, int]) -> bool:
    shown = picture.convert("RGB").resize((1, 1)).getpixel((0, 0))
    assert isinstance(shown, tuple)
    return all(abs(a - b) < 40 for a, b in zip(shown, colour, strict=True))


def answers(guest: Caller) -> list[str]:
    """What agents have said, an utterance each, oldest first."""
    last = {one.segment_id: one for one in guest.captions if one.identity in guest.agents and one.text}
    return [one.text for one in last.values()]


async def asked(stub: LlmStub, guest: Caller, text: str) -> dict[str, Any]:
    """Write to the agent, and wait for its answer. Returns the request that the model got of it."""
    n_chats, n_answers = stub.n_chats, len(answers(guest))
    await write(guest, text)
    await until(lambda: stub.n_chats > n_chats, timeout=30, what="the model to be asked")
    request = stub.requests[-1]
    await until(lambda: len(answers(guest)) > n_answers, timeout=30, what="an answer")
    return request


async def asked_until(
    stub: LlmStub, guest: Caller, is_shown: Callable[[list[Image.Image]], bool], *, limit: float = 40
) -> list[Image.Image]:
    """Ask until the model is shown what it should be: LiveKit takes its time to tell of a track.

    Returns the pictures of the last request.
    """
    async with asyncio.timeout(limit):
        while True:
            pictures = pictures_in(await asked(stub, guest, "And now?"))
            if is_shown(pictures):
                return pictures


WORDS = {
    ("swimming", "pool"): "La piscina se encuentra en el quinto piso.",
    ("breakfast", "serve"): "El desayuno es de siete a diez.",
    ("garden", "dog"): "El perro esta en el jardin.",
}
"""What is heard of three sentences, one word of them at least, and how the model translates them."""


def in_spanish(request: Mapping[str, Any]) -> str:
    said = request["messages"][-1]["content"].lower()
    heard = (spanish for english, spanish in WORDS.items() if any(word in said for word in english))
    return " ".join(heard) or "Bueno."


async def test_an_interpreter_says_in_another_language_all_that_it_hears(
    stage: Stage, caller: Callable[..., Caller], room: str
) -> None:
    stage.give(room, translate={"to": "es"}, turns={"interruptions": "off"})
    stage.stub.answer = in_spanish
    async with caller() as guest:
        await guest.wait_for_agent(limit=40)
        await until(lambda: notes_of(guest) == {"translate": "es"}, timeout=20, what="the note")
        await guest.say("Where is the swimming pool?")
        await asyncio.sleep(0.8)  # a breath: the turn is over, and its translation under way
        said = await guest.say("When do you serve the breakfast?")
        await guest.hear_start(after=said.ended_at, limit=30)  # in a language that nobody here understands
        await guest.say("There is a dog in the garden.")

        def translated() -> str:
            return " ".join(answers(guest))

        *_, last = WORDS.values()
        await until(lambda: last in translated(), timeout=40, what="the last translation")
        positions = [translated().find(spanish) for spanish in WORDS.values()]
        assert positions == sorted(positions), translated()
        mine = [one.text for one in guest.captions if one.identity == guest.identity]
        assert [translated().count(spanish) for spanish in WORDS.values()] == [1, 1, 1], (translated(), mine)
        messages = stage.stub.requests[-1]["messages"]
        assert "Spanish" in messages[0]["content"]
        assert messages[-1]["content"].startswith("<said>")


async def test_captions_only_are_written_and_nothing_is_heard(
    stage: Stage, caller: Callable[..., Caller], room: str
) -> None:
    stage.give(room, translate={"to": "es", "speak": False}, greeting="Hola.")
    stage.stub.answer = "Buenos dias a todos."
    async with caller() as guest:
        agent = await guest.wait_for_agent(limit=40)

        def n_said(text: str) -> int:
            return [one.text for one in guest.captions if one.identity == agent].count(text)

        await until(lambda: n_said("Hola."), timeout=20, what="the greeting as a caption")
        await guest.say("What is the wi-fi password?")
        await until(lambda: n_said("Buenos dias a todos.") >= 1, timeout=30, what="a caption")
        await write(guest, "Good night.")
        await until(lambda: n_said("Buenos dias a todos.") >= 2, timeout=30, what="another one")
        (participant,) = (one for one in guest.others if one.identity == agent)
        assert not participant.track_publications
        mine = " ".join(one.text.lower() for one in guest.captions if one.identity == guest.identity)
        assert any(word in mine for word in ("password", "wi-fi", "wifi")), mine


async def test_the_model_is_shown_the_screen_else_the_camera_at_the_moment_of_the_question(
    stage: Stage, caller: Callable[..., Caller], room: str
) -> None:
    stage.give(room, vision=True)
    stage.stub.answer = "I see."
    async with caller() as guest:
        await guest.wait_for_agent(limit=40)
        await until(lambda: notes_of(guest) == {"vision": True}, timeout=20, what="the note")
        assert pictures_in(await asked(stage.stub, guest, "What do you see?")) == []
        async with showing(guest, RED, rtc.TrackSource.SOURCE_CAMERA):
            (red,) = await asked_until(stage.stub, guest, bool)
            assert is_of(red, RED)
            assert red.format == "JPEG"
            assert max(red.size) <= 1024
            async with showing(guest, BLUE, rtc.TrackSource.SOURCE_SCREENSHARE):
                red, blue = await asked_until(
                    stage.stub, guest, lambda seen: bool(seen) and is_of(seen[-1], BLUE)
                )
                assert (is_of(red, RED), is_of(blue, BLUE)) == (True, True)
                request = await asked(stage.stub, guest, "And now?")
                assert [is_of(one, BLUE) for one in pictures_in(request)] == [True, True]
                assert "[picture]" in json.dumps(request)
        assert "base64" not in stage.worker.log_text()
        assert stage.records("vision.no_picture", room) == []


async def test_an_avatar_speaks_and_when_it_dies_the_agent_does(
    stage: Stage, caller: Callable[..., Caller], room: str
) -> None:
    stage.give(room, avatar={"provider": "stub"}, greeting="Hello, this is Ada. Nice to meet you.")
    stage.stub.answer = "The elephants are dancing in the garden."
    async with caller() as guest:
        greeting = await guest.hear(after=0, limit=40)
        await until(lambda: any(map(_is_avatar, guest.others)), timeout=20, what="the avatar")
        (avatar,) = filter(_is_avatar, guest.others)
        agent = avatar.attributes["lk.publish_on_behalf"]
        assert greeting.identity == avatar.identity
        assert avatar.attributes["api_secret"] == f"key-for-{room}"
        assert "avatar" not in notes_of(guest)

        await guest.perform_rpc(avatar.identity, "stub.leave")
        failed = await stage.record("avatar.failed", room, timeout=20)
        assert (failed["provider"], failed["reason"]) == ("stub", "left")
        said = await guest.say("Where are the elephants?")
        answer = await guest.hear(after=said.ended_at, limit=30)
        assert answer.identity == agent
        assert any(word in answer.text.lower() for word in ("elephants", "dancing", "garden"))
        assert notes_of(guest)["avatar"] == "failed: left"
        seen = json.dumps([[dict(one.attributes), one.metadata] for one in guest.others])
        assert SECRET not in seen + stage.worker.log_text()


async def test_an_avatar_that_never_comes_delays_the_greeting_a_little(
    stage: Stage, caller: Callable[..., Caller], room: str
) -> None:
    stage.give(room, avatar={"provider": "stub", "model": "late"}, greeting="Hello, this is Ada.")
    async with caller() as guest:
        agent = await guest.wait_for_agent(limit=40)
        await until(lambda: notes_of(guest) == {"avatar": "absent"}, timeout=20, what="the first note")
        await stage.record("avatar.late", room, timeout=20)
        await guest.hear_start(after=0, limit=40, speaker=agent)
        failed = await stage.record("avatar.failed", room, timeout=30)
        assert failed["reason"] == "did not start in time"
        reason = "failed: did not start in time"
        await until(lambda: notes_of(guest) == {"avatar": reason}, timeout=20, what="the note")
