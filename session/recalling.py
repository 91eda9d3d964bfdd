"""What was said before an agent took another one's place."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from livekit.agents import llm

from session.registry_api import RegistryApi, RegistryApiError
from wire import Turn

logger = logging.getLogger(__name__)

BREAK = "Sorry, I was cut off for a moment. Please go on."
"""Said instead of the greeting."""

RECALL_TIMEOUT = 1.5
"""Seconds to ask for it. Somebody waits for the agent to speak."""

MOST_TURNS = 40
MOST_CHARACTERS = 24_000
"""Of the turns together: what a model of this machine can still take, and half an hour of talk."""


async def recall(api: RegistryApi | None, incarnation: str) -> tuple[Turn, ...]:
    """The end of the conversation that session `incarnation` had, oldest first. Never raises; empty = not known."""
    if api is None:
        return ()
    try:
        turns = await api.turns(incarnation, limit=MOST_TURNS, timeout=RECALL_TIMEOUT)
    except RegistryApiError as error:
        logger.warning(
            "what was said before cannot be had; the agent goes on without it",
            extra={"action": "recall.failed", "resumes": incarnation, "error": str(error)},
        )
        return ()
    logger.info(
        "the agent goes on with a conversation",
        extra={"action": "recall.done", "resumes": incarnation, "turns": len(turns)},
    )
    return _last([turn for turn in turns if turn.is_kept])


def with_turns(context: llm.ChatContext, turns: Sequence[Turn], *, after: str | None) -> llm.ChatContext:
    """A copy of `context` with `turns` in it.

    Args:
        after: Id of the item behind which they stand, as what was said since then comes later; None = behind the
            instructions.
    """
    copy = context.copy()
    index = None if after is None else copy.index_by_id(after)
    if index is None:
        heads = [
            i
            for i, item in enumerate(copy.items)
            if isinstance(item, llm.ChatMessage) and item.role == "system"
        ]
        index = heads[0] if heads == [0] else -1
    recalled: list[llm.ChatItem] = [
        llm.ChatMessage(role=turn.role, content=[turn.text], interrupted=turn.interrupted) for turn in turns
    ]
    place = index + 1
    return llm.ChatContext([*copy.items[:place], *recalled, *copy.items[place:]])


def _last(turns: Sequence[Turn]) -> tuple[Turn, ...]:
    """The last turns, as many as fit."""
    kept: list[Turn] = []
    size = 0
    for turn in reversed(turns[-MOST_TURNS:]):
        size += len(turn.text)
        if kept and size > MOST_CHARACTERS:
            break
        kept.append(turn)
    return tuple(reversed(kept))
