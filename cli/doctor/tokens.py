"""LiveKit's URL and tokens, as its API wants them. Pure."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from datetime import datetime, timedelta

import jwt

from config import LiveKitLogin

_TTL = timedelta(seconds=60)

_LEEWAY = timedelta(seconds=5)
"""For a server whose clock is a little behind."""


def http_url(url: str) -> str:
    """LiveKit's URL for requests: ``ws://…`` becomes ``http://…``."""
    return url.replace("ws", "http", 1) if url.startswith("ws") else url


def socket_url(url: str) -> str:
    """LiveKit's URL for WebSockets: ``http://…`` becomes ``ws://…``."""
    return url.replace("http", "ws", 1) if url.startswith("http") else url


def signed_token(login: LiveKitLogin, grants: Mapping[str, object], *, now: datetime) -> str:
    """A token for one request."""
    claims = {"iss": login.api_key, "nbf": now - _LEEWAY, "exp": now + _TTL, "video": grants}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of secrets as short as the one of `livekit-server --dev`
        return jwt.encode(claims, login.api_secret.get_secret_value(), algorithm="HS256")
