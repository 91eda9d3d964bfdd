"""Which processes the registry may start on this host: what stands in the file of agents.

Definitions come from this file alone and never over the API. A command that could be sent over the network would be the
right to run anything on this host for whoever has the registry's token, or finds a registry without one.

    [agents.front-desk]
    command = ["python", "agent.py", "start"]   # or one text: "python agent.py start"
    cwd = "/srv/hotel"                          # default: the file's own folder; relative to it
    env = { AGENT_ID = "front-desk" }           # added to the registry's environment
    name = "Front desk"                         # default: the id
    autostart = true                            # start it with the registry, unless an operator stopped it
    restart = "on-failure"                      # or "always", "never"
    start_seconds = 1                           # alive for so long, it counts as running
    stop_timeout = 30                           # seconds from SIGTERM to SIGKILL
"""

from __future__ import annotations

import difflib
import re
import shlex
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from processes.errors import DefinitionsError
from processes.machine import Restart, Rules
from processes.masking import is_secretive

DAY = 86_400.0

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """One process that may be started."""

    process_id: str
    name: str
    command: tuple[str, ...]
    """Program and arguments. The program may be a bare name, or relative to `folder`."""

    folder: Path
    """Where it works; absolute."""

    env: Mapping[str, str]
    autostart: bool
    rules: Rules


def _as_command(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        try:
            words = shlex.split(value)
        except ValueError as error:
            raise ValueError(f"cannot be split into words ({error}); close the quotation") from error
    elif isinstance(value, list) and all(isinstance(word, str) for word in value):
        words = value
    else:
        raise ValueError("must be a text, or a list of texts")
    if not words or not words[0].strip():
        raise ValueError("is empty; write the program and its arguments")
    return tuple(map(_without_nul, words))


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("holds a NUL character; leave it out")
    return text


def _check_env(env: dict[str, str]) -> dict[str, str]:
    for name, value in env.items():
        if not name or "=" in name or "\0" in name:
            raise ValueError(f"{name!r} is no name of a variable")
        if "\0" in value:
            raise ValueError(f"the value of {name} holds a NUL character; leave it out")
    return env


def _check_name(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError("must be some words on one line")
    return text.strip()


class _Agent(BaseModel):
    """A table ``[agents.<id>]``. The literals below its keys are what a wrong value is answered with."""

    model_config = ConfigDict(extra="forbid", strict=True, use_attribute_docstrings=True)

    command: Annotated[tuple[str, ...], BeforeValidator(_as_command)]
    """Program and arguments, like ["python", "agent.py", "start"]."""

    cwd: Annotated[str, AfterValidator(_without_nul)] = "."
    """Folder in which it works, as text; relative to the file's own."""

    env: Annotated[dict[str, str], AfterValidator(_check_env)] = Field(default_factory=dict)
    """Variables for its environment, each a text in quotation marks."""

    name: Annotated[str, Field(max_length=200), AfterValidator(_check_name)] | None = None
    """What people call it, at most 200 characters."""

    autostart: bool = True
    """Whether it starts with the registry: true or false, without quotation marks."""

    restart: Literal["on-failure", "always", "never"] = "on-failure"
    """Which ends it is started again after: "on-failure", "always" or "never"."""

    start_seconds: float = Field(default=1.0, ge=0, le=DAY, allow_inf_nan=False)
    """Seconds after which it counts as running, 0 to 86400."""

    stop_timeout: float = Field(default=30.0, ge=0, le=DAY, allow_inf_nan=False)
    """Seconds that it has to end before it is killed, 0 to 86400."""


def parse_definitions(text: str, *, file: Path) -> dict[str, Definition]:
    """The processes by id, in the order of the file.

    Args:
        file: Where the text is from; absolute.

    Raises:
        DefinitionsError: Something is wrong, with one line for each mistake: file, key, value, way out.
    """
    try:
        whole = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DefinitionsError([f"{file} is not TOML: {error}; mend it there"]) from error
    except RecursionError as error:
        raise DefinitionsError([f"{file} is nested too deeply; it has tables [agents.<id>] only"]) from error
    lines = [
        f"{file}: {key}: no such key; write tables [agents.<id>], and nothing else"
        for key in whole
        if key != "agents"
    ]
    tables = whole.get("agents", {})
    if not isinstance(tables, dict):
        raise DefinitionsError([*lines, f"{file}: agents = {_short(tables)}: write tables [agents.<id>]"])
    found = {}
    for process_id, table in tables.items():
        try:
            found[process_id] = _definition(process_id, table, file)
        except DefinitionsError as error:
            lines += error.lines
    if lines:
        raise DefinitionsError(lines)
    return found


def _definition(process_id: str, table: object, file: Path) -> Definition:
    where = f"{file}: agents.{process_id}"
    if not _ID.fullmatch(process_id):
        raise DefinitionsError(
            [
                f"{file}: agents.{_short(process_id)}: an id begins with a letter or digit and has letters, digits, "
                "'.', '_' and '-', at most 80"
            ]
        )
    if not isinstance(table, dict):
        raise DefinitionsError([f"{where} = {_short(table)}: write a table [agents.{process_id}]"])
    try:
        agent = _Agent.model_validate(table)
    except ValidationError as error:
        # A union tells of each of its members; one line for a key is enough.
        # A key that is misspelt comes first: it is why another one is missing.
        details = sorted(
            error.errors(include_url=False), key=lambda detail: detail["type"] != "extra_forbidden"
        )
        wrong: dict[object, str] = {}
        for detail in details:
            wrong.setdefault(detail["loc"], _line(where, detail))
        raise DefinitionsError(list(wrong.values())) from error
    try:
        folder = (file.parent / Path(agent.cwd).expanduser()).absolute()
    except RuntimeError as error:
        raise DefinitionsError([f"{where}.cwd = {agent.cwd!r}: {error}; write the whole path"]) from error
    return Definition(
        process_id=process_id,
        name=agent.name or process_id,
        command=agent.command,
        folder=folder,
        env=agent.env,
        autostart=agent.autostart,
        rules=Rules(
            restart=Restart(agent.restart),
            start_seconds=agent.start_seconds,
            stop_timeout=agent.stop_timeout,
        ),
    )


def _line(where: str, detail: Any) -> str:
    """One mistake, from pydantic's details."""
    key = str(detail["loc"][0])
    full = f"{where}." + ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        close = difflib.get_close_matches(key, _Agent.model_fields, n=1)
        meant = f" (is {close[0]} meant?)" if close else ""
        return f"{full}: no such key{meant}; there are {', '.join(_Agent.model_fields)}"
    meaning = _Agent.model_fields[key].description or ""
    if detail["type"] == "missing":
        return f"{full} is missing. {meaning}"
    # Whatever stands in `env` may be a secret, and so may a command that could not be read.
    hidden = key in ("env", "command") or any(is_secretive(str(part)) for part in detail["loc"])
    shown = "***" if hidden else _short(detail["input"])
    message = detail["msg"].removeprefix("Value error, ")
    return f"{full} = {shown}: {message[:1].lower()}{message[1:]}. {meaning}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
