"""What a process makes ready while it waits for a call."""

from __future__ import annotations

import ssl

import pytest
from livekit.agents.utils import http_context

from config import Settings, resolve_providers
from session.voice import prepare


async def test_the_certificates_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also at the end of a call, when livekit-agents closes a session of its own that nobody has used."""
    prepared = prepare(resolve_providers(Settings()))
    assert prepared.tls.verify_mode is ssl.CERT_REQUIRED

    def again(*_: object, **__: object) -> ssl.SSLContext:
        raise AssertionError("the certificates are read again")

    monkeypatch.setattr(ssl, "create_default_context", again)
    async with http_context.open():
        pass
