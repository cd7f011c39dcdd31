"""What a command says, and how it runs: answers to standard output, all else to standard error, a number at the end."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import sys
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, NoReturn, TypeVar

import msgspec
import typer

from drivebay.client import ApiError

from .exits import EXPECTED, Exit, Wrong, exit_of, next_step, told

T = TypeVar("T")

AsJson = Annotated[bool, typer.Option("--json", help="Print the answer, and what went wrong, as JSON.")]


def answer(line: str) -> None:
    """A line of the answer."""
    sys.stdout.write(f"{line}\n")


def answer_json(value: object) -> None:
    """The whole answer, as JSON."""
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")


class JsonList:
    """An answer of many items, written as they come: a context."""

    def __init__(self) -> None:
        self._before = "["

    def __enter__(self) -> Callable[[object], None]:
        return self._add

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        # Whole JSON even when something failed in between, which the exit status tells; nothing if nothing came.
        if self._before == ",":
            sys.stdout.write("\n]\n")
        elif error is None:
            sys.stdout.write("[]\n")

    def _add(self, item: object) -> None:
        sys.stdout.write(f"{self._before}\n{msgspec.json.encode(item).decode()}")
        self._before = ","


def say(line: str) -> None:
    """Something that is not the answer."""
    # As a terminal shows it: a name may hold what would move its cursor.
    sys.stderr.write("".join(letter if letter.isprintable() else "\ufffd" for letter in line) + "\n")


def complain(error: BaseException, as_json: bool, about: str = "") -> None:
    """What went wrong, with what if the error does not say so, and what to do next."""
    step, words = next_step(error), told(error)
    if about not in words:
        words = f"{about}: {words}"
    if as_json:
        code = error.code if isinstance(error, ApiError) else exit_of(error).name.lower()
        # A name here may be no UTF-8, which JSON has to be.
        detail = words.encode(errors="backslashreplace").decode()
        sys.stderr.write(msgspec.json.encode({"error": code, "detail": detail, "next": step}).decode() + "\n")
        return
    say(f"drivebay: {words}")
    if step:
        say(f"  next: {step}")


def run(work: Callable[[], Coroutine[Any, Any, T]], as_json: bool) -> T:
    """Do it; what fails is said and is the exit status."""
    _fill_standard()
    try:
        done = _loop_run(work())
        sys.stdout.flush()
        return done
    except KeyboardInterrupt:
        say("drivebay: interrupted")
        _leave(Exit.INTERRUPTED)
    except BrokenPipeError:
        # Whoever read us has enough. Python would complain once more when it flushes.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        _leave(Exit.PIPE)
    except EXPECTED as error:
        if not (isinstance(error, Wrong) and not str(error)):
            complain(error, as_json)
        _leave(exit_of(error))


def _loop_run(work: Coroutine[Any, Any, T]) -> T:
    try:
        import uvloop
    except ImportError:  # it is not there for every system
        return asyncio.run(work)
    return uvloop.run(work)


def _fill_standard() -> None:
    """Standard streams that are closed read nothing and keep nothing from here on, and nobody else gets their numbers:
    an event loop that has one of them ends the process."""
    while (free := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(free, True)
    os.close(free)
    # Python has None for each that was closed when it began.
    sys.stdin = sys.stdin or open(0, closefd=False)  # noqa: SIM115 - for as long as the process lives
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")  # a path of this computer is said as it is, UTF-8 or not


def _leave(exit: Exit) -> NoReturn:
    raise typer.Exit(int(exit))
