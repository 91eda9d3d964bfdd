"""Whether the agent's sound is in the room."""

from __future__ import annotations

from livekit import rtc
from livekit.agents import AgentSession
from livekit.agents.voice.io import AudioOutput

MUTE_LIMIT = 10.0
"""Seconds without it until it is not waited for. It takes some tens of milliseconds; a busy machine gets the rest."""


class VoiceWatch:
    """Misses the track that carries what the agent says.

    livekit-agents 1.8.9 (`room_io/room_io.py`, `_init_task`) publishes it once, when the first human is there. A
    failure is a line in its log; what the agent says waits from then on, and it hears nothing meanwhile.

    Args:
        session: Just started, so that its sound goes to the room.
        room: Need not be connected yet.
    """

    def __init__(self, session: AgentSession[None], room: rtc.Room) -> None:
        self._session = session
        self._room = room
        self._own = _last_of(session.output.audio)
        self._mute_since: float | None = None

    def is_lost(self, *, is_wanted: bool, now: float) -> bool:
        """Whether it has been missing for `MUTE_LIMIT` on end. To be asked every few seconds.

        While LiveKit is out of reach nothing is missing: its SDK publishes anew what was there before.

        Args:
            is_wanted: Somebody is there to hear it.
            now: Seconds, monotonic.
        """
        if not is_wanted or not self._is_missing:
            self._mute_since = None
            return False
        if self._mute_since is None:
            self._mute_since = now
        return now >= self._mute_since + MUTE_LIMIT

    @property
    def _is_missing(self) -> bool:
        if self._room.connection_state != rtc.ConnectionState.CONN_CONNECTED:
            return False
        if _last_of(self._session.output.audio) is not self._own:
            return False  # an avatar speaks
        published = self._room.local_participant.track_publications.values()
        return not any(one.kind == rtc.TrackKind.KIND_AUDIO for one in published)


def _last_of(output: AudioOutput | None) -> AudioOutput | None:
    while output is not None and output.next_in_chain is not None:
        output = output.next_in_chain
    return output
