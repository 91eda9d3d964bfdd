"""Programs before and after."""

from __future__ import annotations

import ast
from textwrap import dedent

import pytest

from cli.integration import CannotIntegrateError, integrate_source

BEFORE_AND_AFTER = {
    "a function that is run": (
        '''
        #!/usr/bin/env python3
        # Copyright somebody
        """What it does."""

        from __future__ import annotations

        import sys  # for the exit code


        # The whole of it.
        def main() -> int:
            return 0


        if __name__ == "__main__":
            sys.exit(main())
        ''',
        '''
        #!/usr/bin/env python3
        # Copyright somebody
        """What it does."""

        from __future__ import annotations

        import sys  # for the exit code
        from heartbeat import running_agent


        # The whole of it.
        @running_agent()
        def main() -> int:
            return 0


        if __name__ == "__main__":
            sys.exit(main())
        ''',
    ),
    "an asynchronous one with a loop that survives": (
        """
        import asyncio

        async def main():
            try:
                import uvloop
            except Exception:
                uvloop = None
            while True:
                try:
                    await work()
                except KeyError:
                    pass
                except Exception as e:
                    log(e)
                except (OSError, Exception):
                    log("?")
                for job in jobs:
                    try: job()
                    except Exception as e: print(e)
                try:
                    more()
                except Exception:
                    raise Stop from None

        if __name__ == '__main__':
            asyncio.run(main())
        """,
        """
        import asyncio
        from heartbeat import report_error, running_agent

        @running_agent()
        async def main():
            try:
                import uvloop
            except Exception:
                uvloop = None
            while True:
                try:
                    await work()
                except KeyError:
                    pass
                except Exception as e:
                    report_error(e)
                    log(e)
                except (OSError, Exception) as error:
                    report_error(error)
                    log("?")
                for job in jobs:
                    try: job()
                    except Exception as e: report_error(e); print(e)
                try:
                    more()
                except Exception:
                    raise Stop from None

        if __name__ == '__main__':
            asyncio.run(main())
        """,
    ),
    "decorators": (
        """
        import click

        @click.command()
        @click.option("--n")
        def main(n):
            pass

        if __name__ == "__main__":
            main()
        """,
        """
        import click
        from heartbeat import running_agent

        @click.command()
        @click.option("--n")
        @running_agent()
        def main(n):
            pass

        if __name__ == "__main__":
            main()
        """,
    ),
    "a worker of LiveKit": (
        """
        from dotenv import load_dotenv
        from livekit.agents import WorkerOptions, cli

        async def entrypoint(ctx):
            pass

        if __name__ == "__main__":
            load_dotenv()
            # and off we go
            cli.run_app(WorkerOptions(entrypoint_fnc=entrypoint))
        """,
        """
        from dotenv import load_dotenv
        from livekit.agents import WorkerOptions, cli
        from heartbeat import mark_agent_started

        async def entrypoint(ctx):
            pass

        if __name__ == "__main__":
            load_dotenv()
            mark_agent_started()
            # and off we go
            cli.run_app(WorkerOptions(entrypoint_fnc=entrypoint))
        """,
    ),
    "something of another module, with an except": (
        '''
        """Doc."""
        from __future__ import annotations
        x = 1
        if "__main__" == __name__:
            try:
                server.serve()
            except Exception:
                print("oh")
        ''',
        '''
        """Doc."""
        from __future__ import annotations

        from heartbeat import mark_agent_started, report_error

        x = 1
        if "__main__" == __name__:
            mark_agent_started()
            try:
                server.serve()
            except Exception as error:
                report_error(error)
                print("oh")
        ''',
    ),
    "all in one line": (
        """
        import typer; app = typer.Typer()
        if __name__ == "__main__": app()
        """,
        """
        import typer; app = typer.Typer()
        from heartbeat import mark_agent_started
        if __name__ == "__main__": mark_agent_started(); app()
        """,
    ),
    "no imports": (
        """
        def main():
            pass

        main()
        """,
        """
        from heartbeat import running_agent


        @running_agent()
        def main():
            pass

        main()
        """,
    ),
    "no guard": (
        """
        import asyncio
        import server

        asyncio.get_event_loop().run_until_complete(server.serve())
        print("done")
        """,
        """
        import asyncio
        import server
        from heartbeat import mark_agent_started

        mark_agent_started()
        asyncio.get_event_loop().run_until_complete(server.serve())
        print("done")
        """,
    ),
    "names that are taken": (
        """
        import asyncio

        def report_error(error): ...

        running_agent = None

        async def main():
            while True:
                try:
                    pass
                except Exception:
                    report_error(1)

        asyncio.run(main(), debug=True)
        """,
        """
        import asyncio
        from heartbeat import report_error as roomkeeper_report_error, running_agent as roomkeeper_running_agent

        def report_error(error): ...

        running_agent = None

        @roomkeeper_running_agent()
        async def main():
            while True:
                try:
                    pass
                except Exception as exception:
                    roomkeeper_report_error(exception)
                    report_error(1)

        asyncio.run(main(), debug=True)
        """,
    ),
}


def source(text: str) -> bytes:
    return dedent(text).lstrip("\n").encode()


@pytest.mark.parametrize("name", BEFORE_AND_AFTER)
def test_programs(name: str) -> None:
    before, after = (source(text) for text in BEFORE_AND_AFTER[name])
    assert integrate_source(before).decode() == after.decode()
    assert integrate_source(after) == after, "a second time there is nothing to do"


GUARD = 'if __name__ == "__main__":\n'


@pytest.mark.parametrize(
    ("program", "wrong"),
    [
        ("async def main(): ...\n" + GUARD + "    main()\n", "a coroutine that nobody awaits"),
        ("def main(): return other()\n" + GUARD + "    asyncio.run(main())\n", "no coroutine function"),
        ("async def main(): ...\n" + GUARD + "    trio.run(main)\n", "another loop"),
        ("async def main(): ...\n" + GUARD + "    anyio.run(main, backend='trio')\n", "perhaps another loop"),
        ("def main(): yield 1\n" + GUARD + "    main()\n", "a generator"),
        ("def main(): ...\ndef main(): ...\n" + GUARD + "    main()\n", "two of the name"),
        ("def main(): ...\n" + GUARD + "    while True: main()\n", "many lives"),
        ("def one(): ...\ndef two(): ...\n" + GUARD + "    one()\n    two()\n", "which of them"),
        ("class A:\n    def main(self): ...\n" + GUARD + "    A().main()\n", "a method"),
    ],
)
def test_what_cannot_be_decorated_is_marked(program: str, wrong: str) -> None:
    result = integrate_source(program.encode()).decode()
    assert "running_agent" not in result, wrong
    assert "    mark_agent_started()\n" in result


@pytest.mark.parametrize(
    "start",
    ["main()", "sys.exit(main())", "raise SystemExit(main())", "code = main()", "exit(main(sys.argv))"],
)
def test_ways_to_call_a_function(start: str) -> None:
    program = f"def prepare(): ...\ndef main(): ...\n{GUARD}    prepare()\n    {start}\n"
    assert "@running_agent()\ndef main" in integrate_source(program.encode()).decode()


@pytest.mark.parametrize(
    "start",
    ["asyncio.run(main())", "uvloop.run(main())", "anyio.run(main)", "loop.run_until_complete(main())"],
)
def test_ways_to_run_a_coroutine(start: str) -> None:
    program = f"async def main(): ...\n{GUARD}    try:\n        {start}\n    finally:\n        pass\n"
    assert "@running_agent()\nasync def main" in integrate_source(program.encode()).decode()


def test_line_ends_tabs_and_the_last_line_stay() -> None:
    before = (
        b'"""Doc."""\r\nimport os\r\n\r\ndef main():\r\n\tpass\r\n\r\nif __name__ == "__main__":\r\n\tapp()'
    )
    assert integrate_source(before) == (
        b'"""Doc."""\r\nimport os\r\nfrom heartbeat import mark_agent_started\r\n\r\ndef main():\r\n\tpass\r\n\r\n'
        b'if __name__ == "__main__":\r\n\tmark_agent_started()\r\n\tapp()'
    )


def test_the_encoding_stays() -> None:
    before = '#!/usr/bin/python\n# -*- coding: latin-1 -*-\nname = "Zoë"\nif __name__ == "__main__":\n    run(name)\n'
    after = integrate_source(before.encode("latin-1"))
    assert b"Zo\xeb" in after
    assert after.startswith(b"#!/usr/bin/python\n# -*- coding: latin-1 -*-\nfrom heartbeat import")
    ast.parse(after)


def test_a_byte_order_mark_stays() -> None:
    after = integrate_source(b'\xef\xbb\xbfimport os\nif __name__ == "__main__":\n    run()\n')
    assert after.startswith(b"\xef\xbb\xbfimport os\n")


@pytest.mark.parametrize(
    "program",
    [
        "from heartbeat import mark_agent_started\nmark_agent_started()\n",
        "import heartbeat\nheartbeat.mark_agent_started()\n",
        "from heartbeat import *\n",
        "from heartbeat.status import report_error as oops\n",
        "def main():\n    from heartbeat import running_agent\n",
    ],
)
def test_a_program_with_status_calls_is_left_as_it_is(program: str) -> None:
    assert integrate_source(program.encode()) == program.encode()


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (b"x = 1\ndef f(:\n    pass\n", "it is not valid Python: line 2: "),
        (b"print 'hello'\n", "it is not valid Python: line 1: "),
        (b"\0", "it is not valid Python: "),
        (b"# coding: nonsense\n", "unknown encoding: nonsense"),
        (b"\xff\n", "it is not valid Python: "),
        (b"", "it cannot be told where it starts; by hand: `from heartbeat import mark_agent_started`"),
        (b"import time\nwhile True:\n    time.sleep(1)\n", "it cannot be told where it starts"),
        (b"def main(): ...\n", "it cannot be told where it starts"),
        (b"from heartbeat import pulse\n", "imports pulse from another module named 'heartbeat'"),
    ],
)
def test_refusals(program: bytes, words: str) -> None:
    with pytest.raises(CannotIntegrateError) as caught:
        integrate_source(program)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
