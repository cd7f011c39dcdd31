"""Random uploads, versions and copies by the users of a shared drive: the rules of a state machine, and its calls."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import rule

from drivebay.contract import files as c
from drivebay.contract.files import Access, Role
from drivebay.contract.ids import ROOT, FileId, UserId
from drivebay.errors import Conflict, Error, Forbidden, NotFound

from .conftest import new_owner
from .sharing_model import Node, SharingModel, Version
from .state_machine import DriveMachine
from .test_drives import new_user, shared

T = TypeVar("T")
KEPT_VERSIONS: Final = 2
NUMBERS: Final = st.integers(0, 30)
USERS: Final = st.integers(0, 2)
"""The creator of the drive and two guests."""
GUESTS: Final = st.integers(1, 2)
_BODIES: Final = st.sampled_from([b"a", b"bb", b"ccc", b"dddd"])
_MAX_NODES: Final = 9


class FileRules(DriveMachine):
    """The rules about files, versions and copies, and the calls that all rules use."""

    def create_drive(self) -> None:
        """Create a drive with two folders, one in the other, and three files."""
        creator = self.loop.drive.for_owner(new_owner())
        self.drive, self.manager = self.run(shared(creator))
        self.files = self.drive.files
        self.users = [UserId(creator.owner), new_user(), new_user()]
        self.model = SharingModel(self.users[0], KEPT_VERSIONS)
        self.name_count = 0
        top = self.add_folder(ROOT)
        inner = self.add_folder(top)
        for parent in (inner, top, ROOT):
            self.store(self.manager, parent, None, b"a", sha256=False)

    # -- calls

    def new_name(self) -> str:
        self.name_count += 1
        return f"n{self.name_count}"

    def is_full(self) -> bool:
        return sum(not node.is_gone for node in self.model.nodes.values()) >= _MAX_NODES

    async def access_of(self, user: UserId) -> Access | None:
        """Return the access of a user. Only a user with whom nothing is shared has none."""
        try:
            access = await self.files.resolve_access(user, self.drive.owner)
        except NotFound:
            assert not self.model.has_access(user)
            return None
        assert self.model.has_access(user)
        return access

    async def attempt(
        self, user: UserId, call: Callable[[Access], Awaitable[T]], *needs: tuple[FileId, Role]
    ) -> T | None:
        """Call as a user who needs roles for items. Return None if the call is refused, which must be expected."""
        access = await self.access_of(user)
        roles = [(self.model.role_of(user, item), needed) for item, needed in needs]
        is_allowed = all(role is not None and role.includes(needed) for role, needed in roles)
        # The gateway compares the role of a member with the role that the call needs.
        if access is None or not (access.grants or all(access.role.includes(needed) for _, needed in needs)):
            assert not is_allowed
            return None
        try:
            result = await call(access)
        except NotFound:
            assert any(role is None for role, _ in roles)
            return None
        except Forbidden:
            assert any(role is not None and not role.includes(needed) for role, needed in roles)
            return None
        assert is_allowed
        return result

    async def attempt_in_drive(self, user: UserId, call: Callable[[Access], Awaitable[T]]) -> T | None:
        """Call as a user who needs the role editor in the whole drive. Return None if the call is refused."""
        access = await self.access_of(user)
        if access is None:
            return None
        role = self.model.drive_role_of(user)
        if role is not None and role.includes(Role.EDITOR):
            return await call(access)
        with pytest.raises(Forbidden):
            await call(access)
        return None

    async def expect(self, error: type[Error] | None, call: Awaitable[T]) -> T | None:
        if error is None:
            return await call
        with pytest.raises(error):
            await call
        return None

    # -- files and versions

    def add_folder(self, parent: FileId) -> FileId:
        name = self.new_name()
        folder = self.run(self.files.create_folder(self.manager, parent, name))
        self.model.nodes[folder.id] = Node(c.Kind.FOLDER, parent, name)
        return folder.id

    def store(self, access: Access, parent: FileId, file: FileId | None, body: bytes, *, sha256: bool) -> None:
        """Store a new file, or a new version of a file. With a checksum of known bytes, the upload is instant."""
        name = self.new_name() if file is None else self.model.nodes[file].name
        digest = hashlib.sha256(body).digest() if sha256 else None
        intent = c.UploadIntent(name, len(body), "text/plain", parent, c.OnConflict.REPLACE, digest)
        is_known = body in [version.body for version in self.model.held_versions()]
        upload = self.run(self.files.begin_upload(access, intent))
        # Who reaches only some items must not learn which bytes others have stored.
        assert upload.is_instant == (sha256 and is_known and not access.grants)
        if not upload.is_instant:
            self.drive.bucket.put(upload.key, body, "text/plain")
            upload = self.run(self.files.complete_upload(access, upload.id))
        assert upload.file is not None
        if file is None:
            self.model.nodes[upload.file] = Node(c.Kind.FILE, parent, name)
        assert file in (None, upload.file)
        self.run(self.record(upload.file, body, None if upload.is_instant else upload.key))

    async def record(self, id: FileId, body: bytes, key: str | None) -> None:
        """Record the new current version of a file. Its object has this key, or is one of those with these bytes."""
        file = await self.files.get_file(self.manager, id)
        content = await self.files.get_content(self.manager, id)
        known = {version.key for version in self.model.held_versions() if version.body == body}
        assert content.key in (known if key is None else {key})
        assert file.version is not None
        self.model.add_version(id, Version(file.version, body, content.key))

    @rule(user=USERS, number=NUMBERS, body=_BODIES, sha256=st.booleans())
    def upload(self, user: int, number: int, body: bytes, sha256: bool) -> None:
        folder = self.model.pick_folder(number)
        role, access = self.model.role_of(self.users[user], folder), self.run(self.access_of(self.users[user]))
        if self.is_full() or access is None:
            return
        if role is not None and role.includes(Role.EDITOR):
            self.store(access, folder, None, body, sha256=sha256)
        elif access.grants:
            intent = c.UploadIntent(self.new_name(), len(body), "text/plain", folder)
            self.run(self.expect(Forbidden if role else NotFound, self.files.begin_upload(access, intent)))

    @rule(user=USERS, number=NUMBERS, body=_BODIES, sha256=st.booleans())
    def replace_content(self, user: int, number: int, body: bytes, sha256: bool) -> None:
        id = self.model.pick(number, c.Kind.FILE)
        parent = self.model.nodes[id].parent
        role, access = self.model.role_of(self.users[user], parent), self.run(self.access_of(self.users[user]))
        if access is not None and role is not None and role.includes(Role.EDITOR) and self.model.is_live(id):
            self.store(access, parent, id, body, sha256=sha256)

    @rule(guest=GUESTS, number=NUMBERS)
    def withdraw_access_during_an_upload(self, guest: int, number: int) -> None:
        user, folder = self.users[guest], self.model.pick_folder(number)
        role, access = self.model.role_of(user, folder), self.run(self.access_of(user))
        if access is None or role is None or not role.includes(Role.EDITOR):
            return
        intent = c.UploadIntent(self.new_name(), 1, "text/plain", folder)
        upload = self.run(self.files.begin_upload(access, intent))
        self.drive.bucket.put(upload.key, b"x", "text/plain")
        if user in self.model.members:
            self.run(self.files.remove_member(self.manager, user))
            del self.model.members[user]
        for item in [item for item, other in self.model.permissions if other == user and self.model.is_live(item)]:
            self.run(self.files.delete_permission(self.manager, item, user))
            del self.model.permissions[item, user]
        # Permissions on items in the trash are left.
        later = self.run(self.access_of(user))
        if later is not None:
            self.run(self.expect(NotFound, self.files.complete_upload(later, upload.id)))
        self.run(self.files.abort_upload(self.manager, upload.id))

    @rule(user=USERS, number=NUMBERS, position=st.integers(0, KEPT_VERSIONS))
    def restore_version(self, user: int, number: int, position: int) -> None:
        id = self.model.pick(number, c.Kind.FILE)
        versions = self.model.nodes[id].versions
        version = versions[position % len(versions)]
        restored = self.run(
            self.attempt(
                self.users[user],
                lambda access: self.files.restore_version(access, id, version.id),
                (id, Role.EDITOR),
            )
        )
        # Content that is current already is not restored again.
        if restored is not None and version.key != versions[0].key:
            self.run(self.record(id, version.body, version.key))

    @rule(user=USERS, number=NUMBERS, position=st.integers(0, KEPT_VERSIONS))
    def delete_version(self, user: int, number: int, position: int) -> None:
        id = self.model.pick(number, c.Kind.FILE)
        versions = self.model.nodes[id].versions
        version = versions[position % len(versions)]
        is_current = version is versions[0]

        async def delete(access: Access) -> bool:
            await self.expect(Conflict if is_current else None, self.files.delete_version(access, id, version.id))
            return True

        if self.run(self.attempt(self.users[user], delete, (id, Role.EDITOR))) and not is_current:
            self.model.delete_version(id, version)

    @rule(user=USERS, number=NUMBERS, into=NUMBERS)
    def copy(self, user: int, number: int, into: int) -> None:
        id, parent, name = self.model.pick(number), self.model.pick_folder(into), self.new_name()
        if self.is_full() or len(self.model.live_below(id)) > 3 or id in self.model.chain(parent):
            return
        copied = self.run(
            self.attempt(
                self.users[user],
                lambda access: self.files.copy_entry(access, id, c.CopyTarget(parent, name)),
                (id, Role.VIEWER),
                (parent, Role.EDITOR),
            )
        )
        if copied is not None:
            assert (copied.parent, copied.name) == (parent, name)
            self.run(self.record_copy(id, copied))

    async def record_copy(self, original: FileId, copied: c.File) -> None:
        node = self.model.nodes[original]
        self.model.nodes[copied.id] = Node(node.kind, copied.parent, copied.name)
        if node.kind is c.Kind.FILE:
            await self.record(copied.id, node.versions[0].body, node.versions[0].key)
            return
        page = await self.files.list_files(self.manager, c.Listing(copied.id))
        children = self.model.live_children(original)
        assert {item.name for item in page.items} == children.keys()
        for item in page.items:
            await self.record_copy(children[item.name], item)

    @rule(user=USERS, number=NUMBERS, over=NUMBERS)
    def copy_over_another_file(self, user: int, number: int, over: int) -> None:
        id, other = self.model.pick(number, c.Kind.FILE), self.model.pick(over, c.Kind.FILE)
        node, current = self.model.nodes[other], self.model.nodes[id].versions[0]
        if id == other or not self.model.is_live(other):
            return
        target = c.CopyTarget(node.parent, node.name, c.OnConflict.REPLACE)
        copied = self.run(
            self.attempt(
                self.users[user],
                lambda access: self.files.copy_entry(access, id, target),
                (id, Role.VIEWER),
                (node.parent, Role.EDITOR),
            )
        )
        if copied is not None:
            assert copied.id == other
            self.run(self.record(other, current.body, current.key))
