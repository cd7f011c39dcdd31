"""Opens a drive of the account that is logged in: the personal drive, or the drive or item of the options."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Final

from drivebay.client import AsyncDrive, DriveInfo, Error, File, RetryPolicy

from .console import print_note
from .exit_codes import CommandError, ExitCode, describe
from .logins import current_login
from .resume_state import ResumeFolder
from .server_names import is_id_or_name

LOGIN_RETRY: Final = RetryPolicy(timeout=0.8)
"""The retry policy of `login` and `signup`. A failure usually means that the URL is wrong, so long retries do not
help."""
LOGIN_CONNECT_TIMEOUT: Final = 1.2
"""The maximum number of seconds for one attempt of `login` or `signup` to connect."""
_INTERACTIVE_RETRY: Final = RetryPolicy(timeout=10.0)
"""The retry policy of commands whose result a person waits for."""
_TRANSFER_TIMEOUT: Final = 300.0
"""Transfers continue after a network failure of up to this number of seconds."""
_FIRST_NOTE: Final = 3.0
"""The number of seconds of waiting before the first note."""
_NOTE_INTERVAL: Final = 30.0
"""The number of seconds between two notes."""
_PARALLEL_TRANSFERS: Final = 8
"""The maximum number of bodies that are sent or fetched at the same time."""


def open_account() -> AsyncDrive:
    """Return the personal drive of the account that is logged in. `--drive` has no effect.

    Raises CommandError if there is no stored login and no DRIVEBAY_TOKEN.
    """
    server, tokens = current_login()
    return AsyncDrive(server, token_store=tokens, retry_policy=_INTERACTIVE_RETRY)


@asynccontextmanager
async def open_drive() -> AsyncIterator[AsyncDrive]:
    """Yield the drive of the command: the personal drive, or the drive or item of `--drive` or `--shared`.

    Raises CommandError if there is no stored login and no DRIVEBAY_TOKEN, or no such drive.
    """
    async with open_account() as drive:
        await _use_chosen_drive(drive)
        yield drive


@asynccontextmanager
async def open_transfer_drive(as_json: bool = False) -> AsyncIterator[AsyncDrive]:
    """Yield the drive of the command for transfers, with longer retries and with resumable uploads.

    Raises CommandError.
    """
    server, tokens = current_login()
    async with AsyncDrive(
        server,
        token_store=tokens,
        resume_store=ResumeFolder(),
        parallel=_PARALLEL_TRANSFERS,
        retry_policy=RetryPolicy(timeout=_TRANSFER_TIMEOUT, on_wait=_WaitingNotes(as_json).report),
    ) as drive:
        await _use_chosen_drive(drive)
        yield drive


async def find_drive(account: AsyncDrive, id_or_name: str) -> DriveInfo:
    """Return the drive with this id, or the drive with this name that the user created.

    Other people can add the user to drives with any name, and files would be sent to the wrong drive. So drives of
    other people are found by id only. Raises CommandError if there is no such drive, or more than one.
    """
    named, own_id = [], ""
    async with aclosing(account.drives()) as drives:
        async for drive in drives:
            if id_or_name == drive.id:
                return drive
            if drive.kind == "personal":
                own_id = drive.id  # a personal drive has the id of its user
            if is_id_or_name(id_or_name, drive.id, drive.name):
                named.append(drive)
    owned = [drive for drive in named if drive.id == own_id or drive.created_by == own_id]  # guard: drive-name-creator
    if named and not owned:
        ids = ", ".join(drive.id for drive in named)
        message = f"the drive {id_or_name} was created by someone else, so its name does not select it"
        raise CommandError(message, ExitCode.NOT_FOUND, f"if you trust its members, give its id: {ids}")
    if not owned:
        next_step = "list your drives with `drivebay drives list`"
        raise CommandError(f"no drive has the id or name {id_or_name}", ExitCode.NOT_FOUND, next_step)
    if len(owned) > 1:
        ids = ", ".join(drive.id for drive in owned)
        message = f"{len(owned)} drives have the name {id_or_name}"
        raise CommandError(message, ExitCode.CONFLICT, f"give the id of one of them: {ids}")
    return owned[0]


async def _use_chosen_drive(drive: AsyncDrive) -> None:
    item, drive_name = os.environ.get("DRIVEBAY_SHARED", ""), os.environ.get("DRIVEBAY_DRIVE", "")
    if item:
        drive.use_shared_item(await _find_shared_item(drive, item))
    elif drive_name:
        chosen = await find_drive(drive, drive_name)
        drive.use_drive(None if chosen.kind == "personal" else chosen.id)


async def _find_shared_item(account: AsyncDrive, id_or_name: str) -> File:
    """Return the item with this id that is shared with the account, or the only item with this name.

    Raises CommandError if there is no such item, or more than one.
    """
    async with aclosing(account.shared_with_me()) as items:
        matches = [item async for item in items if is_id_or_name(id_or_name, item.id, item.name)]
    with_id = [item for item in matches if item.id == id_or_name]
    if not matches:
        next_step = "list what is shared with you with `drivebay shared`"
        raise CommandError(
            f"nothing with the id or name {id_or_name} is shared with you", ExitCode.NOT_FOUND, next_step
        )
    if len(matches) > 1 and not with_id:  # guard: shared-name
        ids = ", ".join(item.id for item in matches)
        message = f"{len(matches)} items with the name {id_or_name} are shared with you"
        raise CommandError(message, ExitCode.CONFLICT, f"give the id of one of them: {ids}")
    return (with_id or matches)[0]


class _WaitingNotes:
    """Prints notes that a transfer waits for the server: after 3 seconds, then every 30 seconds."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._next_note = 0.0

    def report(self, error: Error, waited: float) -> None:
        """Print a note if the wait is long enough, and if the last note of any transfer is old enough."""
        now = time.monotonic()
        if waited < _FIRST_NOTE or now < self._next_note:
            return
        self._next_note = now + _NOTE_INTERVAL
        left = max(0, round(_TRANSFER_TIMEOUT - waited))
        print_note(f"waiting for the server, for up to {left} seconds more: {describe(error)}", self._as_json)
