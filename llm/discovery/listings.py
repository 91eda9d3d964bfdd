"""Read lists of models, and tell those that chat from those that embed or transcribe."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

MAX_NAME = 300
"""Characters. A model that is a file has its path for a name."""

_NOT_CHAT_NAME = re.compile(
    r"embed|rerank|whisper(?!er)|stable-?diffusion|dall-?e|tts(?![a-z0-9])"
    r"|(?<![a-z0-9])(bge|e5|gte|minilm|stt|asr|vad|moderation|transcribe)(?![a-z0-9])"
)
_NOT_CHAT_TYPES = (
    "embed", "rerank", "whisper", "automatic-speech", "text-to-", "feature-extraction", "audio", "tts", "stt",
)  # fmt: skip
"""How the words begin that LM Studio (`type`), speaches (`task`) and Xinference (`model_type`) have for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A model in a server's list."""

    name: str
    owner: str | None = None
    """Its `owned_by`; None = not said."""

    is_chat: bool = True
    """False when its name or type says that it is for something else."""

    is_loaded: bool = False
    """It answers at once; False also when nothing says so."""


def models_in(listing: object) -> tuple[Listed, ...] | None:
    """The models of an answer to `GET /v1/models`; None when it is no list of models.

    `data` is null where Ollama has none (ollama 0.12, openai/openai.go: a nil slice).
    """
    if not isinstance(listing, Mapping):
        return None
    entries = listing.get("data")
    if entries is None or entries == []:
        return () if listing.get("object") == "list" else None
    return tuple(listed_in(entries)) or None


def refined(models: Sequence[Listed], details: object) -> tuple[Listed, ...]:
    """`models` with what a server's own, richer list says of them.

    Args:
        details: Answer to `/api/tags` (Ollama: `models`), `/api/v0/models` (LM Studio: `data`) or
            `/get_model_info` (SGLang: `is_generation`); anything else changes nothing.
    """
    if not isinstance(details, Mapping):
        return tuple(models)
    if details.get("is_generation") is False:
        return tuple(replace(one, is_chat=False) for one in models)
    entries = details.get("models") or details.get("data")
    known = {one.name: one for one in listed_in(entries)}
    return tuple(
        replace(
            one,
            is_chat=one.is_chat and known.get(one.name, one).is_chat,
            is_loaded=one.is_loaded or known.get(one.name, one).is_loaded,
        )
        for one in models
    )


def chat_names(models: Sequence[Listed]) -> tuple[str, ...]:
    """Names of those that chat, each once, the loaded ones first."""
    chatting = [one for one in models if one.is_chat]
    return tuple(dict.fromkeys(one.name for one in sorted(chatting, key=lambda one: not one.is_loaded)))


def listed_in(entries: object) -> Iterator[Listed]:
    """The models among the entries of a list; what has no name that can be shown is left out."""
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, Mapping) and (name := text_in(entry.get("id")) or text_in(entry.get("name"))):
            yield Listed(
                name=name,
                owner=text_in(entry.get("owned_by")),
                is_chat=_is_chat(name, entry),
                is_loaded=_is_loaded(entry),
            )


def text_in(value: object, *, limit: int = MAX_NAME) -> str | None:
    """A text that can be shown, logged and sent; None for anything else."""
    if not isinstance(value, str):
        return None
    text = value.strip()
    return text if text and len(text) <= limit and text.isprintable() else None


def _is_chat(name: str, entry: Mapping[object, object]) -> bool:
    types = (entry.get("type"), entry.get("task"), entry.get("model_type"))
    if any(isinstance(one, str) and one.lower().startswith(_NOT_CHAT_TYPES) for one in types):
        return False
    listed = entry.get("capabilities")  # of newer Ollamas, and of infinity
    abilities = [str(one) for one in listed] if isinstance(listed, list) else []
    if not {"completion", "chat"} & {*abilities} and any(
        one.startswith(_NOT_CHAT_TYPES) for one in abilities
    ):
        return False
    return not _NOT_CHAT_NAME.search(name.lower()) and "bert" not in _families(entry)


def _families(entry: Mapping[object, object]) -> str:
    """What Ollama says of a model's architecture: `bert` and `nomic-bert` embed."""
    details = entry.get("details")
    if not isinstance(details, Mapping):
        return ""
    families = details.get("families")
    return " ".join(map(str, [details.get("family"), *(families if isinstance(families, list) else ())]))


def _is_loaded(entry: Mapping[object, object]) -> bool:
    """LM Studio's `state`, llama.cpp's `status` where it serves several models."""
    status = entry.get("status")
    return entry.get("state") == "loaded" or (isinstance(status, Mapping) and status.get("value") == "loaded")
