"""What can go wrong with a heartbeat. Only `StatusError` ever reaches a caller."""

from __future__ import annotations

from wire import Refused


class HeartbeatError(Exception):
    """The base of all."""


class StatusError(HeartbeatError, ValueError):
    """A status function cannot take a value, or a setting is wrong. The message has the value and the way out."""


class UnreachableError(HeartbeatError):
    """The registry did not take a message: nobody answers, or not as a registry does. The message says how, shortly."""


class RefusedError(HeartbeatError):
    """The registry answers, and does not take this beat."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(f"{refused.code}: {refused.message}")
        self.refused = refused
