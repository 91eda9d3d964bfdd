"""Tells the registry the conversation as it happens, so that it outlives the process."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from heartbeat.schedule import patient_delay, retry_delay
from session.registry_api import BadAnswerError, RegistryApi, RegistryApiError
from session.roster import Human
from session.story import Story
from session.unsent import unsent_turns
from session.utterance import Utterance
from wire import Ended, SessionReport

logger = logging.getLogger(__name__)

GATHERING = 0.03
"""Seconds in which what happens at once goes into one report."""

TIMEOUT = 5.0
"""Seconds for one report."""

_MOST_USAGE = 50


class Reporting:
    """Reports of one call, one at a time. Nothing in it raises into the call, or holds it up.

    What the registry has not acknowledged is sent again: with full jitter up to half a minute.

    Args:
        api: The registry; None = there is none, and nothing of this does anything.
        about: What does not change: which agent, which room, which job.
        keeps_text: Tell what is said. Otherwise only who spoke and when, what happened and how it ended.
        local_usage: Types of usage (`stt_usage`, `tts_usage`, …) of models that run on a machine of one's own.
        spread: Chance, evenly from 0 to 1.
    """

    def __init__(
        self,
        api: RegistryApi | None,
        about: SessionReport,
        *,
        keeps_text: bool = True,
        local_usage: Collection[str] = (),
        spread: Callable[[], float] = random.random,
    ) -> None:
        self._api = api
        self._about = msgspec.structs.replace(about, is_transcribed=keeps_text)
        self._local_usage = frozenset(local_usage)
        self._spread = spread
        self._loop = asyncio.get_running_loop()
        self._began_at = self._loop.time()
        self._incarnation: str | None = None
        self._usage: Callable[[], Sequence[dict[str, Any]]] = list
        self._unsent = unsent_turns(began_at=self._began_at, keeps_text=keeps_text)
        self.story = Story()
        """What happens in the call; what is told to it is told to the registry."""

        self._most_humans = 0
        self._ended: Ended | None = None
        self._changed = asyncio.Event()
        self._hurry = asyncio.Event()  # set at the end: no pause is waited out
        self.keeps_rooms = False
        """The registry said last that it keeps an agent in every room."""

        self._is_end_told = False
        self._end_tried = asyncio.Event()
        self._failures = 0
        self._was_heard = False
        self.story.on_change = self._changed.set
        if about.resumes is not None:
            self.story.happened("recovered")

    @property
    def is_heard(self) -> bool:
        """The last report was taken."""
        return self._was_heard and not self._failures

    def begin(self, incarnation: str, *, usage: Callable[[], Sequence[dict[str, Any]]]) -> None:
        """Begin to report. May be called twice; the first time counts. What was said before is not lost.

        Args:
            incarnation: UUID of this life of the process; empty = nobody knows it by one, and it is not told of.
            usage: What each model has used so far, one JSON-able dict for each.
        """
        if self._incarnation is None and incarnation:
            self._incarnation = incarnation
            self._usage = usage
            self._changed.set()

    def take(self, said: Utterance) -> None:
        """Tell what was said."""
        if said.role == "user":
            self.story.somebody_spoke()
        elif said.interrupted:
            self.story.happened("interrupted")
        if self._api is not None:
            now = self._loop.time()
            self._unsent.add((said, now), now=now)
            self._changed.set()

    def count(self, humans: Sequence[Human]) -> None:
        """Take who is in the room now. May be called at any time; the first call is the first look."""
        self.story.counted(humans)
        if len(humans) > self._most_humans:
            self._most_humans = len(humans)
            self._changed.set()

    async def run(self) -> None:
        """Report for ever; `end` needs this to run."""
        if self._api is None:
            return
        while True:
            await self._changed.wait()
            self._changed.clear()
            if self._incarnation is None:
                continue
            if self._ended is None:
                await asyncio.sleep(GATHERING)
            try:
                delay = await self._report(self._api, self._incarnation)
            except Exception as error:
                if not self._failures:
                    logger.exception("a report failed", extra={"action": "report.broke"})
                delay = self._failed(RegistryApiError(type(error).__name__))
            if delay:
                await self._pause(delay)
                self._changed.set()

    async def end(self, reason: str, *, exit_code: int, timeout: float) -> bool:
        """Tell how the call ended, and everything that is not told yet.

        Args:
            reason: The close reason.
            exit_code: As the process means to end.
            timeout: Seconds to wait for the registry; 0 = do not. One that refuses is not waited for either.

        Returns:
            Whether the registry knows.
        """
        if self._api is None or self._incarnation is None:
            return False
        if self._ended is None:
            self.story.happened("closed", reason)
        self._ended = Ended(reason=reason, exit_code=exit_code)
        self._hurry.set()
        self._changed.set()
        if timeout <= 0:
            return False
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._end_tried.wait()
        if not self._is_end_told:
            logger.warning(
                "the registry did not take the end of the conversation",
                extra={"action": "report.end_lost", "turns": len(self._unsent)},
            )
        return self._is_end_told

    async def aclose(self) -> None:
        """Close the connections; for after `run` was ended. May be called twice."""
        if self._api is not None:
            await self._api.aclose()

    async def _report(self, api: RegistryApi, incarnation: str) -> float:
        """Send one report; the seconds until it must be sent again, 0 = it need not."""
        now = self._loop.time()
        report = msgspec.structs.replace(
            self._about,
            age=now - self._began_at,
            most_humans=self._most_humans,
            turns=self._unsent.batch(now=now),
            events=self.story.unsent.batch(now=now),
            more_events=self.story.n_more,
            first_audio=self.story.first_audio,
            usage=tuple(self._marked(used) for used in self._usage())[:_MOST_USAGE],
            ended=self._ended,
        )
        try:
            taken = await api.report(incarnation, report, timeout=TIMEOUT)
            self.keeps_rooms = taken.keeps_rooms
            is_kept = self._unsent.acknowledge(taken.n_turns)
            if not (self.story.unsent.acknowledge(taken.n_events) and is_kept):
                raise BadAnswerError("it takes reports, but keeps nothing of them")
        except RegistryApiError as error:
            if report.ended is not None:
                self._end_tried.set()
            return self._failed(error)
        self._worked()
        if self._unsent or self.story.unsent:
            self._changed.set()
        elif report.ended is not None:
            self._is_end_told = True
            self._end_tried.set()
        return 0.0

    def _marked(self, used: dict[str, Any]) -> dict[str, Any]:
        """With ``is_local`` where the model is one's own: the names are those of the provider whose protocol it has."""
        if used.get("type") not in self._local_usage:
            return used
        return {**used, "provider": "this machine", "model": "", "is_local": True}

    def _failed(self, error: RegistryApiError) -> float:
        if not self._failures:
            logger.warning(
                "the registry does not take the conversation; the call goes on, and it is told later",
                extra={"action": "report.failed", "error": str(error)},
            )
        self._failures += 1
        if error.is_final:
            return patient_delay(spread=self._spread())
        return retry_delay(self._failures, spread=self._spread(), retry_after=error.retry_after)

    def _worked(self) -> None:
        if self._failures:
            logger.info(
                "the registry takes the conversation again",
                extra={"action": "report.recovered", "failures": self._failures},
            )
        self._failures = 0
        self._was_heard = True

    async def _pause(self, delay: float) -> None:
        """Wait; the end of the call is one more try at once, and none after that."""
        try:
            async with asyncio.timeout(delay):
                await self._hurry.wait()
        except TimeoutError:
            return
        self._hurry.clear()
