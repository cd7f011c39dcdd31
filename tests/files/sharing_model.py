"""A plain model of one shared drive: files with versions, members, permissions, links and archives.

The model knows of each version its bytes and its object. So it knows what each user and the holder of each link may
read, and the usage.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from drivebay.contract import files as c
from drivebay.contract.files import LinkRole, Role
from drivebay.contract.ids import ROOT, FileId, LinkId, UserId, VersionId
from drivebay.errors import Error, NotFound, PasswordRequired


@dataclass
class Version:
    """A version of a file. Versions that share an object have the same `key`."""

    id: VersionId
    body: bytes
    key: str


@dataclass
class Node:
    """A file or folder. `versions` are those of a file, newest first.

    `is_trashed`: it was moved to the trash itself. `is_gone`: it was deleted for good. It stays in the model.
    """

    kind: c.Kind
    parent: FileId
    name: str
    versions: list[Version] = field(default_factory=list)
    is_trashed: bool = False
    is_gone: bool = False


@dataclass
class Link:
    """A link. `lock` is None without a password, and another object after each change of the password."""

    id: LinkId
    token: str
    item: FileId
    role: LinkRole
    creator: UserId
    max_downloads: int | None
    password: str | None
    lock: object = None
    downloads: int = 0
    session: str | None = None
    is_unlocked: bool = False
    wrong_passwords: int = 0
    is_deleted: bool = False

    @property
    def is_spent(self) -> bool:
        return self.max_downloads is not None and self.downloads >= self.max_downloads

    def change_password(self, password: str | None) -> None:
        """Record another password. The session is kept, and must not be accepted any more."""
        self.password, self.lock = password, None if password is None else object()
        self.is_unlocked = False


@dataclass
class Archive:
    """An archive that a user, or the holder of a link, created. `lock` and `downloads` are those of the link then.

    `bodies` are the bytes of its files, sorted.
    """

    token: str
    chosen: FileId
    user: UserId | None
    link: Link | None
    bodies: list[bytes]
    lock: object = None
    downloads: int = 0


@dataclass
class SharingModel:
    """A shared drive of `creator` that keeps `kept_versions` old versions of each file.

    `pending` has the bytes of released versions whose object was not purged yet, by key.
    """

    creator: UserId
    kept_versions: int
    members: dict[UserId, Role] = field(default_factory=dict)
    permissions: dict[tuple[FileId, UserId], Role] = field(default_factory=dict)
    nodes: dict[FileId, Node] = field(default_factory=dict)
    links: list[Link] = field(default_factory=list)
    archives: list[Archive] = field(default_factory=list)
    pending: dict[str, int] = field(default_factory=dict)

    # -- the tree

    def pick(self, number: int, *kinds: c.Kind) -> FileId:
        """Return an item, in the trash or not."""
        ids = [id for id, node in self.nodes.items() if node.kind in (kinds or tuple(c.Kind))]
        return ids[number % len(ids)]

    def pick_folder(self, number: int) -> FileId:
        """Return a folder, in the trash or not, or the root."""
        folders = [ROOT, *(id for id, node in self.nodes.items() if node.kind is c.Kind.FOLDER)]
        return folders[number % len(folders)]

    def chain(self, id: FileId) -> list[FileId]:
        """Return an item and the folders above it."""
        chain = []
        while id != ROOT:
            chain.append(id)
            id = self.nodes[id].parent
        return chain

    def is_live(self, id: FileId) -> bool:
        return not any(self.nodes[each].is_trashed or self.nodes[each].is_gone for each in self.chain(id))

    def live_below(self, id: FileId) -> list[FileId]:
        """Return an item and the items below it outside the trash."""
        return [each for each in self.nodes if each == id or (id in self.chain(each) and self.is_live(each))]

    def live_children(self, id: FileId) -> dict[str, FileId]:
        """Return the items of a folder outside the trash, by name."""
        return {node.name: each for each, node in self.nodes.items() if node.parent == id and self.is_live(each)}

    def bodies_below(self, id: FileId) -> list[bytes]:
        """Return the bytes of the files in an item, sorted."""
        nodes = [self.nodes[each] for each in self.live_below(id)]
        return sorted(node.versions[0].body for node in nodes if node.versions)

    def delete_trashed(self, id: FileId) -> None:
        """Delete an item for good, with what went to the trash with it."""
        taken = [id]
        for each in taken:
            taken += [child for child, node in self.nodes.items() if node.parent == each and not node.is_trashed]
        for each in taken:
            self.nodes[each].is_gone = True
            self.permissions = {pair: role for pair, role in self.permissions.items() if pair[0] != each}
        self._release([version for each in taken for version in self.nodes[each].versions])

    # -- versions

    def held_versions(self) -> list[Version]:
        """Return the versions of all files that are not deleted for good."""
        return [version for node in self.nodes.values() if not node.is_gone for version in node.versions]

    def add_version(self, id: FileId, version: Version) -> None:
        versions = self.nodes[id].versions
        versions.insert(0, version)
        excess = versions[self.kept_versions + 1 :]
        del versions[self.kept_versions + 1 :]
        self._release(excess)

    def delete_version(self, id: FileId, version: Version) -> None:
        self.nodes[id].versions.remove(version)
        self._release([version])

    def used_bytes(self) -> int:
        """Return the usage. The bytes of an object that nothing refers to any more count until it is purged."""
        return sum(len(version.body) for version in self.held_versions()) + sum(self.pending.values())

    def _release(self, versions: list[Version]) -> None:
        held = {version.key for version in self.held_versions()}
        for version in versions:
            if version.key not in held:
                self.pending[version.key] = self.pending.get(version.key, 0) + len(version.body)

    # -- who may read what

    def role_of(self, user: UserId, id: FileId) -> Role | None:
        """Return the role of a user for an item outside the trash, or None."""
        if not self.is_live(id):
            return None
        if user == self.creator:
            return Role.MANAGER
        if user in self.members:
            return self.members[user]
        roles = [self.permissions[each, user] for each in self.chain(id) if (each, user) in self.permissions]
        return max(roles, key=list(Role).index, default=None)

    def drive_role_of(self, user: UserId) -> Role | None:
        """Return the role of a user for the whole drive, or None."""
        return self.role_of(user, ROOT)

    def has_access(self, user: UserId) -> bool:
        """Return whether anything is shared with a user, in the trash or not."""
        return self.drive_role_of(user) is not None or any(each == user for _, each in self.permissions)

    def has_link(self, link: Link) -> bool:
        """Return whether a link exists. It is deleted when its item is deleted for good."""
        return not link.is_deleted and not self.nodes[link.item].is_gone

    def link_error(self, link: Link) -> type[Error] | None:
        """Return the error of opening a link, or None."""
        if not self.has_link(link) or link.is_spent or not self.is_live(link.item):
            return NotFound
        return PasswordRequired if link.password is not None and not link.is_unlocked else None

    def link_read_error(self, link: Link, id: FileId) -> type[Error] | None:
        """Return the error of reading an item through a link, or None."""
        if error := self.link_error(link):
            return error
        is_inside = self.is_live(id) and link.item in self.chain(id)
        return None if is_inside and link.role is not LinkRole.UPLOADER else NotFound

    def may_open(self, archive: Archive) -> bool:
        """Return whether an archive can be downloaded. Members keep their access to an item in the trash."""
        link = archive.link
        if link is None:
            assert archive.user is not None
            return (
                self.drive_role_of(archive.user) is not None or self.role_of(archive.user, archive.chosen) is not None
            )
        if link.is_deleted or link.lock is not archive.lock:
            return False
        if link.is_spent and link.downloads != archive.downloads:
            return False
        return self.is_live(archive.chosen) and link.item in self.chain(archive.chosen)
