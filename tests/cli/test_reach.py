"""Who asks, and from where."""

from __future__ import annotations

import getpass
import socket

import pytest

from cli.reach import this_host, who

pytestmark = pytest.mark.usefixtures("environment")


def test_the_user_and_the_host_stand_in_the_history(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: "ann")
    monkeypatch.setattr(socket, "gethostname", lambda: "desk")
    assert who() == "ann@desk"
    assert who("roomkeeper fix") == "ann@desk (roomkeeper fix)"


def test_a_user_may_have_no_name_and_a_host_a_strange_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr(getpass, "getuser", fail)
    monkeypatch.setattr(socket, "gethostname", lambda: "\x1b" + "h" * 200)
    assert who("roomkeeper monitor") == f"someone@{'h' * 51} (roomkeeper monitor)"
    assert len(who("roomkeeper monitor")) == 80


def test_this_host_is_called_as_beats_call_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert this_host() == "this-host"
    monkeypatch.delenv("AGENT_HOST")
    assert this_host() == socket.gethostname()
