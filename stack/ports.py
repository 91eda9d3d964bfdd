"""Ports of this machine that nobody listens on."""

from __future__ import annotations

import errno
import secrets
import socket

_HOST = "127.0.0.1"


_FIRST = 10_000
_END = 32_768
"""From here on systems take the ports of connections that begin here, at any moment: a port that was free a
moment ago is one of theirs when a server wants it."""

_given: set[int] = set()


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A port that is free now, and given to nobody else in this process.

    Another program may take it before ours does: be ready to ask again.
    """
    while True:
        port = _FIRST + secrets.randbelow(_END - _FIRST)
        if port not in _given and is_free(port, kind):
            _given.add(port)
            return port


def is_free(port: int, kind: socket.SocketKind = socket.SOCK_STREAM) -> bool:
    """Whether nobody listens on `port`, on 127.0.0.1 or on all addresses."""
    for host in (_HOST, "0.0.0.0"):  # noqa: S104  # only asked, never listened on
        with socket.socket(socket.AF_INET, kind) as probe:
            if kind is socket.SOCK_STREAM:
                # A port whose last connection ended a moment ago is free for a server.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                if error.errno in (errno.EADDRINUSE, errno.EACCES):
                    return False
                raise
    return True
