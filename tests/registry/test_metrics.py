"""What Prometheus is told of language models."""

from __future__ import annotations

from registry.metrics import FleetCollector
from tests.deploy.exported import exposition, samples
from tests.registry.virtual_fleet import play
from wire import Kind, ModelFacts, Said


async def test_endpoints_of_workers_are_counted_by_state_also_where_there_are_none() -> None:
    def model(state: str) -> ModelFacts:
        return ModelFacts(id=state, state=state)

    async with play() as p:
        p.beat("w1", kind=Kind.WORKER, models=(model("healthy"), model("failing"), model("a-new-word")))
        p.beat("w2", kind=Kind.WORKER, models=(model("healthy"),))
        p.beat("over", kind=Kind.WORKER, models=(model("busy"),), status=Said.STOPPED)
        p.beat("call", kind=Kind.SESSION, models=(model("warming"),))
        found = samples(exposition(FleetCollector(p.fleet)))
    told = {
        dict(labels)["state"]: n
        for (name, labels), n in found.items()
        if name == "roomkeeper_model_endpoints"
    }
    assert told == {
        "healthy": 2, "unknown": 1, "warming": 0, "busy": 0, "rate_limited": 0, "misconfigured": 0, "failing": 1,
    }  # fmt: skip
