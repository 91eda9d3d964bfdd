"""What servers of language models answer, cut down to what tells them apart. Written by hand after their sources."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Routes = dict[str, Any]
"""Answer by path: an object is JSON with status 200, a text is text, and `Said` is anything else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    status: int = 200
    body: str = ""
    type: str = "text/plain"
    headers: dict[str, str] = field(default_factory=dict)


def listing(*names: str, owner: str | None = None, **more: Any) -> dict[str, Any]:
    owned = {} if owner is None else {"owned_by": owner}
    return {"object": "list", "data": [{"id": name, "object": "model", **owned, **more} for name in names]}


OLLAMA: Routes = {
    "/": "Ollama is running",
    "/v1/models": listing(
        "nomic-embed-text:latest", "llama3.2:3b", "all-mini:33m", owner="library", created=1
    ),
    "/api/tags": {
        "models": [
            {
                "name": "nomic-embed-text:latest",
                "details": {"family": "nomic-bert", "families": ["nomic-bert"]},
            },
            {"name": "llama3.2:3b", "details": {"family": "llama", "families": ["llama"]}},
            {"name": "all-mini:33m", "details": {"family": "bert", "families": None}},
        ]
    },
}
OLLAMA_EMPTY: Routes = {
    "/": "Ollama is running",
    "/v1/models": {"object": "list", "data": None},
    "/api/tags": {"models": []},
}
OLLAMA_OF_USERS: Routes = {
    "/": "Ollama is running",
    "/v1/models": listing("hf.co/someone/Some-GGUF:Q4", owner="someone", created=1),
    "/api/tags": {
        "models": [{"name": "hf.co/someone/Some-GGUF:Q4", "capabilities": ["completion", "tools"]}]
    },
}
VLLM: Routes = {
    "/version": {"version": "0.11.0"},
    "/v1/models": listing(
        "Qwen/Qwen3-8B", owner="vllm", created=1, root="Qwen/Qwen3-8B", max_model_len=40_960
    ),
}
TGI: Routes = {
    "/v1/models": listing("HuggingFaceH4/zephyr-7b-beta", owner="HuggingFaceH4/zephyr-7b-beta", created=0),
    "/info": {
        "model_id": "HuggingFaceH4/zephyr-7b-beta",
        "model_sha": "b70e",
        "max_concurrent_requests": 128,
    },
}
TGI_WITHOUT_LIST: Routes = {
    "/info": {
        "model_id": "bigscience/bloom-560m",
        "model_sha": None,
        "model_dtype": "torch.float16",
        "max_concurrent_requests": 128,
        "version": "1.4.0",
    },
}
TEI: Routes = {
    "/info": {
        "model_id": "BAAI/bge-m3",
        "model_sha": "5617",
        "model_type": {"embedding": {"pooling": "cls"}},
        "max_concurrent_requests": 512,
    },
}
LLAMA_CPP: Routes = {
    "/v1/models": {
        "models": [{"name": "model.gguf", "capabilities": ["completion"]}],
        **listing("/models/qwen.gguf", owner="llamacpp", created=1, meta={"n_params": 8}),
    },
}
LLAMA_CPP_LOADING: Routes = {
    "/v1/models": Said(
        status=503,
        body='{"error":{"message":"Loading model","type":"unavailable_error","code":503}}',
        type="application/json",
        headers={"Server": "llama.cpp"},
    ),
}
LM_STUDIO: Routes = {
    "/v1/models": listing("qwen2-vl-7b", "gemma-3-12b", "nomic-v1.5", owner="organization_owner"),
    "/api/v0/models": {
        "object": "list",
        "data": [
            {"id": "qwen2-vl-7b", "type": "vlm", "state": "not-loaded"},
            {"id": "gemma-3-12b", "type": "llm", "state": "loaded"},
            {"id": "nomic-v1.5", "type": "embeddings", "state": "loaded"},
        ],
    },
}
LM_STUDIO_EMPTY: Routes = {
    "/v1/models": {"object": "list", "data": []},
    "/": {"error": "Unexpected endpoint or method. (GET /)"},
}
SGLANG: Routes = {
    "/v1/models": listing("meta-llama/Llama-3.1-8B", owner="sglang", created=1, max_model_len=8_192),
    "/get_model_info": {"model_path": "meta-llama/Llama-3.1-8B", "is_generation": True},
}
SGLANG_EMBEDDING: Routes = {
    "/v1/models": listing("Alibaba/GTE2-7B", owner="sglang", created=1),
    "/get_model_info": {"model_path": "Alibaba/GTE2-7B", "is_generation": False},
}
LOCALAI: Routes = {
    "/v1/models": listing("gpt-4", "whisper-1", "stablediffusion", "text-embedding-ada-002", "tts-1"),
    "/version": {"version": "v3.2.1 (9eed5ef)"},
}
OTHER_OPENAI: Routes = {"/v1/models": listing("mistral-large", owner="someone", created=1)}
OWN_SERVICE: Routes = {"/v1/models": listing("coach", owner="roomkeeper", created=1)}
OWN_SERVICE_EMPTY: Routes = {
    "/v1/models": Said(
        body='{"object":"list","data":[]}', type="application/json", headers={"Server": "roomkeeper"}
    ),
}
OWN_SERVICE_LOCKED: Routes = {
    "/v1/models": Said(
        status=401, body='{"error":"token"}', type="application/json", headers={"Server": "roomkeeper"}
    ),
}
LOCKED: Routes = {
    "/v1/models": Said(status=401, body='{"error":"Unauthorized"}', type="application/json"),
}
WEBSITE: Routes = {"/v1/models": Said(body="<!doctype html><title>Grafana</title>", type="text/html")}
