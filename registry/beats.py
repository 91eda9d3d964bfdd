"""`POST /api/beats`: the hot path. Plain ASGI, because a framework's request costs more than all that is done here."""

from __future__ import annotations

import asyncio

from starlette.types import Receive, Scope, Send

from registry.agents import Line
from registry.errors import BadBeatError, BadRequestError, RegistryError, TooLargeError
from registry.fleet import Fleet
from registry.metrics import BEATS
from registry.orders import Orders
from registry.replies import send_error, send_json
from registry.status import ttl_of
from wire import LINE_PATH, MAX_BEAT_BYTES, Beat, BeatError, Reply, decode_beat, encode

QUICK = 1.0
"""Seconds until the next beat of an agent that was silent: two good ones put it right."""


class Beats:
    """Takes beats, by HTTP and on lines, and answers them."""

    def __init__(self, fleet: Fleet, orders: Orders) -> None:
        self._fleet = fleet
        self._orders = orders
        limits = fleet.limits
        self._offer = encode(Reply(ttl=limits.ttl, interval=limits.interval, line=LINE_PATH))
        self._accepted = BEATS.labels("accepted")
        self._refused = BEATS.labels("refused")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As an ASGI application."""
        if scope["method"] != "POST":
            await send_json(
                send,
                405,
                b'{"error":{"code":"method","message":"beats are sent by POST"}}',
                headers=((b"allow", b"POST"),),
            )
            return
        client = scope.get("client")
        try:
            beat = decode(await read_body(receive, limit=MAX_BEAT_BYTES))
            reply = await self.take(beat, source=client[0] if client else "")
        except RegistryError as error:
            self._refused.inc()
            await send_error(scope, receive, send, error)
            return
        await send_json(send, 200, self._offer if reply is None else encode(reply))

    def renew(self, body: bytes) -> bytes | None:
        """Take a beat that only says that its agent is still there.

        Returns:
            The body of the answer; None = it says more, or something is wrong with it, and nothing has happened.
        """
        try:
            beat = decode_beat(body)
        except BeatError:
            return None
        if beat.interval is not None and beat.interval != self._fleet.limits.interval:
            return None
        if not self._fleet.renew(beat):
            return None
        self._accepted.inc()
        return self._offer

    async def take(self, beat: Beat, *, source: str, line: Line | None = None) -> Reply | None:
        """Take a beat, and come back when what is new in it is durable.

        Returns:
            The reply; None = the usual one.

        Raises:
            RegistryError: As `Fleet.take`, and `DatabaseError`.
        """
        durable = self._fleet.take(beat, source=source, line=line)
        if durable is not None:
            await asyncio.shield(durable)  # others wait for the same one; a request that ends must not end it
        self._accepted.inc()
        agent = self._fleet.find(beat.agent_id)
        if agent is None or agent.beat.incarnation != beat.incarnation:
            return None  # another process has the id by now; its orders are not for this one
        is_doubted = agent.facts.is_doubted
        if beat.interval is None and not agent.orders and not is_doubted:
            return None
        limits = self._fleet.limits
        interval = beat.interval or limits.interval
        if interval == limits.interval and not agent.orders and not is_doubted:
            return None
        return Reply(
            ttl=ttl_of(beat, limits),
            interval=min(QUICK, interval) if is_doubted else interval,
            line=LINE_PATH,
            commands=self._orders.take_waiting(agent),
        )

    def usual(self) -> Reply:
        """The reply when there is nothing special."""
        limits = self._fleet.limits
        return Reply(ttl=limits.ttl, interval=limits.interval, line=LINE_PATH)


def decode(body: bytes) -> Beat:
    """`wire.decode_beat`, with the registry's own error."""
    try:
        return decode_beat(body)
    except BeatError as error:
        raise BadBeatError(str(error)) from error


async def read_body(receive: Receive, *, limit: int) -> bytes:
    """The body of a request.

    Raises:
        TooLargeError: It is larger than `limit` bytes; the rest is not read.
        BadRequestError: The client has gone away.
    """
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise BadRequestError("the request ended too early")
        part: bytes = message.get("body", b"")
        body += part
        if len(body) > limit:
            raise TooLargeError(f"the body is over {limit:,} bytes long, which is the most that is taken")
        if not message.get("more_body", False):
            return body
