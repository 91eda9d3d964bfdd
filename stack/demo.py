"""Roomkeeper on this machine, no accounts: a guest joins a room, asks two questions by voice, and leaves."""

from __future__ import annotations

import argparse
import asyncio
import math
import shutil
import signal
import sys
import tempfile
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from livekit import api, rtc

from stack.caller import Caller
from stack.errors import LateError, StackError
from stack.livekit_server import LiveKitServer
from stack.local_models import LocalModels
from stack.registry import Registry
from stack.rooms import Rooms
from stack.until import until, until_answered
from stack.worker import Worker

AGENT_ID = "1"
ROOM = f"agent-{AGENT_ID}-room"
QUESTIONS = ("Where is the swimming pool?", "Please tell me the wi-fi password.")

DEFAULT_GRACE = 10.0
"""Seconds. The worker's own default is 60; nobody watches a minute of nothing."""

_ANSWER_LIMIT = 20.0
_SEEN_LIMIT = 5.0
_LEAVE_LIMIT = 15.0
"""Seconds after the grace period until the agent must be gone."""
_TOKEN_TTL = 6 * 3600.0

_FAILURES = (StackError, api.TwirpError, rtc.ConnectError, aiohttp.ClientError, OSError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    server: LiveKitServer
    models: LocalModels
    registry: Registry
    worker: Worker


class Story:
    """Prints what happens, with the seconds since the last `begin`."""

    def __init__(self) -> None:
        self._started_at = 0.0

    def begin(self, title: str) -> None:
        self._started_at = asyncio.get_running_loop().time()
        print(f"\n{title}", flush=True)

    def tell(self, text: str, *, at: float | None = None) -> None:
        """Print one line. `at` is when it happened, in the loop's time; None = now."""
        at = asyncio.get_running_loop().time() if at is None else at
        print(f"{at - self._started_at:7.1f} s  {text}", flush=True)


async def start(folder: Path, *, grace: float, undo: AsyncExitStack, story: Story) -> Stack:
    """Start all of it; `undo` stops it."""
    story.begin(f"Starting everything on this machine (logs: {folder})")
    server = await undo.enter_async_context(LiveKitServer(folder=folder, usual_ports=True))
    story.tell(f"LiveKit server at {server.url}")
    models = await undo.enter_async_context(LocalModels(folder=folder, reuse=True))
    story.tell(f"speech and language models at {models.url}")
    registry = await undo.enter_async_context(
        Registry(folder=folder, usual_port=True, env=server.environment)
    )
    story.tell(f"registry: see every agent and room at {registry.url}")
    env = {"GRACE_PERIOD": f"{grace:g}", "WEB_UI_URL": registry.url}
    worker = await undo.enter_async_context(
        Worker(server.address, models_url=models.url, env=env, folder=folder)
    )
    await worker.wait_until_warm()
    story.tell(f"worker registered, process {worker.pid}")
    return Stack(server=server, models=models, registry=registry, worker=worker)


async def call(stack: Stack, story: Story) -> None:
    """A guest comes, hears the greeting, asks, and leaves."""
    loop = asyncio.get_running_loop()
    story.begin(f"A guest joins {ROOM}")
    caller = Caller(stack.server.address, ROOM, "guest", name="Guest", models_url=stack.models.url)
    joining_at = loop.time()
    async with caller:
        agent = await caller.wait_for_agent()
        story.tell(f"agent {agent} is in the room")
        await show(stack, story)
        heard = await caller.hear(after=joining_at, limit=_ANSWER_LIMIT)
        name = caller.room.remote_participants[agent].name or agent
        story.tell(f"{name}: {heard.text}", at=heard.started_at)
        for question in QUESTIONS:
            said = await caller.say(question)
            story.tell(f"Guest: {question}", at=said.started_at)
            heard = await caller.hear(after=said.ended_at, limit=_ANSWER_LIMIT)
            waited = heard.started_at - said.ended_at
            story.tell(f"{name}: {heard.text}   (answered after {waited:.1f} s)", at=heard.started_at)
        await caller.wait_for_silence(limit=_ANSWER_LIMIT)
        await lose_agent(stack, caller, agent, story)


async def lose_agent(stack: Stack, caller: Caller, agent: str, story: Story) -> None:
    """Kill the agent's process in the middle of the call: the registry sends another one, which goes on.

    Raises:
        StackError: Nobody comes.
    """
    loop = asyncio.get_running_loop()
    story.begin("The agent's process is killed (kill -9)")
    job = stack.worker.job_in(ROOM)
    if job is None:
        raise StackError("the agent's process was not found")
    killed_at = loop.time()
    job.kill()
    await until(
        lambda: set(caller.agents) - {agent}, timeout=_ANSWER_LIMIT, what="another agent", interval=0.01
    )
    successor = next(iter(set(caller.agents) - {agent}))
    story.tell(f"{successor} is in the room {loop.time() - killed_at:.1f} s later")
    heard = await caller.hear(after=killed_at, limit=_ANSWER_LIMIT, speaker=successor)
    story.tell(f"{caller.room.remote_participants[successor].name}: {heard.text}", at=heard.started_at)
    await caller.wait_for_silence(limit=_ANSWER_LIMIT)


async def show(stack: Stack, story: Story) -> None:
    """What the registry says of the agent in the room."""
    seen = await stack.registry.wait_for(AGENT_ID, status="running", timeout=_SEEN_LIMIT)
    humans = ", ".join(human["identity"] for human in seen["call"]["humans"]) or "nobody yet"
    story.tell(
        f"registry: {seen['name']} is {seen['status']}, health {seen['health']}, process {seen['processId']}, "
        f"in {seen['call']['room']} with {humans}"
    )


async def watch_grace(stack: Stack, story: Story, *, grace: float) -> None:
    """Show that the agent waits for the grace period, and is really gone after it.

    Raises:
        StackError: It leaves too early, or not at all, or its process does not end well.
    """
    loop = asyncio.get_running_loop()
    story.begin(f"The guest has left. Grace period: {grace:g} s (GRACE_PERIOD; 60 unless set)")
    left_at = loop.time()
    job = stack.worker.job_in(ROOM)
    async with Rooms(stack.server.address) as rooms:
        step = max(1, round(grace / 6))
        for left in range(math.floor(grace) - 1, 0, -step):
            await asyncio.sleep(max(0.0, left_at + grace - left - loop.time()))
            if not await rooms.agents(ROOM):
                raise StackError(f"the agent left {left} s before the grace period was over")
            story.tell(f"the agent waits; {left} s left")

        async def is_gone() -> bool:
            return not await rooms.agents(ROOM)

        limit = left_at + grace + _LEAVE_LIMIT - loop.time()
        await until_answered(is_gone, timeout=limit, what="the agent to leave")
        record = await stack.worker.wait_for_record("call.left", timeout=_LEAVE_LIMIT)
        story.tell(f"LiveKit lists no agent in {ROOM}; it says why: {record.get('reason')}")
        await rooms.wait_for_end(ROOM, timeout=_LEAVE_LIMIT)
        story.tell(f"LiveKit lists no {ROOM}")
    gone = await stack.registry.wait_for(AGENT_ID, status="stopped", timeout=_SEEN_LIMIT)
    story.tell(f"registry: {gone['name']} is {gone['status']}: {gone['cause']}")
    if job is not None:
        await asyncio.to_thread(job.wait, _LEAVE_LIMIT)
        # Its job, and not the one that was killed before.
        endings = [str(line) for line in stack.worker.records() if "non-zero exit code" in str(line)]
        if any(str(record.get("job_id")) in line for line in endings):
            raise StackError(f"the process of the call, {job.pid}, ended with an error")
        story.tell(f"the process of the call, {job.pid}, ended with code 0")


def how_to_join(stack: Stack) -> str:
    """For a person who wants to talk to the agent."""
    address = stack.server.address
    token = address.token(room=ROOM, identity="you", name="You", ttl=_TOKEN_TTL)
    return f"""
See every agent at {stack.registry.url}

Talk to the agent, from a browser on this machine:
  {stack.registry.url}/talk/{AGENT_ID}

Make one of your own:
  {stack.registry.url}/profiles/new

Ask about all of them in another terminal:
  WEB_UI_URL={stack.registry.url} .venv/bin/roomkeeper agents

Join with any LiveKit client (the token is good for 6 hours):
  URL    {address.url}
  token  {token}

or without a voice:
  lk room join --url {address.url} --api-key {address.api_key} --api-secret {address.api_secret} \\
    --identity you {ROOM}

Ctrl-C ends everything."""


async def run(folder: Path, *, grace: float, stay: bool) -> None:
    story = Story()
    async with AsyncExitStack() as undo:
        stack = await start(folder, grace=grace, undo=undo, story=story)
        if stay:
            print(how_to_join(stack), flush=True)
            code = await stack.worker.child.wait(timeout=math.inf)
            raise StackError(stack.worker.child.with_last_lines(f"the worker ended with code {code}"))
        try:
            await call(stack, story)
            await watch_grace(stack, story, grace=grace)
        except LateError as error:
            raise StackError(stack.worker.child.with_last_lines(str(error))) from error
        story.begin("Stopping everything")
    story.tell("done")


async def run_until_signal(folder: Path, *, grace: float, stay: bool) -> None:
    """`run`; SIGTERM and a closed terminal end it as Ctrl-C does."""
    task = asyncio.current_task()
    assert task is not None  # noqa: S101  # this is a coroutine
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    await run(folder, grace=grace, stay=stay)


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument(
        "--grace",
        type=float,
        default=DEFAULT_GRACE,
        metavar="SECONDS",
        help="how long the agent waits after the guest has left (default: %(default)g)",
    )
    parser.add_argument("--stay", action="store_true", help="no guest: tell how to join, until Ctrl-C")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="roomkeeper-demo-"))
    try:
        asyncio.run(run_until_signal(folder, grace=arguments.grace, stay=arguments.stay))
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("\nstopped", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        return 130
    except _FAILURES as error:
        print(f"\nThe demo failed: {error}\nLogs: {folder}", file=sys.stderr, flush=True)
        return 1
    shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
