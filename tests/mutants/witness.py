"""A pytest plugin that checks which sources a run tests, and records every failure.

The run stops if its own process, or a process that a World of it would start, imports Drivebay from anywhere but
`DRIVEBAY_TEST_COPY`. The failures go to the file `DRIVEBAY_TEST_REPORT`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Final

import msgspec
import pytest

WRONG_SOURCES: Final = 64
"""Exit status of a run that would test other sources."""
_PRINT_SOURCES: Final = "import drivebay; print(drivebay.__file__)"


class Failure(msgspec.Struct, frozen=True):
    """A test that failed: in which phase, with which exception, and the first line of its message."""

    test: str
    phase: str
    kind: str
    message: str


_failures: list[Failure] = []


def pytest_configure(config: pytest.Config) -> None:
    import drivebay
    from drivebay.testing.world import World

    copy = Path(os.environ["DRIVEBAY_TEST_COPY"])
    command = [sys.executable, "-c", _PRINT_SOURCES]
    child = subprocess.run(command, env=World(copy, {}, "one").variables(), capture_output=True, timeout=60, text=True)
    for process, sources in (("this run", drivebay.__file__), ("a process of a World", child.stdout.strip())):
        if not sources or not Path(sources).is_relative_to(copy):
            pytest.exit(f"{process} imports {sources or child.stderr} instead of {copy}", WRONG_SOURCES)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed and call.excinfo is not None:
        lines = str(call.excinfo.value).strip().splitlines() or [""]
        _failures.append(Failure(item.nodeid, report.when or "", call.excinfo.typename, lines[0][:200]))
    return report


def pytest_sessionfinish() -> None:
    copy = Path(os.environ["DRIVEBAY_TEST_COPY"])
    imported = [module for name, module in sys.modules.items() if name.partition(".")[0] == "drivebay"]
    for module in imported:
        if module.__file__ is not None and not Path(module.__file__).is_relative_to(copy):
            pytest.exit(f"{module.__name__} was imported from {module.__file__}", WRONG_SOURCES)
    Path(os.environ["DRIVEBAY_TEST_REPORT"]).write_bytes(msgspec.json.encode(_failures))
