"""What a supervised process gets, and what is shown of what it says."""

from __future__ import annotations

import sys

from processes import State
from tests.processes.conftest import ANN, Host, here, state, until
from tests.processes.programs import RUN, program


async def test_it_gets_the_environment_its_own_variables_and_its_folder(host: Host) -> None:
    text = "import os\nprint(os.environ['ONE'], os.environ['TWO'], os.getcwd())"
    host.define(a={"command": text, "env": {"TWO": "2"}})
    supervisor = await host.open(environment={"ONE": "1", "TWO": "1"})
    await until(lambda: state(supervisor) is State.EXITED)
    assert f"1 2 {host.file.parent}" in supervisor.lines("a", 500)


async def test_secrets_are_shown_nowhere(host: Host) -> None:
    text = "import os\nprint('said', os.environ['MY_TOKEN'], os.environ['API_KEY'])\n# hunter2"
    host.define(
        a={"command": [*program(text), "hunter2", "--password", "pass-word"], "env": {"MY_TOKEN": "hunter2"}}
    )
    supervisor = await host.open(environment={"API_KEY": "of-the-registry"})
    await until(lambda: state(supervisor) is State.EXITED)
    assert "said *** ***" in supervisor.lines("a", 500)
    command = supervisor.snapshot("a").command
    assert "***" in command
    assert "hunter2" not in command
    assert "pass-word" not in command


async def test_python_is_the_registrys_own(host: Host) -> None:
    host.define(a={"command": ["python", "-c", "import sys; print(sys.prefix)"]})
    supervisor = await host.open()
    await until(lambda: state(supervisor) is State.EXITED)
    assert sys.prefix in supervisor.lines("a", 500)


async def test_a_process_that_writes_without_end_hurts_nobody(host: Host) -> None:
    host.define(a="import sys\nwhile True: sys.stdout.write('x' * 100_000)", b=RUN)
    supervisor = await host.open()
    await here(supervisor, "b")
    await supervisor.stop("a", **ANN)
    await until(lambda: state(supervisor) is State.STOPPED)
