"""What a worker and a call ask of the registry over HTTP, beats apart."""

from __future__ import annotations

import asyncio
import re
import ssl
from dataclasses import dataclass
from urllib.parse import quote

import aiohttp
import msgspec
from pydantic import SecretStr
from yarl import URL

from config import Settings
from heartbeat.registry_http import LONGEST_WORDS, body_of, open_session, words
from wire import (
    SESSIONS_PATH,
    AgentId,
    BeatError,
    Profile,
    ProfileError,
    ReportTaken,
    SessionReport,
    Turn,
    decode_conversation,
    decode_refused,
    decode_taken,
    encode,
    parse_profile,
)

KEEPALIVE_TIMEOUT = 60.0
"""Seconds that an unused connection stays open."""

MAX_ANSWER_BYTES = 2_000_000
"""Forty turns of the longest kind; any other answer is far smaller."""

_UNKNOWN_PROFILE = "unknown_profile"
_PASSING = {408, 425, 429}  # HTTP's ways to say "not now" below 500
_CODE = re.compile(r"[a-z_]{1,40}")


class RegistryApiError(Exception):
    """The registry did not do what was asked. The message says how, shortly, and repeats nothing that was sent.

    Args:
        is_final: A person must do something; trying again soon changes nothing.
        retry_after: Seconds that the registry asks to wait.
    """

    def __init__(self, message: str, *, is_final: bool = False, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.is_final = is_final
        self.retry_after = retry_after


class BadAnswerError(RegistryApiError):
    """It answers, and what it says cannot be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredProfile:
    profile: Profile | None
    """None = the registry has none for this agent."""

    etag: str | None = None


class RegistryApi:
    """The registry at `url`, asked from the running event loop. Connections are made at the first use, and kept.

    Proxies of the environment are not used and redirects are not followed: requests carry a token.

    Args:
        url: Like http://localhost:3026, with or without a path.
        tls: For https; None = one that is made once for the process.
    """

    def __init__(
        self, url: str, *, token: SecretStr | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self._url = url.rstrip("/")
        self._token = token
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None

    async def report(self, incarnation: str, report: SessionReport, *, timeout: float) -> ReportTaken:
        """Tell how a session is. When this returns, the registry keeps it.

        Raises:
            RegistryApiError: It does not.
        """
        answer = await self._ask("PUT", _session(incarnation), timeout=timeout, body=encode(report))
        if answer.status not in (200, 201):
            raise _refusal(answer)
        try:
            return decode_taken(answer.body)
        except BeatError as error:
            raise _bad(answer, error) from error

    async def turns(self, incarnation: str, *, limit: int, timeout: float) -> tuple[Turn, ...]:
        """The last turns of a session's conversation, oldest first.

        Raises:
            RegistryApiError: They cannot be had.
        """
        answer = await self._ask("GET", f"{_session(incarnation)}/turns?limit={limit}", timeout=timeout)
        if answer.status != 200:
            raise _refusal(answer)
        try:
            return decode_conversation(answer.body).turns
        except BeatError as error:
            raise _bad(answer, error) from error

    async def profile(self, agent_id: AgentId, *, etag: str | None, timeout: float) -> StoredProfile | None:
        """What agent `agent_id` is; None = what it was when the answer had this `etag`.

        Raises:
            BadAnswerError: What is stored is no profile.
            RegistryApiError: It cannot be had.
        """
        headers = {"If-None-Match": etag} if etag else {}
        path = f"/api/agents/{quote(agent_id, safe='')}/profile"
        answer = await self._ask("GET", path, timeout=timeout, headers=headers)
        if answer.status == 304 and etag:
            return None
        if answer.status == 404 and _code_in(answer) == _UNKNOWN_PROFILE:
            return StoredProfile(profile=None)
        if answer.status != 200:
            raise _refusal(answer)
        try:
            stored = _stored.decode(answer.body)
            return StoredProfile(profile=parse_profile(bytes(stored.profile)), etag=answer.etag)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ProfileError) as error:
            raise _bad(answer, error) from error

    async def aclose(self) -> None:
        """Close the connections. May be called twice; asking again opens new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        timeout: float,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> _Answer:
        given = {**(headers or {}), **({"Content-Type": "application/json"} if body is not None else {})}
        try:
            async with (
                asyncio.timeout(timeout),
                self._http().request(
                    method,
                    URL(f"{self._url}{path}", encoded=True),
                    data=body,
                    headers=given,
                    allow_redirects=False,
                ) as answer,
            ):
                content = await body_of(answer, most=MAX_ANSWER_BYTES, error=BadAnswerError)
                return _Answer(status=answer.status, body=content, etag=answer.headers.get("ETag"))
        except TimeoutError as error:
            raise RegistryApiError(f"no answer within {timeout:g} s") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise RegistryApiError(words(error)) from error

    def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = open_session(
                user_agent="roomkeeper",
                token=self._token,
                tls=self._tls,
                keepalive_timeout=KEEPALIVE_TIMEOUT,
            )
        return self._session


def registry_api(settings: Settings, *, tls: ssl.SSLContext | None = None) -> RegistryApi | None:
    """The registry of these settings; None = there is none (WEB_UI_URL is empty)."""
    if settings.web_ui_url is None:
        return None
    return RegistryApi(settings.web_ui_url, token=settings.registry_token, tls=tls)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    status: int
    body: bytes
    etag: str | None


class _Stored(msgspec.Struct):
    """``{"agentId", "profile", "updatedAt", "updatedBy"}``; the rest is for people."""

    profile: msgspec.Raw


_stored = msgspec.json.Decoder(_Stored)


def _session(incarnation: str) -> str:
    return f"{SESSIONS_PATH}/{quote(incarnation, safe='')}"


def _code_in(answer: _Answer) -> str | None:
    try:
        code = decode_refused(answer.body).code
    except BeatError:
        return None
    return code if _CODE.fullmatch(code) else None


def _refusal(answer: _Answer) -> RegistryApiError:
    status = answer.status
    if 300 <= status < 400:
        return RegistryApiError(
            f"HTTP {status}: it is elsewhere; set WEB_UI_URL to where it really is", is_final=True
        )
    is_final = 400 <= status < 500 and status not in _PASSING
    try:
        retry_after = decode_refused(answer.body).retry_after
    except BeatError:
        return RegistryApiError(f"HTTP {status}, but not as a registry answers", is_final=is_final)
    # Its message may repeat what was sent, which is what people said.
    return RegistryApiError(
        f"HTTP {status} ({_code_in(answer) or 'refused'})", is_final=is_final, retry_after=retry_after
    )


def _bad(answer: _Answer, error: Exception) -> BadAnswerError:
    # What was found instead may be what people said; where it was is enough. A profile's errors repeat nothing.
    where = str(error) if isinstance(error, ProfileError) else str(error).partition(": ")[0]
    return BadAnswerError(f"HTTP {answer.status}, but not as a registry answers ({where[:LONGEST_WORDS]})")
