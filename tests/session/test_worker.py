"""What a worker does besides taking calls."""

from __future__ import annotations

import asyncio
import errno
import os
from pathlib import Path

import pytest
from livekit.agents import AgentServer

from config import Settings
from session import Worker

OFFLINE = {
    "web_ui_url": None,
    "agent_auto_discovery": False,
    "agent_health_check_enabled": False,
    "openai_api_key": "k",
    "openai_base_url": "http://127.0.0.1:9/v1",
    "deepgram_api_key": "k",
    "deepgram_base_url": "http://127.0.0.1:9",
}


@pytest.mark.parametrize("days", [30, 0])
async def test_while_it_works_old_conversations_are_deleted_also_where_none_are_kept(
    days: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROOMKEEPER_HOME", str(tmp_path))
    old = tmp_path / "journal" / "2020-02-02"
    old.mkdir(parents=True)
    (old / "AJ_1.jsonl").touch()
    os.utime(old / "AJ_1.jsonl", times=(0, 0))

    async def work(*_: object, **__: object) -> None:
        async with asyncio.timeout(5):
            while old.exists():  # noqa: ASYNC110  # a thread deletes it
                await asyncio.sleep(0.01)
        # It goes on, and ends with the worker.
        assert "worker-forgetting" in {task.get_name() for task in asyncio.all_tasks()}
        raise OSError(errno.EADDRINUSE, "the port of its health page is taken")

    monkeypatch.setattr(AgentServer, "run", work)
    worker = Worker(Settings.model_validate({**OFFLINE, "journal_days": days}))
    await worker.run(unregistered=True)
    assert not old.exists()
    assert not any(task.get_name().startswith("worker-") for task in asyncio.all_tasks())
    with pytest.raises(SystemExit, match=r"^2$"):
        await worker.aclose()
