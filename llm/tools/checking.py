"""Arguments of a call as a language model writes them, checked with words that it can learn from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from llm.tools.errors import ToolError
from llm.tools.tool import Tool

MAX_ARGUMENTS = 200_000
"""Characters of JSON that are read at all. A program of 20 kB fits, with every character escaped."""

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
}


def arguments_of(tool: Tool, arguments_json: str) -> dict[str, Any]:
    """The arguments, as `tool.parameters` wants them. What it does not know is left out: models like to add things.

    Raises:
        ToolError: They are no JSON object, or one is missing or wrong.
    """
    given = _parsed(tool, arguments_json)
    properties: Mapping[str, Mapping[str, Any]] = tool.parameters.get("properties", {})
    missing = [name for name in tool.parameters.get("required", ()) if name not in given]
    if missing:
        raise ToolError(f"{tool.name} was not called: {', '.join(missing)} is missing. {_wanted(tool)}")
    taken = {name: value for name, value in given.items() if name in properties}
    for name, value in taken.items():
        trouble = _trouble(value, properties[name])
        if trouble:
            raise ToolError(f"{tool.name} was not called: {name} {trouble}. {_wanted(tool)}")
    return taken


def _parsed(tool: Tool, arguments_json: str) -> dict[str, Any]:
    if len(arguments_json) > MAX_ARGUMENTS:
        raise ToolError(
            f"{tool.name} was not called: its arguments are {len(arguments_json):,} characters; "
            f"{MAX_ARGUMENTS:,} is the limit. {_wanted(tool)}"
        )
    try:
        given = _loaded(arguments_json)
    # A number of thousands of digits is a ValueError too; so is broken JSON.
    except (ValueError, RecursionError) as error:
        raise ToolError(
            f"{tool.name} was not called: its arguments are broken JSON. {_wanted(tool)}"
        ) from error
    if not isinstance(given, dict):
        raise ToolError(f"{tool.name} was not called: its arguments are no JSON object. {_wanted(tool)}")
    return given


def _loaded(arguments_json: str) -> object:
    return json.loads(arguments_json or "{}")


def _wanted(tool: Tool) -> str:
    fields = ", ".join(
        f'"{name}": <{kind.get("type", "value")}>'
        for name, kind in tool.parameters.get("properties", {}).items()
    )
    return f"Call it with {{{fields}}}."


def _trouble(value: object, schema: Mapping[str, Any]) -> str | None:
    kind = str(schema.get("type", ""))
    types = _TYPES.get(kind)
    if types and (not isinstance(value, types) or (isinstance(value, bool) and kind != "boolean")):
        return f"must be of type {kind}"
    if "enum" in schema and value not in schema["enum"]:
        return f"must be one of {', '.join(map(str, schema['enum']))}"
    return _trouble_of_text(value, schema) if isinstance(value, str) else None


def _trouble_of_text(value: str, schema: Mapping[str, Any]) -> str | None:
    if len(value.strip()) < schema.get("minLength", 0):
        return "is empty"
    if len(value) > schema.get("maxLength", len(value)):
        return f"is {len(value):,} characters; {schema['maxLength']:,} is the limit"
    try:
        value.encode()
    except UnicodeEncodeError:  # half of a surrogate pair: JSON can say it, UTF-8 cannot
        return "holds a character that is none"
    return None
