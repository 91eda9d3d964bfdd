"""The settings of every process, read from the environment, `.env.local` and `.env`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import dotenv
from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import SettingsConfigDict

from config.errors import SettingsError
from config.language_models import LanguageModelSettings
from config.values import DAY, HttpUrl, LiveKitUrl


def _check_database(value: SecretStr) -> SecretStr:
    scheme = value.get_secret_value().partition("://")[0].partition("+")[0]
    if scheme not in {"sqlite", "postgresql", "postgres"}:
        raise ValueError("must be a URL that begins with postgresql:// or sqlite:///")
    return value


def _check_token(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if len(text) < 8 or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError(
            "must be 8 or more ASCII characters without blanks, like the output of `openssl rand -hex 24`"
        )
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveKitLogin:
    """How to reach a LiveKit project, whole."""

    url: str
    api_key: str
    api_secret: SecretStr
    public_url: str | None = None
    """What browsers reach it by; None = the same."""


class Settings(LanguageModelSettings):
    """One process's settings. Durations are seconds. A name here in capitals is the variable's name."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_ignore_empty=True, use_attribute_docstrings=True
    )

    livekit_url: LiveKitUrl | None = None
    """LiveKit server, like ws://127.0.0.1:7880. Without it nothing can start but the local models."""

    livekit_public_url: LiveKitUrl | None = None
    """What browsers reach that server by, where LIVEKIT_URL is a name that only servers know."""

    livekit_api_key: str | None = None
    """LiveKit API key; goes with the secret."""

    livekit_api_secret: SecretStr | None = None
    """LiveKit API secret; signs the tokens of agents."""

    livekit_agent_name: str | None = None
    """LiveKit's own: set, it switches automatic dispatch off, and the worker gets only jobs that name it."""

    grace_period: float = Field(default=60.0, ge=0, le=DAY, allow_inf_nan=False)
    """Seconds that an agent waits after the last human left. Longer than a page reload, shorter than a bill."""

    first_human_timeout: float = Field(default=120.0, ge=1, le=DAY, allow_inf_nan=False)
    """Seconds that an agent waits for the first human. Rooms may be created long before anyone joins."""

    disconnected_timeout: float = Field(default=300.0, ge=1, le=DAY, allow_inf_nan=False)
    """Seconds on end without LiveKit until the agent ends. LiveKit's SDK gives up sooner; this is the backstop."""

    max_session: float = Field(default=43_200.0, ge=1, le=7 * DAY, allow_inf_nan=False)
    """Longest call in seconds. Nobody talks for twelve hours; a forgotten tab does."""

    max_calls: int | None = Field(default=None, ge=1, le=10_000)
    """Calls that one worker takes at once; unset = 12 per core. A full worker lets other workers be asked."""

    min_free_memory_mb: int = Field(default=256, ge=0, le=1_048_576)
    """Megabytes that must be free on the machine for another call. A call takes about 60."""

    job_memory_limit_mb: int = Field(default=2_048, ge=0, le=1_048_576)
    """Megabytes after which a call's process is ended; 0 = no limit. One leaking call must not take all down."""

    idle_processes: int = Field(default=2, ge=0, le=64)
    """Warm processes that wait for a call. Each saves the caller about a second and costs about 30 MB."""

    drain_timeout: int = Field(default=3_600, ge=1, le=86_400)
    """Seconds that a stopping worker waits for its calls to end by themselves."""

    worker_host: str = "127.0.0.1"
    """Address of the worker's own health page; 0.0.0.0 where a cluster's probe asks for it."""

    worker_port: int = Field(default=0, ge=0, le=65_535)
    """Port of the worker's own health page; 0 = any free one, so that several workers fit on a host."""

    journal_days: int = Field(default=30, ge=0, le=3_650)
    """Days that conversations are kept, on this machine and in the registry; 0 = they are not written at all."""

    local_models_url: HttpUrl = "http://127.0.0.1:8090"
    """Where the models of this machine answer. Used for whatever has no key and no URL."""

    local_models_host: str = "127.0.0.1"
    """Address that `python -m local_models` listens on. It asks nobody for a key: keep it on this machine."""

    local_models_port: int = Field(default=8090, ge=0, le=65_535)
    """Port that `python -m local_models` listens on; 0 = any free one."""

    openai_api_key: SecretStr | None = None
    """Key for the language model, and for speech when TTS_PROVIDER says so or no Deepgram key is set."""

    openai_base_url: HttpUrl | None = None
    """Another OpenAI-compatible server for the language model, like http://127.0.0.1:11434/v1."""

    deepgram_api_key: SecretStr | None = None
    """Key for speech to text, and for text to speech."""

    deepgram_base_url: HttpUrl | None = None
    """Another server that speaks Deepgram's protocol, without the path: https://api.deepgram.com."""

    tts_provider: Literal["auto", "openai", "deepgram", "local"] = "auto"
    """Who speaks; auto = OpenAI with its key, else Deepgram with its key, else this machine."""

    stt_model: str = Field(default="nova-3", min_length=1)
    """Deepgram's model for speech to text."""

    llm_model: str = Field(default="gpt-4.1-mini", min_length=1)
    """Language model, unless the agent's profile names one."""

    tts_model: str | None = None
    """Model for text to speech; unset = the provider's default."""

    tts_voice: str | None = None
    """Voice, unless the agent's profile names one; unset = the provider's default."""

    web_ui_url: HttpUrl | None = "http://localhost:3026"
    """Registry that agents send their beats to; empty = no registry."""

    agent_id: str | None = Field(default=None, min_length=1, max_length=200)
    """The worker's own row in the registry; unset = worker-<host name>. Calls are shown under their own ids."""

    agent_name: str | None = Field(default=None, max_length=200)
    """Name of the worker's own row; unset = the default profile's name."""

    agent_host: str | None = Field(default=None, min_length=1, max_length=200)
    """Host that beats tell; unset = this machine's name."""

    agent_port: int | None = Field(default=None, ge=0, le=65_535)
    """Port that beats tell, where the agent serves one; `python -m service` listens on it, on 8080 if unset."""

    agent_deployment: Literal["local", "cloud"] = "local"
    """Where the agents run, for the page's badge."""

    heartbeat_interval: float = Field(default=10.0, ge=0.5, le=3_600, allow_inf_nan=False)
    """Seconds between two beats, unless the registry's reply says otherwise."""

    registry_host: str = "127.0.0.1"
    """Address that `python -m registry` listens on. Any but this machine's own needs REGISTRY_TOKEN."""

    registry_port: int = Field(default=3026, ge=0, le=65_535)
    """Port that `python -m registry` listens on; 0 = any free one."""

    registry_token: Annotated[SecretStr, AfterValidator(_check_token)] | None = None
    """Secret that senders, the command line and the page's readers show to the registry; unset = nobody needs one."""

    registry_new_agents: int = Field(default=1_000, ge=1, le=10_000_000)
    """Agents never seen before that one address may bring in a minute. A loop gone wild must not fill the database."""

    database_url: Annotated[SecretStr, AfterValidator(_check_database)] | None = None
    """Database of the registry and the agent service, like postgresql://user:password@host/name; unset = SQLite."""

    history_days: int = Field(default=30, ge=1, le=3_650)
    """Days that the registry keeps changes of status."""

    registry_agents_file: str = "agents.toml"
    """File on the registry's host that says which agent processes it may start; relative to its working folder."""

    room_keeping: bool = True
    """Whether the registry keeps an agent in every room with a human, once it has LiveKit's URL and keys."""

    room_interval: float = Field(default=5.0, ge=0.5, le=60, allow_inf_nan=False)
    """Seconds between two looks at all rooms. Webhooks and beats wake it sooner; this is for what they miss."""

    room_health_interval: float = Field(default=10.0, ge=1, le=600, allow_inf_nan=False)
    """Seconds between two looks at each room's participants, and at how agents without beats are."""

    room_garbage_interval: float = Field(default=30.0, ge=5, le=3_600, allow_inf_nan=False)
    """Seconds between two collections of rooms and agents that nobody needs; found twice, they go."""

    def replace(self, **fields: object) -> Settings:
        """A copy with some fields replaced, checked like the rest.

        Raises:
            SettingsError: As `load_settings`.
        """
        try:
            return Settings.model_validate({**self.model_dump(exclude_unset=True), **fields})
        except ValidationError as error:
            raise SettingsError(
                "\n".join(_line(detail) for detail in error.errors(include_url=False))
            ) from error

    def livekit_login(self) -> LiveKitLogin:
        """LiveKit's URL and keys.

        Raises:
            SettingsError: One of the three is not set; names all that are missing.
        """
        url, api_key, api_secret = self.livekit_url, self.livekit_api_key, self.livekit_api_secret
        if url and api_key and api_secret:
            return LiveKitLogin(
                url=url, api_key=api_key, api_secret=api_secret, public_url=self.livekit_public_url
            )
        values = {"LIVEKIT_URL": url, "LIVEKIT_API_KEY": api_key, "LIVEKIT_API_SECRET": api_secret}
        missing = [name for name, value in values.items() if not value]
        raise SettingsError(
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set; put them into the environment "
            "or .env.local (see .env.example), or run ./scripts/demo, which brings its own server"
        )


def _is_secret(kind: object) -> bool:
    return kind is SecretStr or any(_is_secret(each) for each in get_args(kind))


SECRETS = frozenset(name for name, field in Settings.model_fields.items() if _is_secret(field.annotation))
"""The fields whose values nobody is shown: those whose types say so, alone or beside others."""

SENDER_SETTINGS = frozenset(
    {
        "web_ui_url",
        "registry_token",
        "agent_id",
        "agent_name",
        "agent_host",
        "agent_port",
        "agent_deployment",
        "heartbeat_interval",
    }
)
"""What a program needs that only beats, or only asks the registry."""


def load_settings(folder: Path | None = None, *, only: frozenset[str] | None = None) -> Settings:
    """The settings of this process.

    What stands in `.env.local`, then in `.env`, is added to the environment where it is not set there
    yet, so that child processes see the same.

    Args:
        folder: Where the two files are looked for; None = the working folder.
        only: The fields that matter to this process: a wrong value of another one may be meant for another
            program, and its default is taken. None = all.

    Raises:
        SettingsError: A setting is wrong, with one line for each.
    """
    _read_files(Path.cwd() if folder is None else folder)
    # Elsewhere empty means unset; here it is the way to have no registry.
    given: dict[str, Any] = {"web_ui_url": None} if os.environ.get("WEB_UI_URL") == "" else {}
    try:
        return Settings(**given)
    except ValidationError as error:
        wrong = {str(detail["loc"][0]) for detail in error.errors()}
        if only is not None and not wrong & only:
            return Settings(**given, **{name: Settings.model_fields[name].get_default() for name in wrong})
        raise SettingsError("\n".join(_line(detail) for detail in error.errors(include_url=False))) from error


def reload_settings(folder: Path | None = None) -> Settings:
    """As `load_settings`, with what stands in the two files now; the environment itself still wins.

    Raises:
        SettingsError: A setting is wrong; everything stays as it was.
    """
    before = {name: value for name, value in _from_files.items() if os.environ.get(name) == value}
    for name in before:
        del os.environ[name]
    _from_files.clear()
    try:
        return load_settings(folder)
    except SettingsError:
        for name in _from_files:
            os.environ.pop(name, None)
        _from_files.clear()
        _from_files.update(before)
        os.environ.update(before)
        raise


_from_files: dict[str, str] = {}
"""Variables that stood in a file and not in the environment that this process was given."""


def _read_files(folder: Path) -> None:
    for file in (".env.local", ".env"):
        try:
            values = dotenv.dotenv_values(folder / file)
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"{file} cannot be read: {error}; mend or remove it") from error
        for name, value in values.items():
            if value is not None and name not in os.environ:
                os.environ[name] = _from_files[name] = value


def process_environment() -> dict[str, str]:
    """The environment of this process, for those that it starts."""
    return dict(os.environ)


def _line(detail: object) -> str:
    assert isinstance(detail, dict)  # noqa: S101  # pydantic's ErrorDetails; a TypedDict has no class
    field = str(detail["loc"][0])
    shown = "***" if field in SECRETS or "@" in str(detail["input"]) else repr(detail["input"])
    meaning = (Settings.model_fields[field].description or "").split("\n")[0]
    return f"{field.upper()}={shown}: {detail['msg'].removeprefix('Value error, ')}. {meaning}"
