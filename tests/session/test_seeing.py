"""What the model is shown, and what becomes of pictures that are none."""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import AsyncGenerator, Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from livekit import rtc
from livekit.agents import Agent, AgentSession, APIStatusError, ModelSettings, llm
from PIL import Image

from llm.chunks import Chunk
from llm.errors import BadRequestError
from llm.models import Models
from llm.requests import ChatRequest
from session.language_model import RoutedModel
from session.pictures import LONGEST_SIDE, PLACEHOLDER, jpeg_of, with_pictures, without_pictures
from session.seeing import FIRST_FRAME_TIMEOUT, Eye, Seer, shown_by
from tests.session.fake_models import FakeModels
from tests.session.fake_video import Stream, Track, frame_of
from wire import DEFAULT_PROFILE

CAMERA, SCREEN = rtc.TrackSource.SOURCE_CAMERA, rtc.TrackSource.SOURCE_SCREENSHARE


def decoded(jpeg: bytes) -> Image.Image:
    return Image.open(io.BytesIO(jpeg))


# -- frames


@pytest.mark.parametrize(
    ("size", "becomes"),
    [
        ((320, 240), (320, 240)),
        ((2048, 1024), (1024, 512)),
        ((1080, 1920), (576, 1024)),
        ((3000, 8), (1024, 3)),
    ],
    ids=["small", "wide", "tall", "a line"],
)
def test_a_frame_is_a_jpeg_that_is_never_longer_than_models_look_at(
    size: tuple[int, int], becomes: tuple[int, int]
) -> None:
    picture = decoded(jpeg_of(frame_of(*size)))
    assert (picture.format, picture.size) == ("JPEG", becomes)
    assert max(picture.size) <= LONGEST_SIDE


def test_it_has_the_colours_that_were_shown_also_as_cameras_send_them() -> None:
    sent = frame_of(64, 48).convert(rtc.VideoBufferType.I420)
    (red, green, blue) = cast(Any, decoded(jpeg_of(sent)).resize((1, 1)).getpixel((0, 0)))
    assert abs(red - 200) < 15
    assert max(green, blue) < 40


@pytest.mark.parametrize(
    ("rotation", "corner"),
    [(0, (0, 0)), (1, (59, 0)), (2, (59, 39)), (3, (0, 39))],
    ids=["0", "90", "180", "270"],
)
def test_a_phone_that_is_held_upright_is_seen_upright(rotation: int, corner: tuple[int, int]) -> None:
    image = Image.new("RGBA", (60, 40) if rotation % 2 == 0 else (40, 60), (0, 0, 0, 255))
    image.paste((255, 255, 255, 255), (0, 0, 12, 12))
    frame = rtc.VideoFrame(*image.size, rtc.VideoBufferType.RGBA, image.tobytes())
    picture = decoded(jpeg_of(frame, rotation=rotation)).convert("L")
    assert picture.size == (60, 40)
    assert cast(int, picture.getpixel(corner)) > 200


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (640, 1)])
def test_what_shows_nothing_is_no_picture(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="pixels"):
        jpeg_of(frame_of(*size))


# -- the eye


class Watched:
    """A room with one human in it, whom the pipeline hears."""

    def __init__(self, *tracks: Track) -> None:
        self.tracks = list(tracks)
        self.handlers: dict[str, Callable[..., None]] = {}
        self.remote_participants = {"ann": self}
        self.identity = "ann"
        self.room_io = SimpleNamespace(linked_participant=self)
        self.eye = Eye()

    @property
    def track_publications(self) -> dict[str, Track]:
        return {track.sid: track for track in self.tracks}

    def on(self, event: str, handler: Callable[..., None]) -> None:
        self.handlers[event] = handler

    def off(self, event: str, handler: Callable[..., None]) -> None:
        assert self.handlers.pop(event) == handler

    def begin(self) -> Eye:
        self.eye.begin(cast("AgentSession[None]", self), cast(rtc.Room, self))
        return self.eye


@pytest.fixture
def _streams(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rtc, "VideoStream", Stream)


def test_the_screen_wins_and_what_is_muted_shows_nothing() -> None:
    camera, screen = Track("c", CAMERA), Track("s", SCREEN)
    voice = Track("v", rtc.TrackSource.SOURCE_MICROPHONE, kind=rtc.TrackKind.KIND_AUDIO)

    def seen(*tracks: Track) -> object:
        return shown_by(cast(Any, tracks))

    assert seen(camera, screen, voice) is screen
    assert seen(camera, Track("s", SCREEN, muted=True)) is camera
    assert seen(Track("c", CAMERA, muted=True), voice) is None
    assert seen() is None


@pytest.mark.usefixtures("_streams")
async def test_the_newest_frame_is_the_picture_and_nothing_is_left_open() -> None:
    camera = Track("c", CAMERA)
    eye = Watched(camera).begin()
    for size in (20, 30, 40):
        camera.show(frame_of(size, size))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    url = await eye.picture()
    assert url is not None
    assert decoded(base64.b64decode(url.partition(",")[2])).size == (40, 40)
    await eye.aclose()
    await eye.aclose()
    assert camera.n_open == 0
    assert await eye.picture() is None


@pytest.mark.usefixtures("_streams")
async def test_it_looks_at_what_comes_and_away_from_what_goes() -> None:
    camera, screen = Track("c", CAMERA), Track("s", SCREEN)
    room = Watched()
    eye = room.begin()
    assert await eye.picture() is None
    room.tracks = [camera]
    room.handlers["track_subscribed"](camera)
    camera.show(frame_of(20, 20))
    assert await eye.picture() is not None
    room.tracks = [camera, screen]
    screen.show(frame_of(30, 30))
    url = await eye.picture()  # no event has told of it yet
    assert url is not None
    assert decoded(base64.b64decode(url.partition(",")[2])).size == (30, 30)
    await asyncio.sleep(0)
    assert (camera.n_open, screen.n_open) == (0, 1)
    room.remote_participants = {}
    room.handlers["participant_disconnected"](None)
    assert await eye.picture() is None
    await eye.aclose()
    assert screen.n_open == 0


@pytest.mark.looptime
@pytest.mark.usefixtures("_streams")
async def test_a_track_that_sends_nothing_holds_no_question_up(looptime: Any) -> None:
    eye = Watched(Track("c", CAMERA)).begin()
    assert await eye.picture() is None
    assert looptime == pytest.approx(FIRST_FRAME_TIMEOUT)
    await eye.aclose()


@pytest.mark.usefixtures("_streams")
@pytest.mark.parametrize(
    "frame",
    [
        frame_of(1, 1),
        SimpleNamespace(width=64, height=64, type=rtc.VideoBufferType.RGBA, data=b"rubbish"),
    ],
    ids=["1 x 1", "garbage"],
)
async def test_a_frame_that_is_no_picture_is_noted_and_the_question_goes_without(
    frame: Any, caplog: pytest.LogCaptureFixture
) -> None:
    camera = Track("c", CAMERA)
    eye = Watched(camera).begin()
    camera.show(frame)
    assert await eye.picture() is None
    assert [record.__dict__["action"] for record in caplog.records] == ["vision.no_picture"]
    camera.show(frame_of(20, 20))
    await asyncio.sleep(0.01)
    assert await eye.picture() is not None
    await eye.aclose()


# -- the agent


class Sight:
    """An eye that sees a number, another one at each look."""

    def __init__(self, *, blind: bool = False) -> None:
        self.n_looks = 0
        self.is_blind = blind

    async def picture(self) -> str | None:
        self.n_looks += 1
        return None if self.is_blind else f"data:image/jpeg;base64,{self.n_looks}"


class Box:
    """A seer whose model says `answer`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, blind: bool = False) -> None:
        async def node(_: object, context: llm.ChatContext, *__: object) -> Any:
            self.asked.append(context)
            yield "I see."

        monkeypatch.setattr("livekit.agents.Agent.default.llm_node", node)
        self.asked: list[llm.ChatContext] = []
        self.told: list[bool] = []
        self.sight = Sight(blind=blind)
        self.thinker = SimpleNamespace(on_blind=lambda: None, model="m", provider="p")
        self.seer = Seer(
            Agent(instructions="You are Ada."),
            eye=cast(Eye, self.sight),
            thinker=self.thinker,
            on_understood=self.told.append,
        )
        self.context = llm.ChatContext.empty()

    async def ask(self, text: str | None = None) -> list[list[object]]:
        """Returns, of each message of the request, what it holds: a picture by its URL."""
        if text is not None:
            self.context.add_message(role="user", content=text)
        async for _ in await self.seer.llm_node(self.context, [], ModelSettings()):
            pass
        return [
            [str(part.image)[-1] if isinstance(part, llm.ImageContent) else part for part in item.content]
            for item in self.asked[-1].items
            if item.type == "message"
        ]


async def test_each_question_has_its_picture_and_old_ones_become_a_word(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    box = Box(monkeypatch)
    assert await box.ask("One?") == [["One?", "1"]]
    assert await box.ask("Two?") == [["One?", "1"], ["Two?", "2"]]
    assert await box.ask("Three?") == [["One?", PLACEHOLDER], ["Two?", "2"], ["Three?", "3"]]
    assert await box.ask("Four?") == [
        ["One?", PLACEHOLDER],
        ["Two?", PLACEHOLDER],
        ["Three?", "3"],
        ["Four?", "4"],
    ]
    assert "You are Ada." in str(box.seer.instructions)
    assert without_pictures(box.context) is None, "the call itself keeps none"


async def test_a_question_asked_again_has_the_picture_of_its_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    box = Box(monkeypatch)
    await box.ask("One?")
    box.context.items.append(llm.FunctionCall(call_id="1", name="search", arguments="{}"))
    assert await box.ask() == [["One?", "1"]]
    assert box.sight.n_looks == 1


async def test_a_question_that_was_taken_back_counts_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was answered before it was over, and is asked again when it is."""
    box = Box(monkeypatch)
    await box.ask("One?")
    for _ in range(3):
        await box.ask("Two")
        box.context.items.pop()
    assert await box.ask("Two?") == [["One?", "1"], ["Two?", "5"]]


async def test_without_video_the_question_goes_without(monkeypatch: pytest.MonkeyPatch) -> None:
    box = Box(monkeypatch, blind=True)
    assert await box.ask("One?") == [["One?"]]
    assert box.told == []


async def test_a_model_that_refuses_pictures_gets_no_more_and_another_one_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    box = Box(monkeypatch)
    await box.ask("One?")
    box.thinker.on_blind()
    assert box.told == [False]
    assert await box.ask("Two?") == [["One?"], ["Two?"]]
    box.thinker.model = "n"
    assert (await box.ask("Three?"))[-1] == ["Three?", "2"]
    assert box.told == [False, True]


# -- the model


class Blind(FakeModels):
    """Refuses pictures."""

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        self.requests.append(request)
        if "image_url" in str(request.messages):
            raise BadRequestError("HTTP 400: no images", status=400)
        yield {"id": "c", "choices": [{"index": 0, "delta": {"content": "Hm."}, "finish_reason": "stop"}]}


def seen() -> llm.ChatContext:
    context = llm.ChatContext.empty()
    for text in ("One?", "Two?", "Three?"):
        context.add_message(role="user", content=text)
    last = context.items[-1].id
    return with_pictures(context, lambda name: "data:image/jpeg;base64,/9j/4A==" if name == last else None)


async def test_a_refused_question_is_asked_again_without_its_pictures_and_as_long_as_it_was() -> None:
    models, told = Blind(), []
    model = RoutedModel(cast(Models, models), DEFAULT_PROFILE)
    model.on_blind = lambda: told.append(True)
    async with model.chat(chat_ctx=seen()) as stream:
        assert (await stream.collect()).text == "Hm."
    assert told == [True]
    assert [len(request.messages) for request in models.requests] == [3, 3]
    assert models.requests[1].messages[-1]["content"] == "Three?"


async def test_one_that_is_refused_all_the_same_is_not_the_pictures_fault() -> None:
    models, told = FakeModels(), []
    models.answer = BadRequestError("HTTP 400", status=400)
    model = RoutedModel(cast(Models, models), DEFAULT_PROFILE)
    model.on_blind = lambda: told.append(True)
    with pytest.raises(APIStatusError):
        async with model.chat(chat_ctx=seen()) as stream:
            await stream.collect()
    assert told == []
