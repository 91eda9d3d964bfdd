from __future__ import annotations

import itertools
import random
from typing import Any

import pytest

from llm.discovery.asking import Answer
from llm.discovery.deployments import deployments_in
from llm.discovery.docker import containers_in
from llm.discovery.kinds import tgi_model
from llm.discovery.listings import chat_names, models_in, refined
from tests.llm.discovery.shapes import listing

CHAT = [
    "gpt-4.1-mini", "llama3.2:3b", "Qwen/Qwen3-8B", "mixtral-8x7b", "llava", "phi-4-multimodal", "whisperer-7b",
    "gemma-3n-e4b", "deepseek-r1", "/models/tiny.gguf", "command-r", "vader-chat", "gemma3:e2b",
]  # fmt: skip
NOT_CHAT = [
    "nomic-embed-text:latest", "text-embedding-3-small", "Qwen/Qwen3-Embedding-8B", "embeddinggemma", "whisper-1",
    "Systran/faster-whisper-small", "BAAI/bge-m3", "intfloat/e5-large", "jina-reranker-v1", "all-minilm:33m", "tts-1",
    "nanotts", "stablediffusion", "dall-e-3", "silero-vad-ggml", "gpt-4o-transcribe", "Alibaba-NLP/gte-Qwen2",
]  # fmt: skip


@pytest.mark.parametrize("name", CHAT)
def test_names_of_chat_models(name: str) -> None:
    assert chat_names(models_in(listing(name)) or ()) == (name,)


@pytest.mark.parametrize("name", NOT_CHAT)
def test_names_of_other_models(name: str) -> None:
    assert chat_names(models_in(listing(name)) or ()) == ()


@pytest.mark.parametrize(
    ("more", "is_chat"),
    [
        ({"type": "embeddings"}, False),
        ({"type": "vlm"}, True),
        ({"task": "automatic-speech-recognition"}, False),
        ({"task": "image-text-to-text"}, True),
        ({"model_type": "rerank"}, False),
        ({"capabilities": ["embedding"]}, False),
        ({"capabilities": ["completion", "embedding"]}, True),
        ({"capabilities": ["vision"]}, True),
        ({"capabilities": {"completion_chat": True}}, True),
        ({"details": {"family": "nomic-bert"}}, False),
        ({"details": {"family": "llama", "families": ["llama", "clip"]}}, True),
    ],
)
def test_types_of_models(more: dict[str, Any], is_chat: bool) -> None:
    assert bool(chat_names(models_in(listing("x", **more)) or ())) is is_chat


def test_a_model_is_listed_once_and_the_loaded_ones_first() -> None:
    entries = [
        {"id": "a", "status": {"value": "unloaded"}},
        {"id": "b", "status": {"value": "loaded"}},
        {"id": "a"},
        {"id": "c", "state": "loaded"},
    ]
    assert chat_names(models_in({"data": entries}) or ()) == ("b", "c", "a")


def test_names_that_cannot_be_shown_are_left_out() -> None:
    names = ["", " ", "a\nb", "\ud800", "x" * 301, 7, None, ["a"], " good "]
    assert chat_names(models_in({"data": [{"id": name} for name in names]}) or ()) == ("good",)


@pytest.mark.parametrize(
    "answer", [None, [], {}, "x", {"data": {}}, {"data": [1]}, {"object": "list", "data": 3}]
)
def test_what_is_no_list_of_models(answer: object) -> None:
    assert models_in(answer) is None


def test_details_that_are_something_else_change_nothing() -> None:
    models = models_in(listing("a", "b")) or ()
    several: list[object] = [
        None,
        [],
        {"models": 3},
        {"data": [1, {"id": "c", "type": "embeddings"}]},
        {"error": 1},
    ]
    for details in several:
        assert refined(models, details) == models


def test_no_answer_makes_the_readers_fail() -> None:
    """Whatever JSON comes, there is a result."""
    keys = [
        "data", "object", "models", "id", "name", "owned_by", "type", "state", "status", "details", "families",
        "capabilities", "Names", "Ports", "State", "Labels", "NetworkSettings", "Networks", "PublicPort",
        "PrivatePort", "IP", "IPAddress", "url", "api_key", "deploy_id", "model_id", "model_sha", "value",
    ]  # fmt: skip
    chance = random.Random(7)
    leaves = [
        None,
        True,
        3,
        -1,
        1e400,
        "",
        "list",
        "/x",
        "http://",
        "http://[",
        "a:99999",
        "http://h:x",
        "\ud800",
    ]

    def value(depth: int) -> object:
        if not depth or chance.random() < 0.2:
            return chance.choice(leaves)
        if chance.random() < 0.3:
            return [value(depth - 1) for _ in range(chance.randrange(3))]
        return {chance.choice(keys): value(depth - 1) for _ in range(chance.randrange(6))}

    for _, depth in itertools.product(range(800), (2, 4, 5)):
        answer = value(depth)
        refined(models_in(answer) or models_in(listing("a")) or (), answer)
        deployments_in(answer)
        containers_in([answer], ports=(1,))
    assert tgi_model(Answer(status=200, headers={}, body=b'{"model_id": 3, "model_sha": 1}')) is None
