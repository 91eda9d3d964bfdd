"""What statuses and error bodies say about an endpoint."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from llm.health import Met
from llm.outcomes import error_of, failed, retry_after_of, status_in, words_of
from tests.llm.stage import KEY

NOW = datetime(2026, 10, 21, 7, 28, tzinfo=UTC)


def body(message: str, **fields: Any) -> dict[str, Any]:
    return {"error": {"message": message, **fields}}


@pytest.mark.parametrize(
    ("status", "message", "what", "is_refusal", "is_model_missing"),
    [
        (401, "Incorrect API key", Met.MISCONFIGURED, False, False),
        (403, "no", Met.MISCONFIGURED, False, False),
        (404, "Not Found", Met.MISCONFIGURED, False, False),
        (404, "The model `x` does not exist", Met.MISCONFIGURED, False, True),
        (404, 'model "x" not found, try pulling it first', Met.MISCONFIGURED, False, True),
        (400, "The model x does not exist", Met.MISCONFIGURED, False, True),
        (400, "This model's context is 8192 tokens", Met.CANCELLED, True, False),
        (413, "too large", Met.CANCELLED, True, False),
        (415, "", Met.CANCELLED, True, False),
        (422, "field required", Met.CANCELLED, True, False),
        (429, "Rate limit reached", Met.RATE_LIMITED, False, False),
        (429, "Rate limit reached, loading model", Met.RATE_LIMITED, False, False),
        (503, "Loading model", Met.LOADING, False, False),
        (500, "The model is loading", Met.LOADING, False, False),
        (503, "Model x is currently loading", Met.LOADING, False, False),
        (503, "no capacity", Met.BUSY, False, False),
        (503, "", Met.BUSY, False, False),
        (529, "Overloaded", Met.BUSY, False, False),
        (500, "The engine is currently overloaded", Met.BUSY, False, False),
        (500, "The server had an error", Met.FAILED, False, False),
        (502, "", Met.FAILED, False, False),
        (504, "", Met.FAILED, False, False),
        (408, "", Met.FAILED, False, False),
        (402, "pay first", Met.FAILED, False, False),
        (418, "I am a teapot", Met.FAILED, False, False),
    ],
)
def test_each_status_means_something(
    status: int, message: str, what: Met, is_refusal: bool, is_model_missing: bool
) -> None:
    error = error_of(status, {}, body(message), model="x", now=NOW)
    assert (error.outcome.met, error.is_refusal, error.is_model_missing) == (
        what,
        is_refusal,
        is_model_missing,
    )
    assert error.status == status
    assert f"HTTP {status}" in error.outcome.reason
    assert error.words == message
    assert str(error) == error.outcome.reason


@pytest.mark.parametrize(
    ("status", "message", "reason"),
    [
        (401, "no", "the key is refused (HTTP 401)"),
        (403, "no", "the key is refused (HTTP 403)"),
        (404, "no such model", "it has no model x (HTTP 404)"),
        (404, "", "nothing answers at this URL (HTTP 404)"),
        (400, "what?", "the server refuses the request (HTTP 400)"),
        (429, "slow down", "too many requests (HTTP 429)"),
        (503, "Loading model", "it loads its model (HTTP 503)"),
        (529, "", "it is too busy (HTTP 529)"),
        (500, "", "it answers an error (HTTP 500)"),
    ],
)
def test_the_reason_is_for_people(status: int, message: str, reason: str) -> None:
    assert error_of(status, {}, body(message), model="x", now=NOW).outcome.reason == reason


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 413, 422, 429, 500, 502, 503, 529])
@pytest.mark.parametrize("had_own_wish", [False, True])
def test_the_reason_never_holds_what_the_server_says(status: int, had_own_wish: bool) -> None:
    """It may quote the request, and everybody sees the reason."""
    for message in (
        "a private word",
        "a private word about a model that does not exist",
        "private, loading model",
    ):
        error = error_of(status, {}, body(message), model="x", now=NOW, had_own_wish=had_own_wish)
        assert "private" not in f"{error} {error.outcome}"
        assert error.words == message


@pytest.mark.parametrize(
    ("status", "message", "is_model_missing", "reason"),
    [
        (
            404,
            "No endpoints found that support tool use.",
            False,
            "the server refuses the request (HTTP 404)",
        ),
        (403, "this was flagged", False, "the server refuses the request (HTTP 403)"),
        (
            404,
            "The model `y` does not exist",
            True,
            "it does not have the model that was asked for (HTTP 404)",
        ),
        (400, "The model y does not exist", True, "it does not have the model that was asked for (HTTP 400)"),
        (400, "too long", False, "the server refuses the request (HTTP 400)"),
    ],
)
def test_what_a_request_wished_for_itself_is_no_fault_of_the_endpoint(
    status: int, message: str, is_model_missing: bool, reason: str
) -> None:
    error = error_of(status, {}, body(message), model="private", now=NOW, had_own_wish=True)
    assert (error.outcome.met, error.is_refusal) == (Met.CANCELLED, True)
    assert (error.is_model_missing, error.outcome.reason) == (is_model_missing, reason)


@pytest.mark.parametrize("status", [401, 429, 500, 503])
def test_a_wish_does_not_change_what_else_is_wrong(status: int) -> None:
    plain, wished = (
        error_of(status, {}, body("no"), model="x", now=NOW, had_own_wish=wish) for wish in (False, True)
    )
    assert (plain.outcome, plain.is_refusal) == (wished.outcome, wished.is_refusal)


@pytest.mark.parametrize(
    "given",
    [
        body("API key not valid. Please pass a valid API key.", code=400, status="INVALID_ARGUMENT"),
        [body("API key not valid. Please pass a valid API key.", code=400, status="INVALID_ARGUMENT")],
        body("Incorrect API key provided: x"),
        body("no", code="invalid_api_key"),
        body("no", code=400, type="authentication_error"),
    ],
)
@pytest.mark.parametrize("had_own_wish", [False, True])
def test_some_answer_400_to_a_key(given: Any, had_own_wish: bool) -> None:
    error = error_of(400, {}, given, model="x", now=NOW, had_own_wish=had_own_wish)
    assert (error.outcome.met, error.is_refusal) == (Met.MISCONFIGURED, False)
    assert error.outcome.reason == "the key is refused (HTTP 400)"


def test_a_request_about_keys_is_still_the_requests_fault() -> None:
    error = error_of(400, {}, body("cannot parse: what is an invalid api key?"), model="x", now=NOW)
    assert error.is_refusal


@pytest.mark.parametrize("status", [429, 503, 529])
def test_a_retry_after_is_taken_where_it_counts(status: int) -> None:
    error = error_of(status, {"RETRY-AFTER": "7"}, None, model="x", now=NOW)
    assert error.outcome.retry_after == 7


def test_the_key_is_taken_out_of_the_servers_words() -> None:
    # Also where it would be cut in two, at the end of what is kept.
    for message in (f"Invalid key {KEY}", "x" * 150 + KEY):
        error = error_of(401, {}, body(message), model="x", now=NOW, key=KEY)
        assert KEY[:6] not in f"{error} {error.words}"
        assert "***" in error.words


def test_a_word_in_the_keys_place_is_no_secret() -> None:
    assert words_of(body("ollama is not running"), key="ollama") == "ollama is not running"
    assert words_of(body("one"), key="") == "one"


@pytest.mark.parametrize(
    ("given", "status"),
    [
        (body("x", code=429), 429),
        (body("x", code="rate_limit_exceeded"), 429),
        (body("x", code="insufficient_quota"), 429),
        (body("x", code=None, type="overloaded_error"), 529),
        (body("x", code="invalid_api_key", type="invalid_request_error"), 401),
        (body("x", code="model_not_found"), 404),
        (body("x", type="invalid_request_error"), 400),
        (body("x", status=503), 503),
        (body("x", http_code=401), 401),
        (body("x", code=42), 500),
        (body("x", code=True), 500),
        (body("x", code={"no": 1}, type=["no"]), 500),
        (body("x"), 500),
        ({"error": "text"}, 500),
        ({}, 500),
        (None, 500),
        ([1], 500),
    ],
)
def test_an_error_in_a_good_answer_names_its_status(given: Any, status: int) -> None:
    assert status_in(given) == status


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (body("one\n two\t three "), "one two three"),
        (body("bell\x07 and \x1b[31mred"), "bell and [31mred"),
        ({"error": "a text"}, "a text"),
        ({"detail": "Not Found"}, "Not Found"),
        ([body("in a list")], "in a list"),
        ({"message": "no"}, "no"),
        ({"detail": [{"msg": "field required"}]}, ""),
        ({"error": {"message": 7}}, ""),
        ({"error": None}, ""),
        ({}, ""),
        (None, ""),
        ("text", ""),
        (body("x" * 160), "x" * 160),
        (body("x" * 161), "x" * 159 + "…"),
    ],
)
def test_the_words_of_an_error_are_one_short_line(given: Any, words: str) -> None:
    assert words_of(given) == words


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ("7", 7),
        (" 0.5 ", 0.5),
        ("0", 0),
        ("-3", 0),
        ("", None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("1e999", None),
        ("Wed, 21 Oct 2026 07:28:30 GMT", 30),
        ("Wed, 21 Oct 2026 09:28:30 +0200", 30),
        ("Wed, 21 Oct 2020 07:28:00 GMT", 0),
        ("Wed, 21 Oct 2026 07:28:30 -0000", None),
        ("Wed, 21 Oct 99999 07:28:30 GMT", None),
        ("Wed, 41 Oct 2026 07:28:30 GMT", None),
    ],
)
def test_retry_after_is_read_as_seconds_and_as_a_date(given: str, seconds: float | None) -> None:
    assert retry_after_of({"Retry-After": given}, now=NOW) == seconds
    assert retry_after_of({"other": given}, now=NOW) is None


def test_what_has_no_status_has_failed() -> None:
    error = failed("the connection broke")
    assert (error.outcome.met, error.status, error.is_refusal) == (Met.FAILED, None, False)
    assert (str(error), error.words, error.is_unreachable) == ("the connection broke", "", False)
    assert failed("no", is_unreachable=True).is_unreachable
