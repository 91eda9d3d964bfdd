"""Language models in every state, told by workers, a program and calls. For looking at the page, and for axe."""

from __future__ import annotations

from typing import Any

from tests.registry.page.pretend import Senders

OLLAMA = "127.0.0.1:11434"
LONG = "a-server-of-models-with-a-rather-long-name.of-a-region.example.net:8000/" + "a-model-" * 12


def an_endpoint(endpoint_id: str = OLLAMA, **fields: Any) -> dict[str, Any]:
    """One that is well, as JSON."""
    return {
        "id": endpoint_id,
        "model": "llama3.2:3b",
        "host": endpoint_id.partition("/")[0],
        "source": "discovered",
        "kind": "ollama",
        "state": "healthy",
        "age": 340.0,
        "firstTokenMs": 310.0,
        **fields,
    }


def a_switch(source: str | None, target: str | None, age: float, reason: str) -> dict[str, Any]:
    """One switch, as JSON."""
    return {"source": source, "target": target, "age": age, "reason": reason}


GPT = "api.openai.com/gpt-4.1-mini"
CLOUD = an_endpoint(GPT, model="gpt-4.1-mini", source="cloud", kind="openai", firstTokenMs=480.0)
SLOW = "no first word in 3 s"
WRONG = an_endpoint(state="misconfigured", reason="no model 'llama9' there; it has llama3.2:3b")


async def tell(agents: Senders) -> None:
    """Of two hosts, one of which has a model; and three calls."""
    await agents.beat(
        "worker-north",
        kind="worker",
        host="north",
        name="front desk",
        reason="2 calls of 8",
        models=[
            an_endpoint(state="failing", reason=SLOW, age=42.0, firstTokenMs=2890.0),
            CLOUD | {"isCurrent": True},
            an_endpoint(
                "10.0.0.7:8000", kind="vllm", model="Qwen/Qwen2.5-7B", state="busy", reason="it answers 429"
            ),
            an_endpoint("10.0.0.8:30000", kind="sglang", model=None, state="unknown", firstTokenMs=None),
            an_endpoint(LONG, source="url", state="rate_limited", reason="429: asked to wait, " * 6, age=5.0),
        ],
        switches=[a_switch(OLLAMA, GPT, 42, SLOW), a_switch(None, OLLAMA, 3_600, "it was found")],
    )
    await agents.beat(
        "worker-south",
        kind="worker",
        host="south",
        models=[
            WRONG,
            an_endpoint(
                "127.0.0.1:1234", kind="lmstudio", state="warming", reason="it loads its model", age=3.0
            ),
        ],
        switches=[a_switch(OLLAMA, None, 900, "it has no such model")],
    )
    await agents.beat("service-north", kind="program", host="north", models=[CLOUD | {"isCurrent": True}])
    await _call(agents, "well", CLOUD)
    await _call(agents, "hurt", CLOUD | {"state": "failing", "reason": "401 from a proxy"})
    await agents.beat(
        "call-waits",
        kind="session",
        host="south",
        name="Max",
        model="llama3.2:3b",
        models=[WRONG],
        switches=[a_switch(OLLAMA, None, 120, "it has no such model")],
        call={"room": "agent-waits-room", "phase": "active", "llmState": "none"},
    )


async def _call(agents: Senders, name: str, current: dict[str, Any]) -> None:
    """A call on the host that has a model."""
    await agents.beat(
        f"call-{name}",
        kind="session",
        host="north",
        name=name.capitalize(),
        model="llama3.2:3b",
        voice="amy",
        models=[an_endpoint(state="unknown", firstTokenMs=None), current | {"isCurrent": True}],
        switches=[a_switch(OLLAMA, GPT, 41, SLOW)],
        call={
            "room": f"agent-{name}-room",
            "phase": "active",
            "humans": [{"identity": "guest"}],
            "llm": current["model"],
            "llmState": current["state"],
        },
    )
