"""What Prometheus can ask of the service. What happens is counted here; what is, is read when Prometheus asks."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from llm.chunks import Chunk, usage_of
from llm.health import State
from service.language_models import LanguageModels
from service.threads import Threads

_SECONDS = (0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2, 3, 5, 10, 30, 60, 120)


class Metrics:
    """Of one service."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "roomkeeper_service_requests",
            "Requests, by address and HTTP status; 499 = the client went away",
            ["path", "status"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "roomkeeper_service_request_seconds",
            "From a request to the end of its answer",
            ["path"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.first_token = Histogram(
            "roomkeeper_service_first_token_seconds",
            "From asking a language model to its first word",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.tokens = Counter(
            "roomkeeper_service_tokens",
            "Tokens, by endpoint and kind (prompt, completion), where the model tells them",
            ["endpoint", "kind"],
            registry=self.registry,
        )
        self.waiting = Counter(
            "roomkeeper_service_waiting",
            "Questions that found no language model",
            registry=self.registry,
        )
        self.switches = Counter(
            "roomkeeper_service_llm_switches",
            "Times that another endpoint took over, by the one that did; none = the last one was lost",
            ["target"],
            registry=self.registry,
        )

    def count_tokens(self, endpoint: str, chunk: Chunk) -> None:
        """Take what the chunk tells of tokens, if it does."""
        usage = usage_of(chunk)
        if usage is None:
            return
        for kind in ("prompt", "completion"):
            n_tokens = usage.get(f"{kind}_tokens")
            if isinstance(n_tokens, int) and n_tokens > 0:
                self.tokens.labels(endpoint, kind).inc(n_tokens)

    def watch(self, models: LanguageModels, threads: Threads) -> None:
        """Show these too. To be called once."""
        self.registry.register(_Present(models, threads))
        current = _current_id(models)

        def changed() -> None:
            nonlocal current
            if (now := _current_id(models)) != current:
                current = now
                self.switches.labels(now or "none").inc()

        models.subscribe(changed)

    def as_text(self) -> bytes:
        """For Prometheus."""
        return generate_latest(self.registry)


class _Present(Collector):
    def __init__(self, models: LanguageModels, threads: Threads) -> None:
        self._models = models
        self._threads = threads

    def collect(self) -> Iterable[Metric]:
        yield GaugeMetricFamily(
            "roomkeeper_service_ready",
            "1 while a language model is known to answer",
            float(self._models.is_available),
        )
        states = GaugeMetricFamily(
            "roomkeeper_service_llm_endpoint",
            "1 for the state that an endpoint is in, 0 for the others",
            labels=["endpoint", "state"],
        )
        for view in self._models.views():
            for state in State:
                states.add_metric([view.id, state.value], float(view.state is state))
        yield states
        yield GaugeMetricFamily(
            "roomkeeper_service_forgetful",
            "1 while the conversations' database is away",
            float(self._threads.trouble is not None),
        )
        if self._threads.n_threads is not None:
            yield GaugeMetricFamily(
                "roomkeeper_service_threads",
                "Conversations in the database, as counted within the last minute",
                float(self._threads.n_threads),
            )


def _current_id(models: LanguageModels) -> str | None:
    current = models.current
    return None if current is None else current.id
