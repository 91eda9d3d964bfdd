"""A LiveKit server of our own, on ports of its own. As a program: find or build it and print where it is."""

from __future__ import annotations

import asyncio
import json
import secrets
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stack.address import Address
from stack.children import Child
from stack.errors import StackError
from stack.lifetime import Lifetime
from stack.livekit_binary import ensure_binary
from stack.ports import free_port, is_free
from stack.probe import answers

_READY_TIMEOUT = 60.0
_STOP_TIMEOUT = 2.0
"""With participants inside, livekit-server 1.13.5 ignores a SIGTERM for more than 20 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerPorts:
    http: int
    rtc_tcp: int
    rtc_udp: int

    @property
    def are_free(self) -> bool:
        return is_free(self.http) and is_free(self.rtc_tcp) and is_free(self.rtc_udp, socket.SOCK_DGRAM)


USUAL_PORTS = ServerPorts(http=7880, rtc_tcp=7881, rtc_udp=7882)
"""Those of `livekit-server --dev`, which people and tools know."""


def choose_ports(*, usual: bool) -> ServerPorts:
    """The usual ports if asked for and all free, else any free ones."""
    if usual and USUAL_PORTS.are_free:
        return USUAL_PORTS
    return ServerPorts(http=free_port(), rtc_tcp=free_port(), rtc_udp=free_port(socket.SOCK_DGRAM))


def server_config(
    ports: ServerPorts,
    *,
    api_key: str,
    api_secret: str,
    departure_timeout: int | None = None,
    empty_timeout: int | None = None,
    webhook_urls: Sequence[str] = (),
) -> dict[str, Any]:
    """livekit-server's configuration: everything on 127.0.0.1, and its defaults for what is None."""
    room = {"departure_timeout": departure_timeout, "empty_timeout": empty_timeout}
    room = {name: value for name, value in room.items() if value is not None}
    config: dict[str, Any] = {
        "port": ports.http,
        "bind_addresses": ["127.0.0.1"],
        "rtc": {
            "tcp_port": ports.rtc_tcp,
            "udp_port": ports.rtc_udp,
            "use_external_ip": False,
            "node_ip": "127.0.0.1",
            "ips": {"includes": ["127.0.0.1/32"]},
            "enable_loopback_candidate": True,
        },
        "keys": {api_key: api_secret},
        "logging": {"level": "info"},
    }
    if room:
        config["room"] = room
    if webhook_urls:
        config["webhook"] = {"api_key": api_key, "urls": list(webhook_urls)}
    return config


class LiveKitServer(Lifetime):
    """One livekit-server process, as a context manager. It may be stopped and started again on its ports.

    Args:
        folder: For its configuration and log; None = a temporary one that goes away with it.
        usual_ports: Take 7880, 7881 and 7882 if they are free.
        departure_timeout: Seconds, of new rooms; None = the server's default (20).
        empty_timeout: Likewise (300).
        webhook_urls: Where it posts its webhooks, signed with its one key.
    """

    def __init__(
        self,
        *,
        folder: Path | None = None,
        usual_ports: bool = False,
        departure_timeout: int | None = None,
        empty_timeout: int | None = None,
        webhook_urls: Sequence[str] = (),
    ) -> None:
        self.ports = choose_ports(usual=usual_ports)
        self.address = Address(
            url=f"ws://127.0.0.1:{self.ports.http}",
            api_key=f"devkey{secrets.token_hex(4)}",
            api_secret=secrets.token_urlsafe(36),
        )
        self._config = server_config(
            self.ports,
            api_key=self.address.api_key,
            api_secret=self.address.api_secret,
            departure_timeout=departure_timeout,
            empty_timeout=empty_timeout,
            webhook_urls=webhook_urls,
        )
        super().__init__("livekit", folder)
        self._child: Child | None = None

    @property
    def url(self) -> str:
        return self.address.url

    @property
    def api_key(self) -> str:
        return self.address.api_key

    @property
    def api_secret(self) -> str:
        return self.address.api_secret

    @property
    def environment(self) -> Mapping[str, str]:
        """LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET."""
        return self.address.environment

    @property
    def child(self) -> Child:
        if self._child is None:
            raise StackError("livekit-server was not started")
        return self._child

    async def start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            StackError: It cannot be found or built, ends at once, or does not answer.
        """
        if self._child is None:
            file = self.folder / "livekit.yaml"
            file.touch(mode=0o600)  # it holds the secret
            file.write_text(json.dumps(self._config, indent=2))  # JSON is YAML
            binary = await ensure_binary()
            self._child = Child(
                [str(binary), "--config", str(file)], name="livekit-server", log=self.folder / "livekit.log"
            )
        child = self._child
        async with AsyncExitStack() as undo:
            child.start()
            undo.callback(child.kill)
            await child.ready(lambda: answers(self.address.http_url), timeout=_READY_TIMEOUT)
            undo.pop_all()

    async def stop(self, *, timeout: float = _STOP_TIMEOUT) -> None:
        """SIGTERM, and SIGKILL after the limit. May be called twice."""
        if self._child is not None:
            await self._child.stop(timeout=timeout)

    def kill(self) -> None:
        self.child.kill()

    def freeze(self) -> None:
        """SIGSTOP: connections stay open and nothing answers."""
        self.child.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.child.signal(signal.SIGCONT)


def main() -> int:
    """Find or build livekit-server and print its path."""
    try:
        print(asyncio.run(ensure_binary()))
    except StackError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
