"""`roomkeeper`, also as `python -m cli`."""

from __future__ import annotations

from cli.app import app


def main() -> None:
    """Run the command that stands in the arguments. Ends the process with its exit code."""
    app(prog_name="roomkeeper")


if __name__ == "__main__":
    main()
