"""For all tests of language models."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from config import Settings
from stack.llm_stub import LlmStub
from tests.llm.serving import Servers


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own keys must not be found."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
async def first() -> AsyncIterator[LlmStub]:
    """The server that is asked first."""
    async with LlmStub(answer="the first") as stub:
        yield stub


@pytest.fixture
async def second() -> AsyncIterator[LlmStub]:
    async with LlmStub(answer="the second") as stub:
        yield stub


@pytest.fixture
async def servers() -> AsyncIterator[Servers]:
    async with AsyncExitStack() as stack:
        yield Servers(stack)
