"""Names of this machine."""

from __future__ import annotations

import pytest

from config.hosts import is_addressed_here, is_loopback, is_same_origin, leads_here

HERE = ["localhost", "LOCALHOST", "box.localhost", "127.0.0.1", "127.1.1.1", "::1", "[::1]"]
ELSEWHERE = [
    "", "10.0.0.1", "0.0.0.0", "::", "::2", "localhost.example", "127.0.0.1.example", "registry.test", "notlocalhost",
]  # fmt: skip


@pytest.mark.parametrize("host", HERE)
def test_this_machine_is_known_by_its_names(host: str) -> None:
    assert is_loopback(host)
    place = f"[{host}]" if host == "::1" else host
    assert leads_here(f"http://{place}:3026/path")
    assert is_addressed_here(place)
    assert is_addressed_here(f"{place}:3026")


@pytest.mark.parametrize("host", ELSEWHERE)
def test_all_other_names_are_others(host: str) -> None:
    assert not is_loopback(host)
    place = f"[{host}]" if ":" in host else host
    assert not leads_here(f"https://{place}")
    assert not is_addressed_here(place)


@pytest.mark.parametrize("host", ["[::1", "localhost:3026@evil.test", "evil.test#localhost", "\\localhost"])
def test_a_host_that_is_none_is_another_one(host: str) -> None:
    assert not is_addressed_here(host)


@pytest.mark.parametrize(
    ("origin", "is_own"),
    [
        ("http://localhost:3026", True),
        ("https://LocalHost:3026", True),
        ("http://localhost", False),
        ("http://localhost:3026/", False),
        ("http://evil.test", False),
        ("file://localhost:3026", False),
        ("null", False),
        ("", False),
    ],
)
def test_a_page_is_of_this_server_or_of_another(origin: str, *, is_own: bool) -> None:
    assert is_same_origin(origin, "localhost:3026") is is_own
