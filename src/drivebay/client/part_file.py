"""Local files of downloads: written under a temporary name, verified, synced to disk, and renamed at the end.

The temporary name is `.drivebay-<32 hex digits>.part`. Its length does not depend on the file's name, which may fill
all the bytes that a file system allows.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

from .errors import ChecksumMismatch
from .ranged_reader import RangedReader

_BLOCK_SIZE: Final = 2**20
"""The number of bytes that are read and hashed at once."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_PART_NAME: Final = re.compile(
    r"(\.drivebay-[0-9a-f]{32}|\..*\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})\.part(\.json(\.new)?)?", re.DOTALL
)


class SmallDownload(NamedTuple):
    """A small file whose bytes are in memory and must be written to disk."""

    reader: RangedReader
    part: Path
    content: bytes
    target: Path
    overwrite: bool


def part_path(target: Path, file_id: str) -> Path:
    """Return the path of the part file for a target. It is the same for each attempt, even if the folder is renamed."""
    digest = hashlib.sha256(f"{target.name}\0{file_id}".encode("utf-8", "surrogateescape"))
    return target.parent / f".drivebay-{digest.hexdigest()[:32]}.part"  # guard: part-name-length


def is_part_name(name: str) -> bool:
    """Return whether a file with this name belongs to an unfinished download of this release, or of an earlier
    release."""
    return _PART_NAME.fullmatch(name) is not None


def check_target(target: Path, overwrite: bool) -> None:
    """Check the target before the transfer, so that no bytes are fetched in vain.

    Raises FileExistsError if the target exists and must not be overwritten. Raises OSError if it is not a regular file,
    or if its folder does not exist.
    """
    try:
        mode = target.stat().st_mode
    except FileNotFoundError:
        if not target.parent.is_dir():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(target.parent)) from None
        return
    if not overwrite:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "exists and is not a regular file: choose another path", str(target))


@contextmanager
def lock_part(part: Path) -> Iterator[int]:
    """Open the part file under an exclusive lock and yield its descriptor.

    Raises BlockingIOError while another process downloads the same file to the same path.
    """
    fd = os.open(part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise _locked_error(part, error.errno) from None
        if not part.exists() or os.fstat(fd).st_ino != part.stat().st_ino:
            # The previous holder renamed the part to its target: this descriptor is the finished file.
            raise _locked_error(part, errno.EAGAIN)
        yield fd
    finally:
        os.close(fd)


def write_at(fd: int, block: bytes, offset: int) -> None:
    """Write the whole block at this offset."""
    remaining = memoryview(block)
    while remaining:
        written = os.pwrite(fd, remaining, offset)
        remaining, offset = remaining[written:], offset + written


def verify(reader: RangedReader, fd: int, part_digests: Mapping[int, bytes]) -> None:
    """Compare the file with the stored checksum. Raises ChecksumMismatch.

    `part_digests` has SHA-256 digests that were computed during the transfer, by part index from 0.
    """
    if reader.sha256 is not None:
        if _sha256_of_range(fd, 0, reader.size) != reader.sha256:
            raise checksum_mismatch_error(reader)
    elif reader.parts_sha256 is not None and reader.part_size:
        digest = hashlib.sha256()
        for index, start in enumerate(range(0, reader.size, reader.part_size) or (0,)):
            stop = min(start + reader.part_size, reader.size)
            digest.update(part_digests.get(index) or _sha256_of_range(fd, start, stop))
        if digest.digest() != reader.parts_sha256:
            raise checksum_mismatch_error(reader)


def checksum_mismatch_error(reader: RangedReader) -> ChecksumMismatch:
    """Return the exception for received bytes with a wrong checksum."""
    return ChecksumMismatch(f"{reader.file.name}: the received bytes have a wrong checksum. Try again")


def rename_part(part: Path, target: Path, overwrite: bool) -> None:
    """Give the part file its final name. Raises FileExistsError if the target exists and `overwrite` is False."""
    if overwrite:
        part.replace(target)
        return
    try:
        target.hardlink_to(part)  # unlike a rename, a link never replaces an existing file
    except FileExistsError:
        raise
    except OSError:
        part.replace(target)  # the file system has no hard links
    else:
        part.unlink()


def set_file_time(fd: int, modified_at: datetime) -> None:
    """Give an open file the modification time of a file on the server. A time that the disk cannot hold is left out."""
    microseconds = (modified_at - _EPOCH) // timedelta(microseconds=1)
    with suppress(OSError, OverflowError):
        os.utime(fd, ns=(microseconds * 1000, microseconds * 1000))


def sync_folder(path: Path) -> None:
    """Sync a folder to disk, so that a new name in it survives a power failure."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write_small_files(downloads: Sequence[SmallDownload]) -> list[Exception | None]:
    """Write small files to disk, each completely or not at all. Return the error of each file, or None.

    All files are written before the first file is synced, because one disk flush then covers many of them.
    """
    errors: dict[int, Exception] = {}
    with ExitStack() as locks:
        descriptors = {}
        for index, download in enumerate(downloads):
            with _collect_error(errors, index, download):
                descriptors[index] = _write_small_file(download, locks)
        for fd in descriptors.values():
            # Linux starts writing to disk and does not wait. On ext4 this took 80 us for each file instead of 190 us.
            with suppress(OSError):
                os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        for index, fd in descriptors.items():
            with _collect_error(errors, index, downloads[index]):
                os.fsync(fd)
        for index in descriptors.keys() - errors.keys():
            download = downloads[index]
            with _collect_error(errors, index, download):
                rename_part(download.part, download.target, download.overwrite)
    indexes_by_folder: dict[Path, list[int]] = {}
    for index in descriptors.keys() - errors.keys():
        indexes_by_folder.setdefault(downloads[index].target.parent, []).append(index)
    for folder, indexes in indexes_by_folder.items():
        try:
            sync_folder(folder)
        except OSError as error:
            errors.update(dict.fromkeys(indexes, error))
    return [errors.get(index) for index in range(len(downloads))]


@contextmanager
def _collect_error(errors: dict[int, Exception], index: int, download: SmallDownload) -> Iterator[None]:
    """Store an error of the block in `errors` instead of raising it, and delete the part file."""
    try:
        with target_in_errors(download.target):
            yield
    except BlockingIOError as error:  # the part file belongs to another process
        errors[index] = error
    except Exception as error:  # noqa: BLE001 - raised in the caller of this file; the other files are written
        errors[index] = error
        with suppress(OSError, ValueError):  # guard: part-removal-fails
            download.part.unlink(missing_ok=True)


@contextmanager
def target_in_errors(target: Path) -> Iterator[None]:
    """Change an OSError of the block so that it names the target, not the part file, which the user does not know."""
    try:
        yield
    except OSError as error:
        name = error.filename
        if not isinstance(name, str) or is_part_name(name.rpartition("/")[2]):
            error.filename = str(target)
        raise


def _write_small_file(download: SmallDownload, locks: ExitStack) -> int:
    """Verify and write the part file without syncing it. Return its descriptor. Raises OSError, ChecksumMismatch."""
    reader = download.reader
    if reader.sha256 not in (None, hashlib.sha256(download.content).digest()):
        raise checksum_mismatch_error(reader)
    fd = locks.enter_context(lock_part(download.part))
    os.ftruncate(fd, 0)
    write_at(fd, download.content, 0)
    if reader.sha256 is None:
        verify(reader, fd, {})
    set_file_time(fd, reader.file.modified_at)
    return fd


def _sha256_of_range(fd: int, start: int, stop: int) -> bytes:
    digest = hashlib.sha256()
    while start < stop and (block := os.pread(fd, min(_BLOCK_SIZE, stop - start), start)):
        digest.update(block)
        start += len(block)
    return digest.digest()


def _locked_error(part: Path, number: int | None) -> BlockingIOError:
    return BlockingIOError(number, "another process is downloading this file: wait until it has finished", str(part))
