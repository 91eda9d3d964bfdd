"""What the models of a call cost, estimated from list prices. Pure, but for reading one file.

Prices are those that providers list for whoever pays as they go, in US dollars, as of `AS_OF`. Whoever has others puts
them into ``prices.json`` in the registry's state folder, by the name of the model:
``{"gpt-4.1-mini": {"input": 0.4, "cached": 0.1, "output": 1.6}, "my-voice": {"characters": 0.01}}``.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any

import msgspec

logger = logging.getLogger(__name__)

AS_OF = "2025-10-01"
"""Day of the prices below."""

_LOCAL_HOSTS = ("localhost", "local", "host.docker.internal")
_LOCAL_ENDS = (".local", ".internal", ".lan", ".localhost")

_Dollars = Annotated[float, msgspec.Meta(ge=0, le=1e6)]


class Price(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Of one model, in US dollars. What it is not charged by is 0."""

    input: _Dollars = 0.0
    """For a million tokens that it reads."""

    cached: _Dollars | None = None
    """Of those, for a million that its provider had read before; None = as `input`."""

    output: _Dollars = 0.0
    """For a million tokens that it writes."""

    characters: _Dollars = 0.0
    """For a thousand characters that it speaks."""

    minute: _Dollars = 0.0
    """For a minute of sound that it hears or makes."""


_ROLES = ("speech to text", "text to speech")


class Cost(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What one model has used, and what that costs."""

    provider: str
    model: str
    used: str
    """In words."""

    dollars: float | None
    """An estimate; None = no price of it is known."""

    is_local: bool
    """It runs on a machine of one's own, and costs nothing here."""


class Costs(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An estimate, by list prices. What a provider really charges stands on its invoice."""

    models: tuple[Cost, ...]
    dollars: float
    """The sum of those whose price is known."""

    is_whole: bool
    """The price of each model is known."""

    as_of: str
    """Day of the prices."""


LIST_PRICES: Mapping[str, Price] = {
    "gpt-4.1": Price(input=2.0, cached=0.5, output=8.0),
    "gpt-4.1-mini": Price(input=0.4, cached=0.1, output=1.6),
    "gpt-4.1-nano": Price(input=0.1, cached=0.025, output=0.4),
    "gpt-4o": Price(input=2.5, cached=1.25, output=10.0),
    "gpt-4o-mini": Price(input=0.15, cached=0.075, output=0.6),
    "gpt-5": Price(input=1.25, cached=0.125, output=10.0),
    "gpt-5-mini": Price(input=0.25, cached=0.025, output=2.0),
    "gpt-5-nano": Price(input=0.05, cached=0.005, output=0.4),
    "claude-opus-4": Price(input=15.0, cached=1.5, output=75.0),
    "claude-opus-4-1": Price(input=15.0, cached=1.5, output=75.0),
    "claude-sonnet-4-5": Price(input=3.0, cached=0.3, output=15.0),
    "claude-sonnet-4": Price(input=3.0, cached=0.3, output=15.0),
    "claude-3-7-sonnet": Price(input=3.0, cached=0.3, output=15.0),
    "claude-3-5-haiku": Price(input=0.8, cached=0.08, output=4.0),
    "gemini-2.5-pro": Price(input=1.25, cached=0.31, output=10.0),
    "gemini-2.5-flash": Price(input=0.3, cached=0.075, output=2.5),
    "gemini-2.5-flash-lite": Price(input=0.1, cached=0.025, output=0.4),
    "gemini-2.0-flash": Price(input=0.1, cached=0.025, output=0.4),
    "nova-3": Price(minute=0.0077),
    "nova-2": Price(minute=0.0058),
    "whisper-1": Price(minute=0.006),
    "gpt-4o-transcribe": Price(minute=0.006),
    "gpt-4o-mini-transcribe": Price(minute=0.003),
    "aura-2": Price(characters=0.03),
    "aura": Price(characters=0.015),
    "tts-1": Price(characters=0.015),
    "tts-1-hd": Price(characters=0.03),
    "gpt-4o-mini-tts": Price(minute=0.015),
}

_decode = msgspec.json.Decoder(dict[str, Price]).decode


class Prices:
    """Prices of models by name.

    Args:
        own: Of whoever runs the registry; they come before the listed ones.
    """

    def __init__(self, own: Mapping[str, Price] | None = None) -> None:
        self._known = {**LIST_PRICES, **(own or {})}
        self.as_of = f"{AS_OF}, and prices.json" if own else AS_OF

    def of(self, model: str) -> Price | None:
        """The price of a model; None = not known. ``gpt-4.1-2025-04-14`` is ``gpt-4.1``; ``gpt-4.1-mini`` is not.

        Names may begin with a vendor and a slash. What follows a known name after a dash must be a version, because
        another word means another model; but for speech, where it is a voice or a language.
        """
        parts = model.rpartition("/")[2].lower().split("-")
        for n_parts in range(len(parts), 0, -1):
            price = self._known.get("-".join(parts[:n_parts]))
            if price is not None:
                is_speech = price.characters + price.minute > 0
                return price if is_speech or all(map(_is_version, parts[n_parts:])) else None
        return None

    def estimate(self, usage: Iterable[Mapping[str, Any]]) -> Costs:
        """What all models of a session cost. Takes whatever an agent has told, and never raises."""
        costs = tuple(cost for cost in map(self._cost, usage) if cost is not None)
        return Costs(
            models=costs,
            dollars=round(sum(cost.dollars or 0.0 for cost in costs), 6),
            is_whole=all(cost.dollars is not None for cost in costs),
            as_of=self.as_of,
        )

    def _cost(self, used: Mapping[str, Any]) -> Cost | None:
        """None = it is charged by nothing: detectors of this machine, or nothing was used."""
        read, cached, written, spoken = (
            _amount(used, name)
            for name in ("input_tokens", "input_cached_tokens", "output_tokens", "characters_count")
        )
        seconds = _amount(used, "audio_duration")
        if not (read or written or spoken or seconds):
            return None
        provider, model = str(used.get("provider", "")), str(used.get("model", ""))
        is_local = used.get("is_local") is True or _is_local(provider)
        if used.get("is_local") is True:  # by the protocol of a provider, whose names are not the models'
            provider, model = "this machine", _ROLES[1 if spoken else 0] if seconds or spoken else model
        price = Price() if is_local else self.of(model)
        dollars = None
        if price is not None:
            again = price.input if price.cached is None else price.cached
            tokens = (
                max(0.0, read - cached) * price.input + min(cached, read) * again + written * price.output
            )
            dollars = tokens / 1e6 + spoken * price.characters / 1e3 + seconds * price.minute / 60
        return Cost(
            provider=provider[:200],
            model=model[:200],
            used=_words(read, written, spoken, seconds),
            dollars=None if dollars is None else round(dollars, 6),
            is_local=is_local,
        )


def read_prices(file: Path) -> Prices:
    """The listed prices, and those of `file`, if it is there. One that cannot be read is told, and left aside."""
    try:
        own = _decode(file.read_bytes())
    except FileNotFoundError:
        return Prices()
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        logger.warning(
            "prices cannot be read, the listed ones are taken; correct the file, and start the registry again",
            extra={"action": "prices.unread", "path": str(file), "error": str(error)},
        )
        return Prices()
    return Prices({name.lower(): price for name, price in own.items()})


def _is_local(provider: str) -> bool:
    """Whether a provider, as a host with or without its port, is a machine of one's own."""
    host = provider.lower().rpartition("://")[2].partition("/")[0]
    host = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    if host in _LOCAL_HOSTS or host.endswith(_LOCAL_ENDS):
        return True
    try:
        return ip_address(host).is_private
    except ValueError:
        return False


def _is_version(part: str) -> bool:
    """Whether a part of a name is one of a date, or another word for the same model. A single digit is not."""
    return part in ("latest", "preview") or (part.isdecimal() and len(part) > 1)


def _amount(used: Mapping[str, Any], name: str) -> float:
    value = used.get(name)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value < 1e15 else 0.0  # type: ignore[operator, arg-type]


def _words(read: float, written: float, spoken: float, seconds: float) -> str:
    parts = []
    if read or written:
        parts.append(f"{read:,.0f} tokens read, {written:,.0f} written")
    if spoken:
        parts.append(f"{spoken:,.0f} characters spoken")
    if seconds:
        parts.append(f"{seconds / 60:,.1f} min of sound")
    return "; ".join(parts)
