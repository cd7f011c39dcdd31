"""The content of a backup folder.

    manifest.json      written last: a folder without it is an unfinished backup
    database/          one file for each table, in the text format of COPY
    objects.jsonl      one line for each object: key, size, SHA-256, headers
    objects.journal    the same, for the objects that an unfinished backup has copied
    objects/           the bytes of each object, under its key
    secret             the root secret of the deployment

Folders have mode 0700 and files 0600: the backup contains everything that users stored.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from ...postgres import TableFile
from ...storage.object_transfer import file_sha256

FORMAT: Final = 1
SCHEMAS: Final = ("auth", "files")


class BackupError(ValueError):
    """A backup cannot be written or restored. The message gives the reason and what to do."""


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Raise an OSError of the block as BackupError, because the error of a write does not name its file."""
    try:
        yield
    except OSError as error:
        raise BackupError(f"cannot write {path}: {error.strerror or error}") from error


class BackedUpObject(msgspec.Struct, frozen=True):
    """One object of a backup. `size` is in bytes, `sha256` in hexadecimal.

    `headers` are its content type and metadata.
    """

    key: str
    size: int
    sha256: str
    headers: dict[str, str] = {}


class Manifest(msgspec.Struct, frozen=True):
    """The description of a finished backup. `migrations` are the applied migrations of each schema.

    `missing` are keys of objects that could not be copied: the store does not have them, or they are damaged.

    `objects_sha256` is the SHA-256 of `objects.jsonl`.
    """

    format: int
    created_at: str
    release: str
    migrations: dict[str, tuple[str, ...]]
    tables: tuple[TableFile, ...]
    object_count: int
    object_bytes: int
    objects_sha256: str
    missing: tuple[str, ...]


class BackupFolder:
    """The paths in a backup folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest = folder / "manifest.json"
        self.database = folder / "database"
        self.object_list = folder / "objects.jsonl"
        self.journal = folder / "objects.journal"
        self.objects = folder / "objects"
        self.secret = folder / "secret"

    def object_path(self, key: str) -> Path:
        """Return the path of an object in the backup. Raises BackupError for a key that leads out of the folder."""
        path = self.objects / key
        if not key or ".." in Path(key).parts or Path(key).is_absolute() or "\0" in key:  # guard: backup-key
            raise BackupError(f"{self.folder} names the object {key!r}, which is not a key of Drivebay")
        return path

    def read_objects(self) -> dict[str, BackedUpObject]:
        """Return the objects in the list and in the journal by key. An incomplete line is ignored."""
        objects = {}
        for file in (self.object_list, self.journal):
            for line in file.read_bytes().splitlines() if file.exists() else ():
                try:
                    backed_up = msgspec.json.decode(line, type=BackedUpObject)
                except msgspec.DecodeError:
                    continue
                objects[backed_up.key] = backed_up
        return objects

    def read_manifest(self) -> Manifest:
        """Compare the tables and the list of objects with the manifest, and return the manifest.

        Raises BackupError if they differ, or if there is no manifest that this release can read.
        """
        if not self.manifest.is_file():
            raise BackupError(f"{self.folder} contains no finished backup: run `drivebay backup` again to finish it")
        try:
            manifest = msgspec.json.decode(self.manifest.read_bytes(), type=Manifest)
        except msgspec.DecodeError as error:
            raise BackupError(f"{self.manifest} is damaged: {error}") from None
        if manifest.format > FORMAT:
            raise BackupError(f"{self.folder} was made by a newer Drivebay ({manifest.release}): use that release")
        digests = {self.database / table.file_name: table.sha256 for table in manifest.tables}
        digests[self.object_list] = manifest.objects_sha256
        for path, digest in digests.items():
            if not path.is_file() or file_sha256(path) != digest:
                raise BackupError(f"{path} is missing or has changed since the backup")
        return manifest


def write_private_file(path: Path, content: bytes) -> None:
    """Replace a file atomically. Only this user may read it. Raises BackupError."""
    new = path.with_name(path.name + ".new")
    with writing(path):
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as output:
            output.write(content)
            output.flush()
            os.fsync(output.fileno())
        new.replace(path)
