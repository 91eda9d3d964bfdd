"""LiveKit as the keeper needs it: the one in memory and the real server do the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio
from aiohttp import web
from pydantic import SecretStr

from config import LiveKitLogin
from rooms.errors import LiveKitError
from rooms.livekit import DEPARTURE_TIMEOUT, EMPTY_TIMEOUT, LiveKit, LiveKitServer
from rooms.picture import Answer
from stack import livekit_server
from stack.ports import free_port
from stack.until import until_answered
from tests.rooms.fake_livekit import FakeLiveKit
from tests.rooms.livekit_stages import FakeStage, RealStage, Stage, login_of
from wire import INCARNATION, LEAVING

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[livekit_server.LiveKitServer]:
    asyncio.get_running_loop().set_debug(False)
    async with livekit_server.LiveKitServer() as server:
        yield server


@pytest.fixture(params=["in memory", pytest.param("livekit-server", marks=pytest.mark.e2e)])
def make_stage(request: pytest.FixtureRequest) -> Callable[[], Stage]:
    if request.param == "in memory":
        return FakeStage
    server = request.getfixturevalue("server")  # started for those alone who want it
    return lambda: RealStage(server)


@pytest_asyncio.fixture(loop_scope="module")
async def stage(make_stage: Callable[[], Stage]) -> AsyncIterator[Stage]:
    made = make_stage()
    yield made
    await made.aclose()


@pytest.fixture
def room(request: pytest.FixtureRequest) -> str:
    """A room of the test's own."""
    return f"agent-{abs(hash(request.node.name)) % 10**9}-room"


async def seen(livekit: LiveKit, room: str, is_so: Callable[[dict[str, bool]], bool]) -> dict[str, bool]:
    """Who is in the room, and whether it is an agent, once it is so."""

    async def look() -> dict[str, bool] | None:
        there = {one.identity: one.is_agent for one in await livekit.participants(room) or ()}
        return there if is_so(there) else None

    return await until_answered(look, timeout=20, what="the list to be so")


async def test_a_room_lists_who_is_in_it(stage: Stage, room: str) -> None:
    await stage.human(room, "ann")
    await stage.human(room, "coach-bob")
    agent = await stage.agent(room, "one")
    await stage.agent(room, None)
    await stage.human(room, "ai-hold-1")
    await seen(stage.livekit, room, lambda there: len(there) == 5)
    people = {one.identity: one for one in await stage.livekit.participants(room) or ()}
    assert {who: (one.is_agent, one.human_role) for who, one in people.items()} == {
        "ann": (False, "client"),
        "coach-bob": (False, "coach"),
        agent: (True, None),
        "someone-elses": (True, None),
        "ai-hold-1": (False, None),
    }
    assert people[agent].attributes[INCARNATION] == "one"
    assert INCARNATION not in people["someone-elses"].attributes
    assert people["ann"].joined_at <= people["ai-hold-1"].joined_at
    listed = {one.name: one for one in await stage.livekit.rooms()}
    assert listed[room].sid.startswith("RM_")
    assert listed[room].departure_timeout == 20


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("agent-1-room/with/slashes", id="slashes"),
        pytest.param("agent-ärger 🎧 'x' \"y\" %2F ?&#-room", id="odd letters"),
        pytest.param("r" * 256, id="256 letters"),
        pytest.param("é" * 128, id="256 bytes"),
    ],
)
async def test_rooms_may_have_odd_names(stage: Stage, name: str) -> None:
    await stage.livekit.create(name, metadata='{"a": 1}')
    listed = {one.name: one for one in await stage.livekit.rooms()}
    assert listed[name].departure_timeout == DEPARTURE_TIMEOUT
    assert (listed[name].empty_timeout, listed[name].metadata) == (EMPTY_TIMEOUT, '{"a": 1}')
    assert listed[name].n_participants == 0
    assert await stage.livekit.participants(name) == []
    await stage.livekit.delete(name)
    assert name not in {one.name for one in await stage.livekit.rooms()}


async def test_a_room_that_is_there_is_not_made_again(stage: Stage, room: str) -> None:
    sid = await stage.livekit.create(room, metadata="x")
    (before,) = [one for one in await stage.livekit.rooms() if one.name == room]
    assert await stage.livekit.create(room, metadata="y") == sid
    (after,) = [one for one in await stage.livekit.rooms() if one.name == room]
    assert after.sid == before.sid == sid
    await stage.livekit.delete(room)


async def test_what_is_not_there_is_nobody(stage: Stage) -> None:
    assert not await stage.livekit.participants("agent-nowhere-room")
    await stage.livekit.remove("agent-nowhere-room", "nobody")
    await stage.livekit.delete("agent-nowhere-room")
    assert "agent-nowhere-room" not in {one.name for one in await stage.livekit.rooms()}


async def test_who_is_removed_is_gone_and_may_be_removed_again(stage: Stage, room: str) -> None:
    await stage.human(room, "ann")
    agent = await stage.agent(room, "one")
    await seen(stage.livekit, room, lambda there: len(there) == 2)
    await stage.livekit.remove(room, agent)
    assert await seen(stage.livekit, room, lambda there: agent not in there) == {"ann": False}
    await stage.livekit.remove(room, agent)
    await stage.livekit.remove(room, "nobody")


async def test_a_dispatch_is_taken_back_once_and_again(stage: Stage, room: str) -> None:
    await stage.livekit.create(room, metadata="")
    dispatch_id = await stage.livekit.dispatch(room, metadata='{"agent_id":"1"}')
    assert dispatch_id.startswith("AD_")
    await stage.livekit.undispatch(room, dispatch_id)
    await stage.livekit.undispatch(room, dispatch_id)
    await stage.livekit.delete(room)


async def test_a_deleted_room_is_gone_with_everybody(stage: Stage, room: str) -> None:
    await stage.agent(room, "one")
    await seen(stage.livekit, room, lambda there: len(there) == 1)
    await stage.livekit.delete(room)
    await stage.livekit.delete(room)
    assert room not in {one.name for one in await stage.livekit.rooms()}


async def test_agents_are_asked_how_they_are(stage: Stage, room: str) -> None:
    well = await stage.agent(room, "one")
    hung = await stage.agent(room, "two", answers=False)
    await seen(stage.livekit, room, lambda there: len(there) == 2)

    async def answers() -> bool:
        return await stage.livekit.ask(room, well) is Answer.ANSWERED

    # A busy machine may be late once; a living agent answers in the end, and a hung one never does.
    await until_answered(answers, timeout=10, what="the agent to answer")
    silent = await asyncio.gather(stage.livekit.ask(room, hung), stage.livekit.ask(room, "ai-1-nobody"))
    assert list(silent) == [Answer.SILENT, Answer.UNKNOWN]
    await stage.leaving(room, well)

    async def leaves() -> bool:
        return await stage.livekit.ask(room, well) is Answer.LEAVING

    await until_answered(leaves, timeout=10, what="the agent to answer that it leaves")


async def test_agents_are_asked_to_leave(stage: Stage, room: str) -> None:
    agent = await stage.agent(room, "one")
    hung = await stage.agent(room, "two", answers=False)
    await seen(stage.livekit, room, lambda there: len(there) == 2)

    async def takes_it() -> bool:
        return await stage.livekit.ask_to_leave(room, agent, reason="duplicate")

    await until_answered(takes_it, timeout=10, what="the agent to take it")
    assert not await stage.livekit.ask_to_leave(room, hung, reason="duplicate")

    async def told() -> bool:
        people = await stage.livekit.participants(room) or ()
        return any(one.attributes.get(LEAVING) == "duplicate" for one in people) or len(people) == 1

    await until_answered(told, timeout=20, what="the agent to say that it leaves")


async def test_it_may_be_closed_twice(stage: Stage) -> None:
    await stage.livekit.rooms()
    await stage.livekit.aclose()
    await stage.livekit.aclose()


# -- out of reach


EVERYTHING: list[tuple[str, Callable[[LiveKit], Awaitable[object]]]] = [
    ("rooms", lambda livekit: livekit.rooms()),
    ("participants", lambda livekit: livekit.participants("r")),
    ("dispatch", lambda livekit: livekit.dispatch("r", metadata="")),
    ("undispatch", lambda livekit: livekit.undispatch("r", "AD_1")),
    ("remove", lambda livekit: livekit.remove("r", "a")),
    ("create", lambda livekit: livekit.create("r", metadata="")),
    ("delete", lambda livekit: livekit.delete("r")),
]


everything = pytest.mark.parametrize(
    "request_", [one for _, one in EVERYTHING], ids=[name for name, _ in EVERYTHING]
)


async def _fails(livekit: LiveKit, request_: Callable[[LiveKit], Awaitable[object]], words: str) -> None:
    try:
        with pytest.raises(LiveKitError, match=words):
            await request_(livekit)
        assert await livekit.ask("r", "a") is Answer.UNKNOWN
        assert not await livekit.ask_to_leave("r", "a", reason="operator")
    finally:
        await livekit.aclose()


@everything
async def test_out_of_reach_in_memory(request_: Callable[[LiveKit], Awaitable[object]]) -> None:
    fake = FakeLiveKit()
    fake.trouble = "LiveKit at x is out of reach: nobody is there"
    await _fails(fake, request_, "out of reach")


@everything
async def test_a_server_that_is_down_is_out_of_reach(
    request_: Callable[[LiveKit], Awaitable[object]],
) -> None:
    login = LiveKitLogin(url=f"ws://127.0.0.1:{free_port()}", api_key="key", api_secret=SecretStr("s" * 36))
    await _fails(LiveKitServer(login), request_, "LiveKit at http://127.0.0.1:[0-9]+ is out of reach")


@pytest.mark.e2e
@everything
async def test_wrong_keys_are_named(
    server: livekit_server.LiveKitServer, request_: Callable[[LiveKit], Awaitable[object]]
) -> None:
    livekit = LiveKitServer(login_of(server, secret="not-the-secret-of-this-livekit-server"))
    await _fails(livekit, request_, "LIVEKIT_API_KEY and LIVEKIT_API_SECRET are refused by http://127.0.0.1")


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        pytest.param(200, "<html>hello</html>", "text/html", "is not LiveKit", id="another program's page"),
        pytest.param(502, "bad gateway", "text/html", "HTTP 502", id="a proxy without a server"),
        pytest.param(404, "not found", "text/plain", "HTTP 404", id="a proxy with another path"),
        pytest.param(503, "{", "application/json", "HTTP 503", id="half a JSON"),
        pytest.param(
            429,
            '{"code": "resource_exhausted", "msg": "slow down"}',
            "application/json",
            "slow down",
            id="busy",
        ),
    ],
)
async def test_what_is_not_livekit_is_an_error_in_words(
    status: int, body: str, kind: str, words: str
) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, text=body, content_type=kind)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        login = LiveKitLogin(url=f"http://127.0.0.1:{port}", api_key="key", api_secret=SecretStr("s" * 36))
        await _fails(LiveKitServer(login), lambda livekit: livekit.rooms(), words)
    finally:
        await runner.cleanup()
