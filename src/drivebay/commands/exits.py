"""How a command went, as a number that scripts can rely on, and what to do next, for people."""

from __future__ import annotations

import errno
import os
from enum import IntEnum

from drivebay.client import (
    ApiError,
    Changed,
    Conflict,
    Damaged,
    Error,
    NetworkError,
    NotFound,
    StoreError,
    Unauthenticated,
    Unavailable,
)


class Exit(IntEnum):
    """`docs/guide/cli.md` lists them. They are for ever."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    REFUSED = 4
    CONFLICT = 5
    UNAVAILABLE = 6
    DAMAGED = 7
    INTERRUPTED = 130
    PIPE = 141


class Wrong(Error):
    """Something that a command itself finds wrong: what (nothing, if that was said), how to exit, what to do next."""

    def __init__(self, detail: str, exit: Exit = Exit.FAILED, next: str = "") -> None:
        super().__init__(detail)
        self.exit = exit
        self.next = next


_KINDS: tuple[tuple[type[BaseException], Exit], ...] = (
    (NotFound, Exit.NOT_FOUND),
    (FileNotFoundError, Exit.NOT_FOUND),
    (Unauthenticated, Exit.REFUSED),
    (Conflict, Exit.CONFLICT),
    (Changed, Exit.CONFLICT),
    (FileExistsError, Exit.CONFLICT),
    (BlockingIOError, Exit.CONFLICT),
    (Unavailable, Exit.UNAVAILABLE),
    (NetworkError, Exit.UNAVAILABLE),
    (Damaged, Exit.DAMAGED),
    (KeyboardInterrupt, Exit.INTERRUPTED),
    (BrokenPipeError, Exit.PIPE),
)
EXPECTED = (Error, OSError, ValueError)
"""What a user can act on; anything else is a defect and shows its traceback."""

_AGAIN = "say the same again: it goes on where it stopped"
_NEXT: tuple[tuple[type[BaseException], str], ...] = (
    (NotFound, "`drivebay ls` shows what is there"),
    (Unauthenticated, "`drivebay login` begins a session"),
    (Changed, "say the same again when nobody writes to it"),
    (FileExistsError, "--force takes its place"),
    (Unavailable, _AGAIN),
    (NetworkError, f"is the server there, and is that its address? Then {_AGAIN}"),
    (Damaged, "say the same again"),
)
_CODES = {
    "invalid_credentials": "check email and password; `drivebay signup` makes an account",
    "email_taken": "`drivebay login` with that email",
    "name_taken": "choose another name; put takes --on-conflict replace or rename",
    "quota_exceeded": "make room: `drivebay status` shows what is used; what lies in the trash counts too",
    "precondition_failed": "look what is there now, and say the same again",
}


def exit_of(error: BaseException) -> Exit:
    if isinstance(error, Wrong):
        return error.exit
    if isinstance(error, StoreError):
        return Exit.UNAVAILABLE if error.status >= 500 else Exit.FAILED
    if isinstance(error, ApiError) and error.status == 403:
        return Exit.REFUSED
    return next((exit for kind, exit in _KINDS if isinstance(error, kind)), Exit.FAILED)


def next_step(error: BaseException) -> str:
    """What to do about it, in a few words; empty if there is nothing to say."""
    if isinstance(error, Wrong):
        return error.next
    if isinstance(error, ApiError) and error.code in _CODES:
        return _CODES[error.code]
    if isinstance(error, Unauthenticated) and os.environ.get("DRIVEBAY_TOKEN"):
        return "DRIVEBAY_TOKEN is set: give it a token that is still good, or unset it and log in"
    if isinstance(error, UnicodeEncodeError):
        # A name of this computer that is no text, or a terminal or file that knows few letters.
        utf8 = error.encoding.lower() in ("utf-8", "utf8")
        return "give it a name in UTF-8; put takes --name" if utf8 else "say it again with PYTHONIOENCODING=utf-8"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return "make room on the disk, and say the same again"
    return next((words for kind, words in _NEXT if isinstance(error, kind)), "")


def told(error: BaseException) -> str:
    """What went wrong, in a line."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    if isinstance(error, UnicodeEncodeError):
        return f"{error.object.rstrip()!r} cannot be written in {error.encoding.upper()}"
    if isinstance(error, ApiError):
        # The detail says it already where only one thing is wrong.
        more = (each for each in error.errors if each.message not in error.detail)
        fields = "; ".join(f"{each.field} {each.message}".strip() for each in more)
        told = f"{error.detail} ({fields})" if fields else error.detail
        # Where the user knows what to do, the operator need not look.
        looked_up = error.status >= 500 and error.request_id and error.code not in _CODES
        return f"{told} [request {error.request_id}]" if looked_up else told
    return str(error) or type(error).__name__
