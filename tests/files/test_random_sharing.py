"""Random versions, copies, permissions, members, links and archives of a shared drive, compared with a model.

After each step, these are compared with the model: what each user and the holder of each link may read, the bytes of
each version, and the usage. When an access was withdrawn, nothing must be readable by it.
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import replace

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from drivebay.contract import files as c
from drivebay.contract.files import Access, LinkRole, Role
from drivebay.contract.ids import ROOT
from drivebay.errors import (
    Conflict,
    Error,
    Forbidden,
    InvalidCredentials,
    InvalidRequest,
    NotFound,
    PasswordRequired,
    WouldCycle,
)

from .conftest import SETTINGS, gather_results
from .sharing_files import GUESTS, KEPT_VERSIONS, NUMBERS, USERS, FileRules
from .sharing_model import Archive, Link, Node
from .state_machine import MODEL_SETTINGS, run_machine

ROLES = st.sampled_from([Role.VIEWER, Role.EDITOR])
PASSWORDS = st.sampled_from([None, "sesame"])
MAX_DOWNLOADS = st.sampled_from([None, 1, 2])
FEW = 15
"""The examples of the fast tests, which are the same in each run."""
MAX_LINKS = 3
MAX_ARCHIVES = 3
MAX_WRONG_PASSWORDS = 8  # a client may try ten times in a minute


class Machine(FileRules):
    @initialize()
    def share(self) -> None:
        """Share the first folder with a user and by a link with a password, and let both make an archive of it."""
        self.create_drive()
        self.give_permission(user=0, guest=1, number=0, role=Role.EDITOR)
        self.create_link(user=0, number=0, role=LinkRole.EDITOR, password="sesame", max_downloads=None)
        self.unlock_link(number=0, is_right=True)
        self.create_archive(user=1, number=0)
        self.create_archive_by_link(number=0, item=0)

    # -- the tree

    @rule(number=NUMBERS, into=NUMBERS)
    def move(self, number: int, into: int) -> None:
        id, folder = self.model.pick(number), self.model.pick_folder(into)
        try:
            update = c.EntryUpdate(parent=folder, on_conflict=c.OnConflict.RENAME)
            moved = self.run(self.files.update_entry(self.manager, id, update))
        except NotFound:
            assert not self.model.is_live(id) or not self.model.is_live(folder)
        except WouldCycle:
            assert id in self.model.chain(folder)
        else:
            assert self.model.is_live(id)
            assert self.model.is_live(folder)
            self.model.nodes[id].parent, self.model.nodes[id].name = folder, moved.name

    @rule(number=NUMBERS)
    def trash(self, number: int) -> None:
        id = self.model.pick(number)
        error = None if self.model.is_live(id) else NotFound
        self.run(self.expect(error, self.files.trash_entry(self.manager, id)))
        if error is None:
            self.model.nodes[id].is_trashed = True

    @rule(number=NUMBERS)
    def restore(self, number: int) -> None:
        id = self.model.pick(number)
        node = self.model.nodes[id]
        error = None if node.is_trashed and not node.is_gone else NotFound
        restored = self.run(self.expect(error, self.files.restore_entry(self.manager, id)))
        if restored is not None:
            node.is_trashed = False
            node.parent = node.parent if self.model.is_live(node.parent) else ROOT
            node.name = restored.name
            assert restored.parent == node.parent

    @rule(number=NUMBERS)
    def delete_trashed(self, number: int) -> None:
        id = self.model.pick(number)
        node = self.model.nodes[id]
        if node.is_trashed and not node.is_gone:
            self.run(self.files.delete_trashed(self.manager, id))
            self.model.delete_trashed(id)
            self.purge()

    @rule()
    def purge(self) -> None:
        """Delete the objects that nothing refers to any more."""
        self.run(self.drive.run_purges())
        assert not self.model.pending.keys() & self.drive.bucket.objects.keys()
        self.model.pending.clear()

    # -- members and permissions

    @rule(user=USERS, guest=GUESTS, role=ROLES)
    def put_member(self, user: int, guest: int, role: Role) -> None:
        who, guest_id = self.users[user], self.users[guest]
        access = self.run(self.access_of(who))
        if access is None:
            return
        error = None if access.role is Role.MANAGER else Forbidden
        self.run(self.expect(error, self.files.put_member(access, guest_id, role)))
        if error is None:
            self.model.members[guest_id] = role
            self.model.permissions = {
                pair: given for pair, given in self.model.permissions.items() if pair[1] != guest_id
            }

    @rule(guest=GUESTS, itself=st.booleans())
    def remove_member(self, guest: int, itself: bool) -> None:
        user = self.users[guest]
        access = self.run(self.access_of(user)) if itself else self.manager
        if access is not None and not access.grants:
            error = None if user in self.model.members else NotFound
            self.run(self.expect(error, self.files.remove_member(access, user)))
            self.model.members.pop(user, None)

    @rule(user=USERS, guest=GUESTS, number=NUMBERS, role=ROLES)
    def give_permission(self, user: int, guest: int, number: int, role: Role) -> None:
        guest_id, id = self.users[guest], self.model.pick(number)
        error: type[Error] | None = Conflict if guest_id in self.model.members else None
        if not self.model.is_live(id):
            error = NotFound

        def give(access: Access) -> Awaitable[c.Permission | None]:
            return self.expect(error, self.files.put_permission(access, id, guest_id, role))

        if self.run(self.attempt_in_drive(self.users[user], give)):
            self.model.permissions[id, guest_id] = role

    @rule(user=USERS, guest=GUESTS, number=NUMBERS)
    def withdraw_permission(self, user: int, guest: int, number: int) -> None:
        pairs = list(self.model.permissions)
        id, guest_id = pairs[number % len(pairs)] if pairs else (self.model.pick(number), self.users[guest])
        is_given = (id, guest_id) in self.model.permissions and self.model.is_live(id)
        error = None if is_given else NotFound
        if self.users[user] == guest_id:  # a user may always give up their own
            access = self.run(self.access_of(guest_id))
            if access is not None:
                self.run(self.expect(error, self.files.delete_permission(access, id, guest_id)))
        else:

            async def withdraw(access: Access) -> bool:
                await self.expect(error, self.files.delete_permission(access, id, guest_id))
                return True

            is_given = bool(self.run(self.attempt_in_drive(self.users[user], withdraw))) and is_given
        if is_given:
            del self.model.permissions[id, guest_id]

    # -- links

    def pick_link(self, number: int) -> Link | None:
        links = self.model.links
        return links[number % len(links)] if links else None

    @rule(user=USERS, number=NUMBERS, role=st.sampled_from(LinkRole), password=PASSWORDS, max_downloads=MAX_DOWNLOADS)
    def create_link(
        self, user: int, number: int, role: LinkRole, password: str | None, max_downloads: int | None
    ) -> None:
        id = self.model.pick(number)
        if len(self.model.links) == MAX_LINKS:
            self.model.links = [link for link in self.model.links if not link.is_deleted] or self.model.links[1:]
        if len(self.model.links) == MAX_LINKS:
            return
        error: type[Error] | None = None
        if role is LinkRole.UPLOADER and self.model.nodes[id].kind is c.Kind.FILE:
            error = InvalidRequest
        if not self.model.is_live(id):
            error = NotFound
        new = c.NewLink(id, role, password=password, max_downloads=max_downloads)
        created = self.run(
            self.attempt_in_drive(
                self.users[user], lambda access: self.expect(error, self.files.create_link(access, new))
            )
        )
        if created is not None:
            assert created.token is not None
            link = Link(created.id, created.token, id, role, self.users[user], max_downloads, password)
            link.change_password(password)
            self.model.links.append(link)

    @rule(user=USERS, number=NUMBERS)
    def delete_link(self, user: int, number: int) -> None:
        link = self.pick_link(number)
        if link is None:
            return
        who = self.users[user]
        may_delete = who in (self.model.creator, link.creator)
        error = None if self.model.has_link(link) and may_delete else NotFound

        async def delete(access: Access) -> bool:
            await self.expect(error, self.files.delete_link(access, link.id))
            return error is None

        if self.run(self.attempt_in_drive(who, delete)):
            link.is_deleted = True

    @rule(number=NUMBERS, password=PASSWORDS)
    def change_password_of_link(self, number: int, password: str | None) -> None:
        link = self.pick_link(number)
        if link is None:
            return
        cleared = (c.LinkField.PASSWORD,) if password is None else ()
        update = c.LinkUpdate(password=password, cleared=cleared)
        error = None if self.model.has_link(link) else NotFound
        self.run(self.expect(error, self.files.update_link(self.manager, link.id, update)))
        if error is None:
            link.change_password(password)

    @rule(number=NUMBERS, is_right=st.booleans())
    def unlock_link(self, number: int, is_right: bool) -> None:
        link = self.pick_link(number)
        if link is None or link.wrong_passwords >= MAX_WRONG_PASSWORDS:
            return
        error = self.model.link_error(link)
        error = None if error is PasswordRequired else error
        if error is None and link.password is not None and not is_right:
            error = InvalidCredentials
            link.wrong_passwords += 1
        password = link.password if is_right and link.password else "wrong"
        session = self.run(self.expect(error, self.files.unlock_link(link.token, password, "client")))
        if session is not None and link.password is not None:
            link.session, link.is_unlocked = session, True

    @rule(number=NUMBERS)
    def download_by_link(self, number: int) -> None:
        link = self.pick_link(number)
        if link is not None:
            error = self.model.link_read_error(link, link.item)
            self.run(self.expect(error, self.files.count_link_download(link.token, link.session)))
            link.downloads += error is None

    @rule(number=NUMBERS, into=NUMBERS)
    def upload_by_link(self, number: int, into: int) -> None:
        link = self.pick_link(number)
        if link is None or self.is_full():
            return
        chosen = self.model.pick_folder(into)
        folder = link.item if chosen == ROOT else chosen
        error = self.model.link_error(link)
        is_inside = (
            self.model.nodes[folder].kind is c.Kind.FOLDER
            and self.model.is_live(folder)
            and link.item in self.model.chain(folder)
        )
        if error is None and link.role is LinkRole.VIEWER:
            error = Forbidden
        elif error is None and not (is_inside and (link.role is LinkRole.EDITOR or folder == link.item)):
            error = NotFound
        name = self.new_name()
        intent = c.UploadIntent(name, 1, "text/plain", chosen)
        upload = self.run(self.expect(error, self.files.begin_link_upload(link.token, link.session, intent)))
        if upload is None:
            return
        self.drive.bucket.put(upload.key, b"x", "text/plain")
        done = self.run(self.files.complete_link_upload(link.token, link.session, upload.id))
        assert done.file is not None
        self.model.nodes[done.file] = Node(c.Kind.FILE, folder, name)
        self.run(self.record(done.file, b"x", upload.key))

    # -- archives

    @rule(user=USERS, number=NUMBERS)
    def create_archive(self, user: int, number: int) -> None:
        who, id = self.users[user], self.model.pick(number)
        created = self.run(
            self.attempt(who, lambda access: self.files.create_archive(access, (id,)), (id, Role.VIEWER))
        )
        if created is not None:
            self.model.archives.append(Archive(created.token, id, who, None, self.model.bodies_below(id)))

    @rule(number=NUMBERS, item=NUMBERS)
    def create_archive_by_link(self, number: int, item: int) -> None:
        link, id = self.pick_link(number), self.model.pick(item)
        if link is None:
            return
        error = self.model.link_read_error(link, id)
        call = self.files.create_link_archive(link.token, link.session, (id,))
        created = self.run(self.expect(error, call))
        if created is not None:
            link.downloads += 1
            bodies = self.model.bodies_below(id)
            self.model.archives.append(Archive(created.token, id, None, link, bodies, link.lock, link.downloads))

    # -- comparisons after each step

    @invariant()
    def users_read_what_is_shared_with_them(self) -> None:
        self.run(self.compare_users())

    async def compare_users(self) -> None:
        for user in self.users[1:]:
            access = await self.access_of(user)
            shared = {item.file.id for item in (await self.files.list_shared_items(user)).items}
            assert shared == {id for id, other in self.model.permissions if other == user and self.model.is_live(id)}
            if access is None:
                continue
            ids = list(self.model.nodes)
            files = await gather_results(*(self.files.get_file(access, id) for id in ids))
            contents = await self.files.get_contents(access, tuple(ids))
            for id, file, found in zip(ids, files, contents, strict=True):
                node = self.model.nodes[id]
                if self.model.role_of(user, id) is None:
                    assert isinstance(file, NotFound)
                    assert found.content is None
                    continue
                assert isinstance(file, c.File)
                assert file.name == node.name
                assert (found.content and found.content.key) == (node.versions[0].key if node.versions else None)

    @invariant()
    def versions_have_their_bytes(self) -> None:
        self.run(self.compare_versions())

    async def compare_versions(self) -> None:
        for id, node in self.model.nodes.items():
            if node.kind is c.Kind.FOLDER or not self.model.is_live(id):
                continue
            page = await self.files.list_versions(self.manager, id)
            expected = [(version.id, len(version.body), version is node.versions[0]) for version in node.versions]
            assert [(each.id, each.size, each.is_current) for each in page.items] == expected
            for version in node.versions:
                content = await self.files.get_version_content(self.manager, id, version.id)
                assert content.key == version.key
        for version in self.model.held_versions():
            assert self.drive.bucket.objects[version.key][1] == version.body

    @invariant()
    def usage_is_the_sum_of_all_versions(self) -> None:
        usage = self.run(self.files.get_usage(self.manager))
        live = [id for id, node in self.model.nodes.items() if node.kind is c.Kind.FILE and self.model.is_live(id)]
        assert (usage.used_bytes, usage.reserved_bytes) == (self.model.used_bytes(), 0)
        assert usage.file_count == len(live)

    @invariant()
    def links_reach_only_their_items(self) -> None:
        self.run(self.compare_links())

    async def compare_links(self) -> None:
        for link in self.model.links:
            node = self.model.nodes[link.item]
            info = await self.expect(self.model.link_error(link), self.files.open_link(link.token, link.session))
            assert info is None or (info.name, info.kind, info.role) == (node.name, node.kind, link.role)
            for id in self.model.nodes:
                error = self.model.link_read_error(link, id)
                versions = self.model.nodes[id].versions
                call = self.files.get_link_content(link.token, link.session, id)
                content = await self.expect(error if versions or error else NotFound, call)
                assert content is None or content.key == versions[0].key

    @invariant()
    def archives_end_with_the_access(self) -> None:
        self.run(self.compare_archives())

    async def compare_archives(self) -> None:
        for archive in self.model.archives[-MAX_ARCHIVES:]:
            error = None if self.model.may_open(archive) else NotFound
            page = await self.expect(error, self.files.open_archive(archive.token))
            if page is not None:
                objects = self.drive.bucket.objects
                keys = [entry.key for entry in page.entries if entry.key is not None]
                assert len(keys) == len(archive.bodies)
                if all(key in objects for key in keys):  # else a purge has deleted one
                    assert sorted(objects[key][1] for key in keys) == archive.bodies

    def teardown(self) -> None:
        if not hasattr(self, "model"):
            return
        for _ in range(2):  # the second round deletes the objects once more, and ends the purges
            self.run(self.drive.run_purges())
            self.run(self.drive.advance_time(SETTINGS.tombstone, "purges"))
        self.run(self.drive.run_purges())
        assert self.run(self.files.check_invariants()) == ()


@pytest.mark.parametrize(
    ("examples", "steps"), [(FEW, 30), pytest.param(60, 50, marks=pytest.mark.slow)], ids=["few", "many"]
)
def test_random_sharing_is_as_the_model_expects(database_url: str, examples: int, steps: int) -> None:
    settings = replace(MODEL_SETTINGS, versions_keep=KEPT_VERSIONS)
    run_machine(Machine, database_url, examples=examples, steps=steps, service=settings, repeatable=examples == FEW)
