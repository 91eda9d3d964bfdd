"""What the service says of itself."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from llm.models import EndpointView
from service.shown_settings import shown

if TYPE_CHECKING:
    from service.running import Service


def open_view(service: Service) -> dict[str, Any]:
    """For anybody: which models there are and how they do. Holds no secret."""
    models = service.models
    next_poll = models.next_poll
    return {
        "status": "ready" if models.is_available else "initializing",
        "llm_mode": models.mode,
        "llm_info": _current(service),
        "next_poll": None if next_poll is None else round(next_poll, 1),
        "models": [_endpoint(view) for view in models.views()],
        "switches": [
            {"age": round(each.age, 1), "source": each.source, "target": each.target, "reason": each.reason}
            for each in models.switches()
        ],
    }


def full_view(service: Service) -> dict[str, Any]:
    """For who has a token: its settings too, and what is wrong."""
    threads = service.threads
    return {
        **open_view(service),
        "version": service.version,
        "uptime": round(service.clock.monotonic() - service.started_at, 1),
        "answering": len(service.answers),
        "tools": [tool.name for tool in service.chat.tools],
        "threads": {"database": threads.place, "count": threads.n_threads, "trouble": threads.trouble},
        "troubles": service.models.troubles,
        "settings": shown(service.settings),
    }


def _current(service: Service) -> dict[str, Any] | None:
    current = service.models.current
    if current is None or not service.models.is_available:
        return None
    taken = next((each for each in service.models.switches() if each.target == current.id), None)
    age = current.age if taken is None else taken.age
    return {
        "model": current.model,
        "id": current.id,
        "kind": current.kind,
        "since": (service.clock.utc() - timedelta(seconds=age)).isoformat(timespec="seconds"),
    }


def _endpoint(view: EndpointView) -> dict[str, Any]:
    return {
        "id": view.id,
        "deploy_id": view.deploy_id,
        "model": view.model,
        "models": view.models,
        "source": view.source,
        "kind": view.kind,
        "state": view.state.value,
        "reason": view.reason,
        "age": round(view.age, 1),
        "retry_in": None if view.retry_in is None else round(view.retry_in, 1),
        "first_token_ms": None if view.first_token_ms is None else round(view.first_token_ms, 1),
        "is_current": view.is_current,
        "is_selected": view.is_selected,
    }
