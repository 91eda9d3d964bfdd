"""A Python script that is one agent, with this project installed: its text, and a name for its file.

The text passes `ruff check`, `ruff format` (default settings) and `mypy --strict`, whatever the profile holds: texts of
users stand in string literals only, and every argument stands on a line of its own, so that no length of a text
changes the form of the rest.
"""

from __future__ import annotations

import functools
import importlib.metadata
import keyword
import re
import sys
from collections.abc import Iterator, Sequence

from pydantic import BaseModel

from wire import AgentId, Avatar, Profile, Translate, Turns

_WIDTH = 80
"""Columns of a text; longer lines are broken between two words, by a backslash that takes the line's end away."""

_ONE_LINE = 72
"""Columns of a text and what is before it that may stand on one line, beside the longest name of a field."""

_OURS = (
    "agent", "bench", "cli", "config", "heartbeat", "lifecycle", "llm", "local_models", "processes", "registry",
    "rooms", "scripts", "service", "session", "stack", "tests", "web", "wire",
)  # fmt: skip
"""Modules of this project: a script of such a name would be imported in their place."""

_DEVICES = re.compile(r"con|prn|aux|nul|com\d|lpt\d", re.IGNORECASE)
"""No names for files on Windows."""

_PARTS: tuple[type[BaseModel], ...] = (Avatar, Translate, Turns)


def file_name(agent_id: AgentId) -> str:
    """Name of the script's file: ``ada.py``; ``agent_json.py`` where ``json.py`` would hide a module or be no name.

    A script's folder is the first place where Python looks for modules, so one that is called as a module of the
    standard library, of this project or of a package would be found instead of it.
    """
    name = re.sub(r"[^A-Za-z0-9_]", "_", agent_id)
    is_taken = name.casefold() in _module_names() or keyword.iskeyword(name) or keyword.issoftkeyword(name)
    if is_taken or not name.isidentifier() or name.startswith("_") or _DEVICES.fullmatch(name):
        name = f"agent_{name}"
    return f"{name}.py"


def script(agent_id: AgentId, profile: Profile) -> str:
    """The text of the script."""
    fields = list(_fields(profile, Profile))
    parts = {type(value).__name__ for _, value in fields if isinstance(value, _PARTS)}
    lines = [
        f'"""Agent {agent_id}, with Roomkeeper installed. Run it: python {file_name(agent_id)} dev"""',
        "",
        "from config import SettingsError, load_settings",
        "from session import Worker, run_app",
        f"from wire import {', '.join(sorted({'Profile', *parts}))}",
        "",
        "PROFILE = Profile(",
        *(f"    {name}={_value(value, indent=4)}," for name, value in fields),
        ")",
        "",
        "try:",
        "    server = Worker(",
        "        load_settings(),",
        "        profile=PROFILE,",
        f'        agent_id="{agent_id}",',
        "    )",
        "except SettingsError as error:",
        "    raise SystemExit(str(error)) from None",
        "",
        'if __name__ == "__main__":',
        "    run_app(server)",
    ]
    return "\n".join(lines) + "\n"


def _fields(model: BaseModel, kind: type[BaseModel]) -> Iterator[tuple[str, object]]:
    """What is not as it is by default. A name always: it is what people look for."""
    for name, field in kind.model_fields.items():
        value = getattr(model, name)
        if name == "name" or field.is_required() or value != field.get_default(call_default_factory=True):
            yield name, value


def _value(value: object, *, indent: int) -> str:
    """A value as Python, whose further lines are indented by `indent`."""
    if isinstance(value, str):
        return _text(value, indent=indent)
    if isinstance(value, BaseModel):
        kind = type(value)
        parts = [f"{name}={_value(part, indent=indent + 4)}" for name, part in _fields(value, kind)]
        return _exploded(f"{kind.__name__}(", parts, indent=indent)
    if isinstance(value, tuple):
        return _exploded("(", [_value(part, indent=indent + 4) for part in value], indent=indent)
    return repr(value)


def _exploded(begin: str, parts: Sequence[str], *, indent: int) -> str:
    """Each part on a line of its own, with a comma after the last one, which keeps the formatter from joining them."""
    if not parts:
        return f"{begin})"
    inner = " " * (indent + 4)
    return "\n".join([begin, *(f"{inner}{part}," for part in parts), f"{' ' * indent})"])


def _text(text: str, *, indent: int) -> str:
    """A text as a literal: on one line where it is short, else in three quotes as people write it."""
    if "\n" not in text and len(text) + indent <= _ONE_LINE:
        return _short(text)
    lines = [broken for line in text.split("\n") for broken in _broken(line)]
    return '"""\\\n' + "\n".join(lines) + '"""'


def _short(text: str) -> str:
    # As the formatter wants it: single quotes only where they spare backslashes.
    quote = "'" if text.count('"') > text.count("'") else '"'
    body = "".join(_plain(char) for char in text).replace(quote, f"\\{quote}")
    return f"{quote}{body}{quote}"


def _broken(line: str) -> Iterator[str]:
    """A line of a long text, in parts that end with a backslash where the line goes on."""
    words = re.findall(r"\S*\s*", line)
    part = ""
    parts = []
    for word in words:
        if part and len(part) + len(word) > _WIDTH:
            parts.append(part)
            part = ""
        part += word
    parts.append(part)
    for number, each in enumerate(parts, start=1):
        is_last = number == len(parts)
        text = "".join(_plain(char) for char in each)
        text = re.sub(r'"{3,}|"+$' if is_last else r'"{3,}', lambda quotes: '\\"' * len(quotes[0]), text)
        if is_last:
            text = re.sub(r" $", r"\\x20", text)  # editors take blanks from the ends of lines
        yield text if is_last else f"{text}\\"


def _plain(char: str) -> str:
    """A character as it stands in a literal: what cannot be seen, or turns the text around, as its number."""
    if char == "\\":
        return "\\\\"
    if char == "\t":
        return "\\t"
    if char == "\n":
        return "\\n"
    if char.isprintable():
        return char
    number = ord(char)
    return (
        f"\\x{number:02x}"
        if number < 0x100
        else f"\\u{number:04x}"
        if number < 0x10000
        else f"\\U{number:08x}"
    )


@functools.cache
def _module_names() -> frozenset[str]:
    """Modules that a script must not be called as. Takes 0.1 s the first time: it looks through all packages."""
    names = {*sys.stdlib_module_names, *_OURS, *importlib.metadata.packages_distributions()}
    return frozenset(name.casefold() for name in names)
