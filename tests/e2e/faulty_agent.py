"""The worker with faults that a test can switch on from inside the room, over RPC.

``fault.full_reconnect``: lose and regain LiveKit. ``fault.block``: block the event loop for the payload's seconds.
``fault.hang_on_leaving``: the pipeline never closes. ``fault.crash``: an error escapes into the call's life.
"""

from __future__ import annotations

import asyncio
import time

from livekit import rtc
from livekit.agents import AgentSession, JobContext, cli

from config import load_settings
from session import Worker, job


async def run(ctx: JobContext) -> None:
    await job.run(ctx)
    me = ctx.room.local_participant

    async def full_reconnect(_: rtc.RpcInvocationData) -> str:
        scenario = rtc.SimulateScenarioKind.SIMULATE_FULL_RECONNECT
        asyncio.get_running_loop().call_later(
            0.1, asyncio.ensure_future, ctx.room.simulate_scenario(scenario)
        )
        return ""

    async def block(data: rtc.RpcInvocationData) -> str:
        asyncio.get_running_loop().call_later(0.1, time.sleep, float(data.payload))
        return ""

    async def hang_on_leaving(_: rtc.RpcInvocationData) -> str:
        async def hang(_: AgentSession[None]) -> None:
            await asyncio.sleep(3600)

        AgentSession.aclose = hang  # type: ignore[method-assign, assignment]
        return ""

    me.register_rpc_method("fault.full_reconnect", full_reconnect)
    me.register_rpc_method("fault.block", block)
    me.register_rpc_method("fault.hang_on_leaving", hang_on_leaving)


server = Worker(load_settings(), run=run)

if __name__ == "__main__":
    cli.run_app(server)
