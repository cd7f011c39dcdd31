"""`drivebay metadata` opens what Drivebay keeps with an object, also without a database or a store."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from drivebay.storage.sealed_metadata import MetadataSeal

SECRET, OLD_SECRET = bytes(range(32)).hex(), bytes(range(32, 64)).hex()
KEY, METADATA = "owner/upload", {"owner": "o", "name": "Résumé.pdf"}


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DRIVEBAY_SECRET", SECRET)


def value(secret: str = SECRET) -> str:
    return MetadataSeal(bytes.fromhex(secret)).seal(KEY, METADATA)


def run(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    # A process of its own: the command sets up the logs of its process.
    command = [sys.executable, "-m", "drivebay.cli", "metadata", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)


def test_a_value_is_opened() -> None:
    result = run(KEY, value())
    assert (result.returncode, json.loads(result.stdout)) == (0, {"key": KEY, **METADATA})


def test_every_line_of_standard_input_is_opened(tmp_path: Path) -> None:
    file = tmp_path / "old"
    file.write_text(OLD_SECRET + "\n")
    stdin = f"{KEY} {value()}\n\n{KEY}\t {value(OLD_SECRET)}\n"
    result = run("--old-secret", str(file), stdin=stdin)
    assert (result.returncode, [json.loads(line)["name"] for line in result.stdout.splitlines()]) == (
        0,
        ["Résumé.pdf"] * 2,
    )


def test_a_value_of_another_secret_is_reported_and_the_others_are_opened() -> None:
    result = run(stdin=f"{KEY} {value(OLD_SECRET)}\n{KEY} {value()}\n")
    first, second = map(json.loads, result.stdout.splitlines())
    assert "another secret" in first["error"]
    assert second["name"] == "Résumé.pdf"
    assert (result.returncode, "values that cannot be decrypted: 1" in result.stderr) == (1, True)


def test_a_key_without_a_value_is_refused() -> None:
    assert run(KEY).returncode == 2
