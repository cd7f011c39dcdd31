"""Texts for people."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from drivebay.cli.user.api_token_commands import token_line
from drivebay.client import ApiToken

CODE = """
from datetime import UTC, datetime
from drivebay.cli.user.formatting import format_time
print(format_time(datetime.max.replace(tzinfo=UTC)), format_time(datetime.min.replace(tzinfo=UTC)))
"""


@pytest.mark.parametrize("zone", ["EAST-12", "WEST+12"])
def test_the_first_and_the_last_time_have_a_text(zone: str) -> None:
    environment = {**os.environ, "TZ": zone}
    result = subprocess.run([sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "9999-12-31" in result.stdout


def test_an_expired_api_token_says_so() -> None:
    end = datetime(2026, 1, 31, 12, tzinfo=UTC)
    api_token = ApiToken("id", "backup", ["read"], end, expires_at=end)
    assert ", expires 2026-01-31" in token_line(api_token, end - timedelta(seconds=1))
    assert ", expired 2026-01-31" in token_line(api_token, end)
    assert "expire" not in token_line(ApiToken("id", "backup", ["read"], end), end)
