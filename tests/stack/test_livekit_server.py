from __future__ import annotations

import socket

import pytest

from stack.livekit_server import USUAL_PORTS, ServerPorts, choose_ports, server_config
from stack.ports import free_port, is_free

PORTS = ServerPorts(http=1, rtc_tcp=2, rtc_udp=3)


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM], ids=["tcp", "udp"])
def test_a_taken_port_is_not_free(kind: socket.SocketKind) -> None:
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", 0))
        if kind is socket.SOCK_STREAM:
            taken.listen()
        port = taken.getsockname()[1]
        assert not is_free(port, kind)
    assert is_free(port, kind)


def test_a_port_taken_on_all_addresses_is_not_free() -> None:
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        assert not is_free(taken.getsockname()[1])


@pytest.mark.parametrize("field", ["http", "rtc_tcp", "rtc_udp"])
def test_one_usual_port_taken_means_other_ports(field: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = socket.SOCK_DGRAM if field == "rtc_udp" else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", 0))
        if kind is socket.SOCK_STREAM:
            taken.listen()
        usual = {
            "http": free_port(),
            "rtc_tcp": free_port(),
            "rtc_udp": free_port(socket.SOCK_DGRAM),
            field: taken.getsockname()[1],
        }
        monkeypatch.setattr("stack.livekit_server.USUAL_PORTS", ServerPorts(**usual))
        chosen = choose_ports(usual=True)
        assert chosen != ServerPorts(**usual)
        assert chosen.are_free


def test_usual_ports_only_when_asked_for() -> None:
    assert choose_ports(usual=False) != USUAL_PORTS


def test_what_is_not_given_stays_livekits_default() -> None:
    config = server_config(PORTS, api_key="key", api_secret="secret")
    assert "room" not in config
    assert "webhook" not in config
    assert config["bind_addresses"] == ["127.0.0.1"]


def test_what_is_given_is_in_the_configuration() -> None:
    config = server_config(
        PORTS, api_key="key", api_secret="secret", departure_timeout=5, webhook_urls=["http://127.0.0.1:9/"]
    )
    assert config["room"] == {"departure_timeout": 5}
    assert config["webhook"] == {"api_key": "key", "urls": ["http://127.0.0.1:9/"]}
    assert config["keys"] == {"key": "secret"}
