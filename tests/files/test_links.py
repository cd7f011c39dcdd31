"""Links: who may make them, what their holders reach, and when they end."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from uuid_utils.compat import uuid7

from drivebay.concurrency.hashing_queue import MAX_WAITING_HASHES, UNKNOWN_CLIENT, HashClient
from drivebay.contract import files as c
from drivebay.contract.files import Access, LinkRole, Role
from drivebay.contract.ids import ROOT, DriveId, FileId, LinkId, UploadId, UserId
from drivebay.errors import (
    Conflict,
    Error,
    Forbidden,
    IdempotencyKeyReused,
    InvalidCredentials,
    InvalidCursor,
    InvalidRequest,
    NotFound,
    PasswordRequired,
    QuotaExceeded,
    RateLimited,
    Unavailable,
)
from drivebay.files.links.link_holders import PASSWORD_TRIES, FileCalls, LinkHolderService
from drivebay.files.links.link_passwords import LinkPasswords
from drivebay.files.links.link_secrets import SESSION_LIFETIME, LinkSecrets
from drivebay.files.links.service import LinkService
from drivebay.files.links.store import LinkStore

from .conftest import SETTINGS, Drive, gather_results, new_owner, open_drive

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TOMORROW = timedelta(days=1)


async def link_to(drive: Drive, file: FileId, role: LinkRole = LinkRole.VIEWER, **values: object) -> tuple[c.Link, str]:
    """Create a link and return it with its token."""
    # With a key, so that a call that is delivered twice creates one link.
    new = c.NewLink(file, role, **values)  # type: ignore[arg-type]
    link = await drive.files.create_link(drive.access, new, uuid4().hex)
    assert link.token is not None
    return link, link.token


async def test_a_link_shows_one_file(drive: Drive) -> None:
    file = await drive.upload_file("a.txt", b"hello")
    link, token = await link_to(drive, file.id, name="for the press")
    assert (link.file, link.role, link.name, link.downloads) == (file.id, LinkRole.VIEWER, "for the press", 0)
    assert (link.has_password, link.expires_at, link.max_downloads) == (False, None, None)
    assert link.created_by == drive.owner
    assert await drive.files.open_link(token, None) == c.LinkInfo(
        "a.txt", c.Kind.FILE, 5, LinkRole.VIEWER, None, "text/plain"
    )
    assert (await drive.files.get_link_content(token, None, ROOT)).name == "a.txt"
    assert (await drive.files.get_link_content(token, None, file.id)).size == 5
    with pytest.raises(NotFound):
        await drive.files.list_link_files(token, None, c.Listing())


async def test_only_the_hash_of_a_token_is_stored(drive: Drive) -> None:
    file = await drive.upload_file()
    link, token = await link_to(drive, file.id, password="open sesame")
    assert len(token) > 40
    assert token not in repr(link)
    rows = await drive.database.fetch("SELECT to_jsonb(l)::text AS row FROM files.links l")
    assert all(token not in row["row"] and "sesame" not in row["row"] for row in rows)
    (listed,) = (await drive.files.list_links(drive.access, c.LinkListing())).items
    assert (listed.id, listed.token, listed.has_password) == (link.id, None, True)


async def test_a_repeated_request_returns_the_first_link(drive: Drive) -> None:
    file = await drive.upload_file()
    new = c.NewLink(file.id, LinkRole.VIEWER, "a", "sesame", max_downloads=3)
    first = await drive.files.create_link(drive.access, new, "key")
    assert await drive.files.create_link(drive.access, new, "key") == first
    for other in (replace_password(new, "other"), c.NewLink(file.id, LinkRole.VIEWER, "b", "sesame", None, 3)):
        with pytest.raises(IdempotencyKeyReused):
            await drive.files.create_link(drive.access, other, "key")
    await drive.files.delete_link(drive.access, first.id)
    with pytest.raises(IdempotencyKeyReused):
        await drive.files.create_link(drive.access, new, "key")


def replace_password(new: c.NewLink, password: str) -> c.NewLink:
    return c.NewLink(new.file, new.role, new.name, password, new.expires_at, new.max_downloads)


@pytest.mark.parametrize(
    "values",
    [
        {"name": ""},
        {"name": "x" * 256},
        {"name": "a\0b"},
        {"name": "\ud800"},
        {"password": ""},
        {"password": "x" * 257},
        {"password": "\ud800"},
        {"expires_at": NOW},
        {"expires_at": datetime(2999, 1, 1)},
        {"expires_at": datetime.min.replace(tzinfo=UTC)},
        {"max_downloads": 0},
        {"max_downloads": -1},
        {"max_downloads": 2**31},
    ],
)
async def test_wrong_values_are_refused(direct_drive: Drive, values: dict[str, object]) -> None:
    file = await direct_drive.upload_file()
    link, _ = await link_to(direct_drive, file.id)
    with pytest.raises(InvalidRequest):
        await link_to(direct_drive, file.id, **values)
    with pytest.raises(InvalidRequest):
        await direct_drive.files.update_link(direct_drive.access, link.id, c.LinkUpdate(**values))  # type: ignore[arg-type]


async def test_only_entries_outside_the_trash_get_links(drive: Drive) -> None:
    file = await drive.upload_file()
    await drive.files.trash_entry(drive.access, file.id)
    for id in (file.id, FileId(uuid7()), ROOT):
        with pytest.raises(NotFound):
            await link_to(drive, id)
    other = await drive.upload_file("b.txt")
    with pytest.raises(InvalidRequest):
        await link_to(drive, other.id, LinkRole.UPLOADER)


async def test_values_change_and_null_clears_them(drive: Drive) -> None:
    file = await drive.upload_file()
    end = datetime.now(UTC) + TOMORROW
    link, _ = await link_to(drive, file.id, name="a", password="b", expires_at=end, max_downloads=3)
    changed = await drive.files.update_link(drive.access, link.id, c.LinkUpdate(name="c", max_downloads=5))
    assert (changed.name, changed.max_downloads, changed.expires_at, changed.has_password) == ("c", 5, end, True)
    assert changed.token is None
    cleared = await drive.files.update_link(drive.access, link.id, c.LinkUpdate(cleared=tuple(c.LinkField)))
    assert (cleared.name, cleared.max_downloads, cleared.expires_at, cleared.has_password) == (None, None, None, False)
    assert (await drive.files.list_links(drive.access, c.LinkListing())).items == (cleared,)


async def test_links_are_listed_newest_first_in_pages(drive: Drive) -> None:
    files = [await drive.upload_file(f"{number}.txt") for number in range(2)]
    made = [(await link_to(drive, files[number % 2].id))[0].id for number in range(5)]
    made.reverse()
    for file, expected in ((None, made), (files[0].id, made[::2])):
        seen: list[LinkId] = []
        cursor: str | None = None
        while True:
            page = await drive.files.list_links(drive.access, c.LinkListing(file, 2, cursor))
            seen += [link.id for link in page.items]
            cursor = page.next_cursor
            if cursor is None:
                break
            with pytest.raises(InvalidCursor):
                await drive.files.list_links(drive.access, c.LinkListing(files[1].id, 2, cursor))
        assert seen == expected
    with pytest.raises(NotFound):
        await drive.files.list_links(drive.access, c.LinkListing(FileId(uuid7())))


async def test_the_links_of_one_drive_are_limited(database_url: str) -> None:
    async with open_drive(database_url, "direct", replace(SETTINGS, max_links=2)) as drive:
        file = await drive.upload_file()
        results = await gather_results(*(link_to(drive, file.id) for _ in range(5)))
        assert sum(isinstance(result, QuotaExceeded) for result in results) == 3
        (link, *_) = (await drive.files.list_links(drive.access, c.LinkListing())).items
        await drive.files.delete_link(drive.access, link.id)
        await link_to(drive, file.id)


async def test_editors_handle_their_own_links_and_managers_all(drive: Drive) -> None:
    manager = UserId(drive.owner)
    team = (await drive.files.create_drive(manager, "Team")).id
    manages = Access(team, manager, Role.MANAGER)
    access = {}
    for name, role in (("one", Role.EDITOR), ("two", Role.EDITOR), ("viewer", Role.VIEWER)):
        user = UserId(uuid7())
        await drive.files.put_member(manages, user, role)
        access[name] = Access(team, user, role)
    folder = await drive.files.create_folder(manages, ROOT, "folder")
    new = c.NewLink(folder.id, LinkRole.VIEWER)
    link = await drive.files.create_link(access["one"], new, "key")
    for name, seen in (("one", 1), ("two", 0)):
        for listing in (c.LinkListing(), c.LinkListing(folder.id)):
            assert len((await drive.files.list_links(access[name], listing)).items) == seen
    assert [each.id for each in (await drive.files.list_links(manages, c.LinkListing())).items] == [link.id]
    with pytest.raises(NotFound):
        await drive.files.update_link(access["two"], link.id, c.LinkUpdate(name="x"))
    with pytest.raises(NotFound):
        await drive.files.delete_link(access["two"], link.id)
    for refused in (
        access["viewer"],
        Access(team, access["one"].actor, Role.EDITOR, (c.Grant(folder.id, Role.EDITOR),)),
        Access(team, None, Role.EDITOR, (c.Grant(folder.id, Role.EDITOR),)),
    ):
        with pytest.raises(Forbidden):
            await drive.files.create_link(refused, new)
        with pytest.raises(Forbidden):
            await drive.files.list_links(refused, c.LinkListing())
        with pytest.raises(Forbidden):
            await drive.files.update_link(refused, link.id, c.LinkUpdate(name="x"))
        with pytest.raises(Forbidden):
            await drive.files.delete_link(refused, link.id)
    assert (await drive.files.update_link(manages, link.id, c.LinkUpdate(name="x"))).name == "x"
    await drive.files.delete_link(manages, link.id)


async def test_a_link_and_its_end_are_changes_of_the_item(drive: Drive) -> None:
    file = await drive.upload_file()
    cursor = (await drive.files.list_changes(drive.access)).next_cursor
    drive.hints.clear()
    link, _ = await link_to(drive, file.id)
    await drive.files.update_link(drive.access, link.id, c.LinkUpdate(name="a"))
    await drive.files.delete_link(drive.access, link.id)
    changes = (await drive.files.list_changes(drive.access, cursor)).items
    assert {(change.kind, change.file_id, change.actor) for change in changes} == {
        (c.ChangeKind.SHARED, file.id, UserId(drive.owner))
    }
    assert len(changes) == 2
    assert drive.owner in drive.hints


# -- the end of a link -----------------------------------------------------------------------------------


async def assert_ended(drive: Drive, token: str, session: str | None = None) -> None:
    """Check that every public call raises the same error as for a token that never was."""
    with pytest.raises(NotFound) as unknown:
        await drive.files.open_link("never", None)
    intent = c.UploadIntent("a.txt", 5, "text/plain", ROOT)
    id = UploadId(uuid7())
    for call in (
        drive.files.open_link(token, session),
        drive.files.unlock_link(token, "x", "a"),
        drive.files.list_link_files(token, session, c.Listing()),
        drive.files.get_link_content(token, session, ROOT),
        drive.files.count_link_download(token, session),
        drive.files.begin_link_upload(token, session, intent),
        drive.files.get_link_upload(token, session, id),
        drive.files.open_link_parts(token, session, id, (c.PartIntent(1),)),
        drive.files.complete_link_upload(token, session, id),
    ):
        with pytest.raises(NotFound) as ended:
            await call
        assert ended.value.detail == unknown.value.detail


async def test_a_deleted_link_has_ended(drive: Drive) -> None:
    folder = await drive.files.create_folder(drive.access, ROOT, "folder")
    link, token = await link_to(drive, folder.id, LinkRole.EDITOR)
    _, other = await link_to(drive, folder.id)
    await drive.files.delete_link(drive.access, link.id)
    await assert_ended(drive, token)
    assert (await drive.files.open_link(other, None)).name == "folder"
    for call in (
        drive.files.delete_link(drive.access, link.id),
        drive.files.update_link(drive.access, link.id, c.LinkUpdate(name="a")),
    ):
        with pytest.raises(NotFound):
            await call


async def test_a_link_ends_at_its_time(direct_drive: Drive) -> None:
    drive = direct_drive
    folder = await drive.files.create_folder(drive.access, ROOT, "folder")
    link, token = await link_to(drive, folder.id, LinkRole.EDITOR, expires_at=datetime.now(UTC) + TOMORROW)
    assert (await drive.files.open_link(token, None)).expires_at == link.expires_at
    await drive.database.execute("UPDATE files.links SET expires_at = now()")
    await assert_ended(drive, token)
    later = c.LinkUpdate(expires_at=datetime.now(UTC) + TOMORROW)
    await drive.files.update_link(drive.access, link.id, later)
    assert (await drive.files.open_link(token, None)).name == "folder"


async def test_a_link_gives_no_access_while_its_item_is_in_the_trash(direct_drive: Drive) -> None:
    drive = direct_drive
    top = await drive.files.create_folder(drive.access, ROOT, "top")
    folder = await drive.files.create_folder(drive.access, top.id, "folder")
    _, token = await link_to(drive, folder.id, LinkRole.EDITOR)
    for trashed in (folder.id, top.id):
        await drive.files.trash_entry(drive.access, trashed)
        await assert_ended(drive, token)
        await drive.files.restore_entry(drive.access, trashed)
        assert (await drive.files.open_link(token, None)).name == "folder"
    await drive.files.trash_entry(drive.access, folder.id)
    await drive.files.delete_trashed(drive.access, folder.id)
    await drive.run_purges()
    await assert_ended(drive, token)
    assert (await drive.files.list_links(drive.access, c.LinkListing())).items == ()


async def test_a_link_ends_when_its_file_becomes_a_version_of_another_one(direct_drive: Drive) -> None:
    drive = direct_drive
    one, two = await drive.upload_file("1.txt"), await drive.upload_file("2.txt")
    tokens = {file: (await link_to(drive, file))[1] for file in (one.id, two.id)}
    await drive.files.update_entry(drive.access, one.id, c.EntryUpdate("2.txt", on_conflict=c.OnConflict.REPLACE))
    await assert_ended(drive, tokens[one.id])
    assert (await drive.files.open_link(tokens[two.id], None)).name == "2.txt"


async def test_the_links_of_a_deleted_drive_and_of_a_deleted_account_end(direct_drive: Drive) -> None:
    drive, manager, leaving = direct_drive, UserId(direct_drive.owner), UserId(uuid7())
    team = (await drive.files.create_drive(manager, "Team")).id
    manages = Access(team, manager, Role.MANAGER)
    await drive.files.put_member(manages, leaving, Role.EDITOR)
    folder = await drive.files.create_folder(manages, ROOT, "folder")
    new = c.NewLink(folder.id, LinkRole.EDITOR)
    kept = (await drive.files.create_link(manages, new)).token or ""
    ended = (await drive.files.create_link(Access(team, leaving, Role.EDITOR), new)).token or ""
    own = Access.personal(leaving)
    private = await drive.files.create_folder(own, ROOT, "private")
    personal = (await drive.files.create_link(own, c.NewLink(private.id, LinkRole.EDITOR))).token or ""
    await drive.files.empty_drive(DriveId(leaving))
    for token in (ended, personal):
        await assert_ended(drive, token)
    assert (await drive.files.open_link(kept, None)).name == "folder"
    await drive.files.delete_drive(manages)
    await assert_ended(drive, kept)


async def test_end_links_ends_all_links_of_a_user(drive: Drive) -> None:
    file = await drive.upload_file()
    _, token = await link_to(drive, file.id)
    other = drive.for_owner(new_owner())
    theirs = await other.upload_file()
    _, kept = await link_to(other, theirs.id)
    await drive.files.end_links(UserId(drive.owner))
    with pytest.raises(NotFound):
        await drive.files.open_link(token, None)
    assert (await drive.files.open_link(kept, None)).kind is c.Kind.FILE


async def test_end_sharing_ends_what_a_user_shared_until_then(drive: Drive) -> None:
    user, friend, host = UserId(drive.owner), UserId(uuid7()), UserId(uuid7())
    file = await drive.upload_file()
    team = await drive.files.create_drive(host, "Team", "team")
    hosts, of_user = Access(team.id, host, Role.MANAGER), Access(team.id, user, Role.EDITOR)
    await drive.files.put_member(hosts, user, Role.EDITOR)
    folder = await drive.files.create_folder(hosts, ROOT, "folder", "folder")
    other = await drive.files.create_folder(hosts, ROOT, "other", "other")
    _, token = await link_to(drive, file.id)
    elsewhere = (await drive.files.create_link(of_user, c.NewLink(folder.id, LinkRole.EDITOR), "a")).token or ""
    kept = (await drive.files.create_link(hosts, c.NewLink(folder.id, LinkRole.EDITOR), "b")).token or ""
    await drive.files.put_permission(drive.access, file.id, friend, Role.EDITOR)
    await drive.files.put_permission(of_user, folder.id, friend, Role.EDITOR)
    await drive.files.put_permission(hosts, other.id, friend, Role.VIEWER)
    await drive.files.put_member(hosts, user, Role.MANAGER)
    for place, key in ((drive.owner, "own"), (team.id, "there")):
        await drive.files.create_webhook(user, c.NewWebhook(place, "https://example.com/hook"), key)
    await drive.files.create_webhook(host, c.NewWebhook(team.id, "https://example.com/hook"), "host")
    now = await drive.database.fetchval("SELECT now()")
    await drive.files.end_sharing(user, now - timedelta(hours=1))  # all of it is later
    assert (await drive.files.open_link(token, None)).kind is c.Kind.FILE
    assert len((await drive.files.list_shared_items(friend)).items) == 3
    assert len((await drive.files.list_webhooks(user)).items) == 2
    await drive.files.end_sharing(user, now)
    for ended in (token, elsewhere):
        await assert_ended(drive, ended)
    assert (await drive.files.open_link(kept, None)).name == "folder"
    assert [item.file.id for item in (await drive.files.list_shared_items(friend)).items] == [other.id]
    assert await drive.files.list_permissions(drive.access, file.id) == ()
    assert (await drive.files.list_webhooks(user)).items == ()
    assert len((await drive.files.list_webhooks(host)).items) == 1
    with pytest.raises(InvalidRequest):
        await drive.files.end_sharing(user, datetime(2026, 1, 1))


# -- downloads -------------------------------------------------------------------------------------------


async def test_fifty_downloads_at_once_are_counted_exactly(direct_drive: Drive) -> None:
    drive = direct_drive
    file = await drive.upload_file()
    _, token = await link_to(drive, file.id, max_downloads=10)
    results = await gather_results(*(drive.files.count_link_download(token, None) for _ in range(50)))
    assert sum(result is None for result in results) == 10
    assert all(isinstance(result, NotFound) for result in results if result is not None)
    (link,) = (await drive.files.list_links(drive.access, c.LinkListing())).items
    assert link.downloads == 10
    await assert_ended(drive, token)
    await drive.files.update_link(drive.access, link.id, c.LinkUpdate(max_downloads=11))
    await drive.files.count_link_download(token, None)
    await assert_ended(drive, token)


# -- passwords -------------------------------------------------------------------------------------------


async def test_a_password_is_traded_for_a_session(drive: Drive) -> None:
    folder = await drive.files.create_folder(drive.access, ROOT, "folder")
    link, token = await link_to(drive, folder.id, LinkRole.EDITOR, password="open sesame")
    session = await drive.files.unlock_link(token, "open sesame", "a")
    assert (await drive.files.open_link(token, session)).name == "folder"
    assert (await drive.files.list_link_files(token, session, c.Listing())).items == ()
    _, other = await link_to(drive, folder.id, password="open sesame")
    foreign = await drive.files.unlock_link(other, "open sesame", "a")
    id = UploadId(uuid7())
    for wrong in (None, "", "x", session[:-1], session + "A", "\ud800", "é", foreign):
        for call in (
            drive.files.open_link(token, wrong),
            drive.files.list_link_files(token, wrong, c.Listing()),
            drive.files.get_link_content(token, wrong, ROOT),
            drive.files.count_link_download(token, wrong),
            drive.files.begin_link_upload(token, wrong, c.UploadIntent("a", 1, "text/plain", ROOT)),
            drive.files.get_link_upload(token, wrong, id),
            drive.files.open_link_parts(token, wrong, id, (c.PartIntent(1),)),
            drive.files.complete_link_upload(token, wrong, id),
        ):
            with pytest.raises((PasswordRequired, InvalidRequest)):
                await call
    # The same password again has another hash.
    await drive.files.update_link(drive.access, link.id, c.LinkUpdate(password="open sesame"))
    with pytest.raises(PasswordRequired):
        await drive.files.open_link(token, session)


def test_a_session_ends_after_an_hour_and_belongs_to_one_link_and_password() -> None:
    secrets, link = LinkSecrets(b"s" * 32), LinkId(uuid7())
    session = secrets.create_session(link, "hash", NOW)
    last = NOW + SESSION_LIFETIME
    assert secrets.is_session(session, link, "hash", last - timedelta(seconds=1))
    assert not secrets.is_session(session, link, "hash", last)
    assert not secrets.is_session(session, LinkId(uuid7()), "hash", NOW)
    assert not secrets.is_session(session, link, "other", NOW)
    assert not LinkSecrets(b"t" * 32).is_session(session, link, "hash", NOW)


async def test_wrong_passwords_are_limited_for_each_client_and_link(direct_drive: Drive) -> None:
    drive = direct_drive
    file = await drive.upload_file()
    _, token = await link_to(drive, file.id, password="right")
    _, other = await link_to(drive, file.id, password="right")
    tried = await gather_results(*(drive.files.unlock_link(token, "wrong", "bad") for _ in range(2 * PASSWORD_TRIES)))
    counted = [type(result) for result in tried if not isinstance(result, Unavailable)]
    assert counted.count(InvalidCredentials) <= PASSWORD_TRIES
    while not any(isinstance(result, RateLimited) for result in tried):
        tried = await gather_results(*(drive.files.unlock_link(token, "wrong", "bad") for _ in range(PASSWORD_TRIES)))
    with pytest.raises(RateLimited) as refused:
        await drive.files.unlock_link(token, "right", "bad")
    assert refused.value.retry_after
    assert await drive.files.unlock_link(token, "right", "good")
    assert await drive.files.unlock_link(other, "right", "bad")
    await drive.database.execute("UPDATE files.link_attempts SET full_at = full_at - interval '1 minute'")
    assert await drive.files.unlock_link(token, "right", "bad")
    for _ in range(PASSWORD_TRIES):  # a right password gives all tries back
        with pytest.raises(InvalidCredentials):
            await drive.files.unlock_link(token, "wrong", "bad")


async def test_attempts_that_are_long_over_are_deleted(direct_drive: Drive) -> None:
    drive = direct_drive
    file = await drive.upload_file()
    _, token = await link_to(drive, file.id, password="right")
    for client in ("a", "b"):
        with pytest.raises(InvalidCredentials):
            await drive.files.unlock_link(token, "wrong", client)
        await drive.database.execute("UPDATE files.link_attempts SET full_at = full_at - interval '2 hours'")
    assert await drive.database.fetchval("SELECT count(*) FROM files.link_attempts") == 1


async def test_too_many_passwords_at_once_are_refused() -> None:
    passwords = LinkPasswords(b"s" * 32, 4)
    stored = await passwords.hash("right")
    results = await gather_results(*(passwords.matches("right", stored) for _ in range(200)))
    assert results.count(True) == 2 + MAX_WAITING_HASHES
    assert all(isinstance(result, Unavailable) for result in results if result is not True)
    assert await passwords.matches("right", stored)
    assert not await passwords.matches("wrong", stored)
    long = "x" * 100
    assert not await passwords.matches(long + "b", await passwords.hash(long + "a"))
    assert not await LinkPasswords(b"t" * 32, 4).matches("right", stored)


async def test_one_client_does_not_take_the_whole_queue_of_passwords() -> None:
    passwords = LinkPasswords(b"s" * 32, 4)
    stored = await passwords.hash("right")
    flood = [asyncio.create_task(passwords.matches("wrong", stored, HashClient("flood"))) for _ in range(200)]
    await asyncio.sleep(0)  # all of them ask before the others
    others = await asyncio.gather(*(passwords.matches("right", stored, HashClient(f"{n}")) for n in range(20)))
    assert others == [True] * 20
    await asyncio.gather(*flood, return_exceptions=True)


async def test_each_client_of_a_link_has_its_own_place_in_the_queue(direct_drive: Drive) -> None:
    """The queue learns the network of each caller, and the user who makes a link."""
    clients: list[HashClient] = []
    drive = direct_drive
    file = await drive.upload_file()

    class Recorded(LinkPasswords):
        async def hash(self, password: str, client: HashClient = UNKNOWN_CLIENT) -> str:
            clients.append(client)
            return await super().hash(password, client)

        async def matches(self, password: str, stored: str, client: HashClient = UNKNOWN_CLIENT) -> bool:
            clients.append(client)
            return await super().matches(password, stored, client)

    passwords = Recorded(SETTINGS.secret, 4)
    links = LinkService(drive.database, SETTINGS, passwords, uuid7, lambda: datetime.now(UTC))
    calls = FileCalls(**dict.fromkeys(FileCalls.__struct_fields__, drive.files.list_files))  # type: ignore[arg-type]
    holders = LinkHolderService(drive.database, SETTINGS, passwords, calls, lambda: datetime.now(UTC))
    new = c.NewLink(file.id, LinkRole.VIEWER, password="right")
    link = await links.create_link(drive.access, new, "key")
    assert await links.create_link(drive.access, new, "key") == link  # a repeat hashes nothing
    await links.update_link(drive.access, link.id, c.LinkUpdate(password="better"))
    for client in ("a", "b"):
        assert await holders.unlock_link(link.token or "", "better", client)
    with pytest.raises(NotFound):
        await links.update_link(drive.access, LinkId(uuid7()), c.LinkUpdate(password="better"))
    user = f"user {drive.owner}"
    assert [client.key for client in clients[:2]] == [user, user]
    assert len({client.key for client in clients}) == 3
    assert len(clients) == 4  # none for a link that does not exist


async def test_a_repeat_after_the_end_of_a_link_returns_it(direct_drive: Drive) -> None:
    drive = direct_drive
    file = await drive.upload_file()
    times = iter([NOW, NOW + TOMORROW])
    links = LinkService(drive.database, SETTINGS, LinkPasswords(SETTINGS.secret, 4), uuid7, lambda: next(times))
    new = c.NewLink(file.id, LinkRole.VIEWER, expires_at=NOW + timedelta(hours=1))
    first = await links.create_link(drive.access, new, "key")
    assert await links.create_link(drive.access, new, "key") == first
    with pytest.raises(InvalidRequest):
        await links.create_link(drive.access, new)


# -- the place of a link ---------------------------------------------------------------------------------


async def test_a_link_lists_and_reads_what_is_below_its_folder(drive: Drive) -> None:
    shared = await drive.files.create_folder(drive.access, ROOT, "shared")
    inner = await drive.files.create_folder(drive.access, shared.id, "inner")
    file = await drive.upload_file("a.txt", parent=inner.id)
    await drive.upload_file("b.txt", parent=shared.id)
    _, token = await link_to(drive, shared.id)
    page = await drive.files.list_link_files(token, None, c.Listing(ROOT, c.Sort.NAME, descending=False))
    assert [(item.name, item.parent) for item in page.items] == [("b.txt", ROOT), ("inner", ROOT)]
    (found,) = (await drive.files.list_link_files(token, None, c.Listing(inner.id))).items
    assert (found.id, found.parent) == (file.id, inner.id)
    assert (await drive.files.get_link_content(token, None, file.id)).name == "a.txt"
    with pytest.raises(NotFound):  # a folder has no content
        await drive.files.get_link_content(token, None, ROOT)
    (named,) = (await drive.files.list_link_files(token, None, c.Listing(ROOT, name="b.txt"))).items
    assert named.name == "b.txt"
    with pytest.raises(InvalidRequest):
        await drive.files.list_link_files(token, None, c.Listing(ROOT, starred=True))


async def test_a_link_never_reaches_outside(direct_drive: Drive) -> None:
    drive = direct_drive
    shared = await drive.files.create_folder(drive.access, ROOT, "shared")
    beside = await drive.files.create_folder(drive.access, ROOT, "beside")
    inner = await drive.files.create_folder(drive.access, shared.id, "inner")
    file = await drive.upload_file("a.txt", parent=inner.id)
    outside = await drive.upload_file("secret.txt", parent=beside.id)
    theirs = await drive.for_owner(new_owner()).upload_file("theirs.txt")
    _, token = await link_to(drive, shared.id, LinkRole.EDITOR)
    _, of_file = await link_to(drive, file.id)

    async def reaches(token: str, id: FileId) -> bool:
        calls = (
            drive.files.get_link_content(token, None, id),
            drive.files.list_link_files(token, None, c.Listing(id)),
            drive.files.begin_link_upload(token, None, c.UploadIntent("x", 1, "text/plain", id)),
        )
        results = [result for call in calls for result in await gather_results(call)]
        assert all(not isinstance(result, Error) or isinstance(result, NotFound | Forbidden) for result in results)
        return any(not isinstance(result, Error) for result in results)

    for id in (beside.id, outside.id, theirs.id, FileId(uuid4())):
        assert not await reaches(token, id)
        assert not await reaches(of_file, id)
    assert not await reaches(of_file, shared.id)
    assert await reaches(token, file.id)
    for moved in (file.id, inner.id):  # the item itself, and the folder that it is in
        before = (await drive.files.get_file(drive.access, moved)).parent
        await drive.files.update_entry(drive.access, moved, c.EntryUpdate(parent=beside.id))
        assert not await reaches(token, moved)
        assert not await reaches(token, file.id)
        assert await reaches(of_file, file.id)
        await drive.files.update_entry(drive.access, moved, c.EntryUpdate(parent=before))
        assert await reaches(token, file.id)
    await drive.files.trash_entry(drive.access, inner.id)
    assert not await reaches(token, file.id)
    assert not await reaches(token, inner.id)
    assert not await reaches(of_file, file.id)
    await drive.files.restore_entry(drive.access, inner.id, beside.id)
    assert not await reaches(token, file.id)
    assert await reaches(of_file, file.id)
    await drive.files.update_entry(drive.access, inner.id, c.EntryUpdate(parent=shared.id))
    assert await reaches(token, file.id)


async def test_a_cursor_belongs_to_one_link(drive: Drive) -> None:
    shared = await drive.files.create_folder(drive.access, ROOT, "shared")
    for number in range(3):
        await drive.files.create_folder(drive.access, shared.id, f"{number}")
    _, token = await link_to(drive, shared.id)
    _, other = await link_to(drive, shared.id)
    listing = c.Listing(ROOT, c.Sort.NAME, descending=False, limit=2)
    first = await drive.files.list_link_files(token, None, listing)
    own = await drive.files.list_files(drive.access, c.Listing(shared.id, c.Sort.NAME, descending=False, limit=2))
    assert first.changes_cursor is None
    rest = c.Listing(ROOT, c.Sort.NAME, descending=False, limit=2, cursor=first.next_cursor)
    assert [item.name for item in (await drive.files.list_link_files(token, None, rest)).items] == ["2"]
    for wrong in (own.next_cursor, "", "x.y", "\ud800", f"{own.next_cursor}."):
        with pytest.raises((InvalidCursor, InvalidRequest)):
            await drive.files.list_link_files(
                token, None, c.Listing(ROOT, c.Sort.NAME, descending=False, limit=2, cursor=wrong)
            )
    with pytest.raises(InvalidCursor):
        await drive.files.list_link_files(other, None, rest)


# -- uploads ---------------------------------------------------------------------------------------------


async def upload_with(
    drive: Drive, token: str, name: str = "a.txt", parent: FileId = ROOT, key: str | None = None
) -> c.Upload:
    return await drive.files.begin_link_upload(token, None, c.UploadIntent(name, 5, "text/plain", parent), key)


@pytest.mark.parametrize("role", [LinkRole.UPLOADER, LinkRole.EDITOR])
async def test_a_holder_uploads_into_the_folder(drive: Drive, role: LinkRole) -> None:
    shared = await drive.files.create_folder(drive.access, ROOT, "shared")
    _, token = await link_to(drive, shared.id, role)
    upload = await upload_with(drive, token, key="k")
    again = await upload_with(drive, token, key="k")
    assert (again.id, again.name) == (upload.id, upload.name)
    assert (await drive.files.get_usage(drive.access)).reserved_bytes >= 5
    drive.bucket.put(upload.key, b"hello")
    done = await drive.files.complete_link_upload(token, None, upload.id)
    assert done == await drive.files.complete_link_upload(token, None, upload.id)
    assert done == await drive.files.get_link_upload(token, None, upload.id)
    assert (done.status, done.name) == (c.UploadStatus.COMPLETE, "a.txt")
    (file,) = (await drive.files.list_files(drive.access, c.Listing(shared.id))).items
    assert (file.id, file.name, file.created_by, file.parent) == (done.file, "a.txt", None, shared.id)


async def test_an_uploader_sees_nothing_and_learns_no_names(direct_drive: Drive) -> None:
    drive = direct_drive
    shared = await drive.files.create_folder(drive.access, ROOT, "shared")
    inner = await drive.files.create_folder(drive.access, shared.id, "inner")
    taken = await drive.upload_file("Grüße.txt", parent=shared.id)
    _, token = await link_to(drive, shared.id, LinkRole.UPLOADER)
    assert await drive.files.open_link(token, None) == c.LinkInfo("shared", c.Kind.FOLDER, 0, LinkRole.UPLOADER)
    for call in (
        drive.files.list_link_files(token, None, c.Listing()),
        drive.files.get_link_content(token, None, taken.id),
        drive.files.count_link_download(token, None),
        upload_with(drive, token, parent=inner.id),
        upload_with(drive, token, parent=FileId(uuid7())),
    ):
        with pytest.raises(NotFound):
            await call
    upload = await upload_with(drive, token, "Grüße.txt")
    drive.bucket.put(upload.key, b"hello")
    seen = [upload, await drive.files.get_link_upload(token, None, upload.id)]
    seen.append(await drive.files.complete_link_upload(token, None, upload.id))
    assert {each.name for each in seen} == {"Grüße.txt"}
    assert await drive.list_names(shared.id) == ["Grüße (1).txt", "Grüße.txt", "inner"]
    with pytest.raises(InvalidRequest):
        await drive.files.begin_link_upload(
            token, None, c.UploadIntent("Grüße.txt", 5, "text/plain", ROOT, c.OnConflict.FAIL)
        )
    _, of_editor = await link_to(drive, shared.id, LinkRole.EDITOR)
    assert (await upload_with(drive, of_editor, "Grüße.txt")).name == "Grüße (2).txt"


async def test_only_uploads_of_the_link_are_read_and_completed(direct_drive: Drive) -> None:
    drive = direct_drive
    shared = await drive.files.create_folder(drive.access, ROOT, "shared")
    _, token = await link_to(drive, shared.id, LinkRole.EDITOR)
    _, other = await link_to(drive, shared.id, LinkRole.EDITOR)
    _, viewer = await link_to(drive, shared.id)
    own = await drive.begin("own.txt", parent=shared.id, key="k")
    upload = await upload_with(drive, token)
    # Keys of the owner and of other links are of other requests.
    assert len({(await upload_with(drive, each, "own.txt", key="k")).id for each in (token, other)} | {own.id}) == 3
    for each, id in ((other, upload.id), (token, own.id), (token, UploadId(uuid7()))):
        for call in (
            drive.files.get_link_upload(each, None, id),
            drive.files.open_link_parts(each, None, id, (c.PartIntent(1),)),
            drive.files.complete_link_upload(each, None, id),
        ):
            with pytest.raises(NotFound):
                await call
    for call in (
        upload_with(drive, viewer),
        drive.files.get_link_upload(viewer, None, upload.id),
        drive.files.complete_link_upload(viewer, None, upload.id),
    ):
        with pytest.raises(Forbidden):
            await call
    with pytest.raises(Conflict):
        await drive.files.open_link_parts(token, None, upload.id, (c.PartIntent(1),))


async def test_a_large_file_is_uploaded_in_parts(direct_drive: Drive) -> None:
    drive = direct_drive
    shared = await drive.files.create_folder(drive.access, ROOT, "shared")
    _, token = await link_to(drive, shared.id, LinkRole.UPLOADER)
    intent = c.UploadIntent("a.bin", 5, "text/plain", ROOT, multipart=True)
    upload = await drive.files.begin_link_upload(token, None, intent)
    opened = await drive.files.open_link_parts(token, None, upload.id, (c.PartIntent(1),))
    assert opened.parts is not None
    assert opened.parts.multipart_id


async def test_the_pending_uploads_of_one_link_are_limited(database_url: str) -> None:
    async with open_drive(database_url, "direct", replace(SETTINGS, max_link_uploads=2)) as drive:
        shared = await drive.files.create_folder(drive.access, ROOT, "shared")
        _, token = await link_to(drive, shared.id, LinkRole.UPLOADER)
        _, other = await link_to(drive, shared.id, LinkRole.UPLOADER)
        intent = c.UploadIntent("a", 1, "text/plain", ROOT)
        first = await drive.files.begin_link_upload(token, None, intent)
        second = await drive.files.begin_link_upload(token, None, intent, "key")
        assert await drive.files.begin_link_upload(token, None, intent, "key") == second
        with pytest.raises(RateLimited):
            await drive.files.begin_link_upload(token, None, intent)
        await drive.files.begin_link_upload(other, None, intent)
        await drive.begin("b", b"")  # the members of the drive are not limited by it
        await drive.files.abort_upload(drive.access, first.id)
        await drive.files.begin_link_upload(token, None, intent)


async def test_two_clients_that_try_a_password_at_once_do_not_block_each_other(direct_drive: Drive) -> None:
    drive = direct_drive
    file = await drive.upload_file()
    link, _ = await link_to(drive, file.id, password="sesame")
    old = "INSERT INTO files.link_attempts SELECT $1, $2, $3, now() - interval '2 hours'"
    for client in ("a", "b"):
        await drive.database.execute(old, drive.access.drive, link.id, client)
    lock = "SELECT 1 FROM files.link_attempts WHERE link_id = $1 AND client = 'a' FOR UPDATE"
    sql = LinkStore().statements["take_password_attempt"]
    arguments = (drive.access.drive, link.id, "b", timedelta(minutes=1), 10)
    async with drive.database.transaction() as one:
        await one.fetchval(lock, link.id)  # as the try of the first client does
        async with drive.database.transaction() as two:
            await two.execute("SET LOCAL lock_timeout = '5s'")
            assert await two.fetchval(sql, *arguments) is not None


async def test_errors_say_nothing_about_the_drive(direct_drive: Drive) -> None:
    drive = direct_drive
    shared = await drive.files.create_folder(drive.access, ROOT, "shared")
    _, token = await link_to(drive, shared.id, LinkRole.UPLOADER)
    await drive.upload_file("big", bytes(4_000))
    await drive.upload_file("bigger", bytes(4_000))
    with pytest.raises(QuotaExceeded) as refused:
        await drive.files.begin_link_upload(token, None, c.UploadIntent("a", 4_999, "text/plain", ROOT))
    assert not any(character.isdigit() for character in refused.value.detail)
    for number in range(SETTINGS.max_pending_uploads):
        await drive.begin(f"{number}", b"")
    with pytest.raises(RateLimited) as limited:
        await drive.files.begin_link_upload(token, None, c.UploadIntent("a", 0, "text/plain", ROOT))
    assert not any(character.isdigit() for character in limited.value.detail)
