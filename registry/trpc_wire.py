"""tRPC 11 over HTTP, without a transformer: what a request calls, and how its answer looks. Pure.

As @trpc/server 11.25.2 has it: `http/contentType.ts` (requests), `http/resolveResponse.ts` (answers), `rpc/codes.ts`
and `http/getHTTPStatusCode.ts` (errors), `stream/jsonl.ts` (the answer to `httpBatchStreamLink`). Differences: input
that is no JSON is a PARSE_ERROR, as tRPC's documentation has it; a batch has a largest size; the data of an error also
tell the registry's own code as `reason`, and `retryAfter`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import msgspec

from registry.errors import BadRequestError, MediaTypeError, NotJsonError, RegistryError

TRPC_PATH = "/api/trpc/"

MAX_CALLS = 100
"""In one batch."""

Kind: TypeAlias = Literal["query", "mutation"]

METHODS: dict[Kind, str] = {"query": "GET", "mutation": "POST"}

_CODES = {
    400: ("BAD_REQUEST", -32600),
    401: ("UNAUTHORIZED", -32001),
    403: ("FORBIDDEN", -32003),
    404: ("NOT_FOUND", -32004),
    405: ("METHOD_NOT_SUPPORTED", -32005),
    409: ("CONFLICT", -32009),
    413: ("PAYLOAD_TOO_LARGE", -32013),
    415: ("UNSUPPORTED_MEDIA_TYPE", -32015),
    429: ("TOO_MANY_REQUESTS", -32029),
    503: ("SERVICE_UNAVAILABLE", -32603),
}
_NOT_JSON = ("PARSE_ERROR", -32700)
_OTHERS = ("INTERNAL_SERVER_ERROR", -32603)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The parts of an HTTP request that count."""

    path: str
    """After `TRPC_PATH`, unquoted."""

    method: str
    is_batch: bool
    input: bytes
    """Of the query string for GET, else the body. Empty = there is none."""

    content_type: str
    accept: str
    """Of the header `trpc-accept`, else of `accept`."""

    @property
    def paths(self) -> list[str]:
        """The procedures that are called."""
        return self.path.split(",") if self.is_batch else [self.path]

    @property
    def wants_stream(self) -> bool:
        return any(one.strip() == "application/jsonl" for one in self.accept.split(","))


def check(request: Request) -> None:
    """Check what must be right for any call.

    Raises:
        MediaTypeError: The body is in another form than JSON.
        BadRequestError: Too many calls, or a stream of a single one.
    """
    kind = request.content_type.partition(";")[0].strip().lower()
    if kind != "application/json" and request.method != "GET":
        raise MediaTypeError(f"content-type {kind[:40]!r} is not supported; send application/json")
    if len(request.paths) > MAX_CALLS:
        raise BadRequestError(f"{len(request.paths)} calls in one batch; at most {MAX_CALLS} are taken")
    if request.wants_stream and not request.is_batch:
        raise BadRequestError("streaming requests must be batched; a batch may be of one")


def inputs(request: Request) -> list[object]:
    """The input of each call; None where there is none.

    Raises:
        NotJsonError: It is not JSON.
        BadRequestError: A batch's inputs are not in an object.
    """
    n_calls = len(request.paths)
    if not request.input:
        return [None] * n_calls
    try:
        value = msgspec.json.decode(request.input)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise NotJsonError(f"the input is not JSON: {error}") from error
    if not request.is_batch:
        return [value]
    if not isinstance(value, dict):
        raise BadRequestError('"input" needs to be an object when doing a batch call')
    return [value.get(str(index)) for index in range(n_calls)]


def success(data: object) -> dict[str, object]:
    """The answer to a call that worked."""
    return {"result": {"data": data}}


def failure(error: RegistryError, path: str | None) -> dict[str, object]:
    """The answer to a call that did not, or to a request whose calls cannot be told."""
    name, number = _NOT_JSON if isinstance(error, NotJsonError) else _CODES.get(error.http_status, _OTHERS)
    data: dict[str, object] = {"code": name, "httpStatus": error.http_status, "reason": error.code}
    if path is not None:
        data["path"] = path
    if error.retry_after is not None:
        data["retryAfter"] = error.retry_after
    return {"error": {"message": str(error), "code": number, "data": data}}


def body_of(answers: Sequence[object], request: Request) -> object:
    """The answers to all calls of a request, as they stand in the response's body."""
    if request.wants_stream:
        return {str(index): [[answer]] for index, answer in enumerate(answers)}
    return list(answers) if request.is_batch else answers[0]


def status_of(statuses: Sequence[int], request: Request) -> int:
    """The status of a response to calls that ended with `statuses`."""
    if request.wants_stream:
        return 200
    return statuses[0] if len(set(statuses)) == 1 else 207
