"""An avatar that speaks in the agent's place, and the room's own sound whenever it does not."""

from __future__ import annotations

import asyncio
import importlib
import logging
from collections.abc import Callable
from typing import Any

import aiohttp
from livekit import rtc
from livekit.agents import AgentSession, APIConnectionError, APIStatusError
from livekit.agents.voice.io import AudioOutput

from config import LiveKitLogin, read_key
from session.avatar_list import AVATARS, FaceError, Place, Plugin
from session.avatar_output import AvatarOutput
from session.avatar_watch import AvatarWatch
from wire import Avatar

logger = logging.getLogger(__name__)

START_TIMEOUT = 10.0
"""Seconds until an avatar is in the room with its picture, or does not come."""

GREETING_WAIT = 3.0
"""Seconds that the greeting waits for it. Avatars take two to six to come; a human hangs up on a silent line."""

CLOSE_TIMEOUT = 1.5
"""Seconds to send it away."""

ABSENT = "absent"
"""How it is until it is there."""

_QUIET_LOOK = 0.1
"""Seconds between two looks whether nobody speaks any more. It takes over between two utterances."""


class Face:
    """One avatar in one call. Whatever becomes of it, the call goes on with the room's own sound.

    Args:
        avatar: Which one.
        name: Of its participant, for people.
        login: Where LiveKit is; the plugin makes the avatar's token.
        on_state: Told how it is, at each change: `ABSENT`, ``failed: <reason>``, or None when it speaks.
    """

    def __init__(
        self, avatar: Avatar, *, name: str, login: LiveKitLogin, on_state: Callable[[str | None], None]
    ) -> None:
        self._avatar = avatar
        self._name = name
        self._login = login
        self._on_state = on_state
        self._task: asyncio.Task[None] | None = None
        self._settled = asyncio.Event()  # it is there, or will never be
        self._gone: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._output: AvatarOutput | None = None  # while it speaks

    def begin(self, session: AgentSession[None], room: rtc.Room) -> None:
        self._on_state(ABSENT)
        self._task = asyncio.create_task(self._live(session, room), name="call-avatar")

    async def ready(self) -> None:
        """Wait until it is there or has failed, `GREETING_WAIT` at most: then the room's own sound begins."""
        try:
            async with asyncio.timeout(GREETING_WAIT):
                await self._settled.wait()
        except TimeoutError:
            logger.info("the avatar is late, the agent begins without it", extra={"action": "avatar.late"})

    async def aclose(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _live(self, session: AgentSession[None], room: rtc.Room) -> None:
        usual = _last_of(session.output.audio)
        stage = _Stage(session)
        plugin: Any = None
        watch: AvatarWatch | None = None
        is_late = False
        try:
            await _connected(room)
            try:
                async with asyncio.timeout(START_TIMEOUT):
                    plugin = await self._make(room)
                    await self._start(plugin, stage, room)
                watch = AvatarWatch(room, plugin.avatar_identity, on_gone=self._end)
                self._settled.set()
                await self._take_over(session, stage)
                reason = await self._gone
            except Exception as error:  # noqa: BLE001  # whatever a plugin of others raises, the call goes on
                reason = _reason(error)
                is_late = isinstance(error, TimeoutError)
            logger.warning(
                "the avatar is not there; the call goes on without it",
                extra={"action": "avatar.failed", "provider": self._avatar.provider, "reason": reason},
            )
            self._on_state(f"failed: {reason}")
            self._give_back(session, usual)
            self._settled.set()
            if is_late and plugin is not None:
                await _joined(plugin)  # and then it is sent away: it would be a face without a voice
        finally:
            if watch is not None:
                watch.close()
            # A dead avatar never says that it has finished, and the pipeline would wait for that when it closes.
            self._give_back(session, usual)
            if plugin is not None:
                await _close(plugin)

    async def _make(self, room: rtc.Room) -> Any:
        """The plugin's `AvatarSession`, not started."""
        row = AVATARS.get(self._avatar.provider)
        if row is None:
            raise FaceError("unknown provider")
        # On the event loop: LiveKit's plugins register themselves, and only the main thread may do that.
        kind = importlib.import_module(row.module).AvatarSession
        options = {
            row.key_as: await self._key(row, room.name),
            # It begins as all of ours do, so it is nobody's human whatever its attributes say.
            "avatar_participant_identity": f"{room.local_participant.identity}-avatar",
            "avatar_participant_name": self._name,
        }
        if self._avatar.model is not None:
            options[row.model_as] = self._avatar.model
        return kind(**options)

    async def _key(self, row: Plugin, room_name: str) -> str:
        key = read_key(row.key)
        if key is None:
            raise FaceError(f"{row.key} is not set")
        if row.needs_model and self._avatar.model is None:
            raise FaceError("no model is named")
        if row.room_key is None:
            return key.get_secret_value()
        place = Place(model=self._avatar.model, room_name=room_name, livekit_url=self._login.url)
        return await row.room_key(key, place)

    async def _start(self, plugin: Any, stage: _Stage, room: rtc.Room) -> None:
        await plugin.start(
            stage,
            room=room,
            livekit_url=self._login.url,
            livekit_api_key=self._login.api_key,
            livekit_api_secret=self._login.api_secret.get_secret_value(),
        )
        if stage.output.audio is None:  # some plugins log their failure and return
            raise FaceError("refused")
        await plugin.wait_for_join(timeout=START_TIMEOUT)

    async def _take_over(self, session: AgentSession[None], stage: _Stage) -> None:
        """Let the avatar speak, from the next utterance on."""
        # There is no event for it.
        while session.current_speech is not None and not self._gone.done():  # noqa: ASYNC110
            await asyncio.sleep(_QUIET_LOOK)
        if self._gone.done() or stage.output.audio is None:
            return
        self._output = AvatarOutput(stage.output.audio, on_stalled=lambda: self._end("went silent"))
        session.output.replace_audio_tail(self._output)
        logger.info("the avatar speaks", extra={"action": "avatar.speaks", "provider": self._avatar.provider})
        self._on_state(None)

    def _give_back(self, session: AgentSession[None], usual: AudioOutput | None) -> None:
        """Let the room's own sound be heard, from the next utterance on. What is being said is cut off."""
        output, self._output = self._output, None
        if output is None or usual is None:
            return
        output.give_up(lambda: session.output.replace_audio_tail(usual))
        if not output.is_quiet:
            try:
                session.interrupt(force=True)
            except RuntimeError:
                logger.debug("nothing to cut off, the pipeline is closing")

    def _end(self, reason: str) -> None:
        if not self._gone.done():
            self._gone.set_result(reason)


class _Stage:
    """The session as a plugin sees it: the output that it sets is kept, and takes over when the avatar is there.

    A plugin sets it as soon as it has asked for an avatar. That would cut off what is being said, and make what is said
    next wait for an avatar that may never come.
    """

    def __init__(self, session: AgentSession[None]) -> None:
        self.output = _StageOutput()
        self._session = session

    def emit(self, *_: object) -> None:
        """Plugins tell their own metrics, which nobody here reads."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)


class _StageOutput:
    def __init__(self) -> None:
        self.audio: AudioOutput | None = None

    def replace_audio_tail(self, sink: AudioOutput) -> None:
        self.audio = sink


async def _connected(room: rtc.Room) -> None:
    if room.isconnected():
        return
    connected = asyncio.Event()

    def look(*_: object) -> None:
        if room.isconnected():
            connected.set()

    room.on("connection_state_changed", look)
    try:
        await connected.wait()
    finally:
        room.off("connection_state_changed", look)


async def _joined(plugin: Any) -> None:
    """Wait until it is in the room, without a limit: a provider may be slow, or will never send it."""
    try:
        await plugin.wait_for_join(timeout=None)
    except Exception as error:  # noqa: BLE001  # whatever a plugin of others raises
        logger.debug("the late avatar does not come", extra={"error": type(error).__name__})


async def _close(plugin: Any) -> None:
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT):
            await plugin.aclose()
    except Exception as error:  # noqa: BLE001  # a step of leaving, and not ours
        logger.debug("the avatar was not sent away", extra={"error": type(error).__name__})


def _last_of(output: AudioOutput | None) -> AudioOutput | None:
    """The end of the chain: what publishes sound in the room."""
    while output is not None and output.next_in_chain is not None:
        output = output.next_in_chain
    return output


def _reason(error: Exception) -> str:
    """In a few words, none of them the provider's own."""
    if isinstance(error, FaceError):
        return str(error)
    if isinstance(error, ImportError):
        return "not installed"
    if isinstance(error, APIStatusError):
        return "key refused" if error.status_code in {401, 403} else "refused"
    if isinstance(error, TimeoutError):
        return "did not start in time"
    return "unreachable" if isinstance(error, APIConnectionError | aiohttp.ClientError | OSError) else "broke"
