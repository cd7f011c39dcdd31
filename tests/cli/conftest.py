"""Fixtures for the user's commands: the running Drivebay of the SDK's tests, and the computer of a new user."""

from pathlib import Path

import msgspec
import pytest

from drivebay.cli.user.atomic_files import write_atomically
from drivebay.cli.user.logins import Login
from drivebay.client import AsyncDrive, MemoryTokenStore
from tests.client.conftest import Site, shared_site, site, site_services

from .shell import PASSWORD, Shell

__all__ = ["shared_site", "site", "site_services"]


@pytest.fixture
async def shell(site: Site, tmp_path: Path) -> Shell:
    """The computer of a new user who is logged in."""
    home = tmp_path / "home"
    home.mkdir()
    computer = Shell(home, site.server)
    tokens = MemoryTokenStore()
    async with AsyncDrive(site.server, token_store=tokens) as drive:
        await drive.sign_up(computer.email, PASSWORD)
        await drive.log_in(computer.email, PASSWORD)
    # As `drivebay login` writes it. The commands have their own tests; here each would take a process.
    write_atomically(computer.login_file, msgspec.json.encode(Login(site.server, computer.email, tokens.load())))
    return computer
