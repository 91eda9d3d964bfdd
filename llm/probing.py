"""Asks endpoints how they are when nobody talks to them, or when they are broken. One at a time for each server.

First for the list of models, which costs nothing. A broken one on this machine is then asked for one word, with a limit
that lets it load its model; a distant one is not, because words cost money: the next request finds out.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

from llm.chunks import finish_of, says_something
from llm.endpoints import Endpoint, way_to_name_a_model
from llm.health import NEAR, Health, Met, Outcome, State
from llm.outcomes import AskingError, failed
from llm.pool import Member, Pool, serves
from llm.transport import Transport

logger = logging.getLogger(__name__)

LOADING_LIMIT = 120.0
"""Seconds that a model has to load. Who gives up sooner makes some servers begin anew."""

_ONE_WORD = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}


class Prober:
    """Probes members of a pool.

    Args:
        pool: Is told what came of it.
        transport: Asks.
        limit: Seconds for the list of models.
        patience: Seconds after which a model without a first word is taken to be loading.
        interval: Seconds between two probes of an idle endpoint.
        clock: Seconds, monotonic.
        random: 0 to 1.
    """

    def __init__(
        self,
        pool: Pool,
        transport: Transport,
        *,
        limit: float,
        patience: float,
        interval: float,
        clock: Callable[[], float],
        random: Callable[[], float],
    ) -> None:
        self._pool = pool
        self._transport = transport
        self._limit = limit
        self._patience = patience
        self._interval = interval
        self._clock = clock
        self._random = random
        self._running: dict[str, asyncio.Task[None]] = {}
        self._asked: dict[str, Member] = {}
        """By server, as what runs."""

        self._idle_at: dict[str, tuple[float, float]] = {}
        """When it was asked last, and when it is due for that; by endpoint."""

    def reconfigure(self, *, limit: float, patience: float, interval: float) -> None:
        """Take other limits, for the next probes."""
        self._limit, self._patience, self._interval = limit, patience, interval

    async def aclose(self) -> None:
        """End all probes."""
        running = list(self._running.values())
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)

    def probe_due(self, *, is_ours: Callable[[Member], bool] = lambda _: True) -> None:
        """Begin the probes whose time has come, of those that are ours to probe. Asked a few times a second."""
        now = self._clock()
        self._begin(
            member for member in self._pool.members() if self._is_due(member, now=now) and is_ours(member)
        )

    async def probe_all(self, *, limit: float) -> None:
        """Probe all but those that want to be left alone, and wait for it, at most `limit` seconds.

        Those of one server come one after another; who has not had its turn by then is left for later.
        """
        waiting = list(self._pool.members())
        with suppress(TimeoutError):
            async with asyncio.timeout(limit):
                while waiting := self._begin(self._without_those_in_peace(waiting)):
                    await asyncio.wait(self._running.values(), return_when=asyncio.FIRST_COMPLETED)
                if self._running:
                    await asyncio.wait(self._running.values())

    def _without_those_in_peace(self, members: Iterable[Member]) -> list[Member]:
        now = self._clock()
        return [member for member in members if not _wants_peace(member.health, now=now)]

    def _is_due(self, member: Member, *, now: float) -> bool:
        health = member.health
        if not health.is_available:
            return health.may_be_tried(now=now)
        if health.is_on_trial:
            # Not at once again: an answer that says neither yes nor no would be asked for without end.
            return member.endpoint.is_local and now >= max(
                health.leased_until, member.asked_at + NEAR.longest
            )
        if member.asked_at == float("-inf"):
            return True
        asked_at, idle_at = self._idle_at.get(member.endpoint.id, (None, 0.0))
        if asked_at != member.asked_at:
            # Spread anew after each use, so that many processes do not ask at one moment.
            idle_at = member.asked_at + self._interval * (0.8 + 0.4 * self._random())
            self._idle_at[member.endpoint.id] = member.asked_at, idle_at
        return now >= idle_at

    def _begin(self, members: Iterable[Member]) -> list[Member]:
        """Returns those whose server is being asked for another one."""
        waiting = []
        for member in members:
            host = member.endpoint.host
            if host not in self._running:
                self._asked[host] = member
                task = asyncio.create_task(self._probe(member), name="llm-probe")
                self._running[host] = task
                task.add_done_callback(functools.partial(self._ended, host))
            elif self._asked[host] is not member:
                waiting.append(member)
        return waiting

    def _ended(self, host: str, _: asyncio.Task[None]) -> None:
        self._running.pop(host, None)
        self._asked.pop(host, None)

    async def _probe(self, member: Member) -> None:
        """Find out how a member is. Never raises for what a server does."""
        is_broken = not member.health.is_available or member.health.is_on_trial
        self._pool.take_lease(member)
        try:
            outcome = await self._outcome(member, is_broken=is_broken)
        except AskingError as error:
            self._pool.record(member, error.outcome)
        except asyncio.CancelledError:
            self._pool.record(member, Outcome(met=Met.CANCELLED))
            raise
        except Exception:
            logger.exception("a probe broke", extra={"action": "llm.probe", "endpoint": member.endpoint.id})
            self._pool.record(member, Outcome(met=Met.FAILED, reason="its probe broke, see the log"))
        else:
            self._pool.record(member, outcome)

    async def _outcome(self, member: Member, *, is_broken: bool) -> Outcome:
        endpoint = member.endpoint
        try:
            models = await self._transport.models(endpoint, limit=self._limit)
        except AskingError as error:
            if _is_proven(member) and not error.is_unreachable:
                return Outcome(met=Met.LISTED)  # it answers requests, and does not tell its models
            if not error.is_refusal:
                raise
            if not is_broken:
                return Outcome(met=Met.CANCELLED)
            if not endpoint.is_local:
                raise failed(f"asked for its models {error.outcome.reason}") from error
            models = ()  # a word tells more
        wanted = member.chosen_model or endpoint.model
        was_listed = wanted is not None and serves(member.models, wanted)
        self._pool.learn(member, _confirmed(member.models, models))
        is_missing = wanted is not None and models and not serves(models, wanted) and not _takes_any(endpoint)
        if is_missing and (was_listed or not _is_proven(member)):
            reason = f"it has no model {wanted}; it has {', '.join(models[:5])}"
            return Outcome(met=Met.MISCONFIGURED, reason=reason)
        if not (is_broken and endpoint.is_local):
            # With nobody else to ask, the next request has to find out anyway.
            is_last = not any(one.health.is_available for one in self._pool.members() if one is not member)
            return Outcome(met=Met.BEGAN if is_broken and is_last else Met.LISTED)
        model = member.model_for(None)
        if model is None:
            reason = f"it lists no model; {way_to_name_a_model(endpoint)}"
            return Outcome(met=Met.MISCONFIGURED, reason=reason)
        return await self._one_word(member, model)

    async def _one_word(self, member: Member, model: str) -> Outcome:
        asked_at = self._clock()
        asking = asyncio.create_task(self._ask_word(member.endpoint, model), name="llm-one-word")
        try:
            done, _ = await asyncio.wait({asking}, timeout=self._patience)
            if not done:
                reason = f"no first word in {self._patience:g} s, it may be loading its model"
                self._pool.record(member, Outcome(met=Met.LOADING, reason=reason))
                self._pool.take_lease(member)
                await asyncio.wait({asking}, timeout=LOADING_LIMIT)
            if not asking.done():
                raise failed(f"no first word in {LOADING_LIMIT:g} s")
            await asking
        finally:
            asking.cancel()
            await asyncio.wait({asking})
        is_slow = self._clock() - asked_at > self._patience
        others = (one for one in self._pool.members() if one is not member)
        if is_slow and any(one.health.is_available for one in others):
            return Outcome(met=Met.LISTED)  # it may be warm now: the next request finds out
        return Outcome(met=Met.BEGAN)

    async def _ask_word(self, endpoint: Endpoint, model: str) -> None:
        try:
            async with self._transport.answer(endpoint, {**_ONE_WORD, "model": model}) as chunks:
                async for chunk in chunks:
                    if says_something(chunk) or finish_of(chunk):
                        return
        except AskingError as error:
            if error.is_refusal:
                return  # its model has read the words, and minds how they were put
            raise
        raise failed("the answer is empty")


def _is_proven(member: Member) -> bool:
    """It has answered requests, and nothing has been wrong with it since: its list cannot tell better."""
    return member.health.state is State.HEALTHY and bool(member.first_words)


def _confirmed(known: Sequence[str], told: Sequence[str]) -> tuple[str, ...]:
    """The list that was told, in the order of the one that is known: a search puts the models first that are loaded."""
    return tuple(dict.fromkeys((*(name for name in known if name in told), *told)))


def _wants_peace(health: Health, *, now: float) -> bool:
    return now < health.leased_until or (health.state is State.RATE_LIMITED and now < health.retry_at)


def _takes_any(endpoint: Endpoint) -> bool:
    """Servers that answer to any model's name, or list other names than they take."""
    return endpoint.kind in {"llama.cpp", "tgi"}
