"""Prints results and errors, and runs a command: results to standard output, everything else to standard error."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, NoReturn, TextIO, TypeVar

import msgspec
import typer

from drivebay.client import ApiError

from ..interrupts import raise_on_interrupt
from .exit_codes import EXPECTED_ERRORS, CommandError, ExitCode, describe, exit_code_of, next_step_for
from .formatting import printable

T = TypeVar("T")

JsonOption = Annotated[bool, typer.Option("--json", help="Print results and errors as JSON.")]


class OutputError(CommandError):
    """A write to standard output failed, so the command stops."""

    def __init__(self, error: OSError) -> None:
        next_step = "check the file or device that the output goes to, then run the command again"
        super().__init__(f"cannot write to standard output: {error.strerror}", ExitCode.FAILED, next_step)


@contextmanager
def writing_output() -> Iterator[None]:
    """Raise OutputError if a write to standard output fails inside the block, and BrokenPipeError unchanged."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(error) from None


def print_line(line: str) -> None:
    """Print one line of the result."""
    with writing_output():
        sys.stdout.write(f"{line}\n")


def print_json(value: object) -> None:
    """Print the whole result as JSON."""
    print_line(_encode_json(value))


@contextmanager
def result_printer(as_json: bool, to_line: Callable[[T], str]) -> Iterator[Callable[[T], None]]:
    """Yield a function that prints one result: as an item of a JSON array, or as the line that `to_line` returns."""
    if as_json:
        with json_array() as add:
            yield add
    else:
        yield lambda result: print_line(to_line(result))


@contextmanager
def json_array() -> Iterator[Callable[[object], None]]:
    """Yield a function that adds an item to a JSON array on standard output.

    After an error the array is closed, so the output is valid JSON. If no item was added before the error, there is no
    output.
    """
    separator = "["

    def add(item: object) -> None:
        nonlocal separator
        with writing_output():
            sys.stdout.write(f"{separator}\n{_encode_json(item)}")
        separator = ","

    try:
        yield add
    except BaseException:
        if separator == ",":
            print_line("\n]")
        raise
    print_line("\n]" if separator == "," else "[]")


def print_note(line: str, as_json: bool = False) -> None:
    """Print a line that is not part of the result: as text, or as the JSON object `{"note": ...}`."""
    if as_json:
        _print_diagnostic(_encode_json({"note": line}))
    else:
        _print_diagnostic(printable(f"drivebay: {line}"))


def print_error(error: BaseException, as_json: bool, subject: str = "") -> None:
    """Print an error and what to do next. If the message does not contain `subject`, the line begins with it."""
    next_step, message = next_step_for(error), describe(error)
    if subject not in message:
        message = f"{subject}: {message}"
    if as_json:
        code = error.code if isinstance(error, ApiError) else exit_code_of(error).name.lower()
        _print_diagnostic(_encode_json({"error": code, "detail": message, "next": next_step}))
        return
    _print_diagnostic(printable(f"drivebay: {message}"))
    if next_step:
        _print_diagnostic(printable(f"  next: {next_step}"))


def _encode_json(value: object) -> str:
    """Return JSON. Bytes of local paths that are not UTF-8 are shown as `\\udc..`, because JSON must be UTF-8."""
    try:
        return msgspec.json.encode(value).decode()
    except UnicodeEncodeError:
        return msgspec.json.encode(_as_valid_text(msgspec.to_builtins(value))).decode()


def _as_valid_text(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if isinstance(value, dict):
        return {key: _as_valid_text(item) for key, item in value.items()}
    return [_as_valid_text(item) for item in value] if isinstance(value, list) else value


def _print_diagnostic(line: str) -> None:
    try:
        sys.stderr.write(line + "\n")
        sys.stderr.flush()
    except OSError:
        _discard_output(sys.stderr)  # the exit status still shows the result


def run_command(command: Callable[[], Coroutine[Any, Any, T]], as_json: bool) -> T:
    """Run a command and return its result. An expected error is printed and determines the exit status."""
    _open_standard_streams()
    try:
        with raise_on_interrupt():
            # Load the event loop before the coroutine is created. Otherwise, after Ctrl-C during the import, Python
            # would warn about a coroutine that was never awaited.
            run = _load_event_loop()
            result = run(command())
            with writing_output():
                sys.stdout.flush()
            return result
    except KeyboardInterrupt:
        print_note("interrupted", as_json)
        _exit(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        _discard_output(sys.stdout)  # the reader closed the pipe
        _exit(ExitCode.PIPE)
    except EXPECTED_ERRORS as error:
        if isinstance(error, OutputError):
            _discard_output(sys.stdout)
        printed_already = isinstance(error, CommandError) and not str(error)
        if not printed_already:
            print_error(error, as_json)
        _exit(exit_code_of(error))


def _discard_output(stream: TextIO) -> None:
    """Redirect a stream to /dev/null after a failed write. Otherwise Python prints another error when it exits."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _load_event_loop() -> Callable[[Coroutine[Any, Any, T]], T]:
    """Return the function that runs a coroutine in a new event loop."""
    try:
        import uvloop
    except ImportError:  # uvloop does not exist for every operating system
        return asyncio.run
    return uvloop.run


def _open_standard_streams() -> None:
    """Open closed standard streams as /dev/null.

    Otherwise the next files that are opened get their file descriptors. An event loop with such a descriptor crashes.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    # Python sets a stream to None if it was closed when Python started.
    sys.stdin = sys.stdin or open(0, closefd=False)  # noqa: SIM115 - stays open until the process ends
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Local paths are printed byte for byte, also if they are not valid UTF-8.
        sys.stdout.reconfigure(errors="surrogateescape")


def _exit(exit_code: ExitCode) -> NoReturn:
    raise typer.Exit(int(exit_code))
