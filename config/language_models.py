"""The settings of language models: where they are, how long they have, what may be done with them."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from config.values import DAY, HttpUrl, Listed, Port


def _check_jwt_secret(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value().encode()) < 32:
        raise ValueError("must be 32 bytes or more, like the output of `openssl rand -hex 32`")
    return value


class LanguageModelSettings(BaseSettings):
    """The part of the settings that `llm/` and the agent service read."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_ignore_empty=True, use_attribute_docstrings=True
    )

    llm_urls: Annotated[tuple[HttpUrl, ...], NoDecode, Listed] = ()
    """Further OpenAI-compatible servers for the language model: URLs with their /v1, separated by commas, best first.

    `#model` after a URL says which of its models to take.
    """

    use_cloud_llm: bool = False
    """Whether CLOUD_CHAT_UI_URL is asked before every other language model."""

    cloud_chat_ui_url: HttpUrl | None = None
    """OpenAI-compatible server in the cloud, with its /v1."""

    cloud_chat_ui_auth_token: SecretStr | None = None
    """What CLOUD_CHAT_UI_URL wants to see as a bearer token."""

    llm_container_name: Annotated[tuple[str, ...], NoDecode, Listed] = ()
    """Docker containers on this host that serve a language model, by name, separated by commas."""

    agent_backend_url: HttpUrl | None = None
    """Server with a list of deployed language models, in JSON."""

    agent_auto_discovery: bool = True
    """Whether language models are looked for on AGENT_DISCOVERY_HOSTS."""

    agent_discovery_hosts: Annotated[tuple[str, ...], NoDecode, Listed] = ("127.0.0.1",)
    """Hosts where language models are looked for, separated by commas."""

    agent_discovery_ports: Annotated[tuple[Port, ...], NoDecode, Listed] = (
        11434, 8000, 8080, 1234, 30000, 3000,
    )  # fmt: skip
    """Ports where they are looked for, separated by commas.

    By default those of Ollama, vLLM, llama.cpp and LocalAI, LM Studio, SGLang and TGI.
    """

    agent_discovery_cache_ttl: float = Field(default=300.0, ge=0, le=DAY, allow_inf_nan=False)
    """Seconds that a language model which was found stays listed without being found again."""

    agent_discovery_interval: float = Field(default=60.0, ge=1, le=DAY, allow_inf_nan=False)
    """Seconds between two searches while a language model answers."""

    agent_llm_polling_enabled: bool = True
    """Whether distant language models are asked again while none answers. Local ones are found within seconds."""

    agent_llm_polling_interval: float = Field(default=180.0, ge=1, le=DAY, allow_inf_nan=False)
    """Seconds between two such rounds."""

    agent_llm_polling_max_attempts: int = Field(default=0, ge=0, le=1_000_000)
    """Rounds on end without success until they stop; 0 = they never do."""

    agent_health_check_enabled: bool = True
    """Whether language models are asked how they are when nobody talks to them, or when they have failed."""

    agent_health_check_interval: float = Field(default=30.0, ge=1, le=DAY, allow_inf_nan=False)
    """Seconds between two such checks of an idle one."""

    agent_health_check_timeout: float = Field(default=5.0, ge=0.1, le=600, allow_inf_nan=False)
    """Seconds until a check without an answer has failed."""

    agent_max_failures: int = Field(default=1, ge=1, le=100)
    """Failures on end after which a language model is asked only when no better one is there."""

    llm_first_token_timeout: float = Field(default=3.0, ge=0.1, le=600, allow_inf_nan=False)
    """Seconds that a language model has for its first word before the next one is asked. A human waits."""

    llm_patience: float = Field(default=8.0, ge=0.1, le=600, allow_inf_nan=False)
    """Seconds that it has when there is no other one to ask."""

    llm_token_timeout: float = Field(default=10.0, ge=0.1, le=600, allow_inf_nan=False)
    """Longest silence in the middle of an answer."""

    llm_total_timeout: float = Field(default=120.0, ge=1, le=DAY, allow_inf_nan=False)
    """Longest answer. A model that never stops must end."""

    llm_hedging: bool = False
    """Whether a second language model is asked when the first one is slower than it mostly is. Costs tokens."""

    agent_service_host: str = "127.0.0.1"
    """Address that `python -m service` listens on, at AGENT_PORT. Any but this machine's own needs JWT_SECRET."""

    jwt_secret: Annotated[SecretStr, AfterValidator(_check_jwt_secret)] | None = None
    """Secret that signs the agent service's tokens (HS256); unset = only this machine may ask, without a token."""

    chat_threads: int = Field(default=1_000, ge=1, le=1_000_000)
    """Conversations that the agent service keeps; whoever has the most loses first the one that was silent longest."""

    chat_thread_messages: int = Field(default=50, ge=2, le=10_000)
    """Messages of a conversation that it keeps and shows to the model."""

    chat_thread_ttl: float = Field(default=86_400.0, ge=1, le=365 * DAY, allow_inf_nan=False)
    """Seconds after its last message that a conversation is forgotten."""

    tavily_api_key: SecretStr | None = None
    """Key for web search; unset = agents cannot search."""

    tavily_base_url: HttpUrl | None = None
    """Another server that speaks Tavily's protocol."""

    e2b_api_key: SecretStr | None = None
    """Key for running code in E2B's sandboxes; unset = agents cannot run code."""

    e2b_base_url: HttpUrl | None = None
    """Another server that speaks E2B's protocol."""

    tool_timeout: float = Field(default=10.0, ge=0.1, le=600, allow_inf_nan=False)
    """Seconds that a tool has to answer."""
