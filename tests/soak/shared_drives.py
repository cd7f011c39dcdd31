"""The two shared drives of a user: one for work with others, and one that only receives copies, which jobs make.

They are created before any fault. The folders to copy never change, so every copy must be equal to its original. Some
users have a large folder too. It has more than 1,000 files and folders, so a job makes its copy inside the same drive.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from . import drive_uploads

if TYPE_CHECKING:
    from .simulated_user import SimulatedUser

_SOURCE_SIZES: Final = (1, 3_000, 40_000, 200_000)
"""Of the files in the source folder, in bytes."""
_COPIES: Final = 9
"""Of the file in the large folder, then of the folder with the ten files, then of the folder with the ten folders."""


@dataclass
class SourceFile:
    """A file of the source folder. `sha256` is in hexadecimal digits."""

    id: str
    name: str
    size: int
    sha256: str


@dataclass
class SharedAccess:
    """An access that `other` got and that was confirmed: as a member of the drive, or by a permission on a folder.

    `item` is the id of the drive or of the folder. `role` is `viewer` or `editor`. Steps take it out of its list while
    they change it.
    """

    other: SimulatedUser
    item: str
    role: str
    is_member: bool


@dataclass
class ShareLink:
    """A link whose creation was confirmed. `maximum` is the limit of downloads, 0 without one.

    `downloads` were confirmed. `uncertain` had no response, so each of them may count.
    """

    id: str
    token: str
    file: SourceFile
    maximum: int
    downloads: int = 0
    uncertain: int = 0


@dataclass
class FolderLink:
    """A link to a folder whose creation was confirmed. `role` is `viewer` or `uploader`.

    `password` is empty without one, and `session` until the link is unlocked. `archives` are the paths of the archives
    that were made by the link since the last change of the password. Steps take it out of its list while they use it.
    """

    id: str
    token: str
    role: str
    password: str
    session: str = ""
    archives: list[str] = field(default_factory=list)


@dataclass
class OldVersion:
    """A version that is not current any more. It was replaced at `replaced_at` or later, in seconds since 1970."""

    id: str
    sha256: str
    replaced_at: float


@dataclass
class History:
    """A file with versions, whose last change was confirmed. A file whose last change is uncertain is not used again.

    `version` and `sha256` are those of the current content. `version` is empty until a list has shown it.
    """

    id: str
    name: str
    sha256: str
    version: str = ""
    old: list[OldVersion] = field(default_factory=list)
    deleted: set[str] = field(default_factory=set)

    def replace(self, sha256: str, at: float) -> None:
        """Record new content, which was sent after `at`."""
        if self.version:
            self.old.append(OldVersion(self.version, self.sha256, at))
        self.sha256, self.version = sha256, ""


@dataclass
class SharedDrives:
    """What a user knows of its shared drives. `work` and `copies` are ids of drives, `source` and `inbox` of folders.

    `large` is the id of the large folder, which is in the drive of the copies. It is empty if there is none. `inbox`
    receives the files of uploader links.
    """

    work: str
    copies: str
    source: str
    inbox: str
    large: str
    files: list[SourceFile]
    accesses: list[SharedAccess] = field(default_factory=list)
    withdrawn: list[SharedAccess] = field(default_factory=list)
    asked_members: set[str] = field(default_factory=set)
    asked_copiers: set[str] = field(default_factory=set)
    links: list[ShareLink] = field(default_factory=list)
    revoked_links: list[ShareLink] = field(default_factory=list)
    folder_links: list[FolderLink] = field(default_factory=list)
    ended_archives: list[str] = field(default_factory=list)
    histories: list[History] = field(default_factory=list)


async def create(user: SimulatedUser, *, has_large_folder: bool) -> SharedDrives:
    """Create both drives and the folders to copy, before any fault."""
    work = await _create_drive(user, f"{user.name} work")
    copies = await _create_drive(user, f"{user.name} copies")
    source = await create_folder(user, work, f"{user.name} source")
    inbox = await create_folder(user, work, f"{user.name} inbox")
    assert source is not None
    assert inbox is not None
    files: list[SourceFile] = []
    for number, size in enumerate(_SOURCE_SIZES):
        content = user.rng.randbytes(size)
        name = f"{user.name} source {number}.bin"
        id = await drive_uploads.upload(user, user, drive_uploads.Target(work, source, name), content)
        assert id is not None
        files.append(SourceFile(id, name, size, hashlib.sha256(content).hexdigest()))
    large = await _create_large_folder(user, copies) if has_large_folder else ""
    return SharedDrives(work, copies, source, inbox, large, files)


async def create_folder(user: SimulatedUser, drive: str, name: str, parent: str = "root") -> str | None:
    """Create a folder in a drive. Return its id, or None if no response confirmed it."""
    body = {"name": name, "parent_id": parent}
    response = await user.post_with_key(f"/v1/folders?drive_id={drive}", body, name, expect=(201,))
    return None if response is None else str(response.body["id"])


async def _create_drive(user: SimulatedUser, name: str) -> str:
    response = await user.post_with_key("/v1/drives", {"name": name}, name, expect=(201,))
    assert response is not None
    return str(response.body["id"])


async def _create_large_folder(user: SimulatedUser, drive: str) -> str:
    """Create a folder with 1,000 files in 110 folders: ten in each folder."""
    folders = ["root"]
    for level in range(3):
        folder = await create_folder(user, drive, f"{user.name} large source {level}", folders[-1])
        assert folder is not None
        folders.append(folder)
    target = drive_uploads.Target(drive, folders[-1], f"{user.name} large source.bin")
    item = await drive_uploads.upload(user, user, target, user.rng.randbytes(10))
    assert item is not None
    for folder in reversed(folders[1:]):
        for number in range(_COPIES):
            name = f"{user.name} {folder} {number}"
            body = {"parent_id": folder, "name": name}
            response = await user.post_with_key(f"/v1/files/{item}/copy?drive_id={drive}", body, name, expect=(201,))
            assert response is not None
        item = folder
    return folders[1]
