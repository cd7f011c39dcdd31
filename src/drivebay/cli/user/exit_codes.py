"""The exit code, the message and the next step for each error. Scripts can rely on the exit codes."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Final

from drivebay.client import (
    ApiError,
    ChecksumMismatch,
    Conflict,
    ContentChanged,
    CursorExpired,
    Error,
    NetworkError,
    NotFound,
    StoreError,
    Unauthenticated,
    Unavailable,
)

from ..interrupts import INTERRUPTED_EXIT_STATUS


class ExitCode(IntEnum):
    """The exit codes. `docs/guide/cli.md` documents them. They never change."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    REFUSED = 4
    CONFLICT = 5
    UNAVAILABLE = 6
    DAMAGED = 7
    INTERRUPTED = INTERRUPTED_EXIT_STATUS
    PIPE = 141


class CommandError(Error):
    """An error that a command itself detects. An empty `message` means that the error was printed already."""

    def __init__(self, message: str, exit_code: ExitCode = ExitCode.FAILED, next_step: str = "") -> None:
        super().__init__(message)
        self.exit_code = exit_code
        self.next_step = next_step


class UploadInProgress(Conflict):
    """A pending upload has reserved the name. It belongs to another command, or to an earlier run of this command."""

    next_step = "wait until it has ended, or list it with `drivebay uploads` and cancel it with --cancel"

    def __init__(self, path: str) -> None:
        super().__init__(409, "name_taken", f"{path}: another upload of this name is in progress")


EXPECTED_ERRORS: Final = (Error, OSError, ValueError)
"""Errors that a user can correct. Any other error is a defect and is shown with its traceback."""

_EXIT_CODES: Final[tuple[tuple[type[BaseException], ExitCode], ...]] = (
    (NotFound, ExitCode.NOT_FOUND),
    (FileNotFoundError, ExitCode.NOT_FOUND),
    (Unauthenticated, ExitCode.REFUSED),
    (Conflict, ExitCode.CONFLICT),
    (ContentChanged, ExitCode.CONFLICT),
    (FileExistsError, ExitCode.CONFLICT),
    (BlockingIOError, ExitCode.CONFLICT),
    (Unavailable, ExitCode.UNAVAILABLE),
    (NetworkError, ExitCode.UNAVAILABLE),
    (ChecksumMismatch, ExitCode.DAMAGED),
    (KeyboardInterrupt, ExitCode.INTERRUPTED),
    (BrokenPipeError, ExitCode.PIPE),
)
_NEXT_STEPS: Final[tuple[tuple[type[BaseException], str], ...]] = (
    (NotFound, "list what exists with `drivebay ls`"),
    (Unauthenticated, "log in with `drivebay login`"),
    (CursorExpired, "run the command without --cursor"),
    (ContentChanged, "run the command again when no program writes to the file"),
    (FileExistsError, "use --force to replace the file"),
    (Unavailable, "run the command again to resume"),
    (
        NetworkError,
        "check that the server is running and its URL is right, then run the command again",
    ),
    (ChecksumMismatch, "run the command again"),
)
_NEXT_STEPS_BY_CODE: Final = {
    "invalid_credentials": "run the command again, or set a new password with `drivebay reset-password --email EMAIL`",
    "invalid_token": "ask for a new link with `drivebay verify-email` or `drivebay reset-password --email EMAIL`",
    "invalid_code": "run the command again with the next code of your authenticator app, or with a recovery code",
    "already_enabled": "remove it first with `drivebay second-factor remove`",
    "rate_limited": "wait, then run the command again",
    "email_taken": "log in with `drivebay login`",
    "name_taken": "choose another name",
    "quota_exceeded": "free some space: `drivebay status` shows your usage, and files in the trash count too",
    "forbidden": "ask a manager of the drive for another role",
    "last_manager": "make another member a manager first: `drivebay drives share DRIVE USER --role manager`",
    "precondition_failed": "look at the file with `drivebay ls -l`, then run the command again",
}

_USE_UTF8: Final = "names on the server are UTF-8: rename the file, or upload it alone with `drivebay put --name`"


@contextmanager
def if_not_found(next_step: str) -> Iterator[None]:
    """Replace the next step of a NotFound that the block raises. With an empty `next_step`, no next step is printed.

    The error for text that cannot be an id gets this next step too.
    """
    try:
        yield
    except ApiError as error:
        if isinstance(error, NotFound) or any(field.message == "must be a UUID" for field in error.errors):
            error.add_note(next_step)
        raise


def exit_code_of(error: BaseException) -> ExitCode:
    """Return the exit code for an error."""
    if isinstance(error, CommandError):
        return error.exit_code
    if isinstance(error, StoreError):
        return ExitCode.UNAVAILABLE if error.status >= 500 else ExitCode.FAILED
    if isinstance(error, ApiError) and error.status == 403:
        return ExitCode.REFUSED
    return next((code for kind, code in _EXIT_CODES if isinstance(error, kind)), ExitCode.FAILED)


def next_step_for(error: BaseException) -> str:
    """Return what the user can do about an error, or an empty string."""
    if isinstance(error, CommandError | UploadInProgress):
        return error.next_step
    if notes := getattr(error, "__notes__", None):
        return str(notes[-1])
    if isinstance(error, ApiError) and error.code in _NEXT_STEPS_BY_CODE:
        return _NEXT_STEPS_BY_CODE[error.code]
    if isinstance(error, Unauthenticated) and os.environ.get("DRIVEBAY_TOKEN"):
        return "set DRIVEBAY_TOKEN to a valid token, or unset it and log in with `drivebay login`"
    if isinstance(error, UnicodeEncodeError):
        # In UTF-8 only a local file name or an argument that is not valid text fails. Otherwise the encoding of the
        # output cannot represent the character.
        return _USE_UTF8 if _is_utf8(error) else "set PYTHONIOENCODING=utf-8 and run the command again"
    if isinstance(error, OSError) and "TMPDIR" in (error.strerror or ""):
        return "free some space in that folder, or set TMPDIR to another folder"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return "free some space on the disk, then run the command again"
    return next((step for kind, step in _NEXT_STEPS if isinstance(error, kind)), "")


def describe(error: BaseException) -> str:
    """Return a message of one line that says what failed."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    if isinstance(error, UnicodeEncodeError):
        text = f"{error.object.rstrip()!r}"
        return f"{text} is not valid UTF-8" if _is_utf8(error) else f"{text} cannot be printed as {error.encoding}"
    if isinstance(error, ApiError):
        return _describe_api_error(error)
    return str(error) or type(error).__name__


def _is_utf8(error: UnicodeEncodeError) -> bool:
    return error.encoding.lower() in ("utf-8", "utf8")


def _describe_api_error(error: ApiError) -> str:
    # The detail contains the field's message already if only one field is wrong.
    others = (field for field in error.errors if field.message not in error.detail)
    fields = "; ".join(f"{field.field} {field.message}".strip() for field in others)
    message = f"{error.detail} ({fields})" if fields else error.detail
    # The operator needs the request id only for errors that the user cannot fix.
    for_operator = error.status >= 500 and error.request_id and error.code not in _NEXT_STEPS_BY_CODE
    return f"{message} [request {error.request_id}]" if for_operator else message
