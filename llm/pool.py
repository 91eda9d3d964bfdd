"""The endpoints that are known, how each one is, and which one comes first."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace

from llm.endpoints import Endpoint
from llm.errors import UnknownModelError
from llm.health import FAR, NEAR, Health, Outcome, State, after, leased

logger = logging.getLogger(__name__)

MOST_SWITCHES = 20
"""Switches that are remembered."""

MOST_MISSING = 100
"""Names of models that are remembered not to be there, of one endpoint."""

_SAMPLES = 50
"""First words that are timed for one endpoint."""

_LEAST_SAMPLES = 10


@dataclass(slots=True, eq=False)
class Member:
    """One endpoint of the pool, and what is known of it. Equal to itself only."""

    endpoint: Endpoint
    health: Health
    asked_at: float = float("-inf")
    """When anything was last asked of it."""

    first_words: deque[float] = field(default_factory=lambda: deque(maxlen=_SAMPLES))
    """Seconds to the first word, of the last answers."""

    missing: set[str] = field(default_factory=set)
    """Models that somebody asked for and that it does not have."""

    chosen_model: str | None = None
    """By a person, for this endpoint; None = the endpoint's own."""

    told_at: float = float("-inf")
    """When its state last changed, or another process's word was taken for it."""

    @property
    def models(self) -> tuple[str, ...]:
        return self.endpoint.models

    def lacks(self, model: str) -> None:
        """Remember that it does not have this model."""
        if len(self.missing) >= MOST_MISSING:
            self.missing.clear()  # callers may name any: those that are still asked for are found out again
        self.missing.add(model)

    def model_for(self, wanted: str | None) -> str | None:
        """What to ask of it: the wanted model where it may have it, else its own, else its first; None = not known."""
        if wanted and wanted not in self.missing and (not self.models or serves(self.models, wanted)):
            return wanted
        return self.chosen_model or self.endpoint.model or (self.models[0] if self.models else None)

    def slow_after(self) -> float | None:
        """Seconds in which 95 of 100 first words come; None = too few are known."""
        if len(self.first_words) < _LEAST_SAMPLES:
            return None
        ordered = sorted(self.first_words)
        return ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]


@dataclass(frozen=True, slots=True, kw_only=True)
class Switched:
    """Another endpoint took over."""

    at: float
    source: str | None
    """Id of the one that was left; None = there was none."""

    target: str | None
    """Id of the one that was taken; None = none is left."""

    reason: str


class Pool:
    """Endpoints in preferred order. Changed on one event loop; other threads may read.

    Args:
        clock: Seconds, monotonic.
        random: 0 to 1.
        max_failures: Failures on end that make an endpoint `failing`.
    """

    def __init__(self, *, clock: Callable[[], float], random: Callable[[], float], max_failures: int) -> None:
        self.max_failures = max_failures
        self._clock = clock
        self._random = random
        self._members: dict[str, Member] = {}
        self._selected: str | None = None
        self._current: str | None = None
        self._switches: tuple[Switched, ...] = ()  # replaced and never changed, likewise
        self._listeners: list[Callable[[], None]] = []
        self.on_state: Callable[[Member], None] = lambda _: None
        """Called when an endpoint has come into another state by what this process has met."""

    # -- what there is

    def members(self) -> tuple[Member, ...]:
        """All, in preferred order: the selected one first, then as they are listed."""
        by_id = self._members  # read once: another thread may put others in its place
        selected = by_id.get(self._selected or "")
        if selected is None:
            return tuple(by_id.values())
        return (selected, *(member for member in by_id.values() if member is not selected))

    def get(self, endpoint_id: str) -> Member | None:
        return self._members.get(endpoint_id)

    @property
    def selected(self) -> str | None:
        """Id of the endpoint that a person has chosen."""
        return self._selected

    @property
    def current(self) -> Member | None:
        """The one that would be asked now; None = none is known to answer."""
        for member in self.members():
            if member.health.is_available and not member.health.is_on_trial:
                return member
        return None

    @property
    def is_available(self) -> bool:
        """Whether one is known to answer."""
        return any(member.health.state is State.HEALTHY for member in self._members.values())

    @property
    def may_answer(self) -> bool:
        """Whether there is one that is not known to be broken."""
        return any(member.health.is_available for member in self._members.values())

    def candidates(self, *, without: Collection[str] = (), prefer: str | None = None) -> list[Member]:
        """Whom to ask, best first: those that answer or may do, then those that may be tried again.

        Args:
            without: Ids of those that are not meant.
            prefer: Id of the one that comes first among those that are as well as it is.
        """
        now = self._clock()
        able = [
            member
            for member in self.members()
            if member.endpoint.id not in without and member.health.may_be_tried(now=now)
        ]
        return sorted(able, key=lambda member: (_rank(member.health), member.endpoint.id != prefer))

    def last_resort(self, *, without: Collection[str] = ()) -> Member | None:
        """Whom to ask when nobody may be asked yet: the best of those that broke by themselves and that nobody tries.

        None = there is none: who limits its callers wants peace, and whom a person has to mend cannot answer.
        """
        now = self._clock()
        broken = [
            member
            for member in self.members()
            if member.endpoint.id not in without
            and member.health.state not in {State.RATE_LIMITED, State.MISCONFIGURED}
            and now >= member.health.leased_until
        ]
        return min(broken, key=lambda member: (_rank(member.health), member.health.retry_at), default=None)

    def switches(self) -> tuple[Switched, ...]:
        """The last ones, newest first."""
        return self._switches

    def reasons(self) -> dict[str, str]:
        """Why each one that does not answer does not."""
        return {
            member.endpoint.id: member.health.reason or member.health.state.value
            for member in self.members()
            if member.health.state is not State.HEALTHY
        }

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` after any change of state or order. Returns what ends that."""
        self._listeners.append(listener)

        def end() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return end

    # -- what changes it

    def replace_all(self, endpoints: Iterable[Endpoint]) -> None:
        """Take these endpoints, in this order. What is known of those that stay is kept."""
        before, now = self._members, self._clock()
        members: dict[str, Member] = {}
        for endpoint in endpoints:
            member = before.get(endpoint.id)
            if member is None or member.endpoint.api_key != endpoint.api_key or _is_mended(member, endpoint):
                member = Member(endpoint, Health(since=now))
            elif endpoint.models:
                member.endpoint = endpoint
            else:
                member.endpoint = replace(endpoint, models=member.endpoint.models)
            members[endpoint.id] = member
        self._members = members  # at once: other threads read it
        is_gone = self._current is not None and self._current not in members
        self._refresh("it is not listed any more" if is_gone else "other endpoints are listed")

    def take_lease(self, member: Member) -> None:
        """Keep others from trying a broken endpoint at the same time. Of one that answers, nothing happens."""
        member.asked_at = self._clock()
        if not member.health.is_available or member.health.is_on_trial:
            member.health = leased(member.health, now=self._clock())

    def record(
        self,
        member: Member,
        outcome: Outcome,
        *,
        first_word: float | None = None,
        is_doubtful: bool = False,
    ) -> None:
        """Take what a request or a probe has met.

        Args:
            member: That was asked.
            outcome: Of it.
            first_word: Seconds to it, where there was one.
            is_doubtful: The request may be to blame for the failure: once only, that does not take out the last
                endpoint that answers.
        """
        now = self._clock()
        member.asked_at = now
        if first_word is not None:
            member.first_words.append(first_word)
        before = member.health
        most = 2 if is_doubtful and self._is_last(member) else 1
        member.health = after(
            before,
            outcome,
            now=now,
            pace=NEAR if member.endpoint.is_local else FAR,
            max_failures=max(most, self.max_failures),
            jitter=self._random(),
        )
        if member.health.state is not before.state:
            member.told_at = now
            _say(member, before.state)
            self.on_state(member)
            self._refresh(outcome.reason)
        elif member.health.reason != before.reason:
            self._tell()

    def adopt(self, member: Member, health: Health) -> None:
        """Take another process's word for how an endpoint is."""
        before = member.health
        member.health = health
        member.told_at = self._clock()
        if health.state is not before.state:
            self._refresh(health.reason)

    def learn(self, member: Member, models: tuple[str, ...]) -> None:
        """Take the list of models that it serves."""
        if models and models != member.models:
            member.endpoint = replace(member.endpoint, models=models)
            member.missing.clear()
            self._tell()

    def select(self, name: str | None, *, model: str | None = None) -> Member | None:
        """Put an endpoint before all others, by its deploy id or id; None = none.

        Raises:
            UnknownModelError: None has this name, or it does not serve this model.
        """
        if not name:
            self._selected = None
            for member in self._members.values():
                member.chosen_model = None
            self._refresh("no endpoint is selected any more")
            return None
        members = self._members.values()
        found = next((one for one in members if name in {one.endpoint.deploy_id, one.endpoint.id}), None)
        if found is None:
            known = ", ".join(one.endpoint.deploy_id or one.endpoint.id for one in members) or "none"
            raise UnknownModelError(f"there is no endpoint {name!r}; known: {known}")
        if model is not None and found.models and not serves(found.models, model):
            raise UnknownModelError(
                f"{name} has no model {model!r}; it has {', '.join(found.models[:20])}",
                is_endpoint_known=True,
            )
        if found.health.state is State.MISCONFIGURED and model != found.chosen_model:
            found.health = Health(since=self._clock())  # the model may have been what was wrong
        found.chosen_model = model
        self._selected = found.endpoint.id
        self._refresh("it was selected")
        return found

    def passed_over(self, member: Member, target: Member | None, reason: str) -> None:
        """An answer went on with another endpoint although this one stays the first."""
        if self._current == member.endpoint.id and target is not None:
            self._switched(member.endpoint.id, target.endpoint.id, reason)
            self._tell()

    def _is_last(self, member: Member) -> bool:
        """It answers, and no other is known that may."""
        others = (one for one in self._members.values() if one is not member)
        return member.health.state is State.HEALTHY and not any(one.health.is_available for one in others)

    def _refresh(self, reason: str) -> None:
        current = self.current
        now_current = None if current is None else current.endpoint.id
        is_merely_listed = current is not None and current.health.state is not State.HEALTHY
        # To come from none to one that nobody has heard of yet is no news.
        if now_current != self._current and not (self._current is None and is_merely_listed):
            left = self._members.get(self._current or "")
            why = left.health.reason if left is not None and left.health.reason else reason
            self._switched(self._current, now_current, why or "it answers")
            self._current = now_current
        self._tell()

    def _switched(self, source: str | None, target: str | None, reason: str) -> None:
        switched = Switched(at=self._clock(), source=source, target=target, reason=reason)
        self._switches = (switched, *self._switches)[:MOST_SWITCHES]
        logger.log(
            logging.WARNING if target is None else logging.INFO,
            "language model: %s instead of %s",
            target or "none",
            source or "none",
            extra={"action": "llm.switched", "source": source, "target": target, "reason": reason},
        )

    def _tell(self) -> None:
        for listener in tuple(self._listeners):
            try:
                listener()
            except Exception:  # of somebody who looks on: the answer that is on its way must not break by it
                logger.exception("a listener broke", extra={"action": "llm.listener"})


def serves(models: Collection[str], name: str) -> bool:
    """Whether a server with these models answers to this name. Ollama lists `llama3:latest` and takes `llama3`."""
    return name in models or f"{name}:latest" in models


def _is_mended(member: Member, endpoint: Endpoint) -> bool:
    """Whether a person has changed what may have been wrong: it need not wait until it is tried again."""
    before = member.endpoint
    is_changed = (before.base_url, before.model) != (endpoint.base_url, endpoint.model)
    return is_changed and member.health.state is State.MISCONFIGURED


_RANKS = {State.HEALTHY: 0, State.UNKNOWN: 0, State.WARMING: 1, State.BUSY: 2, State.RATE_LIMITED: 3}


def _rank(health: Health) -> int:
    return _RANKS.get(health.state, 4)


def _say(member: Member, before: State) -> None:
    health = member.health
    is_well = health.state is State.HEALTHY
    if is_well and before is State.UNKNOWN and not health.failures:
        level = logging.INFO
    else:
        level = logging.INFO if is_well or health.state is State.UNKNOWN else logging.WARNING
    logger.log(
        level,
        "language model %s is %s%s",
        member.endpoint.id,
        health.state.value,
        f": {health.reason}" if health.reason else "",
        extra={
            "action": "llm.state",
            "endpoint": member.endpoint.id,
            "state": health.state.value,
            "reason": health.reason,
        },
    )
