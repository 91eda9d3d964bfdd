"""Tell what software a server is, from its list of models and one more question."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from llm.discovery.asking import Answer
from llm.discovery.listings import Listed, text_in

OWN = "roomkeeper"
"""Our agent service, by its models' `owned_by` or its `Server` header. It asks others, so it is no language model."""

_BY_OWNER = {
    "vllm": "vllm",  # vllm/entrypoints/openai/protocol.py
    "sglang": "sglang",  # sglang/srt/entrypoints/openai/protocol.py
    "llamacpp": "llama.cpp",  # tools/server/server-context.cpp
    "library": "ollama",  # openai/openai.go: the model's namespace
    "organization_owner": "lmstudio",
    "organization-owner": "lmstudio",
}

DETAILS = {"ollama": "/api/tags", "lmstudio": "/api/v0/models", "sglang": "/get_model_info"}
"""Where a kind says which of its models do not chat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A further GET that tells kinds apart."""

    path: str
    kind_of: Callable[[Answer], str | None]


def is_own(models: Sequence[Listed], headers: Mapping[str, str]) -> bool:
    return headers.get("server", "").lower().startswith(OWN) or any(one.owner == OWN for one in models)


def kind_of(models: Sequence[Listed], headers: Mapping[str, str]) -> str | None:
    """What it says by itself; None = it says nothing."""
    if headers.get("server", "").lower().startswith("llama.cpp"):
        return "llama.cpp"
    return next((_BY_OWNER[one.owner] for one in models if one.owner in _BY_OWNER), None)


def question_for(models: Sequence[Listed]) -> Question:
    """What to ask a server that does not say what it is."""
    if models and all(one.owner == one.name for one in models):
        return Question(path="/info", kind_of=_tgi)
    if models and all(one.owner is None for one in models):
        return Question(path="/version", kind_of=_localai)
    return Question(path="/", kind_of=_by_root)


def tgi_model(answer: Answer) -> Listed | None:
    """The model of text-generation-inference's `/info`; None when it is something else's.

    text-embeddings-inference answers there too, with a `model_type` that names what it does instead.
    """
    info = answer.json()
    if answer.status != 200 or not isinstance(info, Mapping):
        return None
    name = text_in(info.get("model_id"))
    if name is None or not {"max_concurrent_requests", "model_sha"} & set(info):
        return None
    return Listed(name=name, owner=name, is_chat=not isinstance(info.get("model_type"), Mapping))


def _tgi(answer: Answer) -> str | None:
    return "tgi" if tgi_model(answer) else None


def _localai(answer: Answer) -> str | None:
    """LocalAI says its version with the commit in brackets: `v3.2.1 (1a2b3c4)`."""
    said = answer.json()
    version = said.get("version") if isinstance(said, Mapping) else None
    is_its = isinstance(version, str) and " (" in version and version.endswith(")")
    return "localai" if answer.status == 200 and is_its else None


def _by_root(answer: Answer) -> str | None:
    start = answer.body[:200]
    if start.startswith(b"Ollama is running"):
        return "ollama"
    # LM Studio answers every path with 200.
    return "lmstudio" if b"Unexpected endpoint or method" in start else None
