"""Tokens of all kinds, good and bad."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import jwt

SECRET = "a secret that only the service and this test know"


def token(secret: str = SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    """One that is signed; ends in 2100 unless `exp` says otherwise, None = it has none."""
    given = {"exp": 4_102_444_800, **claims}
    return jwt.encode({k: v for k, v in given.items() if v is not None}, secret, algorithm=algorithm)


def raw_token(header: object, payload: object, *, secret: str = SECRET) -> str:
    """One with anything in it, signed with HS256 whatever its header says."""
    head, body = (
        part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, payload)
    )
    signed = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in (head, body))
    signature = hmac.new(secret.encode(), signed, hashlib.sha256).digest()
    return (signed + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()


def bearer(text: str) -> dict[str, str]:
    return {"authorization": f"Bearer {text}"}
