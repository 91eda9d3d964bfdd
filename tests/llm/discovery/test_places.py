from __future__ import annotations

import pytest

from llm.discovery.places import Place, host_of


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("GPU-box", "gpu-box"),
        ("llm_1.default.svc.cluster.local.", "llm_1.default.svc.cluster.local."),
        ("::1", "::1"),
        ("[fd00::2]", "fd00::2"),
        ("0.0.0.0", "127.0.0.1"),
        ("::", "::1"),
        ("http://gpu", None),
        ("gpu:8000", None),
        ("gpu/llm", None),
        ("a b", None),
        ("fe80::1%eth0", None),
        ("user@gpu", None),
        ("", None),
        ("a" * 254, None),
    ],
)
def test_hosts_as_people_write_them(text: str, host: str | None) -> None:
    assert host_of(text) == host


def test_a_place_in_a_url() -> None:
    assert Place("fd00::2", 8000).base_url == "http://[fd00::2]:8000/v1"
    assert Place("gpu", 8000).base_url == "http://gpu:8000/v1"


@pytest.mark.parametrize(
    ("host", "is_here"), [("127.0.0.2", True), ("localhost", True), ("::1", True), ("10.0.0.1", False)]
)
def test_this_machine(host: str, is_here: bool) -> None:
    assert Place(host, 1).is_here is is_here
