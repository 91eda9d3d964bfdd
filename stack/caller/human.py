"""A human in a room who does what a script says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from livekit import rtc

from stack.address import Address
from stack.caller.bounded import CONNECT_TIMEOUT, STEP_TIMEOUT, limited, uncancelled
from stack.caller.captions import Caption, Captions
from stack.caller.ears import Ear, Sound
from stack.caller.microphone import Microphone
from stack.caller.voice import SAMPLE_RATE, noise, speak
from stack.caller.watching import Watcher
from stack.errors import StackError
from stack.local_models import transcribe
from stack.until import until

_PAUSE = 1.0
"""Seconds without sound after which somebody has finished: longer than the gaps between sentences."""
_MARGIN = 0.2
"""Seconds of sound before and after an utterance that are transcribed with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    text: str
    started_at: float
    ended_at: float
    """When the last audible sample was played, in the loop's time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    identity: str
    started_at: float
    """When the first audible sample arrived, in the loop's time."""
    ended_at: float
    text: str
    """As the local models understood it; without them, as the speaker's captions say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    at: float
    name: str
    """`joined`, `left`, `participant_connected`, `participant_disconnected`, `reconnecting`, `reconnected`
    or `disconnected`."""
    identity: str


class Caller(Watcher):
    """A human with a microphone and ears, as a context manager. It may leave and join again.

    Args:
        address: LiveKit.
        room: Name of the room; it is created by whoever comes first.
        identity: Unique in the room. Who joins with the same one puts the first one out.
        name: Shown to others.
        attributes: Of the participant.
        publish: Have a microphone. Without one LiveKit tells others up to 3 s late that it came or went.
        departure_timeout: Seconds, of the room, if this is who creates it; None = the server's default.
        models_url: Who transcribes what is heard; None = captions are taken instead.
        token: Used as it is instead of one made from `address`.
    """

    def __init__(
        self,
        address: Address,
        room: str,
        identity: str = "guest",
        *,
        name: str = "",
        attributes: Mapping[str, str] | None = None,
        publish: bool = True,
        departure_timeout: int | None = None,
        models_url: str | None = None,
        token: str | None = None,
    ) -> None:
        self.room_name = room
        self.identity = identity
        self.events: list[Event] = []
        """All that happened, oldest first, over all its joins."""
        self._url = address.url
        self._token = token or address.token(
            room=room,
            identity=identity,
            name=name,
            attributes=attributes,
            departure_timeout=departure_timeout,
        )
        self._publish = publish
        self._models_url = models_url
        self._room: rtc.Room | None = None
        self._microphone: Microphone | None = None
        self._captions: Captions | None = None
        self._old_captions: list[Caption] = []
        self._sounds: dict[str, Sound] = {}
        self._ears: dict[str, Ear] = {}  # by track
        self._closing: set[asyncio.Task[None]] = set()

    # Coming and going

    async def join(self) -> None:
        """Join, and publish the microphone.

        Raises:
            livekit.rtc.ConnectError: LiveKit does not answer or refuses.
        """
        if self._room is not None:
            raise StackError(f"{self.identity} is in {self.room_name} already")
        room = rtc.Room()
        self._listen_to(room)
        self._captions = Captions(room)
        self._room = room
        async with AsyncExitStack() as undo:
            undo.push_async_callback(self.leave)
            await uncancelled(
                room.connect(self._url, self._token, rtc.RoomOptions(connect_timeout=CONNECT_TIMEOUT))
            )
            self._note("joined", self.identity)
            if self._publish:
                self._microphone = Microphone()
                self._microphone.start()
                track = rtc.LocalAudioTrack.create_audio_track("microphone", self._microphone.source)
                options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
                await limited(room.local_participant.publish_track(track, options))
            undo.pop_all()

    async def leave(self) -> None:
        """Leave politely, as a closed or reloaded page does. May be called twice."""
        room, self._room = self._room, None
        if room is None:
            return
        try:
            if room.isconnected():
                await limited(room.disconnect())
                self._note("left", self.identity)
        finally:
            if self._microphone is not None:
                await self._microphone.aclose()
            for track in list(self._ears):
                self._close_ear(track)
            if self._captions is not None:
                await self._captions.aclose()
                self._old_captions += self._captions.all
                self._captions = None
            if self._closing:
                await asyncio.wait(self._closing, timeout=STEP_TIMEOUT)
            self._microphone = None

    async def reload(self, *, away: float = 0.3) -> None:
        """Leave and come back with the same identity after `away` seconds, as a reloaded page does."""
        await self.leave()
        await asyncio.sleep(away)
        await self.join()

    async def simulate(self, scenario: rtc.SimulateScenarioKind.ValueType) -> None:
        """Break the connection in one of the SDK's ways, like `SIMULATE_FULL_RECONNECT`."""
        await limited(self.room.simulate_scenario(scenario))

    # Talking

    async def say(self, text: str) -> Said:
        """Say it, and return when the last sample was played."""
        if self._microphone is None:
            raise StackError(f"{self.identity} has no microphone in {self.room_name}")
        loop = asyncio.get_running_loop()
        pcm = await loop.run_in_executor(None, speak, text)
        ended_at = await self._microphone.play(pcm)
        return Said(text=text, started_at=ended_at - len(pcm) / 2 / SAMPLE_RATE, ended_at=ended_at)

    async def make_noise(self, seconds: float) -> None:
        """Send noise that is no speech, and return when its last sample was played."""
        if self._microphone is None:
            raise StackError(f"{self.identity} has no microphone in {self.room_name}")
        await self._microphone.play(noise(seconds))

    async def perform_rpc(
        self, identity: str, method: str, payload: str = "", *, response_timeout: float = 10.0
    ) -> str:
        """Call an RPC method of another participant.

        Raises:
            livekit.rtc.RpcError: It does not answer, or with an error.
        """
        call = self.room.local_participant.perform_rpc(
            destination_identity=identity, method=method, payload=payload, response_timeout=response_timeout
        )
        return await limited(call)

    # Listening

    async def hear(
        self, *, after: float, limit: float, speaker: str | None = None, pause: float = _PAUSE
    ) -> Heard:
        """What `speaker` says from `after` on, once there is silence again.

        Args:
            after: In the loop's time, like `Said.ended_at`. A speaker who already speaks then is heard from
                the middle.
            limit: Seconds from now until the first audible sample; the utterance may take a minute more.
            speaker: Identity; None = whichever agent speaks first.
            pause: Seconds of silence that end it.

        Raises:
            LateError: Nothing was heard in time, or it never ended.
        """
        loop = asyncio.get_running_loop()
        identity, started_at = await self.hear_start(after=after, limit=limit, speaker=speaker)
        sound = self._sounds[identity]
        ended_at = await until(
            lambda: sound.end_of_speech(started_at, now=loop.time(), pause=pause),
            timeout=60,
            what=f"{identity} to finish",
        )
        text = await self._understand(identity, sound, started_at, ended_at)
        return Heard(identity=identity, started_at=started_at, ended_at=ended_at, text=text)

    async def hear_start(
        self, *, after: float, limit: float, speaker: str | None = None
    ) -> tuple[str, float]:
        """Who is heard first at or after `after`, and when.

        Raises:
            LateError: Nobody, within `limit` seconds from now.
        """

        def look() -> tuple[str, float] | None:
            first = [
                (at, identity)
                for identity, sound in self._sounds.items()
                if (identity == speaker if speaker else self._is_agent(identity))
                and (at := sound.first_audible(after)) is not None
            ]
            return min(first)[::-1] if first else None

        return await until(look, timeout=limit, what=f"{speaker or 'an agent'} to be heard", interval=0.01)

    async def wait_for_silence(self, *, limit: float, pause: float = _PAUSE) -> None:
        """Wait until nobody has been heard for `pause` seconds.

        Raises:
            LateError: Somebody goes on.
        """
        loop = asyncio.get_running_loop()

        def look() -> bool:
            since = loop.time() - pause
            return all(sound.last_audible(since) is None for sound in self._sounds.values())

        await until(look, timeout=limit, what="silence")

    @property
    def captions(self) -> list[Caption]:
        """All captions so far, oldest first."""
        return self._old_captions + (self._captions.all if self._captions is not None else [])

    def sound_of(self, identity: str) -> Sound:
        """What was heard of a participant; empty when nothing was."""
        return self._sounds.setdefault(identity, Sound())

    async def __aenter__(self) -> Self:
        await self.join()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.leave()

    def _is_agent(self, identity: str) -> bool:
        return identity in self.agents

    async def _understand(self, identity: str, sound: Sound, started_at: float, ended_at: float) -> str:
        if self._models_url is not None:
            pcm = sound.pcm(started_at - _MARGIN, ended_at + _MARGIN)
            return await transcribe(self._models_url, pcm, sample_rate=SAMPLE_RATE)
        said = [one for one in self.captions if one.identity == identity and one.at >= started_at]
        return " ".join(one.text for one in said)

    def _note(self, name: str, identity: str) -> None:
        self.events.append(Event(at=asyncio.get_running_loop().time(), name=name, identity=identity))

    def _listen_to(self, room: rtc.Room) -> None:
        def on_track(
            track: rtc.Track, publication: rtc.RemoteTrackPublication, participant: rtc.RemoteParticipant
        ) -> None:
            if track.kind == rtc.TrackKind.KIND_AUDIO:
                self._ears[publication.sid] = Ear(track, self.sound_of(participant.identity))

        def on_track_gone(
            track: rtc.Track, publication: rtc.RemoteTrackPublication, participant: rtc.RemoteParticipant
        ) -> None:
            self._close_ear(publication.sid)

        room.on("track_subscribed", on_track)
        room.on("track_unsubscribed", on_track_gone)

        def note_me(name: str) -> Callable[..., None]:
            return lambda *_: self._note(name, self.identity)

        def note_other(name: str) -> Callable[[rtc.RemoteParticipant], None]:
            return lambda participant: self._note(name, participant.identity)

        room.on("participant_connected", note_other("participant_connected"))
        room.on("participant_disconnected", note_other("participant_disconnected"))
        room.on("reconnecting", note_me("reconnecting"))
        room.on("reconnected", note_me("reconnected"))
        room.on("disconnected", note_me("disconnected"))

    def _close_ear(self, track: str) -> None:
        ear = self._ears.pop(track, None)
        if ear is None:
            return
        task = asyncio.create_task(ear.aclose(), name="ear-close")
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
