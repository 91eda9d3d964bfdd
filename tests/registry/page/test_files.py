"""The page's files among themselves."""

from __future__ import annotations

import re
from pathlib import Path

import registry.page

FOLDER = Path(registry.page.__file__).parent
TEMPLATES = "".join(path.read_text(encoding="utf-8") for path in sorted((FOLDER / "templates").iterdir()))


def test_every_script_is_loaded_ahead() -> None:
    scripts = {path.stem for path in (FOLDER / "static").glob("*.js")} - {"page"}
    listed = re.search(r"for name in \((.*?)\)", TEMPLATES)
    assert listed is not None
    assert set(re.findall(r'"(\w+)"', listed[1])) == scripts


def test_every_file_that_is_named_is_there() -> None:
    scripts = "".join(path.read_text(encoding="utf-8") for path in (FOLDER / "static").glob("*.js"))
    named = set(re.findall(r"/static/([\w.-]+\.\w+)", TEMPLATES + scripts)) | set(
        re.findall(r'from "\./(.*?)"', scripts)
    )
    assert named
    assert all((FOLDER / "static" / name).is_file() for name in named), named


def test_nothing_needs_what_the_policy_forbids() -> None:
    assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son[a-z]+=|javascript:", TEMPLATES)
    assert not re.search(r"https?://|//[a-z]+\.[a-z]", TEMPLATES), "all of it comes from the registry"


def test_templates_never_trust_a_text() -> None:
    assert "|safe" not in TEMPLATES
    assert "autoescape false" not in TEMPLATES
