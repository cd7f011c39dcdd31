"""The root secret in the data folder: made once, the same for every process, and never replaced."""

from __future__ import annotations

import re
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from drivebay.config import SettingsError, load, load_or_create_root_secret

SECRET = "canary-0123456789abcdefghijklmnopqrstuv"


def test_secret_from_a_setting_makes_no_file(tmp_path: Path) -> None:
    settings = load({"DRIVEBAY_SECRET": SECRET, "DRIVEBAY_DATA": str(tmp_path / "data")}, tmp_path)
    assert load_or_create_root_secret(settings) is settings
    assert not (tmp_path / "data").exists()


def _start_in_threads(data: Path) -> set[str]:
    all_loaded = threading.Barrier(8)
    secrets: list[str] = []

    def read_secret() -> None:
        settings = load({"DRIVEBAY_DATA": str(data)}, data.parent)
        all_loaded.wait(30)
        secrets.append((load_or_create_root_secret(settings).secret or b"").hex())

    threads = [threading.Thread(target=read_secret) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(secrets) == 8
    return set(secrets)


_PRINT_SECRET = """
import sys
from pathlib import Path
from drivebay.config import load, load_or_create_root_secret
settings = load({"DRIVEBAY_DATA": sys.argv[1]}, Path(sys.argv[1]).parent)
print("up", flush=True)
sys.stdin.readline()
print(load_or_create_root_secret(settings).secret.hex())
"""


def _start_in_processes(data: Path) -> set[str]:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _PRINT_SECRET, str(data)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(8)
    ]
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "up\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        return {process.communicate(timeout=60)[0].strip() for process in processes}
    finally:
        for process in processes:
            process.kill()
            process.wait()


@pytest.mark.parametrize("start_eight", [_start_in_threads, _start_in_processes])
def test_concurrent_first_starts_agree_on_one_secret(tmp_path: Path, start_eight: Callable[[Path], set[str]]) -> None:
    data = tmp_path / "data"
    (secret,) = start_eight(data)
    file = data / "secret"
    assert re.fullmatch("[0-9a-f]{64}", secret)
    assert file.read_text() == secret + "\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert [path.name for path in data.iterdir()] == ["secret"]


def test_second_start_has_the_same_secret(tmp_path: Path) -> None:
    settings = load({"DRIVEBAY_DATA": str(tmp_path / "data")}, tmp_path)
    assert load_or_create_root_secret(settings).secret == load_or_create_root_secret(settings).secret


@pytest.mark.parametrize("text", ["", "canary", "canary \u00fc", "0" * 63 + "\n"])
def test_damaged_secret_file_is_refused_and_not_changed(tmp_path: Path, text: str) -> None:
    file = tmp_path / "secret"
    file.write_text(text)
    with pytest.raises(SettingsError, match="does not contain a secret") as caught:
        load_or_create_root_secret(load({"DRIVEBAY_DATA": str(tmp_path)}, tmp_path))
    assert "canary" not in str(caught.value)
    assert file.read_text() == text


def test_data_folder_that_cannot_be_made_is_an_error_of_its_setting(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(SettingsError, match=r"^DRIVEBAY_DATA: "):
        load_or_create_root_secret(load({"DRIVEBAY_DATA": str(tmp_path / "data")}, tmp_path))
