"""Says once that the registry does not take beats, and once that it does again."""

from __future__ import annotations

import logging

from heartbeat.errors import RefusedError, UnreachableError

logger = logging.getLogger(__name__)

_FINAL = {
    "token": "set REGISTRY_TOKEN to the registry's",
    "foreign": "use the registry's own address in WEB_UI_URL, or a token",
    "bad_beat": "give the status functions what the registry takes",
    "too_large": "give the status functions less text",
}
"""What only a person can mend, and how."""

_AWAY = "away"


class Outage:
    """Beats in a row that were not taken.

    One line when it begins, one when it ends, and one for each refusal that only a person can mend.

    Args:
        url: The registry's, for people.
    """

    def __init__(self, url: str) -> None:
        self.failures = 0
        self._url = url
        self._began_at = 0.0
        self._said: set[str] = set()

    def failed(self, error: UnreachableError | RefusedError, *, now: float) -> None:
        """Count a beat that was not taken, and say so if there is news in it."""
        if self.failures == 0:
            self._began_at = now
        self.failures += 1
        kind = error.refused.code if isinstance(error, RefusedError) and is_final(error) else _AWAY
        # A registry that answers is not away: say later what it says. But "away" is no news after that.
        if kind in self._said or (kind == _AWAY and self._said):
            return
        self._said.add(kind)
        logger.warning(
            "the registry at %s does not take beats: %s; this process goes on without it and keeps trying; %s",
            self._url,
            error,
            _FINAL.get(kind, "start it with `python -m registry`, or set WEB_UI_URL"),
            extra={"action": "heartbeat.away", "error": str(error)},
        )

    def worked(self, *, now: float) -> None:
        """A beat was taken."""
        if self.failures:
            logger.info(
                "the registry at %s takes beats again, after %.0f s",
                self._url,
                now - self._began_at,
                extra={"action": "heartbeat.back"},
            )
        self.failures = 0
        self._said.clear()


def is_final(error: RefusedError) -> bool:
    """Whether trying again changes nothing until a person does something."""
    return error.refused.code in _FINAL
