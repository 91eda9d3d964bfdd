"""Pictures in a conversation: how a frame of video becomes one, and how it is left out again."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable

from livekit import rtc
from livekit.agents import llm

LONGEST_SIDE = 1_024
"""Pixels. Models cut larger pictures down themselves, after they were paid for."""

SMALLEST_SIDE = 8
"""Pixels. A track that sends less sends nothing: browsers do while a camera starts."""

QUALITY = 80
"""Of the JPEG. Text on a screen stays readable."""

PLACEHOLDER = "[picture]"
"""What stands where a picture was."""

_TURNED: dict[int, int] = {
    rtc.VideoRotation.VIDEO_ROTATION_90: 270,  # counter-clockwise, as Pillow turns
    rtc.VideoRotation.VIDEO_ROTATION_180: 180,
    rtc.VideoRotation.VIDEO_ROTATION_270: 90,
}


def jpeg_of(frame: rtc.VideoFrame, *, rotation: int = 0) -> bytes:
    """The frame, upright and not longer than `LONGEST_SIDE`, as JPEG. Takes some 50 ms: for a thread.

    Args:
        frame: Of any format.
        rotation: By how much it has to be turned, as `rtc.VideoRotation` numbers it.

    Raises:
        ValueError: It is too small to show anything, or no picture at all.
    """
    from PIL import Image  # noqa: PLC0415  # calls that see nothing need none of it

    if min(frame.width, frame.height) < SMALLEST_SIDE:
        raise ValueError(f"{frame.width} × {frame.height} pixels")
    # A frame that is RGBA already is refused by the SDK.
    rgba = frame if frame.type == rtc.VideoBufferType.RGBA else frame.convert(rtc.VideoBufferType.RGBA)
    image = Image.frombytes("RGBA", (rgba.width, rgba.height), bytes(rgba.data)).convert("RGB")
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    if (turn := _TURNED.get(rotation)) is not None:
        image = image.rotate(turn, expand=True)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=QUALITY)
    return file.getvalue()


def data_url(jpeg: bytes) -> str:
    """As language models take it."""
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"


def with_pictures(context: llm.ChatContext, picture_of: Callable[[str], str | None]) -> llm.ChatContext:
    """A copy in which messages have pictures.

    Args:
        context: Whose messages are not changed.
        picture_of: The data URL for the message of an id, `PLACEHOLDER` where one was, or None.
    """
    items: list[llm.ChatItem] = []
    for item in context.items:
        picture = picture_of(item.id) if item.type == "message" else None
        if picture is not None and item.type == "message":
            shown = picture if picture == PLACEHOLDER else llm.ImageContent(image=picture)
            items.append(item.model_copy(update={"content": [*item.content, shown]}))
        else:
            items.append(item)
    return llm.ChatContext(items)


def without_pictures(context: llm.ChatContext) -> llm.ChatContext | None:
    """A copy with the words only; None = there is no picture in it."""
    items: list[llm.ChatItem] = []
    n_left_out = 0
    for item in context.items:
        if item.type == "message" and any(isinstance(part, llm.ImageContent) for part in item.content):
            content = [part for part in item.content if not isinstance(part, llm.ImageContent)]
            items.append(item.model_copy(update={"content": content}))
            n_left_out += 1
        else:
            items.append(item)
    return llm.ChatContext(items) if n_left_out else None
