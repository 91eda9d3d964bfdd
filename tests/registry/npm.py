"""npm packages that tests need, each installed into the cache."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from config import cache_folder


def installed(sources: Path) -> Path:
    """A copy of the folder `sources` with its `node_modules`, installed once for each version of its files.

    From the lock file, and without the scripts of packages.
    """
    files = sorted(path for path in sources.iterdir() if path.is_file())
    version = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]
    folder = cache_folder() / f"{sources.name}-{version}"
    if not folder.exists():
        assert shutil.which("npm"), f"Node.js with npm is needed to install {sources}: nodejs.org"
        _install(files, folder)
    return folder


def _install(files: Sequence[Path], folder: Path) -> None:
    new = folder.with_name(folder.name + ".new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    for path in files:
        shutil.copy(path, new)
    npm = subprocess.run(
        ["npm", "ci", "--ignore-scripts", "--no-progress"],
        cwd=new,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    assert npm.returncode == 0, f"npm ci failed:\n{npm.stdout.decode()}"
    new.rename(folder)  # what is there is whole
