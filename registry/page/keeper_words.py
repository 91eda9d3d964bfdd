"""What keeps the room keeper from its work, and the way out, in words. Pure."""

from __future__ import annotations

from typing import NamedTuple

from registry.page.words import count
from rooms.views import KeeperView


class Notice(NamedTuple):
    level: str
    """`info`, `warning` or `error`."""

    text: str


_NO_KEYS = (
    "Rooms are not kept yet. To have an agent in every room with a human, set LIVEKIT_URL, LIVEKIT_API_KEY and "
    "LIVEKIT_API_SECRET where this registry runs (in its environment, or in .env.local), and start it again."
)
_TURNED_OFF = (
    "Rooms are not kept: ROOM_KEEPING is off. Set it to on, or leave it out, and start this registry again."
)
_NOT_LEADING = (
    "Another registry on this database keeps the rooms. This one takes over by itself when that one ends."
)


def keeper_notices(state: KeeperView) -> list[Notice]:
    """The keeper's own state, what is worst first; nothing when all is well."""
    if not state.is_on and state.livekit_url is None:
        return [Notice("info", _NO_KEYS)]
    if not state.is_on:
        return [Notice("info", _TURNED_OFF)]
    notices = []
    if not state.is_reachable:
        why = f" {_sentence(state.trouble)}" if state.trouble else ""
        text = (
            f"LiveKit at {state.livekit_url} is out of reach.{why} What is shown is how it was; "
            "agents stay in their rooms."
        )
        notices.append(Notice("error", text))
    elif state.trouble and state.is_leading:
        notices.append(Notice("warning", _sentence(state.trouble)))
    if not state.is_leading:
        notices.append(Notice("info", _NOT_LEADING))
    if state.forged_webhooks:
        text = (
            f"{count(state.forged_webhooks, 'webhook')} with a wrong signature came in and counted for nothing: "
            "LiveKit signs with other keys than ours, or somebody pretends to be LiveKit."
        )
        notices.append(Notice("warning", text))
    return notices


def _sentence(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."
