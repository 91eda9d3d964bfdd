"""An agent that is shown a picture of the human's camera or screen with each question."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterable, Callable, Collection, Mapping
from typing import Literal, Protocol, cast, get_args

from livekit import rtc
from livekit.agents import Agent, AgentSession, FlushSentinel, ModelSettings, llm

from session.pictures import PLACEHOLDER, data_url, jpeg_of, with_pictures

logger = logging.getLogger(__name__)

MOST_PICTURES = 2
"""Pictures in a request: the question's, and the one before it. Older ones are a word."""

FIRST_FRAME_TIMEOUT = 0.5
"""Seconds that a question waits for a track that has just come. One at 15 frames a second takes 50 ms."""

MOST_HUMANS = 2
"""Humans whose tracks are read: the one that is listened to, and the one before. Each costs another 1 % of a core."""

_RULE = (
    "When they share their camera or screen, you are shown a picture of it with what they say: you see it."
)

_SOURCES = (rtc.TrackSource.SOURCE_SCREENSHARE, rtc.TrackSource.SOURCE_CAMERA)
"""The first that is there is looked at."""

_Event = Literal[
    "track_subscribed",
    "track_unsubscribed",
    "track_muted",
    "track_unmuted",
    "participant_disconnected",
    # Another human may be listened to from then on. `Presence` has registered before: handlers run in that order.
    "active_speakers_changed",
    "connection_quality_changed",
]
_EVENTS: tuple[_Event, ...] = get_args(_Event)


class Thinker(Protocol):
    """The language model, as far as it matters here."""

    on_blind: Callable[[], None]

    @property
    def model(self) -> str: ...
    @property
    def provider(self) -> str: ...


class Eye:
    """Keeps the newest frame of what the listened-to human shows.

    Its track is read all the time: opened with the question, it would miss what a screen showed before it stood still.
    For the same reason the track of whoever was listened to before is read on: a word in between must not take a
    picture away. Reading costs 1 % of a core at 720p; being decoded, which happens anyway, 6 %. Frames stay in memory,
    and there is one of each track.
    """

    def __init__(self) -> None:
        self._session: AgentSession[None] | None = None
        self._room: rtc.Room | None = None
        self._heard: list[str] = []  # identities, whoever is listened to now last
        self._looks: dict[str, _Look] = {}  # by those
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, session: AgentSession[None], room: rtc.Room) -> None:
        self._session, self._room = session, room
        for event in _EVENTS:
            room.on(event, self._aim)
        self._aim()

    async def ready(self) -> None:
        """Nobody waits for it."""

    async def aclose(self) -> None:
        if self._room is not None:
            for event in _EVENTS:
                self._room.off(event, self._aim)
            self._room = None
        self._look_at({})
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def picture(self) -> str | None:
        """What is shown now, as a data URL; None = nothing is, or nothing that can be seen. Never raises."""
        look = self._aim()
        if look is None:
            return None
        try:
            async with asyncio.timeout(FIRST_FRAME_TIMEOUT):
                await look.has_frame.wait()
        except TimeoutError:
            return None
        newest = look.newest
        if newest is None:
            return None
        try:
            return data_url(
                await asyncio.to_thread(jpeg_of, newest.frame, rotation=cast(int, newest.rotation))
            )
        except Exception as error:  # noqa: BLE001  # whatever a human's track holds, the question goes without it
            logger.warning(
                "a frame is no picture, the question goes without it",
                extra={
                    "action": "vision.no_picture",
                    "error": type(error).__name__,
                    "size": f"{newest.frame.width}x{newest.frame.height}",
                },
            )
            return None

    def _aim(self, *_: object) -> _Look | None:
        """Look at what is to be looked at now, and return what the listened-to human shows. At any time."""
        if self._session is None or self._room is None:
            return None
        human = self._session.room_io.linked_participant
        if human is not None:
            before = [identity for identity in self._heard if identity != human.identity]
            self._heard = [*before, human.identity][-MOST_HUMANS:]
        shown: dict[str, rtc.RemoteTrackPublication] = {}
        for identity in self._heard:
            # The pipeline's own object may be of an earlier join.
            present = self._room.remote_participants.get(identity)
            publication = None if present is None else shown_by(present.track_publications.values())
            if publication is not None:
                shown[identity] = publication
        self._look_at(shown)
        return None if human is None else self._looks.get(human.identity)

    def _look_at(self, shown: Mapping[str, rtc.RemoteTrackPublication]) -> None:
        for identity, look in tuple(self._looks.items()):
            if identity not in shown or shown[identity].sid != look.sid:
                self._looks.pop(identity).task.cancel()
        for identity, publication in shown.items():
            if identity not in self._looks and publication.track is not None:
                look = self._looks[identity] = _Look(publication.sid, publication.track)
                self._tasks.add(look.task)
                look.task.add_done_callback(self._tasks.discard)


class _Look:
    """One track, read until its task is cancelled."""

    def __init__(self, sid: str, track: rtc.Track) -> None:
        self.sid = sid
        self.newest: rtc.VideoFrameEvent | None = None
        self.has_frame = asyncio.Event()
        self.task = asyncio.create_task(self._read(track), name="call-eye")

    async def _read(self, track: rtc.Track) -> None:
        stream = rtc.VideoStream.from_track(track=track, capacity=1)
        try:
            async for event in stream:
                self.newest = event
                self.has_frame.set()
        finally:
            await stream.aclose()


def shown_by(publications: Collection[rtc.RemoteTrackPublication]) -> rtc.RemoteTrackPublication | None:
    """The track to look at: the screen, else the camera; one that is muted shows nothing."""
    visible = [
        one
        for one in publications
        if one.kind == rtc.TrackKind.KIND_VIDEO and one.track is not None and not one.muted
    ]
    return next((one for source in _SOURCES for one in visible if one.source == source), None)


class Seer(Agent):
    """Shows the model, with each question, what the human shows at that moment.

    The conversation that is kept, written and told to others stays without pictures: they are put into the requests.

    Args:
        plain: The same agent without eyes.
        eye: Where pictures come from.
        thinker: Who is asked. One that has refused pictures gets none again.
        on_understood: Called with whether the one that answers takes pictures, when that changes.
    """

    def __init__(
        self, plain: Agent, *, eye: Eye, thinker: Thinker, on_understood: Callable[[bool], None]
    ) -> None:
        super().__init__(
            instructions=f"{plain.instructions}\n\n{_RULE}", chat_ctx=plain.chat_ctx, tools=list(plain.tools)
        )
        self._eye = eye
        self._thinker = thinker
        self._on_understood = on_understood
        self._blind: set[tuple[str, str]] = set()
        self._is_understood = True
        self._pictures: dict[str, str] = {}  # by their message's id, in the order of the questions
        thinker.on_blind = self._on_blind

    async def llm_node(
        self, chat_ctx: llm.ChatContext, tools: list[llm.Tool], model_settings: ModelSettings
    ) -> AsyncIterable[llm.ChatChunk | str | FlushSentinel]:
        return Agent.default.llm_node(self, await self._seen(chat_ctx), tools, model_settings)

    async def _seen(self, context: llm.ChatContext) -> llm.ChatContext:
        """The request: `context` with a picture for its last question, and with those that it had."""
        if not self._understands():
            return context
        asked = [item.id for item in context.items if item.type == "message" and item.role == "user"]
        if asked and asked[-1] not in self._pictures:
            picture = await self._eye.picture()
            if picture is not None:
                self._pictures[asked[-1]] = picture
        self._forget(set(asked))
        return with_pictures(context, self._pictures.get)

    def _forget(self, asked: Collection[str]) -> None:
        """Keep the last pictures; none of a question that was taken back, as one is that was answered too early."""
        self._pictures = {name: picture for name, picture in self._pictures.items() if name in asked}
        for name in list(self._pictures)[:-MOST_PICTURES]:
            self._pictures[name] = PLACEHOLDER

    def _understands(self) -> bool:
        understands = (self._thinker.provider, self._thinker.model) not in self._blind
        if understands != self._is_understood:
            self._is_understood = understands
            self._on_understood(understands)
        return understands

    def _on_blind(self) -> None:
        """It has refused a question with pictures, and answered it without."""
        self._blind.add((self._thinker.provider, self._thinker.model))
        logger.warning(
            "the model takes no pictures, it gets none any more",
            extra={"action": "vision.refused", "model": self._thinker.model},
        )
        self._understands()
