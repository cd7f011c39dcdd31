"""Texts for people."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

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
