"""What the file of agents may say, and what is answered when it says something else."""

from __future__ import annotations

from pathlib import Path

import pytest

from processes import Definition, DefinitionsError, Restart, Rules, parse_definitions

FILE = Path("/etc/roomkeeper/agents.toml")


def parse(text: str) -> dict[str, Definition]:
    return parse_definitions(text, file=FILE)


def agent(lines: str) -> str:
    return f'[agents.bob]\ncommand = "bob"\n{lines}'


def test_a_command_is_enough() -> None:
    assert parse('[agents.bob]\ncommand = ["python", "agent.py", "start"]') == {
        "bob": Definition(
            process_id="bob",
            name="bob",
            command=("python", "agent.py", "start"),
            folder=FILE.parent,
            env={},
            autostart=True,
            rules=Rules(),
        )
    }


def test_all_may_be_said() -> None:
    (found,) = parse(
        """
        [agents."front.desk-1"]
        command = "python 'my agent.py' start"
        cwd = "../hotel"
        env = { AGENT_ID = "desk", EMPTY = "" }
        name = "Front desk"
        autostart = false
        restart = "always"
        start_seconds = 3
        stop_timeout = 0.5
        """
    ).values()
    assert found == Definition(
        process_id="front.desk-1",
        name="Front desk",
        command=("python", "my agent.py", "start"),
        folder=FILE.parent / "../hotel",
        env={"AGENT_ID": "desk", "EMPTY": ""},
        autostart=False,
        rules=Rules(restart=Restart.ALWAYS, start_seconds=3.0, stop_timeout=0.5),
    )


@pytest.mark.parametrize("text", ["", "# nothing\n", "[agents]\n"], ids=["empty", "comment", "no agents"])
def test_there_may_be_none(text: str) -> None:
    assert parse(text) == {}


def test_their_order_is_the_files() -> None:
    assert list(parse('[agents.z]\ncommand="z"\n[agents.a]\ncommand="a"')) == ["z", "a"]


MISTAKES = [
    ("no TOML", "[agents.bob\nx", ["not TOML", "line 1"]),
    ("a key twice", agent("name='a'\nname='b'"), ["not TOML", "overwrite"]),
    ("another table", agent("[workers.bob]"), ["workers", "[agents.<id>]"]),
    ("agents is a number", "agents = 7", ["agents = 7", "[agents.<id>]"]),
    ("an agent is a text", "[agents]\nbob = 'x'", ["agents.bob = 'x'", "[agents.bob]"]),
    ("a list of agents", "[[agents]]\ncommand='x'", ["agents = [", "[agents.<id>]"]),
    ("an id with a slash", '[agents."a/b"]\ncommand="x"', ["agents.'a/b'", "letters, digits"]),
    ("an empty id", '[agents.""]\ncommand="x"', ["agents.''", "letters, digits"]),
    ("a long id", f'[agents.{"x" * 81}]\ncommand="x"', ["at most 80"]),
    ("no command", "[agents.bob]\nname='x'", ["agents.bob.command is missing", "agent.py"]),
    ("an empty command", "[agents.bob]\ncommand=''", ["agents.bob.command", "is empty"]),
    ("an empty list", "[agents.bob]\ncommand=[]", ["agents.bob.command", "is empty"]),
    ("a blank program", "[agents.bob]\ncommand=['', 'x']", ["agents.bob.command", "is empty"]),
    ("numbers in a command", "[agents.bob]\ncommand=['x', 7]", ["agents.bob.command", "list of texts"]),
    ("a command of a number", "[agents.bob]\ncommand=7", ["agents.bob.command", "must be a text"]),
    ("half a quotation", '[agents.bob]\ncommand="x \'y"', ["agents.bob.command", "close the quotation"]),
    ("NUL in a command", '[agents.bob]\ncommand="x\\u0000"', ["agents.bob.command", "NUL"]),
    ("NUL in a folder", agent('cwd = "x\\u0000"'), ["agents.bob.cwd", "NUL"]),
    ("an unknown home", agent('cwd = "~nobody-has-this-name/x"'), ["agents.bob.cwd", "whole path"]),
    ("a misspelt key", agent("autostrat = true"), ["agents.bob.autostrat", "is autostart meant?"]),
    ("an unknown key", agent("user = 'root'"), ["agents.bob.user: no such key", "stop_timeout"]),
    ("a text for a truth", agent("autostart = 'yes'"), ["agents.bob.autostart = 'yes'", "true or false"]),
    ("a number for a truth", agent("autostart = 1"), ["agents.bob.autostart = 1", "true or false"]),
    ("another rule", agent("restart = 'sometimes'"), ["agents.bob.restart = 'sometimes'", "on-failure"]),
    ("a negative time", agent("stop_timeout = -1"), ["agents.bob.stop_timeout = -1", "0 to 86400"]),
    ("a long time", agent("stop_timeout = 86401"), ["agents.bob.stop_timeout = 86401", "0 to 86400"]),
    ("no number", agent("start_seconds = nan"), ["agents.bob.start_seconds = nan", "0 to 86400"]),
    ("a time as text", agent("start_seconds = '1'"), ["agents.bob.start_seconds = '1'", "0 to 86400"]),
    ("a name of two lines", agent('name = "a\\nb"'), ["agents.bob.name", "one line"]),
    ("a blank name", agent('name = " "'), ["agents.bob.name", "some words"]),
    ("an environment of a text", agent("env = 'A=1'"), ["agents.bob.env", "quotation marks"]),
    ("a number in it", agent("env = { PORT = 8080 }"), ["agents.bob.env.PORT", "quotation marks"]),
    ("a strange name in it", agent("env = { 'A=B' = 'x' }"), ["agents.bob.env", "'A=B'"]),
    ("NUL in it", agent('env = { A = "x\\u0000" }'), ["agents.bob.env", "the value of A", "NUL"]),
]


@pytest.mark.parametrize(("text", "words"), [row[1:] for row in MISTAKES], ids=[row[0] for row in MISTAKES])
def test_a_mistake_is_answered_in_one_line_with_file_key_value_and_way_out(
    text: str, words: list[str]
) -> None:
    with pytest.raises(DefinitionsError) as caught:
        parse(text)
    (line,) = caught.value.lines
    assert "\n" not in line
    for word in (str(FILE), *words):
        assert word in line


def test_deep_nesting_is_no_crash() -> None:
    with pytest.raises(DefinitionsError):
        parse("agents = " + "[" * 5_000 + "]" * 5_000)


def test_all_mistakes_are_told_and_counted() -> None:
    with pytest.raises(DefinitionsError, match=r"agents\.bob\.cwd .*\(and 2 more\)$") as caught:
        parse(agent("cwd = 7\nautostart = 'no'\n[agents.eve]\n"))
    assert [line.split(" ")[1] for line in caught.value.lines] == [
        "agents.bob.cwd",
        "agents.bob.autostart",
        "agents.eve.command",
    ]


@pytest.mark.parametrize(
    "lines", ["env = { API_KEY = 12345678 }", "env = 'API_KEY=12345678'"], ids=["a number", "a text"]
)
def test_a_mistake_shows_no_secret(lines: str) -> None:
    with pytest.raises(DefinitionsError) as caught:
        parse(agent(lines))
    assert "1234" not in str(caught.value)
