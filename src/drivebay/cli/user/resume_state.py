"""Unfinished uploads, as small files in the user's state folder.

Each resumable upload in parts is stored as one file. The folder `begun` contains one file for each batch of small
uploads. A process locks the files of its own batches until it ends.
"""

from __future__ import annotations

import errno
import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec
import platformdirs

from drivebay.client import PendingBatch, UnfinishedUpload

from .atomic_files import read_if_exists, write_atomically
from .exit_codes import CommandError, ExitCode
from .logins import current_profile

_PROBE_SIZE: Final = 64 * 1024
"""The approximate size of the largest record in bytes."""


class ResumeFolder:
    """A `ResumeStore` in a folder, shared by all processes of the user."""

    def __init__(self, folder: Path | None = None) -> None:
        self._uploads = folder or _state_folder()
        self._batches = self._uploads / "begun"  # do not rename the folder: earlier releases have stored files in it
        self._locks: dict[str, int] = {}
        """The open file descriptors of the batches that this process has locked, by key. Closing one ends the lock."""

    def find_upload(self, key: str) -> UnfinishedUpload | None:
        content = read_if_exists(self._upload_path(key))
        return None if content is None else _decode_upload(content)

    def save_upload(self, upload: UnfinishedUpload) -> None:
        with self._writing():
            write_atomically(self._upload_path(upload.key), msgspec.json.encode(upload))

    def remove_upload(self, key: str) -> None:
        self._upload_path(key).unlink(missing_ok=True)

    def all_uploads(self) -> list[UnfinishedUpload]:
        """Return every unfinished upload, the oldest first."""
        decoded = [_decode_upload(path.read_bytes()) for path in self._uploads.glob("*.json")]
        return sorted((upload for upload in decoded if upload is not None), key=lambda upload: upload.begun_at)

    def check_writable(self) -> None:
        """Write and delete a file. Raises CommandError if that fails, so that no upload is begun without its record."""
        with self._writing():
            self._batches.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self._batches, buffering=0) as file:
                written = file.write(bytes(_PROBE_SIZE))
            if written != _PROBE_SIZE:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def record_batch(self, batch: PendingBatch) -> None:
        temporary = self._batches / f".{batch.key}"
        with self._writing():
            self._batches.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                # The file is not synced. It survives the process. After a power failure the uploads expire.
                with os.fdopen(descriptor, "wb", closefd=False) as file:
                    file.write(msgspec.json.encode(batch))
                temporary.replace(self._batch_path(batch.key))
            except BaseException:
                os.close(descriptor)
                temporary.unlink(missing_ok=True)
                raise
        self._locks[batch.key] = descriptor

    def remove_batch(self, key: str) -> None:
        descriptor = self._locks.pop(key)
        try:
            self._batch_path(key).unlink(missing_ok=True)
        finally:
            os.close(descriptor)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Raise an OSError of the block as CommandError, because the user does not know the file that it names."""
        try:
            yield
        except OSError as error:
            message = f"cannot write the state of uploads in {self._uploads}: {error.strerror}"
            next_step = "make the folder writable and free some space, or set XDG_STATE_HOME to another folder"
            raise CommandError(message, ExitCode.FAILED, next_step) from None

    def take_abandoned_batches(self, server: str) -> list[PendingBatch]:
        batches = [self._take_batch(path, server) for path in self._batches.glob("*.json")]
        return [batch for batch in batches if batch is not None]

    def _take_batch(self, path: Path, server: str) -> PendingBatch | None:
        """Lock and return a batch.

        Return None if a running process has locked it, if it is for another server, or if it cannot be read.
        """
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return None  # the file was deleted meanwhile, or belongs to another user
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # guard: batch-lock
            batch = msgspec.json.decode(path.read_bytes(), type=PendingBatch)
        except (BlockingIOError, FileNotFoundError, msgspec.MsgspecError):
            os.close(descriptor)
            return None
        if batch.server != server:
            os.close(descriptor)
            return None
        self._locks[batch.key] = descriptor
        return batch

    def _batch_path(self, key: str) -> Path:
        return self._batches / f"{key}.json"

    def _upload_path(self, key: str) -> Path:
        return self._uploads / f"{key}.json"


def _state_folder() -> Path:
    """Return the folder of the profile. Each profile has its own folder, because an account cannot resume the uploads
    of another account."""
    folder, profile = platformdirs.user_state_path("drivebay"), current_profile()
    return folder / "profiles" / profile / "uploads" if profile else folder / "uploads"


def _decode_upload(content: bytes) -> UnfinishedUpload | None:
    try:
        return msgspec.json.decode(content, type=UnfinishedUpload)
    except msgspec.MsgspecError:
        return None  # another release of Drivebay wrote the record: the upload starts again
