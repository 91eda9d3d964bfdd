"""Join a room, say something, and stay until SIGTERM. Prints what happens as lines of JSON."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys

from stack.address import Address
from stack.caller.human import Caller

_LOOK_INTERVAL = 0.1


async def run(caller: Caller, say: str) -> None:
    """Be in the room until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    n_shown = 0

    def show() -> None:
        nonlocal n_shown
        for event in caller.events[n_shown:]:
            print(json.dumps({"event": event.name, "identity": event.identity, "at": event.at}), flush=True)
        n_shown = len(caller.events)

    async with caller:
        show()
        if say:
            said = await caller.say(say)
            print(json.dumps({"event": "said", "text": say, "at": said.ended_at}), flush=True)
        while not ended.is_set():  # two things are waited for, one of them a list
            await asyncio.sleep(_LOOK_INTERVAL)
            show()
    show()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m stack.caller", description=__doc__)
    parser.add_argument("--url", required=True, help="like ws://127.0.0.1:7880")
    parser.add_argument("--token", default=os.environ.get("CALLER_TOKEN"), help="or in CALLER_TOKEN")
    parser.add_argument("--room", default="", help="for messages only: the token names the room")
    parser.add_argument("--identity", default="guest", help="likewise")
    parser.add_argument("--say", default="", metavar="TEXT", help="said once after joining")
    arguments = parser.parse_args()
    if not arguments.token:
        parser.error("a token is needed: --token or CALLER_TOKEN")
    address = Address(url=arguments.url, api_key="", api_secret="")
    caller = Caller(address, arguments.room, arguments.identity, token=arguments.token)
    asyncio.run(run(caller, arguments.say))
    return 0


if __name__ == "__main__":
    sys.exit(main())
