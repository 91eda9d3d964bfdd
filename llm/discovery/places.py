"""Where a server may listen: a host and a port."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from config.hosts import is_loopback

_NAME = re.compile(r"[\w-]+(\.[\w-]+)*\.?")
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # what listens everywhere, listens here
_MAX_NAME = 253


@dataclass(frozen=True, slots=True)
class Place:
    """A port of a host; the host is a name or an address without brackets."""

    host: str
    port: int

    def __str__(self) -> str:
        """`name:port`, with an IPv6 address in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def base_url(self) -> str:
        return f"http://{self}/v1"

    @property
    def is_here(self) -> bool:
        """Whether it is this machine's own address."""
        return is_loopback(self.host)


def host_of(text: str) -> str | None:
    """A host as people write it, in the form that `Place` takes; None for what is no host."""
    bare = text.removeprefix("[").removesuffix("]").lower()
    if is_address(bare):
        return _ANY_ADDRESS.get(bare, bare)
    return bare if _NAME.fullmatch(bare) and len(bare) <= _MAX_NAME else None


def is_address(host: str) -> bool:
    """Whether it is a number, and no name server need be asked."""
    try:
        return not getattr(ipaddress.ip_address(host), "scope_id", None)
    except ValueError:
        return False
