"""Steps that give another user access to a shared drive or to a folder in it, use it, and withdraw it.

An access is requested only once. If there is no response, the request may take effect later, so nothing is known about
this access and it is not used. A confirmed withdrawal is final. A user who gets permissions on folders never becomes a
member of the same drive, because a member has access to all folders.
"""

from __future__ import annotations

from .drive_uploads import Target, begin, upload
from .shared_drives import SharedAccess, create_folder
from .simulated_user import Json, SimulatedUser
from .single_put_uploads import put_bytes

_Request = tuple[str, str, Json | None]


async def give_access(user: SimulatedUser) -> None:
    """Make another user a member of the drive, or share a new folder with them."""
    if not user.other_users:
        return
    number = user.rng.randrange(len(user.other_users))
    other, drive = user.other_users[number], user.drives.work
    role = user.rng.choice(("viewer", "editor"))
    if is_member := number % 2 == 0:
        if other.name in user.drives.asked_members:
            return
        user.drives.asked_members.add(other.name)
        item, body = drive, {"role": role}
        path = f"/v1/drives/{drive}/members/{other.id}"
    else:
        user.name_count += 1
        folder = await create_folder(user, drive, f"{user.name} shared {user.name_count}")
        if folder is None:
            return
        item, body = folder, {"user_id": other.id, "role": role}
        path = f"/v1/files/{folder}/permissions?drive_id={drive}"
    await user.ledger.write(user.name, "access_requested", file=item, detail=other.name)
    if await user.call("PUT", path, body, expect=(200,)) is not None:
        await user.ledger.write(user.name, "access_given", file=item, detail=other.name)
        user.drives.accesses.append(SharedAccess(other, item, role, is_member))
        user.counts["accesses given"] += 1


async def use_access(user: SimulatedUser) -> None:
    """Let another user read what is shared with them, and upload a file if they are an editor."""
    if not user.drives.accesses:
        return
    access = user.drives.accesses.pop(user.rng.randrange(len(user.drives.accesses)))
    try:
        method, path, _ = user.rng.choice(read_requests(user, access))
        if await access.other.call(method, path, expect=(200,)) is not None:
            user.counts["accesses used"] += 1
        if access.role == "editor":
            await upload(access.other, user, _target(user, access), user.rng.randbytes(user.rng.randint(1, 20_000)))
        else:
            method, path, body = write_request(user, access)
            await access.other.call(method, path, body, expect=(403,))
    finally:
        user.drives.accesses.append(access)


async def withdraw_access(user: SimulatedUser) -> None:
    """Withdraw an access, sometimes in the middle of an upload. The next request must be refused."""
    if not user.drives.accesses:
        return
    access = user.drives.accesses.pop(user.rng.randrange(len(user.drives.accesses)))
    content = user.rng.randbytes(500)
    begun: Json | None = None
    if access.role == "editor" and user.rng.random() < 0.4:
        begun = await begin(access.other, user, _target(user, access), content)
    await user.ledger.write(user.name, "withdrawal_requested", file=access.item, detail=access.other.name)
    drive, other = user.drives.work, access.other
    path = f"/v1/files/{access.item}/permissions/{other.id}?drive_id={drive}"
    if access.is_member:
        path = f"/v1/drives/{drive}/members/{other.id}"
    # 404 after a lost response: the first request withdrew the access.
    if await user.retry(lambda: user.call("DELETE", path, expect=(204, 404))) is None:
        return
    await user.ledger.write(user.name, "access_withdrawn", file=access.item, detail=other.name)
    user.drives.withdrawn.append(access)
    user.counts["accesses withdrawn"] += 1
    await _try_withdrawn(user, access)
    # A presigned URL works until it expires. But its upload can be completed only by those who have access.
    if begun is not None and await put_bytes(other, begun, content):
        await _expect_refusal(user, access, ("POST", f"/v1/uploads/{begun['id']}/complete?drive_id={drive}", None))


async def use_withdrawn_access(user: SimulatedUser) -> None:
    """Let another user try what was withdrawn some time ago."""
    if user.drives.withdrawn:
        await _try_withdrawn(user, user.rng.choice(user.drives.withdrawn))


def read_requests(user: SimulatedUser, access: SharedAccess) -> list[_Request]:
    """Return requests that read what is shared."""
    drive = user.drives.work
    if not access.is_member:
        item = f"/v1/files/{access.item}"
        return [
            ("GET", f"{item}?drive_id={drive}", None),
            ("GET", f"{item}/path?drive_id={drive}", None),
            ("GET", f"/v1/files?drive_id={drive}&parent_id={access.item}", None),
        ]
    file = f"/v1/files/{user.rng.choice(user.drives.files).id}"
    return [
        ("GET", f"/v1/drives/{drive}", None),
        ("GET", f"/v1/files?drive_id={drive}", None),
        ("GET", f"{file}?drive_id={drive}", None),
        ("GET", f"{file}/download?drive_id={drive}", None),
        ("GET", f"/v1/changes?drive_id={drive}", None),
    ]


def write_request(user: SimulatedUser, access: SharedAccess) -> _Request:
    """Return a request that only an editor may send."""
    parent = "root" if access.is_member else access.item
    user.name_count += 1
    body = {"name": f"{user.name} refused {user.name_count}", "parent_id": parent}
    return "POST", f"/v1/folders?drive_id={user.drives.work}", body


async def _try_withdrawn(user: SimulatedUser, access: SharedAccess) -> None:
    requests = [*read_requests(user, access), write_request(user, access)]
    await _expect_refusal(user, access, user.rng.choice(requests))


async def _expect_refusal(user: SimulatedUser, access: SharedAccess, request: _Request) -> None:
    method, path, body = request
    if await access.other.call(method, path, body, expect=(404,)) is not None:
        user.counts["withdrawn accesses refused"] += 1


def _target(user: SimulatedUser, access: SharedAccess) -> Target:
    user.name_count += 1
    parent = "root" if access.is_member else access.item
    return Target(user.drives.work, parent, f"{user.name} guest {user.name_count}.bin")
