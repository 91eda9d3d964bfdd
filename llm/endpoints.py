"""Where language models are: one endpoint for each server that speaks OpenAI's protocol."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from pydantic import SecretStr

from config import NO_KEY, Settings, resolve_providers
from config.hosts import is_loopback, leads_here

_DEFAULT_PORTS = {"http": 80, "https": 443}


class Source(enum.Enum):
    """How an endpoint is known."""

    CLOUD = "cloud"
    URL = "url"
    LOCAL = "local"  # the models of this machine
    CONTAINER = "container"
    DISCOVERED = "discovered"
    BACKEND = "backend"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One server, and what to ask of it."""

    base_url: str
    """With its `/v1`, or whatever stands there, and no slash at the end."""

    model: str | None = None
    """None = the first of `models`, once they are known."""

    source: Source
    kind: str = "openai"
    """What serves it: ollama, vllm, tgi, llama.cpp, lmstudio, sglang, localai; openai for anything else."""

    api_key: SecretStr = field(default=NO_KEY, repr=False)
    deploy_id: str | None = None
    """Its id at the backend that listed it."""

    models: tuple[str, ...] = ()
    """What it says that it serves, when that is known."""

    is_for_one_model: bool = False
    """Its model stands in its id, because the settings may name the server again with another one."""

    id: str = field(init=False)
    """Readable, without secrets, and the same for as long as the endpoint is: `127.0.0.1:11434`.

    With the model behind it where the settings have it behind the URL: `127.0.0.1:11434#llama3`.
    """

    host: str = field(init=False)
    """`name:port` of the server."""

    is_loopback: bool = field(init=False)
    """It is asked at this machine's own address."""

    is_local: bool = field(init=False)
    """On this machine, or in a container of it: asking costs nothing, and it may come at any moment."""

    def __post_init__(self) -> None:
        """What follows from the URL is worked out once: it is asked for at every request."""
        parts = urlsplit(self.base_url)
        name, default_port = parts.hostname or "", _DEFAULT_PORTS.get(parts.scheme, 0)
        host = f"{f'[{name}]' if ':' in name else name}:{parts.port or default_port}"
        path = parts.path.removesuffix("/v1").strip("/")
        place = host.removesuffix(f":{default_port}")
        named = "/".join(part for part in (place, path, self.deploy_id) if part)
        own = is_loopback(name)
        for field_name, value in (
            ("host", host),
            ("id", f"{named}#{self.model}" if self.is_for_one_model and self.model else named),
            ("is_loopback", own),
            ("is_local", own or self.source in {Source.LOCAL, Source.CONTAINER}),
        ):
            object.__setattr__(self, field_name, value)


def configured(settings: Settings) -> tuple[Endpoint, ...]:
    """The endpoints that the settings name, the preferred one first.

    The cloud's when USE_CLOUD_LLM says so; then OpenAI's, with its key or URL; then LLM_URLS; and the models of this
    machine where none of these is set.
    """
    found = []
    if settings.use_cloud_llm and settings.cloud_chat_ui_url:
        key = settings.cloud_chat_ui_auth_token or NO_KEY
        found.append(_named(settings.cloud_chat_ui_url, source=Source.CLOUD, api_key=key))
    main = resolve_providers(settings).llm
    is_named = bool(settings.openai_api_key or settings.openai_base_url)
    if is_named:
        # The default model is OpenAI's: another server hardly has it.
        is_own_model = settings.openai_base_url is not None and "llm_model" not in settings.model_fields_set
        is_cloud = not leads_here(main.base_url)
        found.append(
            _named(
                main.base_url,
                model=None if is_own_model else main.model,
                source=Source.CLOUD if is_cloud else Source.URL,
                api_key=main.api_key,
            )
        )
    found.extend(_named(url, source=Source.URL) for url in settings.llm_urls)
    if not found:
        found.append(_named(main.base_url, source=Source.LOCAL))
    return unique(found)


def _named(url: str, *, source: Source, api_key: SecretStr = NO_KEY, model: str | None = None) -> Endpoint:
    """The endpoint of a URL in the settings, which may end in `#model`; else `model` is taken."""
    base_url, _, own_model = url.partition("#")
    return Endpoint(
        base_url=base_url.rstrip("/"),
        model=own_model or model,
        source=source,
        api_key=api_key,
        is_for_one_model=bool(own_model),
    )


def way_to_name_a_model(endpoint: Endpoint) -> str:
    """What a person can do about an endpoint of which no model is known, to stand after what is wrong."""
    if endpoint.source in {Source.CLOUD, Source.URL}:
        return "name one: #model after its URL, or LLM_MODEL for OPENAI_BASE_URL"
    if endpoint.source is Source.BACKEND:
        return "let AGENT_BACKEND_URL name one"
    return "load one there, or set LLM_URLS to its URL with #model after it"


def unique(endpoints: list[Endpoint]) -> tuple[Endpoint, ...]:
    """Each server once: the first of those with one id stays."""
    return tuple(
        {one.id: one for one in reversed(endpoints)}[key] for key in dict.fromkeys(e.id for e in endpoints)
    )
