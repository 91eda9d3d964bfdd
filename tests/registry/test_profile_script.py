"""Profiles as Python scripts: whatever a profile holds, its script is a good program that means the same."""

from __future__ import annotations

import ast
import random
import subprocess
import sys
from pathlib import Path

import pytest

from registry.profile_script import file_name, script
from wire import DEFAULT_PROFILE, AgentId, Avatar, Profile, Translate, Turns

HOSTILE = (
    "<b>\"'; DROP TABLE x; -- \u202e 👩🏽\u200d🚀 {{7*7}} {x} %s \\n \\N{BULLET} \"\"\" ''' \\ \x85\u2028 עברית 你好 "
    'ends with "'
)

PROFILES = {
    "ada": DEFAULT_PROFILE,
    "bare": Profile(prompt="x"),
    "hostile": Profile(
        name=HOSTILE,
        description=HOSTILE * 9,
        prompt=f'{HOSTILE}\n{HOSTILE * 30}\n\n  blanks   \n"""\\\n"',
        greeting='"',
        examples=((HOSTILE, "a\nb "), ("'\"", "\\")),
        group='"""',
        model='x"y',
        voice='it\'s "q""',
        temperature=0.25,
        max_answer_tokens=5,
        stt="deepgram/nova-3",
        llm="openai",
        tts="openai",
        language="de",
        turns=Turns(interruptions="words", min_delay=0.3),
        transcript=False,
        translate=Translate(to="es", speak=False),
        vision=True,
        avatar=Avatar(provider="bithuman", model="m'"),
    ),
    "long-words": Profile(prompt="y" * 32_000, greeting="word " * 300, description="\t tab\ttab " * 30),
    "as-usual": Profile(prompt="x", turns=Turns(end="silence")),
    "x" * 128: Profile(prompt="x", name="n" * 200),
}


def fuzzed(n: int) -> dict[str, Profile]:
    """Profiles of the characters that matter, in any order."""
    chance = random.Random(7)
    characters = 'ab  ""\'\\\n\t{}#%\u202e\u200d你👍\x85\u2028é'

    def text(longest: int) -> str:
        return "".join(chance.choice(characters) for _ in range(chance.randint(1, longest)))

    return {
        f"fuzz-{number}": Profile(
            name=f"x{text(90)}".replace("\n", " ").strip(),
            prompt=f"p{text(400)}",
            greeting=text(100),
            examples=((text(50), text(150)),),
        )
        for number in range(n)
    }


def profile_in(text: str) -> Profile:
    """What a script makes its worker of."""
    body = ast.parse(text).body
    made = next(node for node in body if isinstance(node, ast.Assign))
    names = {"Profile": Profile, "Turns": Turns, "Translate": Translate, "Avatar": Avatar}
    profile = eval(compile(ast.Expression(made.value), "script", "eval"), names)
    assert isinstance(profile, Profile)
    return profile


@pytest.mark.parametrize("agent_id", PROFILES)
def test_it_means_the_same_profile(agent_id: str) -> None:
    text = script(AgentId(agent_id), PROFILES[agent_id])
    assert profile_in(text) == PROFILES[agent_id]
    assert f'agent_id="{agent_id}"' in text


def test_it_means_the_same_whatever_the_texts_are() -> None:
    for agent_id, profile in fuzzed(300).items():
        assert profile_in(script(AgentId(agent_id), profile)) == profile


def test_texts_of_people_are_in_literals_only() -> None:
    text = script(AgentId("h"), PROFILES["hostile"])
    body = ast.parse(text).body
    kinds = [type(node).__name__ for node in body]
    assert kinds == ["Expr", "ImportFrom", "ImportFrom", "ImportFrom", "Assign", "Try", "If"]
    assert all(char.isprintable() or char == "\n" for char in text), "nothing turns the text around unseen"


def test_long_lines_are_broken_where_there_are_blanks() -> None:
    text = script(AgentId("a"), Profile(prompt="word " * 1_000))
    assert max(map(len, text.splitlines())) <= 88
    assert not any(line.endswith(" ") for line in text.splitlines())


def test_ruff_has_nothing_to_say(tmp_path: Path) -> None:
    for agent_id, profile in (PROFILES | fuzzed(40)).items():
        (tmp_path / file_name(AgentId(agent_id))).write_text(
            script(AgentId(agent_id), profile), encoding="utf-8"
        )
    for command in (("check",), ("format", "--check")):
        ruff = [sys.executable, "-m", "ruff", *command, "--isolated", "--no-cache", "."]
        done = subprocess.run(ruff, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.timeout(300)
def test_mypy_has_nothing_to_say(tmp_path: Path) -> None:
    names = [file_name(AgentId(agent_id)) for agent_id in PROFILES]
    for agent_id, profile in PROFILES.items():
        (tmp_path / file_name(AgentId(agent_id))).write_text(
            script(AgentId(agent_id), profile), encoding="utf-8"
        )
    mypy = [sys.executable, "-m", "mypy", "--strict", *names]
    done = subprocess.run(mypy, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("agent_id", "name"),
    [
        ("ada", "ada.py"), ("Front-Desk.2", "Front_Desk_2.py"), ("7", "agent_7.py"), ("class", "agent_class.py"),
        ("match", "agent_match.py"), ("None", "agent_None.py"), ("json", "agent_json.py"), ("JSON", "agent_JSON.py"),
        ("session", "agent_session.py"), ("wire", "agent_wire.py"), ("livekit", "agent_livekit.py"),
        ("pydantic", "agent_pydantic.py"), ("agent", "agent_agent.py"), ("con", "agent_con.py"),
        ("COM1", "agent_COM1.py"), ("json-2", "json_2.py"), ("x" * 128, "x" * 128 + ".py"),
    ],
)  # fmt: skip
def test_its_file_hides_no_module(agent_id: str, name: str) -> None:
    assert file_name(AgentId(agent_id)) == name
    assert Path(name).stem.isidentifier()
