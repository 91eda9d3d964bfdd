"""What somebody wants to see of the fleet: the query of the list's address. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import get_args
from urllib.parse import parse_qsl, urlencode

from registry.agents import Agent
from registry.page.queries import page_number
from registry.records import Status
from registry.selection import Sort, Wanted
from wire import Deployment, Kind

PER_PAGE = 50

SORTS: dict[Sort, str] = {
    "status": "Trouble first",
    "name": "Name",
    "lastHeartbeat": "Heard last",
    "agentId": "Agent id",
}
"""The orders, for people. The first one is taken when none is asked for."""

_MOST_HOSTS = 200
_LONGEST = 300
"""Characters of a value in an address. What agents tell of themselves is shorter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Which agents, in what order, which page. Empty = everything."""

    search: str = ""
    statuses: frozenset[Status] = frozenset()
    kind: Kind | None = None
    deployment: Deployment | None = None
    host: str = ""
    room: str = ""
    group: str = ""
    """Project or team, as agents' stored profiles name it."""

    hides_over: bool = False
    """Leave out those that are stopped or offline."""

    sort: Sort = "status"
    page: int = 1

    @property
    def is_filter(self) -> bool:
        """Whether something may be left out."""
        return replace(self, sort="status", page=1) != Query()

    @property
    def status_text(self) -> str:
        """The statuses as the address has them."""
        return ",".join(status.value for status in Status if status in self.statuses)

    def wanted(self) -> Wanted:
        """What agents have to be like. `hides_over` is told by the statuses that are left."""
        statuses = self.statuses
        if self.hides_over:
            live = frozenset(status for status in Status if not status.is_over)
            # Nothing can have none of the statuses: then what is over was asked for by name, and is shown.
            statuses = (statuses & live) or statuses or live
        return Wanted(
            statuses=statuses,
            kind=self.kind,
            deployment=self.deployment,
            host=self.host or None,
            room=self.room or None,
            search=self.search or None,
        )


def parse_query(values: Mapping[str, str]) -> Query:
    """The query of an address. What makes no sense in it is ignored: a page is better than an error."""
    words = values.get("status", "").split(",")
    return Query(
        search=values.get("search", "").strip()[:_LONGEST],
        statuses=frozenset(status for status in Status if status.value in words),
        kind=next((kind for kind in Kind if kind.value == values.get("kind")), None),
        deployment=next((each for each in Deployment if each.value == values.get("deployment")), None),
        host=values.get("host", "")[:_LONGEST],
        room=values.get("room", "")[:_LONGEST],
        group=values.get("group", "").strip()[:_LONGEST],
        hides_over=values.get("over") == "hide",
        sort=next((sort for sort in get_args(Sort) if sort == values.get("sort")), "status"),
        page=page_number(values.get("page", "")),
    )


def parse_text(text: str) -> Query:
    """The query of an address as one text, as forms carry it."""
    try:
        return parse_query(dict(parse_qsl(text, max_num_fields=20)))
    except ValueError:
        return Query()


def query_text(query: Query) -> str:
    """`query` as the part of an address after the question mark; empty for everything."""
    values = {
        "search": query.search,
        "status": query.status_text,
        "kind": query.kind.value if query.kind else "",
        "deployment": query.deployment.value if query.deployment else "",
        "host": query.host,
        "room": query.room,
        "group": query.group,
        "over": "hide" if query.hides_over else "",
        "sort": query.sort if query.sort != "status" else "",
        "page": str(query.page) if query.page > 1 else "",
    }
    return urlencode({name: value for name, value in values.items() if value})


def address(query: Query) -> str:
    """The list's address for `query`."""
    text = query_text(query)
    return f"/?{text}" if text else "/"


def with_statuses(query: Query, *statuses: Status) -> str:
    """The address of the same list with other statuses; none = all."""
    return address(replace(query, statuses=frozenset(statuses), page=1))


def with_sort(query: Query, sort: Sort) -> str:
    """The address of the same list in another order."""
    return address(replace(query, sort=sort, page=1))


def with_page(query: Query, page: int) -> str:
    """The address of another page of the same list."""
    return address(replace(query, page=page))


def of_room(room: str) -> str:
    """The address of the agents of one room."""
    return address(Query(room=room))


def of_host(host: str) -> str:
    """The address of the agents of one host."""
    return address(Query(host=host))


def unfiltered(query: Query) -> str:
    """The address of all agents in the same order."""
    return address(Query(sort=query.sort))


def hosts(agents: Iterable[Agent], chosen: str) -> list[str]:
    """Hosts to choose from, the chosen one among them."""
    found = sorted({agent.beat.host for agent in agents if agent.beat.host})
    return sorted({*found[:_MOST_HOSTS], *([chosen] if chosen else [])})
