"""Numbers and moments in addresses. What makes no sense is ignored: a page is better than an error. Pure."""

from __future__ import annotations

from datetime import UTC, datetime


def page_number(text: str) -> int:
    """The number of a page; nonsense is the first one."""
    return max(1, int(text)) if _is_number(text, longest=7) else 1


def parse_id(text: str) -> int | None:
    """The id of a row; None = there is none, or it is nonsense."""
    return int(text) if _is_number(text, longest=18) else None


def parse_moment(text: str) -> datetime | None:
    """A moment as `moment_text` writes it, in UTC; None = there is none, or it is nonsense."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo is not None else None
    except (ValueError, OverflowError):  # the first and the last day of all have no place in every time zone
        return None


def moment_text(moment: datetime) -> str:
    """A moment for an address, to the microsecond, so that no row is left out or comes twice."""
    return moment.astimezone(UTC).isoformat()


def _is_number(text: str, *, longest: int) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= longest
