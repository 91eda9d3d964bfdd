"""Whether the registry lives, whether it is ready, and its metrics."""

from __future__ import annotations

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.responses import PlainTextResponse, Response

from registry.metrics import METRICS, FleetCollector, ProcessesCollector, RoomsCollector
from registry.running import Registry


def health_router(registry: Registry) -> APIRouter:
    """`/healthz`, `/readyz`, `/metrics`."""
    router = APIRouter(tags=["health"])
    of_this_fleet = CollectorRegistry()
    of_this_fleet.register(FleetCollector(registry.fleet))
    of_this_fleet.register(RoomsCollector(registry.keeper))
    if registry.children is not None:
        of_this_fleet.register(ProcessesCollector(registry.children.supervisor))

    @router.get("/healthz", response_class=PlainTextResponse)
    async def healthz() -> str:
        """The process lives."""
        return "ok"

    @router.get(
        "/readyz",
        response_class=PlainTextResponse,
        responses={503: {"description": "The database cannot be written.", "content": {"text/plain": {}}}},
    )
    async def readyz() -> Response:
        """The registry takes beats, new agents among them."""
        trouble = registry.ledger.trouble
        if trouble is not None:
            return PlainTextResponse(f"the database cannot be written: {trouble}", status_code=503)
        return PlainTextResponse("ready")

    @router.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> Response:
        """For Prometheus."""
        return Response(
            generate_latest(METRICS) + generate_latest(of_this_fleet), media_type=CONTENT_TYPE_LATEST
        )

    return router
