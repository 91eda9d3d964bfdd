from __future__ import annotations

from typing import Any

import pytest

from config import NO_KEY
from llm.discovery.deployments import MAX_ENTRIES, Deployments, deployments_in
from llm.endpoints import Source


def read(listing: object) -> Deployments:
    found = deployments_in(listing)
    assert found is not None
    return found


URL = "http://gpu:8000"


@pytest.mark.parametrize("key", ["models", "deployments", "endpoints", "data"])
def test_a_list_and_an_object_with_a_list(key: str) -> None:
    assert read([{"url": URL}]).endpoints == read({key: [{"url": URL}], "object": "list"}).endpoints


@pytest.mark.parametrize("listing", [None, 3, "x", {}, {"models": {}}, {"servers": []}])
def test_what_holds_no_list(listing: object) -> None:
    assert deployments_in(listing) is None


@pytest.mark.parametrize(
    ("entry", "deploy_id", "model"),
    [
        ({"deploy_id": "d", "id": "x", "url": URL, "model": "m", "name": "n"}, "d", "m"),
        ({"deployId": "d", "base_url": URL, "model_name": "m"}, "d", "m"),
        ({"id": 17, "baseUrl": URL, "name": "m"}, "17", "m"),
        ({"endpoint": URL, "model": ""}, None, None),
        ({"deploy_id": True, "url": URL, "model": "a\nb"}, None, None),
    ],
)
def test_names_of_fields(entry: dict[str, Any], deploy_id: str | None, model: str | None) -> None:
    (endpoint,) = read([entry]).endpoints
    assert (endpoint.deploy_id, endpoint.model) == (deploy_id, model)
    assert endpoint.models == ((model,) if model else ())
    assert (endpoint.source, endpoint.api_key) == (Source.BACKEND, NO_KEY)


@pytest.mark.parametrize(
    ("url", "base_url"),
    [
        ("http://gpu:8000", "http://gpu:8000/v1"),
        ("HTTP://gpu:8000/", "http://gpu:8000/v1"),
        ("https://llm.example/d-1/v1/", "https://llm.example/d-1/v1"),
        ("https://llm.example/api", "https://llm.example/api"),
        ("http://[fd00::2]:8000", "http://[fd00::2]:8000/v1"),
    ],
)
def test_urls(url: str, base_url: str) -> None:
    assert [one.base_url for one in read([{"url": url}]).endpoints] == [base_url]


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({}, "has no url"),
        ({"url": 3}, "has no url"),
        ({"url": "gpu:8000"}, "has a url that does not begin with http:// or https://"),
        ({"url": "/llm/v1"}, "has a url that does not begin with http:// or https://"),
        ({"url": "ftp://gpu"}, "has a url that does not begin with http:// or https://"),
        ({"url": "http://"}, "has a url that does not begin with http:// or https://"),
        ({"url": "http://gpu:99999"}, "has a url that cannot be read"),
        ({"url": "http://[::1"}, "has a url that cannot be read"),
        ({"url": "http://me:secret@gpu"}, "has a url with a password; it goes to api_key"),
        ({"url": "http://gpu/v1?key=secret"}, "has a url with more than a host and a path"),
        ({"url": "http://g pu/v1"}, "has a url with more than a host and a path"),
        ({"url": URL, "api_key": "sec\nret"}, "has an api_key that cannot be sent"),
        ({"url": URL, "token": ["secret"]}, "has an api_key that cannot be sent"),
    ],
)
def test_an_entry_that_cannot_be_used_keeps_the_others(entry: dict[str, Any], words: str) -> None:
    found = read([{"url": "http://a"}, {"deploy_id": "d-1", **entry}, {"url": "http://b"}])
    assert found.troubles == [f"entry 2 (d-1) {words}"]
    assert [one.host for one in found.endpoints] == ["a:80", "b:80"]


def test_an_entry_that_is_no_object() -> None:
    assert read([3]).troubles == ["entry 1 is no object"]


@pytest.mark.parametrize("status", ["stopped", "FAILED", " terminated ", "deleted"])
def test_what_is_stopped_is_left_out(status: str) -> None:
    found = read([{"url": URL, "status": status}, {"status": status}])
    assert not found.endpoints
    assert not found.troubles


@pytest.mark.parametrize("status", ["running", "starting", "", None, 3])
def test_what_is_not_stopped_is_taken(status: object) -> None:
    assert len(read([{"url": URL, "status": status}]).endpoints) == 1


@pytest.mark.parametrize("field", ["api_key", "token"])
def test_a_key_is_kept_secret(field: str) -> None:
    (endpoint,) = read([{"url": URL, field: "sk-secret"}]).endpoints
    assert endpoint.api_key.get_secret_value() == "sk-secret"
    assert "secret" not in repr(endpoint)


def test_one_server_with_two_models() -> None:
    (endpoint,) = read([{"url": URL, "model": "a"}, {"url": f"{URL}/v1", "model": "b"}]).endpoints
    assert (endpoint.model, endpoint.models) == ("a", ("a", "b"))


def test_two_deployments_of_one_server() -> None:
    found = read([{"id": "1", "url": URL}, {"id": "2", "url": URL}, {"id": "1", "url": URL}])
    assert [one.id for one in found.endpoints] == ["gpu:8000/1", "gpu:8000/2"]


def test_a_list_that_is_too_long() -> None:
    found = read([{"url": f"http://h{n}"} for n in range(MAX_ENTRIES + 1)])
    assert len(found.endpoints) == MAX_ENTRIES
    assert found.troubles == [f"lists {MAX_ENTRIES + 1} entries; the first {MAX_ENTRIES} are taken"]
