"""What the tests share that run random operations on a drive (state machines of Hypothesis)."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack, closing
from dataclasses import replace
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from drivebay.files.settings import Settings

from .conftest import SETTINGS, Drive, open_drive

T = TypeVar("T")
MODEL_SETTINGS = replace(SETTINGS, quota=2**40, max_pending_uploads=10_000)


class Loop:
    """One event loop for a whole test, because Hypothesis calls functions that are not async."""

    def __init__(self, url: str, service: Settings) -> None:
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self.drive: Drive = self.run(self._stack.enter_async_context(open_drive(url, "direct", service)))

    def run(self, call: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(call)

    def close(self) -> None:
        self.run(self._stack.aclose())
        self._runner.close()


class DriveMachine(RuleBasedStateMachine):
    """A state machine whose rules call the files service."""

    loop: Loop

    def run(self, call: Coroutine[Any, Any, T]) -> T:
        return self.loop.run(call)


def run_machine(
    machine: type[DriveMachine],
    database_url: str,
    *,
    examples: int,
    steps: int,
    service: Settings = MODEL_SETTINGS,
    repeatable: bool = False,
) -> None:
    """Run `examples` random sequences of up to `steps` rules on a new service with the settings `service`.

    If `repeatable`, each run has the same sequences.
    """
    with closing(Loop(database_url, service)) as loop:
        bound = type("Bound", (machine,), {"loop": loop})
        run_state_machine_as_test(
            bound,
            settings=settings(
                max_examples=examples,
                stateful_step_count=steps,
                deadline=None,
                derandomize=repeatable,
                suppress_health_check=list(HealthCheck),
                print_blob=True,
            ),
        )
