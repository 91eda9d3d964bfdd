"""Answers that browsers save as files."""

from __future__ import annotations

from starlette.responses import Response


def attachment(data: bytes | str, name: str, media_type: str) -> Response:
    """A file. Nobody keeps a copy of it on its way, and no browser takes it for anything else than it is.

    Args:
        name: Of ASCII letters, digits and ``._-`` only.
    """
    headers = {
        "content-disposition": f'attachment; filename="{name}"',
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
    }
    return Response(data, media_type=media_type, headers=headers)
