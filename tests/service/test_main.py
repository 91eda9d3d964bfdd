"""`python -m service` as a process: wrong settings, its life, its end."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from stack.children import Child
from stack.llm_stub import LlmStub
from stack.ports import free_port
from stack.probe import answers
from tests.service.tokens import SECRET, bearer, token

Run = Callable[..., Awaitable[tuple[Child, str]]]

_READY = 30.0


@pytest.fixture
async def run(tmp_path: Path) -> AsyncIterator[Run]:
    """Starts services; gives the process and its URL."""

    async def started(
        *arguments: str, waits: bool = True, program: tuple[str, str] = ("-m", "service"), **env: str
    ) -> tuple[Child, str]:
        port = env.pop("AGENT_PORT", str(free_port()))
        child = Child(
            [sys.executable, *program, *arguments],
            name="service",
            log=tmp_path / "service.log",
            cwd=tmp_path,
            env={
                "AGENT_PORT": port,
                "AGENT_SERVICE_HOST": "127.0.0.1",
                "AGENT_AUTO_DISCOVERY": "false",
                "DATABASE_URL": "",
                "JWT_SECRET": "",
                "OPENAI_API_KEY": "",
                "OPENAI_BASE_URL": "",
                "ROOMKEEPER_HOME": str(tmp_path / "home"),
                "PYTHONPATH": str(Path(__file__).parents[2]),
                **env,
            },
        )
        child.start()
        stack.push_async_callback(child.stop)
        url = f"http://127.0.0.1:{port}"
        if waits:
            await child.ready(lambda: answers(f"{url}/health"), timeout=_READY)
        return child, url

    async with AsyncExitStack() as stack:
        yield started


async def ask(http: aiohttp.ClientSession, url: str, **sent: Any) -> dict[str, Any]:
    async with http.post(f"{url}/poll_requests", json={"message": "hi", **sent}) as response:
        assert response.status == 200
        body: dict[str, Any] = await response.json()
        return body


async def ready(child: Child, url: str) -> None:
    await child.ready(lambda: answers(f"{url}/ready"), timeout=_READY)


async def test_its_life(run: Run, http: aiohttp.ClientSession, tmp_path: Path) -> None:
    """It waits, finds a model, remembers across a restart, reads its settings again, and ends in order."""
    async with LlmStub(answer=lambda body: f"{len(body['messages'])} messages") as stub:
        port = str(stub.port)
        await stub.stop()
        env_file = tmp_path / ".env"
        env_file.write_text(f"LLM_URLS=http://127.0.0.1:{port}/v1\nAGENT_MAX_FAILURES=2\n")
        child, url = await run(AGENT_PORT="0", waits=False)
        await child.ready(lambda: "url=" in child.log_text(), timeout=_READY)
        url = child.log_text().partition("url=")[2].split()[0]
        assert (await ask(http, url))["waiting"] is True

        await stub.start()
        await ready(child, url)
        assert (await ask(http, url, thread_id="t"))["response"] == "2 messages"
        async with http.get(f"{url}/test_llm") as response:
            assert (response.status, (await response.json())["model"]) == (200, "stub")

        env_file.write_text(f"LLM_URLS=http://127.0.0.1:{port}/v1\nAGENT_MAX_FAILURES=5\n")
        async with http.post(f"{url}/refresh_config") as response:
            assert (await response.json())["changed"] == {"AGENT_MAX_FAILURES": {"from": 2, "to": 5}}
        env_file.write_text("AGENT_MAX_FAILURES=many\n")
        async with http.post(f"{url}/refresh_config") as response:
            assert response.status == 422
            assert "AGENT_MAX_FAILURES='many'" in (await response.json())["error"]["lines"][0]
        assert (await ask(http, url, thread_id="t"))["response"] == "4 messages"

        child.signal(signal.SIGTERM)
        assert await child.wait(timeout=_READY) == 0
        env_file.write_text(f"LLM_URLS=http://127.0.0.1:{port}/v1\n")
        child, url = await run()
        await ready(child, url)
        assert (await ask(http, url, thread_id="t"))["response"] == "6 messages"
        child.signal(signal.SIGINT)
        assert await child.wait(timeout=_READY) == 130
        log = child.log_text()
        assert "Traceback" not in log
        assert "messages" not in log
    assert [path.name for path in (tmp_path / "home").glob("service.db")] == ["service.db"]


async def test_sigterm_waits_for_an_answer_that_runs(run: Run, http: aiohttp.ClientSession) -> None:
    async with LlmStub(delay=1.0) as stub:
        child, url = await run(LLM_URLS=stub.url, JWT_SECRET=SECRET)
        await ready(child, url)
        http.headers.update(bearer(token(sub="ann")))
        asking = asyncio.create_task(ask(http, url, thread_id="t"))
        while not stub.n_chats:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        child.signal(signal.SIGTERM)
        assert (await asking)["response"] == "It is a fine day today."
        assert await child.wait(timeout=_READY) == 0
        log = child.log_text()
        for secret in (SECRET, token(sub="ann"), "fine day"):
            assert secret not in log


HANGS = """
import sys, threading, time
from service import __main__ as service

def wait_for_a_name_server():
    time.sleep(50)

threading.Thread(target=wait_for_a_name_server).start()
sys.exit(service.main())
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_ends_though_a_thread_hangs(run: Run, number: signal.Signals) -> None:
    child, _ = await run(program=("-c", HANGS))
    child.signal(number)
    assert await child.wait(timeout=_READY) == (0 if number is signal.SIGTERM else 130)
    assert "something does not end" in child.log_text()


WRONG = {
    "open without a secret": ({"AGENT_SERVICE_HOST": "0.0.0.0"}, "JWT_SECRET must be set"),
    "a short secret": ({"JWT_SECRET": "short"}, "JWT_SECRET=***: must be 32 bytes or more"),
    "no port": ({"AGENT_PORT": "70000"}, "AGENT_PORT='70000'"),
    "no host": (
        {"AGENT_SERVICE_HOST": "no.such.host.invalid", "JWT_SECRET": SECRET},
        "AGENT_SERVICE_HOST=no.such",
    ),
    "no database": ({"DATABASE_URL": "mysql://a:very-secret@b/c"}, "DATABASE_URL=***"),
    "a database without a file": ({"DATABASE_URL": "sqlite://"}, "SQLite needs a file"),
}


@pytest.mark.parametrize("name", WRONG)
async def test_wrong_settings_stop_the_start_with_one_line(run: Run, name: str) -> None:
    env, words = WRONG[name]
    child, _ = await run(waits=False, **env)
    assert await child.wait(timeout=_READY) == 2
    log = child.log_text().strip()
    assert words in log
    assert log.count("\n") == 0
    assert "very-secret" not in log


async def test_a_port_that_is_taken(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        child, _ = await run("--port", str(port), waits=False)
        assert await child.wait(timeout=_READY) == 2
        assert f"AGENT_PORT={port}: Address already in use" in child.log_text()


async def test_a_database_that_is_away_does_not_stop_the_start(run: Run, http: aiohttp.ClientSession) -> None:
    async with LlmStub() as stub:
        child, url = await run(
            LLM_URLS=stub.url, DATABASE_URL=f"postgresql://me:very-secret@127.0.0.1:{free_port()}/db"
        )
        await ready(child, url)
        answer = await ask(http, url, thread_id="t")
        assert answer["response"] == "It is a fine day today."
        assert answer["warning"] == "this answer will not be remembered: the database is away"
        async with http.get(f"{url}/status") as response:
            body = await response.text()
        assert "cannot be reached" in body
        assert "very-secret" not in body + answer["warning"] + child.log_text()
