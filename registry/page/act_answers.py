"""What the forms for acts answer: the form, that it was done, or that there is nothing to do it to."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, unquote

from starlette.requests import Request
from starlette.responses import Response

from registry.errors import RegistryError
from registry.page import flash
from registry.page.answers import html, see
from registry.page.login import is_secure
from registry.page.reasons import MAX_NAME, MAX_REASON

_NAME_COOKIE = "roomkeeper_name"
"""Who acts, so that nobody has to type it twice."""

_NAME_LIFE = 365 * 86_400


def done(request: Request, values: Mapping[str, str], said: str, *, back: str) -> Response:
    """It was done. `values` are the form's, `back` is where to go."""
    if values.get("fragment"):
        response: Response = html("said.html", {"said": said})
    else:
        response = see(back)
        flash.put(response, said, is_secure=is_secure(request))
    keep_name(response, request, values)
    return response


def form(
    name: str,
    request: Request,
    values: Mapping[str, str],
    context: Mapping[str, object],
    *,
    error: RegistryError | None,
    has_token: bool,
) -> Response:
    """A form with what was typed in before and what is wrong with it.

    Args:
        name: Template of a page that shows it; the form alone is called `<name>_form`.
        context: What this form shows besides reason, name and error.
    """
    return html(
        f"{name}_form.html" if values.get("fragment") else f"{name}.html",
        {
            "values": {"by": name_in(request), **values},
            "error": "" if error is None else str(error),
            "max_reason": MAX_REASON,
            "max_name": MAX_NAME,
            "has_token": has_token,
            **context,
        },
        status=200 if error is None else error.http_status,
    )


def nothing(error: RegistryError, values: Mapping[str, str]) -> Response:
    """There is nothing to act on."""
    template = "said.html" if values.get("fragment") else "nothing.html"
    return html(template, {"said": str(error), "has_token": False}, status=error.http_status)


def name_in(request: Request) -> str:
    """The name that this browser acted by before; empty = none."""
    return unquote(request.cookies.get(_NAME_COOKIE, ""), errors="replace")[:MAX_NAME]


def keep_name(response: Response, request: Request, form: Mapping[str, str]) -> None:
    """Have the browser remember the name."""
    response.set_cookie(
        _NAME_COOKIE,
        quote(form.get("by", "").strip()[:MAX_NAME], safe=""),
        max_age=_NAME_LIFE,
        httponly=True,
        samesite="strict",
        secure=is_secure(request),
    )
