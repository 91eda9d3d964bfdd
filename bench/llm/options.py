"""The options of these benchmarks: numbers, and a short run."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


class _Quick(argparse.Action):
    """Puts smaller numbers in; what stands after it on the command line wins."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        vars(namespace).update(self.const)


def parser(
    description: str | None, *, quick: Mapping[str, float], **numbers: float
) -> argparse.ArgumentParser:
    """`numbers` are options with their defaults; `quick` are the values of some of them for a short run."""
    options = argparse.ArgumentParser(description=description)
    options.add_argument("--json", type=Path, metavar="FILE", help="write all values there")
    short = ", ".join(f"--{_option(name)} {value:g}" for name, value in quick.items())
    options.add_argument("--quick", action=_Quick, nargs=0, const=dict(quick), help=f"a short run: {short}")
    for name, default in numbers.items():
        options.add_argument(
            f"--{_option(name)}", type=type(default), default=default, help=f"default: {default:g}"
        )
    return options


def _option(name: str) -> str:
    return name.replace("_", "-")
