"""Ask what is at a place: which language models, served by what."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import httpx

from llm.discovery import kinds
from llm.discovery.asking import Answer, Limits, Silence, Why, ask
from llm.discovery.listings import Listed, chat_names, models_in, refined
from llm.discovery.notes import Notes, Rank
from llm.discovery.places import Place
from llm.endpoints import Endpoint, Source

PARALLEL = 16
"""Places that are asked at once."""

HERE = Limits(connect=0.5, total=2.0)
"""For this machine: a server that is not swamped answers in milliseconds."""

ELSEWHERE = Limits(connect=1.5, total=3.0)
_FURTHER = 1.0
"""Seconds for a further question, which only adds to what is known."""

_HOW_TO_GET_ONE = {
    "ollama": "run `ollama pull llama3.2`",
    "lmstudio": "download one in LM Studio, or run `lms get`",
    "localai": "install one on its page, or run `local-ai models install`",
}


class Verdict(enum.Enum):
    """What is at a place."""

    SERVES = "serves"  # language models
    EMPTY = "empty"  # it answers, and there is nothing in it to talk to
    UNREADY = "unready"  # it may be a language model, and does not say now
    OTHER = "other"  # something else
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    verdict: Verdict
    kind: str = "openai"
    models: tuple[str, ...] = ()
    """Not empty when it serves."""

    trouble: str = ""
    """Why it cannot be talked to, to stand after the place's name; empty when that is nobody's business."""

    def note(self, notes: Notes, rank: Rank, place: Place, source: Source) -> None:
        """Write down what is there; the trouble is the caller's to tell."""
        endpoint = Endpoint(base_url=place.base_url, source=source, kind=self.kind, models=self.models)
        if self.verdict is Verdict.SERVES:
            notes.see(rank, endpoint)
        elif self.verdict is Verdict.EMPTY:
            notes.empty_hosts.add(endpoint.host)

    def words(self, place: Place) -> str:
        """The trouble, as a sentence."""
        named = "" if self.kind == "openai" else f" ({self.kind})"
        return f"{place}{named} {self.trouble}" if self.trouble else ""


class Prober:
    """Asks places, no more than sixteen at once.

    Args:
        client: For plain HTTP without proxies; closed by its owner.
    """

    def __init__(
        self, client: httpx.AsyncClient, *, here: Limits = HERE, elsewhere: Limits = ELSEWHERE
    ) -> None:
        self._client = client
        self._here = here
        self._elsewhere = elsewhere
        self._turns = asyncio.Semaphore(PARALLEL)

    async def probe(self, place: Place, *, begin: Callable[[], None] | None = None) -> Probe:
        """Raises nothing. Takes five seconds at most, once it is its turn; `begin` is called then."""
        async with self._turns:
            if begin is not None:
                begin()
            listing = await self._get(place, "/v1/models")
            if isinstance(listing, Silence):
                return _without_answer(listing)
            if listing.status == 404 and not kinds.is_own((), listing.headers):
                # text-generation-inference before 2.0 has /v1/chat/completions, and no list of models.
                info = await self._get(place, "/info", total=_FURTHER)
                model = kinds.tgi_model(info) if isinstance(info, Answer) else None
                return _judged([model], "tgi") if model else Probe(verdict=Verdict.OTHER)
            models = models_in(listing.json()) if listing.status == 200 else None
            if models is None:
                return _without_list(listing)
            if kinds.is_own(models, listing.headers):
                return Probe(verdict=Verdict.EMPTY)
            kind = await self._kind(place, models, listing)
            return _judged(await self._refined(place, models, kind), kind)

    async def _kind(self, place: Place, models: Sequence[Listed], listing: Answer) -> str:
        kind = kinds.kind_of(models, listing.headers)
        if kind is None:
            question = kinds.question_for(models)
            answer = await self._get(place, question.path, total=_FURTHER)
            kind = question.kind_of(answer) if isinstance(answer, Answer) else None
        return kind or "openai"

    async def _refined(self, place: Place, models: Sequence[Listed], kind: str) -> Sequence[Listed]:
        if not models or kind not in kinds.DETAILS:
            return models
        details = await self._get(place, kinds.DETAILS[kind], total=_FURTHER)
        return refined(models, details.json()) if isinstance(details, Answer) else models

    async def _get(self, place: Place, path: str, *, total: float | None = None) -> Answer | Silence:
        limits = self._here if place.is_here else self._elsewhere
        if total is not None:
            limits = Limits(connect=limits.connect, total=min(total, limits.total))
        return await ask(self._client, f"http://{place}{path}", limits=limits)


def _judged(models: Sequence[Listed], kind: str) -> Probe:
    names = chat_names(models)
    if names:
        return Probe(verdict=Verdict.SERVES, kind=kind, models=names)
    way_out = _HOW_TO_GET_ONE.get(kind, "load one there")
    said = f"has no model that chats, only {models[0].name}" if models else "has no model"
    return Probe(verdict=Verdict.EMPTY, kind=kind, trouble=f"{said}; {way_out}")


def _without_answer(silence: Silence) -> Probe:
    if silence.why in {Why.NOBODY, Why.NO_NAME}:
        return Probe(verdict=Verdict.NOBODY)
    if silence.why is Why.LATE:
        return Probe(verdict=Verdict.UNREADY, trouble=f"takes connections and {silence.words}")
    return Probe(verdict=Verdict.OTHER)


def _without_list(answer: Answer) -> Probe:
    """A server that has no list of models to show: not a language model, or not yet, or not for everybody."""
    said = answer.json()
    if kinds.is_own((), answer.headers) or not isinstance(said, Mapping):
        return Probe(verdict=Verdict.OTHER)
    kind = kinds.kind_of((), answer.headers) or "openai"
    if answer.status in {401, 403}:
        trouble = (
            f"wants a key for its models (HTTP {answer.status}); if it is a language model, name it in "
            "OPENAI_BASE_URL and its key in OPENAI_API_KEY"
        )
        return Probe(verdict=Verdict.UNREADY, kind=kind, trouble=trouble)
    if answer.status == 503 and (kind != "openai" or b"oading" in answer.body):
        return Probe(verdict=Verdict.UNREADY, kind=kind, trouble="is still loading its model")
    return Probe(verdict=Verdict.OTHER)
