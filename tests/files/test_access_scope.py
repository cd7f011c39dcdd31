"""An access with grants reaches the granted items and what is below them, and nothing else, in every method."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec
import pytest
from uuid_utils.compat import uuid7

from drivebay.contract import files as c
from drivebay.contract.files import Access, Files, Grant, Role
from drivebay.contract.ids import ROOT, DriveId, FileId, LinkId, UploadId, UserId, VersionId
from drivebay.errors import Error, Forbidden, IdempotencyKeyReused, NameTaken, NotFound
from drivebay.files.permissions.access_scope import AccessScope
from drivebay.rpc.type_hints import contract_methods, split_hints

from .conftest import Drive

VIEWER, EDITOR = Role.VIEWER, Role.EDITOR
HELLO: Final = b"hello"
OTHER_DRIVE: Final = DriveId(UUID("0190a5e0-0000-7000-8000-00000000000e"))


class Place(NamedTuple):
    """A folder with an item of each kind."""

    folder: FileId
    inner: FileId
    file: FileId
    trashed: FileId
    upload: UploadId
    parts: UploadId
    unsized: UploadId
    old: VersionId

    def anonymous(self, text: str) -> str:
        """Return a text without the ids of this place."""
        for name, id in self._asdict().items():
            text = text.replace(str(id), name)
        return text


class Case(NamedTuple):
    """A call about items of a place, and the role that it needs there."""

    role: Role
    call: Callable[[Files, Access, Place], Awaitable[Any]]


def intent(parent: FileId, multipart: bool = False, unsized: bool = False) -> c.UploadIntent:
    size = 0 if unsized else len(HELLO)
    # A pending upload of the same name would keep a case from the statement that checks no role.
    name = "unsized.bin" if unsized else "parts.bin" if multipart else "new.txt"
    return c.UploadIntent(name, size, "text/plain", parent, multipart=multipart, deferred_length=unsized)


SCOPED: Final = {
    "begin_upload": Case(EDITOR, lambda files, access, at: files.begin_upload(access, intent(at.folder))),
    "begin_uploads": Case(EDITOR, lambda files, access, at: files.begin_uploads(access, (intent(at.folder),))),
    "get_upload": Case(EDITOR, lambda files, access, at: files.get_upload(access, at.upload)),
    "open_parts": Case(EDITOR, lambda files, access, at: files.open_parts(access, at.parts, (c.PartIntent(1),))),
    "list_parts": Case(EDITOR, lambda files, access, at: files.list_parts(access, at.parts)),
    "resize_upload": Case(EDITOR, lambda files, access, at: files.resize_upload(access, at.unsized, 5, final=False)),
    "complete_upload": Case(EDITOR, lambda files, access, at: files.complete_upload(access, at.upload)),
    "complete_uploads": Case(EDITOR, lambda files, access, at: files.complete_uploads(access, (at.upload,))),
    "list_upload_events": Case(EDITOR, lambda files, access, at: files.list_upload_events(access, at.upload)),
    "abort_upload": Case(EDITOR, lambda files, access, at: files.abort_upload(access, at.upload)),
    "list_files": Case(VIEWER, lambda files, access, at: files.list_files(access, c.Listing(at.folder))),
    "get_file": Case(VIEWER, lambda files, access, at: files.get_file(access, at.file)),
    "get_content": Case(VIEWER, lambda files, access, at: files.get_content(access, at.file)),
    "get_thumbnail": Case(VIEWER, lambda files, access, at: files.get_thumbnail(access, at.file)),
    "get_contents": Case(VIEWER, lambda files, access, at: files.get_contents(access, (at.file,))),
    "search_files": Case(VIEWER, lambda files, access, at: files.search_files(access, c.Search("a", below=at.folder))),
    "create_archive": Case(VIEWER, lambda files, access, at: files.create_archive(access, (at.folder,))),
    "create_folder": Case(EDITOR, lambda files, access, at: files.create_folder(access, at.inner, "new")),
    "update_entry": Case(EDITOR, lambda files, access, at: files.update_entry(access, at.file, c.EntryUpdate("b.txt"))),
    "copy_entry": Case(EDITOR, lambda files, access, at: files.copy_entry(access, at.file, c.CopyTarget(at.inner))),
    "copy_entries": Case(
        EDITOR, lambda files, access, at: files.copy_entries(access, (at.file,), c.CopyTarget(at.inner))
    ),
    "start_copy": Case(EDITOR, lambda files, access, at: files.start_copy(access, at.inner, c.CopyTarget(at.folder))),
    "list_activity": Case(VIEWER, lambda files, access, at: files.list_activity(access, at.file)),
    "start_drive_copy": Case(
        VIEWER,
        lambda files, access, at: files.start_drive_copy(
            access, at.inner, Access(OTHER_DRIVE, access.actor, EDITOR), c.CopyTarget(ROOT)
        ),
    ),
    "list_versions": Case(VIEWER, lambda files, access, at: files.list_versions(access, at.file)),
    "get_version_content": Case(VIEWER, lambda files, access, at: files.get_version_content(access, at.file, at.old)),
    "restore_version": Case(EDITOR, lambda files, access, at: files.restore_version(access, at.file, at.old)),
    "delete_version": Case(EDITOR, lambda files, access, at: files.delete_version(access, at.file, at.old)),
    "get_path": Case(VIEWER, lambda files, access, at: files.get_path(access, at.file)),
    "measure_tree": Case(VIEWER, lambda files, access, at: files.measure_tree(access, at.folder)),
    # The folder exists: the call would only return it.
    "create_folders": Case(EDITOR, lambda files, access, at: files.create_folders(access, at.folder, ("inner",))),
    "move_entries": Case(EDITOR, lambda files, access, at: files.move_entries(access, (at.file,), at.inner)),
    "trash_entries": Case(EDITOR, lambda files, access, at: files.trash_entries(access, (at.file,))),
    "restore_entries": Case(EDITOR, lambda files, access, at: files.restore_entries(access, (at.trashed,))),
    "trash_entry": Case(EDITOR, lambda files, access, at: files.trash_entry(access, at.file)),
    "restore_entry": Case(EDITOR, lambda files, access, at: files.restore_entry(access, at.trashed)),
}
"""The methods that an access with grants may call about the items that it reaches."""

SOMEBODY: Final = UserId(UUID("0190a5e0-0000-7000-8000-00000000000d"))
FORBIDDEN: Final[dict[str, Callable[[Files, Access, Place], Awaitable[Any]]]] = {
    "get_drive": lambda files, access, _: files.get_drive(access),
    "rename_drive": lambda files, access, _: files.rename_drive(access, "x"),
    "delete_drive": lambda files, access, _: files.delete_drive(access),
    "list_members": lambda files, access, _: files.list_members(access),
    "put_member": lambda files, access, _: files.put_member(access, SOMEBODY, Role.VIEWER),
    "remove_member": lambda files, access, _: files.remove_member(access, SOMEBODY),
    "put_permission": lambda files, access, at: files.put_permission(access, at.file, SOMEBODY, Role.VIEWER),
    "list_permissions": lambda files, access, at: files.list_permissions(access, at.file),
    "delete_permission": lambda files, access, at: files.delete_permission(access, at.file, UserId(at.file)),
    "create_link": lambda files, access, at: files.create_link(access, c.NewLink(at.file, c.LinkRole.VIEWER)),
    "list_links": lambda files, access, at: files.list_links(access, c.LinkListing(at.file)),
    "update_link": lambda files, access, at: files.update_link(access, LinkId(at.file), c.LinkUpdate("x")),
    "delete_link": lambda files, access, at: files.delete_link(access, LinkId(at.file)),
    "list_pending_uploads": lambda files, access, _: files.list_pending_uploads(access),
    "list_files": lambda files, access, _: files.list_files(access, c.Listing()),
    "search_files": lambda files, access, _: files.search_files(access, c.Search("a")),
    "find_entry": lambda files, access, _: files.find_entry(access, ("inside",)),
    "list_trash": lambda files, access, _: files.list_trash(access),
    "delete_trashed": lambda files, access, at: files.delete_trashed(access, at.trashed),
    "empty_trash": lambda files, access, _: files.empty_trash(access),
    "get_usage": lambda files, access, _: files.get_usage(access),
    "list_changes": lambda files, access, _: files.list_changes(access),
}
"""The methods about the whole drive, which no access with grants may call. `list_files` and `search_files` are in
both tables."""


async def create_place(drive: Drive, name: str) -> Place:
    files, access = drive.files, drive.access
    folder = (await files.create_folder(access, ROOT, name)).id
    inner = (await files.create_folder(access, folder, "inner")).id
    old = (await drive.upload_file("a.txt", b"older", folder)).version
    assert old is not None
    file = await drive.upload_file("a.txt", HELLO, folder, c.OnConflict.REPLACE)
    trashed = await drive.upload_file("t.txt", HELLO, folder)
    await files.trash_entry(access, trashed.id)
    upload = await drive.begin("u.txt", HELLO, folder)
    drive.bucket.put(upload.key, HELLO)
    parts = await files.begin_upload(access, intent(folder, multipart=True))
    unsized = await files.begin_upload(access, intent(folder, multipart=True, unsized=True))
    return Place(folder, inner, file.id, trashed.id, upload.id, parts.id, unsized.id, old)


def unknown_place() -> Place:
    return Place(*(uuid7() for _ in Place._fields))


def granted(drive: Drive, *grants: tuple[FileId, Role], actor: UserId | None = SOMEBODY) -> Access:
    """Return the access of a user who is no member, with these grants."""
    highest = EDITOR if any(role is EDITOR for _, role in grants) else VIEWER
    return Access(drive.owner, actor, highest, tuple(Grant(item, role) for item, role in grants))


async def outcome(call: Awaitable[Any], place: Place) -> str:
    """Return `ok`, or the code and the detail of the error, without the ids of the place."""
    try:
        result = await call
    except Error as error:
        return place.anonymous(f"{error.code}: {error.detail}")
    first = result[0] if isinstance(result, tuple) and result else None
    if isinstance(first, c.BatchResult | c.FileResult) and first.error is not None:
        return place.anonymous(f"{first.error.code}: {first.error.detail}")
    if isinstance(first, c.ContentResult) and first.content is None:
        return "not_found"
    return "ok"


def methods_with_access() -> set[str]:
    return {name for name, function in contract_methods(Files).items() if Access in split_hints(function)[0].values()}


def test_every_method_with_an_access_is_in_a_table() -> None:
    assert SCOPED.keys() | FORBIDDEN.keys() == methods_with_access()
    assert SCOPED.keys() & FORBIDDEN.keys() == {"list_files", "search_files"}


@pytest.mark.parametrize("name", SCOPED)
@pytest.mark.parametrize("role", [VIEWER, EDITOR])
async def test_a_method_reaches_only_what_is_below_a_granted_item(direct_drive: Drive, name: str, role: Role) -> None:
    drive, case = direct_drive, SCOPED[name]
    inside, outside, unknown = (
        await create_place(drive, "inside"),
        await create_place(drive, "outside"),
        unknown_place(),
    )
    access = granted(drive, (inside.folder, role))
    before = await drive.files.list_changes(drive.access)
    expected = await outcome(case.call(drive.files, access, unknown), unknown)
    assert expected.startswith("not_found")
    assert await outcome(case.call(drive.files, access, outside), outside) == expected
    # An item beside it gives no access either.
    sibling = granted(drive, (inside.inner, role), (inside.trashed, role))
    assert (await outcome(case.call(drive.files, sibling, outside), outside)).startswith("not_found")
    assert await drive.files.list_changes(drive.access) == before
    allowed = await outcome(case.call(drive.files, access, inside), inside)
    assert allowed.split(":")[0] == ("ok" if role.includes(case.role) else "forbidden")
    assert await outcome(case.call(drive.files, drive.access, outside), outside) == "ok"


@pytest.mark.parametrize("name", FORBIDDEN)
async def test_a_method_about_the_whole_drive_refuses_an_access_with_grants(direct_drive: Drive, name: str) -> None:
    place = await create_place(direct_drive, "inside")
    before = await direct_drive.files.list_changes(direct_drive.access)
    for access in (
        granted(direct_drive, (place.folder, EDITOR)),
        granted(direct_drive, (place.folder, EDITOR), actor=None),
        # A wrong access of the owner must not pass either.
        granted(direct_drive, (place.folder, EDITOR), actor=UserId(direct_drive.owner)),
    ):
        with pytest.raises(Forbidden):
            await FORBIDDEN[name](direct_drive.files, access, place)
    assert await direct_drive.files.list_changes(direct_drive.access) == before


async def test_a_granted_item_is_changed_only_in_its_place(drive: Drive) -> None:
    files = drive.files
    place, other = await create_place(drive, "inside"), await create_place(drive, "other")
    for item in (place.file, place.folder):
        access = granted(drive, (item, EDITOR), (other.folder, EDITOR))
        shown = await files.get_file(access, item)
        assert shown.parent == c.HIDDEN_FOLDER
        renamed = await files.update_entry(access, item, c.EntryUpdate(f"renamed {item}", starred=True))
        assert (renamed.parent, renamed.starred) == (c.HIDDEN_FOLDER, True)
        assert await files.update_entry(access, item, c.EntryUpdate(starred=True)) == renamed
        assert [entry.id for entry in await files.get_path(access, item)] == [item]
        for call in (
            files.update_entry(access, item, c.EntryUpdate(parent=other.folder)),
            files.trash_entry(access, item),
        ):
            with pytest.raises(Forbidden):
                await call
        moved = await files.move_entries(access, (item,), other.folder)
        trashed = await files.trash_entries(access, (item,))
        assert [result.error and result.error.code for result in (*moved, *trashed)] == ["forbidden"] * 2
    parents = [(await files.get_file(drive.access, item)).parent for item in (place.file, place.folder)]
    assert parents == [place.folder, ROOT]


async def test_a_granted_item_replaces_nothing_outside_the_grant(drive: Drive) -> None:
    place = await create_place(drive, "inside")
    sibling = await drive.upload_file("sibling", b"secret", place.folder)
    access = granted(drive, (place.file, EDITOR))
    with pytest.raises(NameTaken):
        await drive.files.update_entry(access, place.file, c.EntryUpdate("sibling", on_conflict=c.OnConflict.REPLACE))
    assert await drive.files.get_file(drive.access, sibling.id) == sibling
    inside = granted(drive, (place.folder, EDITOR))
    replaced = await drive.files.update_entry(
        inside, place.file, c.EntryUpdate("sibling", on_conflict=c.OnConflict.REPLACE)
    )
    assert (replaced.id, replaced.size, replaced.parent) == (sibling.id, len(HELLO), place.folder)


async def test_nothing_is_moved_or_restored_to_a_folder_outside_the_grant(drive: Drive) -> None:
    files = drive.files
    place, other = await create_place(drive, "inside"), await create_place(drive, "other")
    access = granted(drive, (place.folder, EDITOR))
    for target in (other.folder, ROOT):
        with pytest.raises(NotFound):
            await files.update_entry(access, place.file, c.EntryUpdate(parent=target))
        with pytest.raises(NotFound):
            await files.restore_entry(access, place.trashed, target)
        (result,) = await files.move_entries(access, (place.file,), target)
        assert result.error is not None
        assert result.error.code == "not_found"
        with pytest.raises(NotFound):
            await files.create_folders(access, target, ("x",))
    assert (await files.restore_entry(access, place.trashed, place.inner)).parent == place.inner
    # The old folder of an entry is gone: a member restores it to the root, and a grant does not reach that.
    inner = await drive.upload_file("deep", HELLO, place.inner)
    await files.trash_entry(access, inner.id)
    await files.trash_entry(access, place.inner)
    with pytest.raises(NotFound):
        await files.restore_entry(access, inner.id)
    with pytest.raises(NotFound):
        await files.restore_entry(access, inner.id, place.folder)
    assert (await files.restore_entry(drive.access, inner.id)).parent == ROOT


async def test_the_highest_role_counts_where_grants_overlap(drive: Drive) -> None:
    files = drive.files
    place = await create_place(drive, "inside")
    access = granted(drive, (place.folder, VIEWER), (place.inner, EDITOR), (place.inner, VIEWER))
    with pytest.raises(Forbidden):
        await files.create_folder(access, place.folder, "new")
    made = await files.create_folder(access, place.inner, "new")
    assert (await files.get_file(access, place.inner)).parent == place.folder
    assert [entry.id for entry in await files.get_path(access, made.id)] == [place.folder, place.inner, made.id]
    assert (await files.get_path(access, made.id))[0].parent == c.HIDDEN_FOLDER
    for call in (  # the folder of `inner` is only seen
        files.trash_entry(access, place.inner),
        files.update_entry(access, place.inner, c.EntryUpdate(parent=made.id)),
    ):
        with pytest.raises(Forbidden):
            await call
    await files.trash_entry(access, made.id)


async def test_a_granted_item_in_the_trash_gives_no_access_until_it_is_restored(drive: Drive) -> None:
    place = await create_place(drive, "inside")
    access = granted(drive, (place.folder, EDITOR))
    await drive.files.trash_entry(drive.access, place.folder)
    for item in (place.folder, place.file):
        with pytest.raises(NotFound):
            await drive.files.get_file(access, item)
        with pytest.raises(NotFound):
            await drive.files.restore_entry(access, item)
    with pytest.raises(NotFound):
        await drive.files.get_upload(access, place.upload)
    await drive.files.restore_entry(drive.access, place.folder)
    assert (await drive.files.get_file(access, place.file)).parent == place.folder


async def test_a_repeat_with_a_key_gives_no_access(drive: Drive) -> None:
    """The first call was made while the folder was shared. The repeat must not return its result."""
    files = drive.files
    place, other = await create_place(drive, "inside"), await create_place(drive, "other")
    then, now = granted(drive, (place.folder, EDITOR)), granted(drive, (other.folder, EDITOR))
    upload = await files.begin_upload(then, intent(place.folder), "begin")
    batch = await files.begin_uploads(then, (intent(place.folder), intent(place.inner)), "batch")
    await files.create_folder(then, place.folder, "new", "folder")
    await files.create_folders(then, place.folder, ("path",), "folders")
    assert await files.begin_upload(then, intent(place.folder), "begin") == upload
    assert await files.begin_uploads(then, (intent(place.folder), intent(place.inner)), "batch") == batch
    for repeat in (
        files.begin_upload(now, intent(place.folder), "begin"),
        files.create_folder(now, place.folder, "new", "folder"),
        files.create_folders(now, place.folder, ("path",), "folders"),
    ):
        with pytest.raises(NotFound):
            await repeat
    results = await files.begin_uploads(now, (intent(place.folder), intent(place.inner)), "batch")
    assert [result.error and result.error.code for result in results] == ["not_found"] * 2


async def test_a_repeat_keeps_the_uploads_that_the_access_does_not_reach_now(direct_drive: Drive) -> None:
    drive, files = direct_drive, direct_drive.files
    place, other = await create_place(drive, "inside"), await create_place(drive, "other")
    both = granted(drive, (place.folder, EDITOR), (other.folder, EDITOR))
    one = granted(drive, (other.folder, EDITOR))
    fillers = [await drive.begin(f"filler {n}", bytes(4_900)) for n in range(2)]
    items = (intent(place.folder), msgspec.structs.replace(intent(other.folder), size=4_000))
    first, refused = await files.begin_uploads(both, items, "batch")
    assert first.upload is not None
    assert refused.error is not None
    assert refused.error.code == "quota_exceeded"
    await files.abort_upload(drive.access, fillers[0].id)
    hidden, begun = await files.begin_uploads(one, items, "batch")
    assert hidden.error is not None
    assert hidden.error.code == "not_found"
    assert begun.upload is not None
    assert await files.begin_uploads(both, items, "batch") == (first, begun)


async def test_a_batch_begins_only_the_uploads_that_the_access_reaches(drive: Drive) -> None:
    place, other = await create_place(drive, "inside"), await create_place(drive, "other")
    access = granted(drive, (place.folder, EDITOR), (other.inner, VIEWER))
    parents = (place.folder, other.folder, place.inner, other.inner, ROOT)
    results = await drive.files.begin_uploads(access, tuple(intent(parent) for parent in parents))
    codes = [None if result.error is None else result.error.code for result in results]
    assert codes == [None, "not_found", None, "forbidden", "not_found"]
    for result, parent in zip(results, parents, strict=True):
        assert result.upload is None or result.upload.parent == parent


async def test_the_feed_names_the_actor_of_an_access_with_grants(drive: Drive) -> None:
    files = drive.files
    place = await create_place(drive, "inside")
    start = (await files.list_changes(drive.access)).next_cursor
    for actor in (SOMEBODY, None):
        access = granted(drive, (place.folder, EDITOR), actor=actor)
        made = await files.create_folder(access, place.folder, f"by {actor}")
        assert (made.created_by, made.modified_by) == (actor, actor)
        uploaded = await files.begin_upload(access, intent(place.folder))
        drive.bucket.put(uploaded.key, HELLO)
        done = await files.complete_upload(access, uploaded.id)
        assert done.file is not None
        assert (await files.get_file(access, done.file)).created_by == actor
        await files.update_entry(access, made.id, c.EntryUpdate(f"renamed {actor}"))
        await files.trash_entry(access, made.id)
        await files.restore_entry(access, made.id)
    page = await files.list_changes(drive.access, start)
    by_actor = [change.actor for change in page.items]
    assert by_actor[: len(by_actor) // 2] == [SOMEBODY] * (len(by_actor) // 2)
    assert set(by_actor[len(by_actor) // 2 :]) == {None}


async def test_two_links_have_idempotency_keys_of_their_own(drive: Drive) -> None:
    one, two = await create_place(drive, "one"), await create_place(drive, "two")
    for place in (one, two):
        access = granted(drive, (place.folder, EDITOR), actor=None)
        try:
            made = await drive.files.create_folder(access, place.folder, "new", "key")
        except IdempotencyKeyReused:
            pytest.fail("the key of one link is that of another")
        assert made.parent == place.folder


async def test_a_listing_of_a_granted_folder_has_no_cursor_of_the_feed(drive: Drive) -> None:
    place = await create_place(drive, "inside")
    access = granted(drive, (place.folder, VIEWER))
    page = await drive.files.list_files(access, c.Listing(place.folder))
    assert ({file.parent for file in page.items}, page.changes_cursor) == ({place.folder}, None)
    named = await drive.files.list_files(access, c.Listing(place.folder, name="a.txt"))
    assert ([file.id for file in named.items], named.changes_cursor) == ([place.file], None)
    own = await drive.files.list_files(drive.access, c.Listing(place.folder))
    assert msgspec.structs.replace(own, changes_cursor=None) == page
    assert own.changes_cursor is not None


async def test_an_access_to_the_whole_drive_takes_no_query() -> None:
    no_database: Any = None
    reach = await AccessScope().require(no_database, Access.personal(SOMEBODY), EDITOR, FileId(uuid7()), ROOT)
    assert reach.has_folder(ROOT, Role.MANAGER)
