"""A PostgreSQL of our own that is thrown away afterwards, for tests and benchmarks."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import psutil

from stack.children import Child
from stack.errors import LateError, StackError
from stack.lifetime import Lifetime
from stack.ports import free_port

USER = "postgres"
"""Its superuser, and the name of the database that is there from the beginning."""

_INIT_TIMEOUT = 60.0
_READY_TIMEOUT = 60.0
_STOP_TIMEOUT = 10.0
_DEBIAN_FOLDER = Path("/usr/lib/postgresql")  # one folder for each major version, not on the PATH

_FAST = ("fsync=off", "full_page_writes=off")
"""What saves the disk and the time, and may lose the data when the machine crashes."""


def find_binaries() -> Path:
    """The folder of `initdb` and `postgres`: that on the PATH, else the newest one that is installed.

    Raises:
        StackError: There is none; names the packages.
    """
    for folder in _likely_folders():
        if os.access(folder / "initdb", os.X_OK) and os.access(folder / "postgres", os.X_OK):
            return folder
    raise StackError(
        "PostgreSQL's server is not installed; on Debian and Ubuntu: apt-get install postgresql, "
        "with Homebrew: brew install postgresql"
    )


class PostgresServer(Lifetime):
    """One PostgreSQL on 127.0.0.1, as a context manager. It may be stopped and started again on its port.

    PostgreSQL refuses to run as root: then it runs as the user `postgres`, or `nobody`.

    Args:
        folder: For its data and log; None = a temporary one that goes away with it. For root the other
            user must be able to reach it.
        is_durable: Wait for the disk at each commit, as a real one does.
    """

    def __init__(self, *, folder: Path | None = None, is_durable: bool = False) -> None:
        self.port = free_port()
        self.password = secrets.token_urlsafe(16)
        self._is_durable = is_durable
        super().__init__("postgres", folder)
        self._child: Child | None = None

    @property
    def url(self) -> str:
        """``postgresql://user:password@127.0.0.1:port/database`` of the database that is there from the beginning."""
        return self.url_of(USER)

    @property
    def child(self) -> Child:
        if self._child is None:
            raise StackError("postgres was not started")
        return self._child

    def url_of(self, database: str) -> str:
        """URL of another database, which somebody else creates."""
        return f"postgresql://{USER}:{self.password}@127.0.0.1:{self.port}/{database}"

    async def start(self) -> None:
        """Make its data the first time, start it, and wait until it takes connections.

        Raises:
            StackError: It cannot be found, ends at once, or does not get ready.
        """
        if self._child is None:
            self._child = await self._set_up()
        child = self._child
        async with AsyncExitStack() as undo:
            child.start()
            undo.callback(child.kill)
            await child.ready(self._is_ready, timeout=_READY_TIMEOUT)
            undo.pop_all()

    async def stop(self, *, timeout: float = _STOP_TIMEOUT) -> None:
        """Close all connections and end, as for an update. May be called twice."""
        if self._child is None:
            return
        if self._child.is_running:
            # SIGTERM would wait for everybody to go.
            self._child.signal(signal.SIGINT)
            try:
                await self._child.wait(timeout=timeout)
            except LateError:
                self.kill()
        await self._child.stop()

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    def kill(self) -> None:
        """SIGKILL to all its processes at once, as by a machine that loses its power."""
        child = self.child
        try:
            # Each is in a process group of its own. They would end a moment later by themselves, and the
            # next start would have to wait for that.
            others = psutil.Process(child.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            others = []
        child.kill()
        for other in others:
            _kill(other)

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    async def _set_up(self) -> Child:
        """Make its data, and the process that will serve it."""
        binaries, user, folder = find_binaries(), _user_to_become(), self._data.parent
        if not self._data.exists():
            password = folder / "password"
            password.touch(mode=0o600)
            password.write_text(self.password)
            self._data.mkdir(mode=0o700)
            if user is not None:
                folder.chmod(0o711)  # to pass through, not to look into
                for path in (self._data, password):
                    os.chown(path, user.pw_uid, user.pw_gid)
            await self._init(binaries, password, user)
            password.unlink()
        command = [str(binaries / "postgres"), "-D", str(self._data)]
        options = ("listen_addresses=127.0.0.1", f"port={self.port}", "unix_socket_directories=")
        for option in options if self._is_durable else options + _FAST:
            command += ["-c", option]
        return Child(_as(user, command), name="postgres", log=folder / "postgres.log", cwd=folder)

    async def _init(self, binaries: Path, password: Path, user: pwd.struct_passwd | None) -> None:
        command = [
            str(binaries / "initdb"),
            f"--pgdata={self._data}",
            f"--username={USER}",
            f"--pwfile={password}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        ]
        folder = self._data.parent
        async with Child(_as(user, command), name="initdb", log=folder / "initdb.log", cwd=folder) as child:
            if await child.wait(timeout=_INIT_TIMEOUT):
                raise StackError(child.with_last_lines(f"initdb ended with code {child.exit_code}"))

    def _is_ready(self) -> bool:
        """Whether it says so in its pid file: what `pg_ctl` looks at too."""
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        # The file of a server that was killed stays; its first line is that one's process.
        return len(lines) >= 8 and lines[0] == str(self.child.pid) and lines[7].strip() == "ready"


def _likely_folders() -> Iterator[Path]:
    on_path = shutil.which("initdb")
    if on_path is not None:
        yield (
            Path(on_path).resolve().parent
        )  # Debian's is often a link; initdb looks beside itself for postgres
    asked = shutil.which("pg_config")
    if asked is not None:
        answer = subprocess.run([asked, "--bindir"], capture_output=True, text=True, timeout=10, check=False)
        yield Path(answer.stdout.strip())
    yield from sorted(_DEBIAN_FOLDER.glob("*/bin"), key=_major_version, reverse=True)


def _major_version(folder: Path) -> int:
    name = folder.parent.name
    return int(name) if name.isdigit() else 0


def _user_to_become() -> pwd.struct_passwd | None:
    """Whom to run as; None = stay who we are.

    Raises:
        StackError: We are root and cannot become anybody else.
    """
    if os.geteuid() != 0:
        return None
    if shutil.which("setpriv") is None:
        raise StackError("PostgreSQL does not run as root, and setpriv (package util-linux) is not installed")
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise StackError("PostgreSQL does not run as root, and there is no user postgres or nobody")


def _kill(process: psutil.Process) -> None:
    """SIGKILL, and wait until nothing of it is left but what its parent should collect."""
    try:
        process.kill()
        while process.status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.002)
    except psutil.NoSuchProcess:
        return


def _as(user: pwd.struct_passwd | None, command: list[str]) -> list[str]:
    if user is None:
        return command
    # Becoming another user takes away the signal that ends a child with its parent; so it is asked for again.
    return [
        "setpriv",
        f"--reuid={user.pw_uid}",
        f"--regid={user.pw_gid}",
        "--clear-groups",
        "--pdeathsig=KILL",
        "--",
        *command,
    ]
