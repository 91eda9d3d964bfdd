"""The registry's API of the processes that it starts and stops on its host. Raises as `cli.connection`."""

from __future__ import annotations

from datetime import datetime

import msgspec

from cli.connection import Connection, quoted
from cli.errors import RefusedError

_PROCESSES = "/api/processes"


class Supervised(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One process of the supervisor."""

    id: str
    name: str = ""
    command: str = ""
    state: str
    """`STOPPED`, `STARTING`, `RUNNING`, `BACKOFF`, `STOPPING` or `EXITED`."""

    wanted: str = ""
    """`running` or `stopped`."""

    pid: int | None = None
    started_at: datetime | None = None
    exit_code: int | None = None
    restarts: int = 0
    retry_at: datetime | None = None
    trouble: str | None = None
    row_ids: tuple[str, ...] = ()
    """Ids of agents that are this process or its children."""


class Processes(msgspec.Struct, frozen=True, kw_only=True):
    """All of them."""

    processes: tuple[Supervised, ...]
    file: str = ""
    """Says which there may be."""

    trouble: str | None = None
    """What is wrong with the file."""


class _Started(msgspec.Struct, frozen=True, kw_only=True):
    processes: tuple[Supervised, ...]


class Killed(msgspec.Struct, frozen=True, kw_only=True):
    """What became of ending an agent by force."""

    killed: bool
    said: str


class ProcessApi:
    """The processes of one registry."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def all(self) -> Processes:
        return self._connection.decode(await self.raw(), Processes)

    async def raw(self) -> bytes:
        """As `all`, in the registry's own words."""
        return await self._connection.ask("GET", _PROCESSES)

    async def find(self, process_id: str) -> Supervised | None:
        """One process; None = the registry has none of this id."""
        try:
            answer = await self._connection.ask("GET", f"{_PROCESSES}/{quoted(process_id)}")
        except RefusedError as error:
            if error.status == 404:
                return None
            raise
        return self._connection.decode(answer, Supervised)

    async def act(self, process_id: str, act: str, *, reason: str, by: str) -> Supervised:
        """`start`, `stop`, `force-stop` or `restart` it; the answer does not wait until that is done."""
        body = {"reason": reason, "by": by}
        answer = await self._connection.ask("POST", f"{_PROCESSES}/{quoted(process_id)}/{act}", body)
        return self._connection.decode(answer, Supervised)

    async def start_all(self, *, reason: str, by: str) -> tuple[Supervised, ...]:
        """Start those that do not run; all, as they are then."""
        body = {"reason": reason, "by": by}
        answer = await self._connection.ask("POST", f"{_PROCESSES}/start-all", body)
        return self._connection.decode(answer, _Started).processes

    async def kill_agent(self, agent_id: str, *, reason: str, by: str) -> Killed:
        """End an agent at once. Where its process is not the supervisor's, only the record changes, and it says so."""
        path = f"/api/agents/{quoted(agent_id)}/force-stop"
        answer = await self._connection.ask("POST", path, {"reason": reason, "by": by})
        return self._connection.decode(answer, Killed)
