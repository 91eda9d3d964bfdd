"""An avatar as LiveKit's plugins make them, without a face: a second participant that says what it is sent.

A module like ``livekit.plugins.bithuman``: its class is `AvatarSession`. It lives in the agent's own process, and shows
the key that it is given in its participant's attributes, as that plugin does. The RPC method ``stub.leave`` of its
participant makes it leave. The face ``late`` comes after a minute.
"""

from __future__ import annotations

import asyncio
from typing import Any

from livekit import api, rtc
from livekit.agents import AgentSession, get_job_context
from livekit.agents.voice import avatar
from livekit.agents.voice.io import AudioOutput

_RATE = 24_000
_SIDE = 64  # pixels


class AvatarSession(avatar.AvatarSession[Any]):
    def __init__(
        self,
        *,
        api_secret: str,
        avatar_participant_identity: str,
        avatar_participant_name: str,
        face: str = "plain",
    ) -> None:
        super().__init__()
        self._key = api_secret
        self._face = face
        self._identity = avatar_participant_identity
        self._name = avatar_participant_name
        self._own = rtc.Room()
        self._source = rtc.AudioSource(_RATE, 1)
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def avatar_identity(self) -> str:
        return self._identity

    async def start(  # type: ignore[override]
        self,
        agent_session: AgentSession[Any],
        room: rtc.Room,
        *,
        livekit_url: str,
        livekit_api_key: str,
        livekit_api_secret: str,
    ) -> None:
        await super().start(agent_session, room)
        me = get_job_context().local_participant_identity
        token = (
            api.AccessToken(livekit_api_key, livekit_api_secret)
            .with_kind("agent")
            .with_identity(self._identity)
            .with_name(self._name)
            .with_grants(api.VideoGrants(room_join=True, room=room.name))
            .with_attributes({"lk.publish_on_behalf": me, "api_secret": self._key})
            .to_jwt()
        )
        self._tasks.append(asyncio.create_task(self._appear(livekit_url, token, me), name="avatar-stub"))
        sink: AudioOutput = avatar.DataStreamAudioOutput(
            room=room, destination_identity=self._identity, sample_rate=_RATE
        )
        agent_session.output.replace_audio_tail(sink)

    async def aclose(self) -> None:
        await super().aclose()
        await self._vanish()

    async def _vanish(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._own.isconnected():
            await self._own.disconnect()

    async def _appear(self, url: str, token: str, agent: str) -> None:
        if self._face == "late":
            await asyncio.sleep(60)
        await self._own.connect(url, token)
        receiver = avatar.DataStreamAudioReceiver(self._own, sender_identity=agent)
        await receiver.start()  # before it is seen: what is sent before is lost
        me = self._own.local_participant
        voice = rtc.LocalAudioTrack.create_audio_track("voice", self._source)
        await me.publish_track(voice, rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE))
        picture = rtc.VideoSource(_SIDE, _SIDE)
        face = rtc.LocalVideoTrack.create_video_track("face", picture)
        await me.publish_track(face, rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_CAMERA))

        async def leave(_: rtc.RpcInvocationData) -> str:
            asyncio.get_running_loop().call_later(0.05, asyncio.ensure_future, self._own.disconnect())
            return ""

        me.register_rpc_method("stub.leave", leave)
        await self._speak(receiver)

    async def _speak(self, receiver: avatar.DataStreamAudioReceiver) -> None:
        said = 0.0

        def on_clear() -> None:
            nonlocal said
            self._source.clear_queue()
            receiver.notify_playback_finished(said, interrupted=True)
            said = 0.0

        receiver.on("clear_buffer", on_clear)
        async for frame in receiver:
            if isinstance(frame, rtc.AudioFrame):
                await self._source.capture_frame(frame)
                said += frame.duration
            else:
                await self._source.wait_for_playout()
                if said:
                    receiver.notify_playback_finished(said, interrupted=False)
                said = 0.0
