"""A session's transcript as a file to be kept."""

from __future__ import annotations

import asyncio
import re
from typing import Annotated, Any, Literal

from fastapi import Query
from starlette.responses import Response

from registry.attachments import attachment
from registry.openapi import answers
from registry.replies import as_json
from registry.session_records import Record
from registry.transcripts import Transcript, as_text, as_vtt, transcript

Format = Annotated[
    Literal["json", "vtt", "text"],
    Query(description="JSON with all that was measured; WebVTT captions; or plain text for people."),
]

_KINDS = {
    "json": ("application/json", "json"),
    "vtt": ("text/vtt; charset=utf-8", "vtt"),
    "text": ("text/plain; charset=utf-8", "txt"),
}
_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]")

TRANSCRIPT: dict[int | str, dict[str, Any]] = answers(Transcript, 404)
"""The route's answers."""
TRANSCRIPT[200]["content"] |= {
    "text/vtt": {"schema": {"type": "string"}},
    "text/plain": {"schema": {"type": "string"}},
}


async def file_of(record: Record, format: Literal["json", "vtt", "text"]) -> Response:
    """The transcript of a session, to be saved under its name."""
    media_type, ending = _KINDS[format]
    name = _UNSAFE.sub("_", record.row.id)[:64]
    body = await asyncio.to_thread(_body, record, format)  # there may be thousands of turns
    return attachment(body, f"transcript-{name}.{ending}", media_type)


def _body(record: Record, format: Literal["json", "vtt", "text"]) -> bytes:
    found = transcript(record.row, record.turns)
    if format == "json":
        return as_json(found)
    text = as_vtt(found) if format == "vtt" else as_text(found)
    return text.encode("utf-8", "replace")
