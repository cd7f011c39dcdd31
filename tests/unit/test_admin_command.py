"""`drivebay admin`: away from the deployment it begins no new one, and its errors name the invalid fields."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from drivebay.cli.operator.command_runner import describe_error
from drivebay.config import SettingsError, load_process
from drivebay.errors import FieldError, InvalidRequest, NotFound

AUTH_AND_FILES = frozenset({"auth", "files"})


@pytest.mark.parametrize(
    "arguments", [("admin", "create", "ada@example.com"), ("admin", "users"), ("admin", "stats"), ("keys", "rotate")]
)
def test_a_command_in_another_folder_begins_no_deployment(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    result = run_outside(tmp_path, *arguments)
    assert (result.returncode, result.stdout) == (1, "")
    assert f"{tmp_path / 'data'} contains no database" in result.stderr.replace("\n", " ")
    assert not list(tmp_path.iterdir())


def test_check_in_another_folder_finds_nothing_sound(tmp_path: Path) -> None:
    result = run_outside(tmp_path, "check", "--json")
    assert result.returncode == 3, result.stderr
    assert "contains no database" in result.stdout
    assert not list(tmp_path.iterdir())


def run_outside(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder without a deployment, and without settings."""
    outside = {name: value for name, value in os.environ.items() if not name.startswith("DRIVEBAY_")}
    return subprocess.run(
        [sys.executable, "-m", "drivebay.cli", *arguments],
        cwd=folder,
        env=outside,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_data_folder_with_only_a_secret_has_no_database(tmp_path: Path) -> None:
    settings = {"DRIVEBAY_DATA": str(tmp_path / "data")}
    load_process(settings)  # creates the secret
    with pytest.raises(SettingsError, match="contains no database"):
        load_process(settings, existing=AUTH_AND_FILES)
    (tmp_path / "data" / "postgres").mkdir()
    assert load_process(settings, existing=AUTH_AND_FILES).data == tmp_path / "data"


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"DRIVEBAY_DATABASE_URL": "postgresql://drivebay@db/drivebay"},
        {"DRIVEBAY_AUTH_ADDRESS": "127.0.0.1:7001", "DRIVEBAY_FILES_ADDRESS": "127.0.0.1:7002"},
    ],
)
def test_a_database_or_services_elsewhere_need_no_data_folder(tmp_path: Path, elsewhere: dict[str, str]) -> None:
    settings = {"DRIVEBAY_DATA": str(tmp_path / "data"), **elsewhere}
    assert load_process(settings, existing=AUTH_AND_FILES).data == tmp_path / "data"


def test_an_error_names_the_fields_that_its_message_does_not() -> None:
    problem = FieldError("email", "must be an email address")
    assert describe_error(InvalidRequest("the account is not valid", errors=(problem,))) == (
        "the account is not valid (email must be an email address)"
    )
    assert describe_error(InvalidRequest("email must be an email address", errors=(problem,))) == (
        "email must be an email address"
    )
    assert describe_error(NotFound("no account has this email address")) == "no account has this email address"


def test_a_service_without_an_address_needs_a_database(tmp_path: Path) -> None:
    settings = {"DRIVEBAY_DATA": str(tmp_path / "data"), "DRIVEBAY_AUTH_ADDRESS": "127.0.0.1:7001"}
    assert load_process(settings, existing=frozenset({"auth"})).data == tmp_path / "data"
    with pytest.raises(SettingsError, match="contains no database"):
        load_process(settings, existing=AUTH_AND_FILES)
