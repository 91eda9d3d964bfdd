"""Read a backend's list of deployed language models. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import SplitResult, urlsplit

import httpx
from pydantic import SecretStr

from config import NO_KEY
from llm.discovery.listings import text_in
from llm.endpoints import Endpoint, Source

MAX_ENTRIES = 500
_STOPPED = frozenset({"stopped", "stopping", "failed", "terminated", "terminating", "deleted"})
_LISTS = ("models", "deployments", "endpoints", "data")


@dataclass(slots=True)
class Deployments:
    """What a backend's list holds."""

    endpoints: list[Endpoint] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    """Of entries that cannot be used, each to stand after the setting's name."""


def deployments_in(listing: object) -> Deployments | None:
    """The deployments in a backend's answer; None when there is no list in it.

    The answer is a list, or an object with one as `models`, `deployments`, `endpoints` or `data`. Each entry:

        {
          "deploy_id": "d-17",                    also deployId, id; optional, a text or a number
          "url": "http://gpu-1:8000",             also base_url, baseUrl, endpoint; /v1 is added when it has no path
          "model": "Qwen/Qwen3-8B",               also model_name, name; optional
          "status": "running",                    stopped, failed, terminated and their like are left out
          "api_key": "…"                          also token; optional
        }

    Two entries of one URL without ids are one server with two models.
    """
    entries = _entries(listing)
    if entries is None:
        return None
    found = Deployments()
    for number, entry in enumerate(entries[:MAX_ENTRIES], 1):
        what = f"entry {number}"
        if not isinstance(entry, Mapping):
            found.troubles.append(f"{what} is no object")
            continue
        if _is_stopped(entry):
            continue
        try:
            found.endpoints.append(_endpoint(entry))
        except ValueError as error:
            found.troubles.append(f"{what}{_called(entry)} {error}")
    if len(entries) > MAX_ENTRIES:
        found.troubles.append(f"lists {len(entries)} entries; the first {MAX_ENTRIES} are taken")
    found.endpoints = _merged(found.endpoints)
    return found


def _entries(listing: object) -> list[object] | None:
    if isinstance(listing, Mapping):
        listing = next((listing[key] for key in _LISTS if isinstance(listing.get(key), list)), None)
    return listing if isinstance(listing, list) else None


def _endpoint(entry: Mapping[object, object]) -> Endpoint:
    """Raises ValueError with words to stand after the entry's name."""
    model = _first(entry, "model", "model_name", "name")
    return Endpoint(
        base_url=_base_url(_first(entry, "url", "base_url", "baseUrl", "endpoint")),
        model=model,
        source=Source.BACKEND,
        api_key=_key(entry),
        deploy_id=_deploy_id(entry),
        models=(model,) if model else (),
    )


def _base_url(text: str | None) -> str:
    if text is None:
        raise ValueError("has no url")
    try:
        parts = urlsplit(text)
        _ = parts.port  # raises ValueError for what is no port
    except ValueError as error:
        raise ValueError("has a url that cannot be read") from error
    _check(parts)
    url = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/') or '/v1'}"
    try:
        httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ValueError("has a url that cannot be asked") from error
    return url


def _check(parts: SplitResult) -> None:
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("has a url that does not begin with http:// or https://")
    if "@" in parts.netloc:
        raise ValueError("has a url with a password; it goes to api_key")
    if parts.query or parts.fragment or any(character.isspace() for character in parts.netloc + parts.path):
        raise ValueError("has a url with more than a host and a path")


def _key(entry: Mapping[object, object]) -> SecretStr:
    given = next((entry[name] for name in ("api_key", "token") if entry.get(name)), None)
    if given is None:
        return NO_KEY
    key = text_in(given, limit=10_000)
    if key is None or not key.isascii():
        raise ValueError("has an api_key that cannot be sent")
    return SecretStr(key)


def _deploy_id(entry: Mapping[object, object]) -> str | None:
    for name in ("deploy_id", "deployId", "id"):
        value = entry.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)[:20]
        if text := text_in(value):
            return text
    return None


def _is_stopped(entry: Mapping[object, object]) -> bool:
    status = entry.get("status")
    return isinstance(status, str) and status.strip().lower() in _STOPPED


def _called(entry: Mapping[object, object]) -> str:
    name = _deploy_id(entry) or _first(entry, "model", "model_name", "name")
    return f" ({name[:80]})" if name else ""


def _first(entry: Mapping[object, object], *names: str) -> str | None:
    return next((text for name in names if (text := text_in(entry.get(name)))), None)


def _merged(endpoints: Iterable[Endpoint]) -> list[Endpoint]:
    by_id: dict[str, Endpoint] = {}
    for one in endpoints:
        first = by_id.setdefault(one.id, one)
        models = tuple(dict.fromkeys((*first.models, *one.models)))
        by_id[one.id] = replace(first, models=models)
    return list(by_id.values())
