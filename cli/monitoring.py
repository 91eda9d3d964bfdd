"""Looks after the agents of this machine again and again, and logs a line when something changes."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from datetime import datetime

from cli.checking import Evidence, Finding
from cli.client import Client
from cli.correcting import correct, survey
from cli.errors import CommandError, RefusedError
from cli.processes import Look

logger = logging.getLogger(__name__)

_Key = tuple[str, str, Evidence | None]
"""Agent, incarnation, evidence: what was told once need not be told again."""


class Monitor:
    """The agents of one host.

    Args:
        inactive_after: Seconds without activity; None = nobody is called inactive.
        by: Who tells, for the history.
    """

    def __init__(
        self, client: Client, host: str, look: Look, *, inactive_after: float | None, by: str
    ) -> None:
        self._client = client
        self._host = host
        self._look = look
        self._inactive_after = inactive_after
        self._by = by
        self._told: set[_Key] = set()
        self._gone: set[_Key] = set()
        self._registry_started_at: datetime | None = None

    async def check(self) -> None:
        """Look once, and tell what is new."""
        found = await survey(self._client, self._host, self._look, inactive_after=self._inactive_after)
        if found.registry_started_at != self._registry_started_at:
            # What was seen of processes is forgotten when the registry ends.
            self._registry_started_at = found.registry_started_at
            self._told.clear()
        findings = [self._believed(finding) for finding in found.findings]
        fresh = {_key(finding): finding for finding in findings}
        self._told &= fresh.keys()
        for key, finding in fresh.items():
            if key not in self._told:
                await self._tell(finding)
                self._told.add(key)

    def _believed(self, finding: Finding) -> Finding:
        """Nobody is told gone twice: whoever speaks after the first time runs where we cannot see it."""
        if _key(finding) not in self._gone or finding.evidence is not Evidence.GONE:
            return finding
        return replace(finding, evidence=None, text=f"{finding.text}, but it was heard after that was told")

    async def _tell(self, finding: Finding) -> None:
        correction = await correct(self._client, finding, by=self._by)
        if finding.evidence is Evidence.GONE and not correction.is_refused:
            self._gone.add(_key(finding))
        values = {"agent": finding.agent.agent_id, "found": finding.text}
        if finding.evidence is None:
            logger.info("an agent is left alone", extra={"action": "monitor.left_alone", **values})
            return
        logger.log(
            logging.WARNING if correction.is_refused else logging.INFO,
            "the registry was told of an agent",
            extra={"action": f"monitor.{finding.evidence.value}", **values, "outcome": correction.text},
        )


def _key(finding: Finding) -> _Key:
    return finding.agent.agent_id, finding.agent.incarnation, finding.evidence


async def run(monitor: Monitor, *, interval: float) -> None:
    """Check every `interval` seconds, for ever, whether the registry answers or not.

    Raises:
        RefusedError: The registry did not let us in at the first check: only a person can mend that.
    """
    loop = asyncio.get_running_loop()
    next_at = loop.time()
    lost_at: float | None = None
    is_first = True
    while True:
        try:
            await monitor.check()
        except CommandError as error:
            if is_first and isinstance(error, RefusedError) and error.is_about_access:
                raise
            if lost_at is None:
                lost_at = loop.time()
                logger.warning("the registry is lost", extra={"action": "monitor.lost", "reason": str(error)})
        else:
            if lost_at is not None:
                away = round(loop.time() - lost_at)
                logger.info("the registry answers again", extra={"action": "monitor.found", "seconds": away})
                lost_at = None
        is_first = False
        next_at = max(next_at + interval, loop.time())
        await asyncio.sleep(next_at - loop.time())
