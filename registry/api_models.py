"""What programs ask the registry about language models."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from starlette.responses import Response

from registry.api_answers import json_response
from registry.fleet import Fleet
from registry.model_list import ModelList, model_list
from registry.openapi import answers


def add_models(router: APIRouter, fleet: Fleet) -> None:
    """Add `/models`."""

    @router.get("/models", tags=["fleet"], responses=answers(ModelList))
    async def list_models() -> Response:
        """Endpoints of language models that living agents tell of, by their hosts, and the last 50 switches of all
        agents. What calls say of an endpoint is there only where the workers of their host find it otherwise."""
        return json_response(await asyncio.to_thread(model_list, list(fleet), fleet.clock))
