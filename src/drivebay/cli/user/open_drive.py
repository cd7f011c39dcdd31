"""Opens a drive of the account that is logged in: the personal one, or the shared one that `--drive` names."""

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

LOGIN_RETRY: Final = RetryPolicy(timeout=0.8)
"""For `login` and `signup`: a wrong address is the usual cause of a failure, and waiting does not mend it."""
LOGIN_CONNECT_TIMEOUT: Final = 1.2
"""Seconds to connect, for `login` and `signup`."""
_INTERACTIVE_RETRY: Final = RetryPolicy(timeout=10.0)
"""For commands whose answer a person waits for."""
_TRANSFER_TIMEOUT: Final = 300.0
"""Transfers continue after a network failure of up to this many seconds."""
_FIRST_NOTE: Final = 3.0
_NOTE_INTERVAL: Final = 30.0
_PARALLEL_TRANSFERS: Final = 8


def open_account() -> AsyncDrive:
    """Return the personal drive of the account that is logged in, whatever `--drive` says.

    Raises CommandError if there is no stored login and no DRIVEBAY_TOKEN.
    """
    server, tokens = current_login()
    return AsyncDrive(server, token_store=tokens, retry_policy=_INTERACTIVE_RETRY)


@asynccontextmanager
async def open_drive() -> AsyncIterator[AsyncDrive]:
    """Yield the drive that the command is about.

    Raises CommandError if there is no stored login and no DRIVEBAY_TOKEN, or no such drive.
    """
    async with open_account() as drive:
        await _use_chosen_drive(drive)
        yield drive


@asynccontextmanager
async def open_transfer_drive(as_json: bool = False) -> AsyncIterator[AsyncDrive]:
    """Yield the drive for transfers: it retries longer, and can resume uploads. Raises CommandError."""
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


async def find_drive(account: AsyncDrive, wanted: str) -> DriveInfo:
    """Return the drive with this id, or the own drive with this name: the personal one, or one that the user created.

    Others can add the user to drives with any name, and files meant for another drive would go there. So their drives
    are found by id only. Raises CommandError if there is none, or more than one.
    """
    named, own_id = [], ""
    async with aclosing(account.drives()) as drives:
        async for drive in drives:
            if wanted == drive.id:
                return drive
            if drive.kind == "personal":
                own_id = drive.id  # it has the id of its user
            if wanted == drive.name:
                named.append(drive)
    found = [drive for drive in named if drive.id == own_id or drive.created_by == own_id]  # guard: drive-name-creator
    if named and not found:
        ids = ", ".join(drive.id for drive in named)
        message = f"the drive {wanted} was created by someone else, so its name does not select it"
        raise CommandError(message, ExitCode.NOT_FOUND, f"if you trust its members, give its id: {ids}")
    if not found:
        next_step = "list your drives with `drivebay drives list`"
        raise CommandError(f"no drive has the id or name {wanted}", ExitCode.NOT_FOUND, next_step)
    if len(found) > 1:
        ids = ", ".join(drive.id for drive in found)
        message = f"{len(found)} drives have the name {wanted}"
        raise CommandError(message, ExitCode.CONFLICT, f"give the id of one of them: {ids}")
    return found[0]


async def _use_chosen_drive(drive: AsyncDrive) -> None:
    item, wanted = os.environ.get("DRIVEBAY_SHARED", ""), os.environ.get("DRIVEBAY_DRIVE", "")
    if item:
        drive.use_shared_item(await _find_shared_item(drive, item))
    elif wanted:
        chosen = await find_drive(drive, wanted)
        drive.use_drive(None if chosen.kind == "personal" else chosen.id)


async def _find_shared_item(account: AsyncDrive, wanted: str) -> File:
    """Return the item with this id that is shared with the account, or the only one with this name.

    Raises CommandError if there is none, or more than one.
    """
    async with aclosing(account.shared_with_me()) as items:
        found = [item async for item in items if wanted in (item.id, item.name)]
    with_id = [item for item in found if item.id == wanted]
    if not found:
        next_step = "list what is shared with you with `drivebay shared`"
        raise CommandError(f"nothing with the id or name {wanted} is shared with you", ExitCode.NOT_FOUND, next_step)
    if len(found) > 1 and not with_id:  # guard: shared-name
        ids = ", ".join(item.id for item in found)
        message = f"{len(found)} items with the name {wanted} are shared with you"
        raise CommandError(message, ExitCode.CONFLICT, f"give the id of one of them: {ids}")
    return (with_id or found)[0]


class _WaitingNotes:
    """Says that a transfer waits for a server, after some seconds and then every half minute."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._next_note = 0.0

    def report(self, error: Error, waited: float) -> None:
        """Print a note, unless the wait has only begun or another transfer printed one."""
        now = time.monotonic()
        if waited < _FIRST_NOTE or now < self._next_note:
            return
        self._next_note = now + _NOTE_INTERVAL
        left = max(0, round(_TRANSFER_TIMEOUT - waited))
        print_note(f"waiting for the server, for up to {left} seconds more: {describe(error)}", self._as_json)
