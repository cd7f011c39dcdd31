"""Restarts this process with another environment, for libraries that read the environment when they are imported."""

from __future__ import annotations

import os
import sys
from typing import NoReturn


def get_variable(name: str) -> str | None:
    """Return an environment variable of this process that is not a setting of Drivebay."""
    return os.environ.get(name)


def restart_with_variable(name: str, value: str) -> NoReturn:
    """Replace this process by the same command with one more environment variable. The process id does not change."""
    os.environ[name] = value
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, "-m", "drivebay.cli", *sys.argv[1:]])  # noqa: S606
