"""Writes a backup: first a snapshot of the database, then the objects of the snapshot.

No purge runs during a backup, so that no object of the snapshot is deleted before it is copied. Objects never change.
So the objects that an interrupted backup has copied stay valid, and the next run copies only the others.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from ... import postgres
from ...config import Settings
from ...storage.object_transfer import DamagedObject, ObjectTransfer, file_sha256, open_object_transfer
from .backup_format import (
    FORMAT,
    SCHEMAS,
    BackedUpObject,
    BackupError,
    BackupFolder,
    Manifest,
    write_private_file,
    writing,
)
from .byte_progress import Advance

_CONCURRENCY: Final = 4
"""The number of objects that are copied at the same time."""
_OBJECTS: Final = """
SELECT coalesce(key, owner_id || '/' || id) AS key, size, encode(sha256, 'hex') AS sha256,
       state = 'missing' AS is_missing
FROM files.versions WHERE state IN ('stored', 'missing') ORDER BY owner_id, id
"""


class ExpectedObject(NamedTuple):
    """An object of the snapshot. `sha256` is None if the database has no checksum of the object."""

    key: str
    size: int
    sha256: str | None
    is_missing: bool


class BackupReport(msgspec.Struct, frozen=True):
    """The result of a backup. This run has copied `copied` of the `objects`, and earlier runs have copied the others.

    `missing` are the keys of objects that the database marks as missing in the store. `lost` are the keys of objects
    that should exist and could not be copied.
    """

    folder: str
    created_at: str
    rows: int
    objects: int
    bytes: int
    copied: int
    missing: tuple[str, ...]
    lost: tuple[str, ...]


async def write_backup(
    settings: Settings, folder: Path, now: Callable[[], datetime], advance: Advance, *, with_secret: bool
) -> BackupReport:
    """Write a backup into `folder`. The folder is new, empty, or has an earlier backup, which is replaced.

    After an interruption, another run continues. Raises BackupError and Unavailable.
    """
    if settings.database_url is None:
        raise BackupError("DRIVEBAY_DATABASE_URL is not set")
    backup = BackupFolder(_prepare(folder))
    created_at = now().isoformat()
    async with postgres.prevent_purges(settings.database_url) as hold:
        async with postgres.open_snapshot(settings.database_url) as snapshot:
            new_database = _new_folder(folder / "database.new")
            tables = await snapshot.write_tables(SCHEMAS, new_database)
            migrations = {schema: await snapshot.migrations(schema) for schema in SCHEMAS}
            if not all(migrations.values()):
                raise BackupError("there is nothing to back up: Drivebay has not used this database yet")
            expected = {row["key"]: ExpectedObject(**row) for row in await snapshot.fetch(_OBJECTS)}
        async with open_object_transfer(settings.storage(), now) as transfer:
            copies = ObjectCopies(transfer, backup, expected, advance)
            await copies.run()
        if not await hold.is_held():
            raise BackupError("the connection to PostgreSQL broke during the backup: run `drivebay backup` again")
    _begin_replacement(backup, copies.done)
    _replace_folder(new_database, backup.database)
    if with_secret and settings.secret is not None:
        write_private_file(backup.secret, f"{settings.secret.hex()}\n".encode())
    else:
        backup.secret.unlink(missing_ok=True)  # an earlier run may have written it
    done = [copies.done[key] for key in sorted(copies.done)]
    manifest = Manifest(
        format=FORMAT,
        created_at=created_at,
        release=metadata.version("drivebay"),
        migrations=migrations,
        tables=tables,
        object_count=len(done),
        object_bytes=sum(backed_up.size for backed_up in done),
        objects_sha256=file_sha256(backup.object_list),
        missing=tuple(sorted((*copies.missing, *copies.lost))),
    )
    write_private_file(backup.manifest, msgspec.json.format(msgspec.json.encode(manifest), indent=2))
    _remove_old_objects(backup, copies.done)
    return BackupReport(
        str(folder),
        created_at,
        sum(table.rows for table in tables),
        manifest.object_count,
        manifest.object_bytes,
        copies.copied,
        tuple(sorted(copies.missing)),
        tuple(sorted(copies.lost)),
    )


class ObjectCopies:
    """Copies the expected objects, several at once. `done` are the objects that the backup has now, by key."""

    def __init__(
        self, transfer: ObjectTransfer, backup: BackupFolder, expected: dict[str, ExpectedObject], advance: Advance
    ) -> None:
        self.done: dict[str, BackedUpObject] = {}
        self.missing: list[str] = []
        self.lost: list[str] = []
        self.copied = 0
        self._transfer = transfer
        self._backup = backup
        self._expected = expected
        self._advance = advance
        self._earlier = backup.read_objects()
        self._bytes = 0
        self._total = sum(expected_object.size for expected_object in expected.values())

    async def run(self) -> None:
        """Copy every object that the backup does not have yet.

        Raises Unavailable if the store does not respond, and BackupError if a file cannot be written.
        """
        remaining = iter(self._expected.values())
        # The run writes to a journal. It must not change objects.jsonl yet: the manifest of the earlier backup has the
        # hash of objects.jsonl.
        journal = os.open(self._backup.journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)  # guard: backup-journal
        os.write(journal, b"\n")  # ends a line that a killed run left incomplete

        async def work() -> None:
            for expected in remaining:
                await self._copy(expected, journal)

        try:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(_CONCURRENCY):
                    tasks.create_task(work())
        finally:
            os.close(journal)

    async def _copy(self, expected: ExpectedObject, journal: int) -> None:
        path = self._backup.object_path(expected.key)
        done = await self._find_earlier(expected, path)
        if done is None:
            with writing(path):
                done = await self._save(expected, path)
            if done is None:
                path.unlink(missing_ok=True)
                (self.missing if expected.is_missing else self.lost).append(expected.key)
                return
            self.copied += 1
            with writing(self._backup.journal):
                os.write(journal, msgspec.json.encode(done) + b"\n")
        self.done[expected.key] = done
        self._bytes += expected.size
        self._advance(self._bytes, self._total)

    async def _save(self, expected: ExpectedObject, path: Path) -> BackedUpObject | None:
        """Copy an object. Return None if the store does not have it, or if its size or checksum differs from the
        database."""
        try:
            digest = await self._transfer.download(expected.key, expected.size, path)
        except DamagedObject:
            return None
        if digest is None or expected.sha256 not in (None, digest):
            return None
        return BackedUpObject(expected.key, expected.size, digest, await self._transfer.read_headers(expected.key))

    async def _find_earlier(self, expected: ExpectedObject, path: Path) -> BackedUpObject | None:
        """Return the object if an earlier run has copied it and its file still has the same bytes, otherwise None."""
        earlier = self._earlier.get(expected.key)
        if earlier is None or expected.sha256 not in (None, earlier.sha256) or not _has_size(path, expected.size):
            return None
        return earlier if await asyncio.to_thread(file_sha256, path) == earlier.sha256 else None


def _has_size(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


def _prepare(folder: Path) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    names = {path.name for path in folder.iterdir()}
    known_names = {"manifest.json", "database", "database.new", "objects.jsonl", "objects.journal", "objects", "secret"}
    if foreign := sorted(
        name for name in names if name.removesuffix(".new") not in known_names and name not in known_names
    ):
        raise BackupError(f"{folder} contains {foreign[0]}, so it is not a backup of Drivebay. Choose an empty folder")
    folder.chmod(0o700)
    return folder


def _new_folder(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    return folder


def _begin_replacement(backup: BackupFolder, done: dict[str, BackedUpObject]) -> None:
    """Begin to replace the earlier backup. From now until the manifest is written, the backup is unfinished."""
    backup.manifest.unlink(missing_ok=True)
    backup.objects.mkdir(mode=0o700, exist_ok=True)
    lines = [msgspec.json.encode(done[key]) + b"\n" for key in sorted(done)]
    write_private_file(backup.object_list, b"".join(lines))
    backup.journal.unlink(missing_ok=True)


def _replace_folder(new: Path, target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    new.rename(target)


def _remove_old_objects(backup: BackupFolder, done: dict[str, BackedUpObject]) -> None:
    """Remove the files of objects that the new snapshot does not have."""
    for path in backup.objects.rglob("*"):
        if path.is_file() and str(path.relative_to(backup.objects)) not in done:
            path.unlink()
