"""The worker's entrypoint: ``python agent.py dev``, ``python agent.py start``, ``lk agent start``."""

import sys

from livekit.agents import cli

from config import SettingsError, load_settings
from session import Worker

try:
    server = Worker(load_settings())
except SettingsError as error:
    print(error, file=sys.stderr)  # noqa: T201  # there is no logging yet
    raise SystemExit(2) from None

if __name__ == "__main__":
    cli.run_app(server)
