"""How a command reaches the registry: its URL, the token, and who asks."""

from __future__ import annotations

import getpass
import socket
from dataclasses import dataclass
from typing import Annotated

import httpx
import typer

from cli.client import Client
from cli.connection import Connection
from cli.errors import UsageError
from config import SENDER_SETTINGS, Settings, SettingsError, load_settings

Url = Annotated[
    str | None,
    typer.Option(
        "--url", metavar="URL", help="Registry to ask; WEB_UI_URL unless given.", show_default=False
    ),
]
"""The option that every command has. There is none for the token: others can read a command line."""


@dataclass(slots=True, kw_only=True)
class Reach:
    """What commands share; `typer.Context.obj`."""

    url: str | None = None
    """From `--url` before the command's name."""

    transport: httpx.AsyncBaseTransport | None = None
    """None = the network."""


def open_client(context: typer.Context, url: str | None) -> Client:
    """A client for the registry that is meant.

    Raises:
        UsageError: A setting is wrong, or there is no registry.
    """
    reach = context.obj if isinstance(context.obj, Reach) else Reach()
    settings = read_settings()
    given = url or reach.url
    if given is not None:
        try:
            settings = settings.replace(web_ui_url=given)
        except SettingsError as error:
            raise UsageError(
                f"--url {given!r} is no URL of a registry; give one like http://localhost:3026"
            ) from error
    if settings.web_ui_url is None:
        raise UsageError("WEB_UI_URL is empty, so there is no registry to ask; set it, or give --url")
    token = settings.registry_token
    connection = Connection(
        settings.web_ui_url,
        token=token.get_secret_value() if token else None,
        origin="--url" if given is not None else "WEB_UI_URL",
        transport=reach.transport,
    )
    return Client(connection)


def read_settings() -> Settings:
    """Raises `UsageError` when one is wrong."""
    try:
        return load_settings(only=SENDER_SETTINGS)
    except SettingsError as error:
        raise UsageError(str(error)) from error


def this_host() -> str:
    """The name under which agents of this machine beat."""
    return read_settings().agent_host or socket.gethostname()


_LONGEST_AUTHOR = 80


def who(command: str = "") -> str:
    """Who asks, for the history: the user, the host, and the command where nobody sits before it."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a user without a name: containers have them
        user = "someone"
    suffix = f" ({command})" if command else ""
    person = "".join(char for char in f"{user}@{socket.gethostname()}" if char.isprintable())
    return person[: _LONGEST_AUTHOR - len(suffix)] + suffix
