"""Writes the files of one account, and the other data of the account, into a folder.

    account.json      the account, its sessions, passkeys, identities, API tokens, drives, links, webhooks, shared
                      items, and events of the audit log
    entries.jsonl     one line for each file and folder of the personal drive, with its path
    files/            the files in their folders

Folders have mode 0700 and files 0600.
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import msgspec

from ...contract.auth import Account, Actor, AuditQuery
from ...contract.files import Access, Content, File, Files, Kind, LinkListing, Listing, Sort
from ...contract.ids import ROOT, FileId
from ...errors import Unavailable
from ...node import Services
from ...storage.object_transfer import DamagedObject, ObjectTransfer
from .backup_format import write_private_file
from .byte_progress import Advance

_PAGE_SIZE: Final = 100
"""The number of entries that are listed in one call, and whose contents are looked up in one call. `get_contents`
accepts no more."""
_CONCURRENCY: Final = 4
"""The number of files that are downloaded at the same time."""

_SAME_NAME: Final = "the file system does not distinguish its name from another name in the folder"
_NAME_ERRORS: Final = (errno.EINVAL, errno.EILSEQ, errno.ENAMETOOLONG)
"""Errors of file systems that allow fewer characters, or shorter names, than Drivebay."""

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class ExportError(ValueError):
    """An export is not possible. The message gives the reason and what to do."""


class FailedFile(msgspec.Struct, frozen=True):
    """A file or folder that could not be exported, and the reason."""

    path: str
    reason: str


class ExportReport(msgspec.Struct, frozen=True):
    """The result of an export. `bytes` is the sum of the sizes of the exported files."""

    folder: str
    files: int
    folders: int
    bytes: int
    failed: tuple[FailedFile, ...]


class _Page(Protocol[T_co]):
    @property
    def items(self) -> tuple[T_co, ...]: ...

    @property
    def next_cursor(self) -> str | None: ...


async def export_account(
    services: Services, transfer: ObjectTransfer, account: Account, operator: Actor, folder: Path, advance: Advance
) -> ExportReport:
    """Write the data of an account into `folder`, which is new or empty.

    If a file changes during the export, its old or its new content is exported. A file that is moved during the export
    may be missing, or be exported twice. Raises ExportError, Unavailable, OSError, BackupError.
    """
    _prepare(folder)
    data = await _read_account(services, account, operator)
    write_private_file(folder / "account.json", msgspec.json.format(msgspec.json.encode(data), indent=2))
    return await TreeExport(services.files, transfer, Access.personal(account.id), folder, advance).run()


def _prepare(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(folder.iterdir()):  # guard: export-folder
        raise ExportError(f"{folder} is not empty: name a new folder")
    folder.chmod(0o700)


async def _read_account(services: Services, account: Account, operator: Actor) -> dict[str, Any]:
    auth, files, access = services.auth, services.files, Access.personal(account.id)
    audit = AuditQuery(account.id, limit=1000)
    links = LinkListing(limit=1000)
    return {
        "account": account,
        "usage": await files.get_usage(access),
        "sessions": await auth.list_sessions(account.id),
        "passkeys": await auth.list_passkeys(account.id),
        "identities": await auth.list_identities(account.id),
        "api_tokens": await auth.list_api_tokens(account.id),
        "drives": await _collect(lambda cursor: files.list_drives(account.id, 1000, cursor)),
        "links": await _collect(lambda cursor: files.list_links(access, msgspec.structs.replace(links, cursor=cursor))),
        "webhooks": await _collect(lambda cursor: files.list_webhooks(account.id, None, 1000, cursor)),
        "shared_with_me": await _collect(lambda cursor: files.list_shared_items(account.id, 1000, cursor)),
        "audit": await _collect(
            lambda cursor: auth.list_audit_events(operator, msgspec.structs.replace(audit, cursor=cursor))
        ),
    }


async def _collect(read_page: Callable[[str | None], Awaitable[_Page[T]]]) -> list[T]:
    """Return the items of all pages."""
    items: list[T] = []
    cursor: str | None = None
    while True:
        page = await read_page(cursor)
        items += page.items
        cursor = page.next_cursor
        if cursor is None:
            return items


class TreeExport:
    """Writes the tree of a drive: each folder before its content."""

    def __init__(self, files: Files, transfer: ObjectTransfer, access: Access, folder: Path, advance: Advance) -> None:
        self._files = files
        self._transfer = transfer
        self._access = access
        self._advance = advance
        self._root = folder / "files"
        self._unfinished = folder / "unfinished"
        self._entries = folder / "entries.jsonl"
        self._folder = folder
        self._failed: list[FailedFile] = []
        self._counts = {Kind.FILE: 0, Kind.FOLDER: 0}
        self._bytes = 0
        self._total = 0

    async def run(self) -> ExportReport:
        """Write every file and folder, and return what was written. Raises Unavailable, OSError."""
        self._total = await self._measure()
        self._root.mkdir(mode=0o700)
        self._unfinished.mkdir(mode=0o700)
        waiting: list[tuple[FileId, tuple[str, ...]]] = [(ROOT, ())]
        with os.fdopen(os.open(self._entries, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as entries:
            while waiting:
                parent, path = waiting.pop()
                async for items in self._list_folder(parent):
                    entries.writelines(_entry_line(item, path) for item in items)
                    folders = [item for item in items if item.kind is Kind.FOLDER]
                    waiting += [(item.id, (*path, item.name)) for item in folders if self._create_folder(item, path)]
                    await self._export_files([item for item in items if item.kind is Kind.FILE], path)
            entries.flush()
            os.fsync(entries.fileno())
        self._unfinished.rmdir()
        counts = self._counts
        return ExportReport(str(self._folder), counts[Kind.FILE], counts[Kind.FOLDER], self._bytes, tuple(self._failed))

    async def _measure(self) -> int:
        """Return the number of bytes to export, or a higher number if there are too many files to add their sizes up.

        It is only used for the progress bar.
        """
        try:
            return (await self._files.measure_tree(self._access, ROOT)).bytes
        except Unavailable:  # guard: export-without-measurement
            return (await self._files.get_usage(self._access)).used_bytes

    def _create_folder(self, item: File, path: tuple[str, ...]) -> bool:
        """Create a folder. If the file system refuses its name, record the failure and return False.

        If the result is False, nothing below the folder is exported.
        """
        try:
            with _open_folder(self._root, path) as parent:
                os.mkdir(item.name, 0o700, dir_fd=parent)
        except OSError as error:
            self._failed.append(FailedFile(_path_text(item, path), _name_failure(error)))
            return False
        self._counts[Kind.FOLDER] += 1
        return True

    async def _list_folder(self, parent: FileId) -> AsyncIterator[tuple[File, ...]]:
        listing = Listing(parent, Sort.NAME, descending=False, limit=_PAGE_SIZE)
        while True:
            page = await self._files.list_files(self._access, listing)
            yield page.items
            if page.next_cursor is None:
                return
            listing = msgspec.structs.replace(listing, cursor=page.next_cursor)

    async def _export_files(self, items: list[File], path: tuple[str, ...]) -> None:
        if not items:
            return
        contents = await self._files.get_contents(self._access, tuple(item.id for item in items))
        # A file without content was deleted since it was listed.
        remaining = iter(
            [(item, result.content) for item, result in zip(items, contents, strict=True) if result.content]
        )

        async def work() -> None:
            for item, content in remaining:
                if reason := await self._export_file(item, content, path):
                    self._failed.append(FailedFile(_path_text(item, path), reason))

        async with asyncio.TaskGroup() as tasks:
            for _ in range(_CONCURRENCY):
                tasks.create_task(work())

    async def _export_file(self, item: File, content: Content, path: tuple[str, ...]) -> str | None:
        """Write one file. Return the reason if it could not be exported."""
        unfinished = self._unfinished / str(item.id)
        try:
            digest = await self._transfer.download(content.key, content.size, unfinished)
        except DamagedObject as error:
            return str(error)
        if digest is None:
            return "the store does not have its object: run `drivebay check`"
        if content.sha256 is not None and digest != content.sha256.hex():  # guard: exported-bytes
            unfinished.unlink()
            return "the store has other bytes than were uploaded: run `drivebay check`"
        with _open_folder(self._root, path) as folder:
            try:
                os.close(os.open(item.name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=folder))
            except OSError as error:
                unfinished.unlink()
                return _name_failure(error)
            os.rename(unfinished, item.name, dst_dir_fd=folder)
            _set_time(item.name, item.modified_at, folder)
        self._counts[Kind.FILE] += 1
        self._bytes += content.size
        self._advance(self._bytes, self._total)
        return None


def _name_failure(error: OSError) -> str:
    """Return why the file system refuses a name. Raises any other error again."""
    if isinstance(error, FileExistsError):
        return _SAME_NAME
    if error.errno in _NAME_ERRORS:  # guard: refused-name
        return f"the file system refuses its name: {error.strerror}"
    raise error


def _entry_line(item: File, path: tuple[str, ...]) -> bytes:
    entry = {"path": _path_text(item, path), **msgspec.structs.asdict(item)}
    return msgspec.json.encode(entry) + b"\n"


def _path_text(item: File, path: tuple[str, ...]) -> str:
    return "/" + "/".join((*path, item.name))


@contextmanager
def _open_folder(root: Path, path: tuple[str, ...]) -> Iterator[int]:
    """Open a folder below `root` step by step, because its whole path may be longer than the system allows."""
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for name in path:
            inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = inner
        yield folder
    finally:
        os.close(folder)


def _set_time(name: str, modified_at: datetime, folder: int) -> None:
    seconds = modified_at.timestamp()
    os.utime(name, (seconds, seconds), dir_fd=folder)
