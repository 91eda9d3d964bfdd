"""Who hears, thinks and speaks, and the ports of this machine: what to ask, and what the answers mean."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field

from pydantic import SecretStr

from cli.doctor.verdicts import Verdict, fail, ok, warn
from config import Endpoint, Providers, Settings, resolve_providers
from config.hosts import leads_here
from config.providers import NO_KEY


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A request that tells whether a provider answers and takes the key."""

    what: str
    """For which parts, in words."""

    url: str
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    is_local: bool = False
    has_key: bool = False


class Port(enum.Enum):
    """What is behind a port."""

    FREE = "free"
    OURS = "ours"
    TAKEN = "taken"  # by somebody else


@dataclass(frozen=True, slots=True, kw_only=True)
class PortProbe:
    """A port that a process of ours listens on, or is to listen on."""

    setting: str
    host: str
    port: int
    path: str
    """Where what is ours answers."""

    sign: str
    """What is in that answer."""

    start: str
    """How it is started."""


def provider_probes(settings: Settings) -> list[Probe]:
    """One for each server that the providers are at."""
    providers = resolve_providers(settings)
    by_place: dict[tuple[str, str, bool], list[tuple[str, Endpoint]]] = {}
    for what, endpoint in _parts(providers):
        base = settings.local_models_url if endpoint.is_local else endpoint.base_url
        protocol = "local" if endpoint.is_local else endpoint.protocol
        by_place.setdefault((protocol, base, endpoint.is_local), []).append((what, endpoint))
    return [
        _probe(protocol, base, " and ".join(what for what, _ in parts), parts[0][1].api_key)
        for (protocol, base, _), parts in by_place.items()
    ]


def judge_provider(probe: Probe, status: int | None) -> Verdict:
    """A provider.

    Args:
        status: Of HTTP; None = nobody answers.
    """
    if status is None:
        if probe.is_local:
            return fail(
                "local models",
                f"nobody answers at {probe.url} (LOCAL_MODELS_URL), which {probe.what} would use",
                "start them: `python -m local_models`; or set OPENAI_API_KEY and DEEPGRAM_API_KEY",
            )
        return fail(
            "provider", f"nobody answers at {probe.url} ({probe.what})", "check the URL and the network"
        )
    name = "local models" if probe.is_local else "provider"
    if status == 401 and probe.has_key:
        return fail(name, f"{probe.url} refuses the key for {probe.what}", "give it another key")
    if status >= 500 or (probe.is_local and status != 200):
        return warn(
            name, f"{probe.url} answers with HTTP {status} ({probe.what})", "see its log or its status page"
        )
    takes = " and takes the key" if probe.has_key and status < 300 else ""
    return ok(name, f"{probe.url} answers{takes} ({probe.what})")


def port_probes(settings: Settings) -> list[PortProbe]:
    """Ports of this machine that ours listen on; none where a part runs elsewhere, or takes any free port."""
    probes = []
    if settings.registry_port and (settings.web_ui_url is None or leads_here(settings.web_ui_url)):
        probes.append(
            PortProbe(
                setting="REGISTRY_PORT", host=settings.registry_host, port=settings.registry_port,
                path="/healthz", sign="ok", start="python -m registry",
            )
        )  # fmt: skip
    providers = resolve_providers(settings)
    if providers.uses_local_models and settings.local_models_port and leads_here(settings.local_models_url):
        probes.append(
            PortProbe(
                setting="LOCAL_MODELS_PORT", host=settings.local_models_host, port=settings.local_models_port,
                path="/healthz", sign='"status"', start="python -m local_models",
            )
        )  # fmt: skip
    if settings.worker_port:
        probes.append(
            PortProbe(
                setting="WORKER_PORT", host=settings.worker_host, port=settings.worker_port,
                path="/worker", sign='"worker_type"', start="python agent.py start",
            )
        )  # fmt: skip
    return probes


def judge_port(probe: PortProbe, port: Port) -> Verdict:
    """A port."""
    match port:
        case Port.FREE:
            return ok("port", f"{probe.setting}={probe.port} is free for `{probe.start}`")
        case Port.OURS:
            return ok("port", f"{probe.setting}={probe.port} is taken by ours")
        case Port.TAKEN:
            return fail(
                "port",
                f"{probe.setting}={probe.port} is taken by another program, so `{probe.start}` cannot start",
                f"stop that program, or set {probe.setting} to another port",
            )


def judge_answer(probe: PortProbe, text: str | None) -> Port:
    """Whose a port is that something listens on.

    Args:
        text: Its answer; None = it does not speak HTTP, or answers with an error.
    """
    return Port.OURS if text is not None and probe.sign in text else Port.TAKEN


def _parts(providers: Providers) -> Sequence[tuple[str, Endpoint]]:
    return (
        ("speech to text", providers.stt),
        ("the language model", providers.llm),
        ("text to speech", providers.tts),
    )


def _probe(protocol: str, base: str, what: str, key: SecretStr) -> Probe:
    if protocol == "local":
        return Probe(what=what, url=f"{base}/healthz", is_local=True)
    has_key = key is not NO_KEY
    secret = key.get_secret_value()
    if protocol == "openai":
        headers = {"Authorization": f"Bearer {secret}"} if has_key else {}
        return Probe(what=what, url=f"{base}/models", headers=headers, has_key=has_key)
    headers = {"Authorization": f"Token {secret}"} if has_key else {}
    return Probe(what=what, url=f"{base}/v1/projects", headers=headers, has_key=has_key)
