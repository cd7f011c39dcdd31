"""A pytest plugin that vouches for a run: what it tests is the copy, and what failed is told exactly.

It stops a run whose own process, or any process that a World of it would start, imports Drivebay from
elsewhere. `DRIVEBAY_TEST_COPY` is where from, `DRIVEBAY_TEST_REPORT` the file for what failed.
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

STRANGE: Final = 64
"""The exit status of a run that would test something else."""
_ASK: Final = "import drivebay; print(drivebay.__file__)"


class Failure(msgspec.Struct, frozen=True):
    """A test that failed, in which phase, and by what: the name of the exception and its first line."""

    test: str
    phase: str
    kind: str
    said: str


_failures: list[Failure] = []


def pytest_configure(config: pytest.Config) -> None:
    import drivebay
    from drivebay.testing.world import World

    copy = Path(os.environ["DRIVEBAY_TEST_COPY"])
    child = subprocess.run(
        [sys.executable, "-c", _ASK], env=World(copy, {}, "one").variables(), capture_output=True, timeout=60, text=True
    )
    for what, where in (("this run", drivebay.__file__), ("a process of a World", child.stdout.strip())):
        if not where or not Path(where).is_relative_to(copy):
            pytest.exit(f"{what} imports {where or child.stderr} instead of {copy}", STRANGE)


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
    ours = [module for name, module in sys.modules.items() if name.partition(".")[0] == "drivebay"]
    for module in ours:
        if module.__file__ is not None and not Path(module.__file__).is_relative_to(copy):
            pytest.exit(f"{module.__name__} came from {module.__file__}", STRANGE)
    Path(os.environ["DRIVEBAY_TEST_REPORT"]).write_bytes(msgspec.json.encode(_failures))
