"""Fixtures for the user's commands: the running Drivebay of the SDK's tests, and the computer of a new user."""

from pathlib import Path

import pytest

from tests.client.conftest import Site, shared_site, site

from .shell import Shell

__all__ = ["shared_site", "site"]


@pytest.fixture
async def shell(site: Site, tmp_path: Path) -> Shell:
    """The computer of a new user who is logged in."""
    home = tmp_path / "home"
    home.mkdir()
    computer = Shell(home, site.server)
    assert (await computer.authenticate()).status == 0
    return computer
