"""Ask AGENT_BACKEND_URL for its list of deployed language models."""

from __future__ import annotations

import httpx

from config import Settings
from config.hosts import leads_here
from llm.discovery.asking import Answer, Limits, Silence, ask
from llm.discovery.deployments import deployments_in
from llm.discovery.notes import BACKEND, Notes

LIMITS = Limits(connect=1.5, total=4.0)
_MAX_TROUBLES = 5
_FORMAT = 'it must answer GET with JSON like [{"deploy_id": "…", "url": "http://host:8000/v1", "model": "…"}]'


class Backend:
    """The backend's list; `deployments_in` says what it looks like.

    It is reached as the environment's proxies say, except on this machine.
    """

    def __init__(self, settings: Settings, *, limits: Limits = LIMITS) -> None:
        self._url = settings.agent_backend_url
        self._limits = limits
        self._client: httpx.AsyncClient | None = None

    async def look(self, notes: Notes) -> None:
        if self._url is None:
            return
        # Its query may hold a secret.
        setting = f"AGENT_BACKEND_URL={self._url.partition('?')[0]}"
        answer = await ask(self._http(self._url), self._url, limits=self._limits, follow=True)
        if isinstance(answer, Silence):
            notes.trouble((BACKEND,), f"{setting} {answer.words}")
            return
        found = deployments_in(answer.json()) if answer.status == 200 else None
        if found is None:
            notes.trouble((BACKEND,), f"{setting} {_refusal(answer)}")
            return
        for index, endpoint in enumerate(found.endpoints):
            notes.see((BACKEND, index), endpoint)
        notes.is_backend_read = True
        for text in found.troubles[:_MAX_TROUBLES]:
            notes.trouble((BACKEND,), f"{setting}: {text}")
        if len(found.troubles) > _MAX_TROUBLES:
            more = len(found.troubles) - _MAX_TROUBLES
            notes.trouble((BACKEND,), f"{setting}: {more} more entries cannot be used")

    async def aclose(self) -> None:
        """May be called twice."""
        if self._client is not None:
            await self._client.aclose()

    def _http(self, url: str) -> httpx.AsyncClient:
        if self._client is None:
            is_here = leads_here(url)
            self._client = httpx.AsyncClient(
                trust_env=not is_here, limits=httpx.Limits(max_keepalive_connections=0)
            )
        return self._client


def _refusal(answer: Answer) -> str:
    if answer.status in {401, 403}:
        return f"wants a login (HTTP {answer.status}); this list is read without one"
    if answer.status != 200:
        return f"answers HTTP {answer.status}; {_FORMAT}"
    if answer.is_html:
        return f"answers HTML and not JSON: it is a page for people; {_FORMAT}"
    return f"answers without a list of models; {_FORMAT}"
