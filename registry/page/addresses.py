"""Addresses of the page: one function for each kind. Pure."""

from __future__ import annotations

from urllib.parse import quote, urlencode

_FOLDERS = (".", "..")
"""Browsers take these for folders, quoted or not."""


def agent_path(agent_id: str) -> str:
    """The address of an agent's page."""
    return _page("/agents/", agent_id)


def agent_query(agent_id: str, query: str) -> str:
    """The address of an agent's page with a query."""
    return _with_query(agent_path(agent_id), query)


def act_path(agent_id: str, back: str) -> str:
    """The address of the form for an act, but for the act's name, which follows. `back`: see `act_page`."""
    return "/act?" + urlencode({"id": agent_id, "back": back}) + "&act="


def rooms_path(phase: str = "", page: int = 1) -> str:
    """The address of the rooms of one phase, or of all of them."""
    values = {"phase": phase, "page": str(page) if page > 1 else ""}
    return _listed("/rooms", values)


def room_path(name: str) -> str:
    """The address of a room's page."""
    return _page("/rooms/", name)


def room_query(name: str, query: str) -> str:
    """The address of a room's page with a query."""
    return _with_query(room_path(name), query)


def room_act_path(name: str, back: str) -> str:
    """The address of the form that closes a room. `back`: see `room_act_page`."""
    return "/room-act?" + urlencode({"id": name, "back": back})


def models_path(page: int = 1) -> str:
    """The address of the language models."""
    return _listed("/models", {"page": str(page) if page > 1 else ""})


def sessions_path(*, room: str = "", agent_id: str = "", state: str = "", before: str = "") -> str:
    """The address of the list of sessions: of a room, of an agent, of one state, older than a moment."""
    return _listed("/sessions", {"room": room, "agent": agent_id, "state": state, "before": before})


def session_path(session_id: str) -> str:
    """The address of a session's page."""
    return _page("/sessions/", session_id)


def process_path(process_id: str) -> str:
    """The address of a process's page."""
    return _page("/processes/", process_id)


def process_act_path(process_id: str, back: str) -> str:
    """The address of the form for an act on a process, but for the act's name. `back`: see `process_act_page`."""
    return "/process-act?" + urlencode({"id": process_id, "back": back}) + "&act="


def _page(prefix: str, key: str) -> str:
    return f"{prefix}?id={key}" if key in _FOLDERS else f"{prefix}{quote(key, safe='')}"


def _with_query(path: str, query: str) -> str:
    return f"{path}{'&' if '?' in path else '?'}{query}"


def _listed(path: str, values: dict[str, str]) -> str:
    text = urlencode({name: value for name, value in values.items() if value})
    return f"{path}?{text}" if text else path
