"""Addresses of the page: one function for each kind. Pure."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from wire import Kind, agent_id_of_session

_FOLDERS = (".", "..")
"""Browsers take these for folders, quoted or not."""

_PROFILE_PAGES = ("export", "import", "new")
"""Pages beside those of profiles, whose agents may be called so too."""


def agent_path(agent_id: str) -> str:
    """The address of an agent's page."""
    return _page("/agents/", agent_id)


def agent_query(agent_id: str, query: str) -> str:
    """The address of an agent's page with a query."""
    return _with_query(agent_path(agent_id), query)


def act_path(agent_id: str, back: str) -> str:
    """The address of the form for an act, but for the act's name, which follows. `back`: see `act_page`."""
    return "/act?" + urlencode({"id": agent_id, "back": back}) + "&act="


def rooms_path(phase: str = "", page: int = 1, group: str = "") -> str:
    """The address of the rooms of one phase and of the agents of one group, or of all of them."""
    values = {"phase": phase, "group": group, "page": str(page) if page > 1 else ""}
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


def sessions_path(
    *, room: str = "", agent_id: str = "", group: str = "", state: str = "", before: str = ""
) -> str:
    """The address of the list of sessions: of a room, of an agent, of a group, of one state, older than a moment."""
    values = {"room": room, "agent": agent_id, "group": group, "state": state, "before": before}
    return _listed("/sessions", values)


def session_path(session_id: str) -> str:
    """The address of a session's page."""
    return _page("/sessions/", session_id)


def talk_path(agent_id: str) -> str:
    """The address of the page on which a human talks to an agent."""
    return _page("/talk/", agent_id)


def talk_row_path(row_id: str, kind: str) -> str:
    """The same for a row among the agents; empty = nobody can talk to it, for it is a worker or a program."""
    agent_id = agent_id_of_session(row_id) if kind == Kind.SESSION.value else None
    return "" if agent_id is None else talk_path(agent_id)


def profiles_path(*, group: str = "", search: str = "") -> str:
    """The address of the list of stored profiles: of a group, with a text."""
    return _listed("/profiles", {"group": group, "search": search})


def profiles_export_path(*, group: str = "", search: str = "") -> str:
    """The address of the same profiles as a file."""
    return _listed("/profiles/export", {"group": group, "search": search})


def new_profile_path(*, like: str = "", agent_id: str = "") -> str:
    """The address of the form for a new profile, filled in as that of `like`, for `agent_id`."""
    return _listed("/profiles/new", {"like": like, "id": agent_id})


def profile_path(agent_id: str) -> str:
    """The address of an agent's stored profile."""
    return f"/profiles/?id={agent_id}" if agent_id in _PROFILE_PAGES else _page("/profiles/", agent_id)


def profile_query(agent_id: str, query: str) -> str:
    """The address of an agent's stored profile with a query."""
    return _with_query(profile_path(agent_id), query)


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
