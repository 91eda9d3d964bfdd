"""Reads the page's own forms, and no more of them than there can be."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import TypeVar
from urllib.parse import parse_qsl

from starlette.requests import Request

from registry.beats import read_body
from registry.errors import BadRequestError

_MAX_BYTES = 16_384
"""A reason of 500 characters is 6,000 bytes when it is quoted, and the list's query may be as long again."""

_MAX_FIELDS = 20

_Act = TypeVar("_Act", bound=enum.Enum)


async def read_form(
    request: Request, *, limit: int = _MAX_BYTES, fields: int = _MAX_FIELDS
) -> dict[str, str]:
    """The fields of an `application/x-www-form-urlencoded` body. Of a name that comes twice, the last one counts.

    Args:
        limit: Bytes.
        fields: How many at most.

    Raises:
        TooLargeError: It is larger than any form of the page.
        BadRequestError: It is no form.
    """
    body = await read_body(request.receive, limit=limit)
    try:
        return dict(parse_qsl(body.decode("ascii", "replace"), keep_blank_values=True, max_num_fields=fields))
    except ValueError as error:
        raise BadRequestError(f"this is no form of the page: {error}") from error


def parse_act(form: Mapping[str, str], acts: type[_Act]) -> _Act:
    """What a form is to do.

    Raises:
        BadRequestError: There is no such act.
    """
    act = next((act for act in acts if act.value == form.get("act")), None)
    if act is None:
        raise BadRequestError("there is no such act; load the page anew, it may be of another version")
    return act
