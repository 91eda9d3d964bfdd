"""Names of this machine, in addresses and in the headers of requests. Pure."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit


def is_loopback(host: str) -> bool:
    """Whether `host` (a name, or an address with or without brackets) is this machine's loopback."""
    bare = host.strip("[]").lower()
    if bare == "localhost" or bare.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(bare).is_loopback
    except ValueError:
        return False


def leads_here(url: str) -> bool:
    """Whether `url` leads to this machine's loopback."""
    return is_loopback(urlsplit(url).hostname or "")


def is_addressed_here(host: str) -> bool:
    """Whether a request is addressed to this machine's loopback, by its header `Host`."""
    try:
        return leads_here(f"//{host}")
    except ValueError:
        return False


def is_same_origin(origin: str, host: str) -> bool:
    """Whether a page of `origin` has asked what its own server has to answer, by the headers `Origin` and `Host`."""
    scheme, _, place = origin.lower().partition("://")
    return scheme in ("http", "https") and place == host.lower()
