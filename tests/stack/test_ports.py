"""Ports that nobody listens on."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from stack.ports import free_port, is_free

_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_port_is_free_and_given_once(kind: socket.SocketKind) -> None:
    ports = [free_port(kind) for _ in range(50)]
    assert len(set(ports)) == 50
    for port in ports:
        with socket.socket(socket.AF_INET, kind) as server:
            server.bind(("127.0.0.1", port))
            assert not is_free(port, kind)


@pytest.mark.skipif(not _RANGE.exists(), reason="only Linux says which ports connections begin at")
def test_no_connection_begins_at_such_a_port() -> None:
    first_of_connections = int(_RANGE.read_text().split()[0])
    assert all(free_port() < first_of_connections for _ in range(50))
