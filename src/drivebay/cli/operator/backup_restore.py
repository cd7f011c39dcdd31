"""Restores a backup into an empty deployment: first the objects, then the rows in one transaction, then a check.

Until the rows are loaded the deployment counts as empty. So after an interruption, another run continues the restore.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from ... import files, node, postgres, runtime
from ...auth import store as auth_store
from ...config import Settings
from ...contract.files import Violation
from ...files.changes.store import ChangeStore
from ...storage.object_transfer import DamagedObject, ObjectTransfer, open_object_transfer
from .backup_format import BackedUpObject, BackupError, BackupFolder, Manifest, write_private_file
from .byte_progress import Advance

_CONCURRENCY: Final = 4
"""The number of objects that are copied at the same time."""
_MIGRATIONS: Final = {"auth": auth_store.MIGRATIONS, "files": Path(files.__file__).parent / "migrations"}
_MUST_BE_EMPTY: Final = (
    "auth.users",
    "files.drives",
    "files.usage",
    "files.uploads",
    "files.entries",
    "files.versions",
)
"""The tables that have no rows in an empty deployment."""


class RestoreReport(msgspec.Struct, frozen=True):
    """The result of a restore. `copied` is the number of objects that this run wrote. The others existed already.

    `violations` are the violations that the check found.
    """

    folder: str
    created_at: str
    rows: int
    objects: int
    copied: int
    violations: tuple[Violation, ...]


async def restore_backup(
    settings: Settings, folder: Path, now: Callable[[], datetime], advance: Advance
) -> RestoreReport:
    """Restore the backup in `folder` into the deployment of `settings`, and check every invariant.

    Raises BackupError, before anything is changed, if the tables or the list of objects are damaged, or if the
    deployment is in use or not empty. Raises BackupError, before the database is changed, if an object is damaged.
    """
    backup = BackupFolder(folder)
    manifest = backup.read_manifest()
    _require_known_migrations(manifest)
    settings = _use_secret(settings, backup)
    async with runtime.open_servers(settings, frozenset({"files", "storage"})) as opened:
        if opened.database_url is None:
            raise BackupError("DRIVEBAY_DATABASE_URL is not set")
        await _require_empty_database(opened.database_url)
        await require_no_newer_migrations(opened.database_url, manifest)
        objects = backup.read_objects()
        async with open_object_transfer(opened.storage(), now) as transfer:
            await _require_no_other_objects(transfer, objects)
            copied = await _store_objects(transfer, backup, objects, advance)
        if backup.secret.is_file() and settings.secret is not None and _secret_file(settings).parent.is_dir():
            _write_secret(settings)
        for schema, names in manifest.migrations.items():
            await postgres.migrate(opened.database_url, schema, _MIGRATIONS[schema], only=names)
        await postgres.load_tables(opened.database_url, manifest.tables, backup.database)
        async with node.open_services(opened, frozenset({"auth", "files", "storage"})) as services:
            # The migrations that the backup does not have were applied when the services started.
            await _expire_change_cursors(opened.database_url)
            violations = await services.files.check_invariants()
    rows = sum(table.rows for table in manifest.tables)
    return RestoreReport(str(folder), manifest.created_at, rows, len(objects), copied, violations)


def _require_known_migrations(manifest: Manifest) -> None:
    for schema, names in manifest.migrations.items():
        known = postgres.migration_names(_MIGRATIONS[schema]) if schema in _MIGRATIONS else ()
        if unknown := sorted(set(names) - set(known)):
            raise BackupError(
                f"the backup has the migration {schema}/{unknown[0]}, which this release does not know:"
                f" restore it with Drivebay {manifest.release} or later"
            )


async def require_no_newer_migrations(url: str, manifest: Manifest) -> None:
    """Raise BackupError if the database has a migration that the backup does not have. The tables of the backup would
    not fit."""
    for schema, names in manifest.migrations.items():
        if newer := sorted(set(await postgres.applied_migrations(url, schema)) - set(names)):  # guard: restore-newer
            raise BackupError(
                f"the database has the migration {schema}/{newer[0]}, which is newer than the backup:"
                " restore into a new database or data folder. The restore then applies the migrations that the backup"
                " lacks"
            )


async def _expire_change_cursors(url: str) -> None:
    """Make every cursor of the change feeds invalid: clients have seen changes that the backup does not have."""
    async with postgres.connect(url, size=2) as database:
        users = await auth_store.Store(database).list_user_ids()
        await ChangeStore().restart_feeds(database, users)


def _secret_file(settings: Settings) -> Path:
    return settings.data / "secret"


def _use_secret(settings: Settings, backup: BackupFolder) -> Settings:
    """Return the settings with the secret of the backup, which replaces a secret that Drivebay generated.

    Raises BackupError if DRIVEBAY_SECRET is another secret.
    """
    if not backup.secret.is_file():
        return settings
    secret = bytes.fromhex(backup.secret.read_text("ascii").strip())
    if settings.secret == secret:
        return settings
    file = _secret_file(settings)
    if not file.is_file() or file.read_text("ascii").strip() != (settings.secret or b"").hex():
        raise BackupError(
            "DRIVEBAY_SECRET is not the secret of the backup: set it to the content of the file `secret` in the backup"
        )
    return replace(settings, secret=secret)


def _write_secret(settings: Settings) -> None:
    file = _secret_file(settings)
    if settings.secret is not None and file.is_file() and file.read_text("ascii").strip() != settings.secret.hex():
        write_private_file(file, f"{settings.secret.hex()}\n".encode())


async def _require_empty_database(url: str) -> None:
    if await postgres.is_in_use(url):  # guard: restore-in-use
        raise BackupError("Drivebay is running on this database: stop all its processes first")
    if table := await postgres.find_filled_table(url, _MUST_BE_EMPTY):  # guard: restore-empty
        raise BackupError(
            f"the deployment is not empty ({table} has rows): restore into a new database or data folder."
            " If an earlier restore ended after it loaded the rows, run `drivebay check`"
        )


async def _require_no_other_objects(transfer: ObjectTransfer, objects: dict[str, BackedUpObject]) -> None:
    """Raise BackupError if the bucket has an object that is not in the backup."""
    async for key in transfer.list_keys():
        # Keys that begin with a dot belong to probes, staging, quarantine and thumbnails.
        if key not in objects and not key.startswith("."):
            raise BackupError(
                f"the bucket is not empty: it contains {key}, which is not in the backup. Use a new bucket"
            )


async def _store_objects(
    transfer: ObjectTransfer, backup: BackupFolder, objects: dict[str, BackedUpObject], advance: Advance
) -> int:
    """Write every object that the store does not have yet. Return the number of written objects."""
    remaining = iter(objects.values())
    total, done, copied = sum(backed_up.size for backed_up in objects.values()), 0, 0

    async def work() -> None:
        nonlocal done, copied
        for backed_up in remaining:
            if not await transfer.has_object(backed_up.key, backed_up.size, backed_up.sha256):
                await transfer.upload(
                    backed_up.key, backup.object_path(backed_up.key), backed_up.sha256, backed_up.headers
                )
                copied += 1
            done += backed_up.size
            advance(done, total)

    try:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(_CONCURRENCY):
                tasks.create_task(work())
    except* DamagedObject as group:
        raise BackupError("; ".join(str(error) for error in group.exceptions)) from None
    except* FileNotFoundError as group:
        raise BackupError(f"the backup lacks a file: {group.exceptions[0]}") from None
    return copied
