"""Which tools are offered."""

from __future__ import annotations

import sys

import pytest

from config import Settings
from llm.tools import Tool, call, tools_for
from llm.tools.offering import say_not_installed

pytest.importorskip("tavily")
pytest.importorskip("e2b_code_interpreter")

TAVILY = {"tavily_api_key": "tvly-x"}
E2B = {"e2b_api_key": "e2b_x"}


def offered(**given: str) -> tuple[Tool, ...]:
    return tools_for(Settings(**given))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "names"),
    [({}, []), (TAVILY, ["web_search"]), (E2B, ["run_code"]), (TAVILY | E2B, ["web_search", "run_code"])],
    ids=["no key", "Tavily's", "E2B's", "both"],
)
def test_a_tool_is_offered_when_its_key_is_set(given: dict[str, str], names: list[str]) -> None:
    assert [tool.name for tool in offered(**given)] == names


@pytest.mark.parametrize("key", ["tvly-x", "e2b_x"])
def test_a_tool_shows_no_key(key: str) -> None:
    assert key not in repr(offered(**TAVILY, **E2B)) + str(
        [tool.as_openai() for tool in offered(**TAVILY, **E2B)]
    )


def test_a_tool_without_its_package_is_not_offered_and_that_is_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    say_not_installed.cache_clear()
    monkeypatch.setitem(sys.modules, "tavily", None)
    monkeypatch.setitem(sys.modules, "e2b_code_interpreter", None)
    assert offered(**TAVILY, **E2B) == ()
    assert offered(**TAVILY, **E2B) == ()
    [line] = [record.getMessage() for record in caplog.records]
    assert line.endswith("pip install 'roomkeeper[tools]'")


def test_nothing_is_said_where_no_key_is_set(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    say_not_installed.cache_clear()
    monkeypatch.setitem(sys.modules, "tavily", None)
    assert offered() == ()
    assert caplog.records == []


@pytest.mark.parametrize(
    ("package", "name", "arguments", "words"),
    [
        ("tavily", "web_search", '{"query": "x"}', "the search failed"),
        ("e2b_code_interpreter", "run_code", '{"code": "x"}', "running the program failed"),
    ],
)
async def test_a_package_that_cannot_be_imported_is_told(
    monkeypatch: pytest.MonkeyPatch, package: str, name: str, arguments: str, words: str
) -> None:
    tools = offered(**TAVILY, **E2B)
    monkeypatch.setitem(sys.modules, package, None)
    told = await call(tools, name, arguments)
    assert told.startswith(f"{words}: its client cannot be loaded")
