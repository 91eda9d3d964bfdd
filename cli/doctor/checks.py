"""All checks of doctor: each looks once, within its limit, and none can hurt another."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import httpx

from cli.client import Client, Query
from cli.doctor.endpoints import (
    Port,
    PortProbe,
    Probe,
    judge_answer,
    judge_port,
    judge_provider,
    port_probes,
    provider_probes,
)
from cli.doctor.judging import (
    judge_agent_name,
    judge_clock,
    judge_departure,
    judge_entry,
    judge_rpc,
    judge_settings,
    judge_version,
    looks_swapped,
)
from cli.doctor.judging_registry import (
    judge_foreign,
    judge_keeper,
    judge_readiness,
    judge_waiting,
    judge_webhooks,
    judge_workers,
)
from cli.doctor.livekit import LiveKit
from cli.doctor.running import bind, look_at_all
from cli.doctor.tokens import http_url
from cli.doctor.verdicts import Verdict, fail, ok, warn
from cli.doctor.world import World
from cli.errors import CommandError, RefusedError
from config import LiveKitLogin, Settings, SettingsError

_WEBHOOK_WAIT = 2.0
"""Seconds in which the webhook about doctor's own room comes, where webhooks come at all."""

_WEBHOOK_POLL = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """What there is to check.

    Args:
        settings: As far as they can be read.
        trouble: A line for each setting that is wrong; empty = none is.
        client: Of the registry; None = there is none to ask.
        no_client: Why there is none.
    """

    settings: Settings
    trouble: str
    client: Client | None
    no_client: str
    world: World

    async def run(self) -> list[Verdict]:
        """Look at everything; at most two limits long. Never raises but for cancellation."""
        first = await look_at_all(
            {
                "LiveKit": self._livekit,
                "registry": self._registry,
                "database": self._database,
                "room keeping": self._keeping,
                **{
                    f"provider {probe.what}": bind(self._provider, probe)
                    for probe in provider_probes(self.settings)
                },
                **{probe.setting: bind(self._port, probe) for probe in port_probes(self.settings)},
            }
        )
        livekit, *others = first
        second: list[list[Verdict]] = []
        login = self._login()
        if login is not None and not any(one.subject == "LiveKit" and one.way_out for one in livekit):
            second = await look_at_all(
                {
                    "version": bind(self._version, login),
                    "agent calls": bind(self._rpc, login),
                    "departure timeout": bind(self._departure, login),
                    "webhooks": self._webhooks,
                }
            )
        else:
            second = await look_at_all({"webhooks": self._webhooks})
        of_settings = [*judge_settings(self.trouble), *judge_agent_name(self.settings.livekit_agent_name)]
        return [verdict for group in [of_settings, livekit, *second, *others] for verdict in group]

    # -- LiveKit

    async def _livekit(self) -> Sequence[Verdict]:
        try:
            login = self.settings.livekit_login()
        except SettingsError as error:
            text, _, way_out = str(error).partition("; ")
            return [fail("LiveKit", text, way_out)]
        async with self.world.http(http_url(login.url)) as http:
            try:
                entry = await LiveKit(http, login, self.world).enter()
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                text = f"nobody answers at LIVEKIT_URL={login.url} ({type(error).__name__})"
                return [fail("LiveKit", text, "start livekit-server, or mend LIVEKIT_URL")]
            is_swapped = entry.refusal is not None and await self._is_swapped(http, login)
        verdict = judge_entry(entry, url=login.url, is_swapped=is_swapped)
        return [verdict, *judge_clock("LiveKit's clock", entry.skew)]

    async def _is_swapped(self, http: httpx.AsyncClient, login: LiveKitLogin) -> bool:
        """Whether the keys are taken the other way round.

        Tried only where they look so: a token shows what is taken for the key, and that must not be a secret.
        """
        secret = login.api_secret.get_secret_value()
        if not looks_swapped(login.api_key, secret):
            return False
        swapped = LiveKitLogin(
            url=login.url, api_key=secret, api_secret=type(login.api_secret)(login.api_key)
        )
        try:
            entry = await LiveKit(http, swapped, self.world).enter()
        except httpx.HTTPError:
            return False
        return entry.is_livekit and entry.refusal is None

    async def _version(self, login: LiveKitLogin) -> Sequence[Verdict]:
        return judge_version(await self.world.server_version(login, self.world.now()))

    async def _rpc(self, login: LiveKitLogin) -> Sequence[Verdict]:
        async with self.world.http(http_url(login.url)) as http:
            return [judge_rpc(is_known=await LiveKit(http, login, self.world).rpc_is_known())]

    async def _departure(self, login: LiveKitLogin) -> Sequence[Verdict]:
        room = f"roomkeeper-doctor-{uuid.uuid4().hex[:12]}"
        async with self.world.http(http_url(login.url)) as http:
            seconds = await LiveKit(http, login, self.world).departure_timeout(room)
        return [judge_departure(seconds, grace_period=self.settings.grace_period)]

    def _login(self) -> LiveKitLogin | None:
        try:
            return self.settings.livekit_login()
        except SettingsError:
            return None

    # -- the registry

    async def _registry(self) -> Sequence[Verdict]:
        if self.client is None:
            return [
                warn("registry", self.no_client, "set WEB_UI_URL, so that agents are seen and brought back")
            ]
        try:
            asked_at = self.world.now()
            facts = await self.client.facts()
            skew = None if facts.now is None else (facts.now - asked_at).total_seconds()
            page = await self.client.agents(Query(kind="worker"))
        except RefusedError as error:
            if error.is_about_access:
                way_out = "set REGISTRY_TOKEN to the registry's own, and WEB_UI_URL to a name that it allows"
                return [fail("registry", str(error), way_out)]
            return [fail("registry", str(error), "see the registry's log")]
        except CommandError as error:
            text, _, way_out = str(error).partition(": start ")
            return [fail("registry", text, f"start {way_out}" if way_out else "mend WEB_UI_URL")]
        version = f" (version {facts.version})" if facts.version else ""
        found = [ok("registry", f"{self.client.url} answers{version}, and takes the token")]
        found += [
            warn("registry", notice.text, "see its page, or its log")
            for notice in facts.notices
            if notice.level != "info"
        ]
        return [*found, *judge_clock("the registry's clock", skew), *judge_workers(page.agents)]

    async def _database(self) -> Sequence[Verdict]:
        if self.client is None:
            return []
        async with self.world.http(self.client.url) as http:
            try:
                answer = await http.get("/readyz")
            except (httpx.HTTPError, httpx.InvalidURL):
                return []  # told as the registry's trouble
        return [judge_readiness(answer.status_code, answer.text)]

    async def _keeping(self) -> Sequence[Verdict]:
        if self.client is None:
            return []
        try:
            found = (await self.client.rooms.all()).value
        except RefusedError as error:
            if error.status != 404:
                return []
            return [
                warn("room keeping", "this registry keeps no rooms: it is too old", "update the registry")
            ]
        except CommandError:
            return []
        keeper = judge_keeper(found.keeper, livekit_url=self.settings.livekit_url)
        return [*keeper, *judge_waiting(found.rooms), *judge_foreign(found.rooms)]

    async def _webhooks(self) -> Sequence[Verdict]:
        """Doctor's own room is a reason for a webhook; it is waited for where none was seen yet."""
        if self.client is None:
            return []
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _WEBHOOK_WAIT
        try:
            while True:
                keeper = (await self.client.rooms.all()).value.keeper
                if keeper.webhook_seen_at is not None or not keeper.is_on or loop.time() >= deadline:
                    break
                await asyncio.sleep(_WEBHOOK_POLL)
            now = (await self.client.facts()).now or self.world.now()
        except CommandError:
            return []
        return judge_webhooks(keeper, now=now)

    # -- providers and ports

    async def _provider(self, probe: Probe) -> Sequence[Verdict]:
        async with self.world.http(probe.url) as http:
            try:
                status = (await http.get(probe.url, headers=probe.headers)).status_code
            except (httpx.HTTPError, httpx.InvalidURL):
                status = None
        return [judge_provider(probe, status)]

    async def _port(self, probe: PortProbe) -> Sequence[Verdict]:
        host = "127.0.0.1" if probe.host in ("0.0.0.0", "::") else probe.host  # noqa: S104
        if not await self.world.listens(host, probe.port):
            return [judge_port(probe, Port.FREE)]
        authority = f"[{host}]" if ":" in host else host
        async with self.world.http(f"http://{authority}:{probe.port}") as http:
            try:
                answer = await http.get(probe.path)
                text = answer.text if answer.is_success else None
            except (httpx.HTTPError, httpx.InvalidURL):
                text = None
        return [judge_port(probe, judge_answer(probe, text))]
