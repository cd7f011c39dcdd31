"""Steps that copy a file or a folder within the drive of the user. A copy shares the objects of its original."""

from __future__ import annotations

from .file_steps import reserve_file
from .simulated_user import ApiResponse, SimulatedUser


async def copy_file(user: SimulatedUser) -> None:
    """Copy a file into the root or into a folder."""
    with reserve_file(user, is_live=True) as file:
        if file is None:
            return
        folders = user.live_folders()
        parent = user.rng.choice(folders) if folders and user.rng.random() < 0.5 else "root"
        user.name_count += 1
        response = await _copy(user, file.id, parent, f"{user.name} copy {user.name_count}.bin")
        if response is None:
            return
        if response.status == 404 and parent not in user.trashed_folders:
            await user.check_missing(file)
        if response.status == 201:
            id = response.body["id"]
            await user.ledger.write(user.name, "copied", file=id, parent=parent, detail=file.id)
            user.add_file(id, parent)
            user.counts["files copied"] += 1


async def copy_folder(user: SimulatedUser) -> None:
    """Copy a folder with its files into the root. Other steps change the folder meanwhile."""
    folders = user.live_folders()
    if not folders:
        return
    folder = user.rng.choice(folders)
    user.name_count += 1
    name = f"{user.name} folder {user.name_count}"
    response = await _copy(user, folder, "root", name)
    if response is None:
        return
    if response.status == 404 and folder not in user.trashed_folders:
        await user.report_violation(f"folder {folder} does not exist", file=folder)
    if response.status == 201:
        user.folders.append(response.body["id"])
        await user.ledger.write(user.name, "folder_created", file=response.body["id"], name=name, detail=folder)
        user.counts["folders copied"] += 1


async def _copy(user: SimulatedUser, id: str, parent: str, name: str) -> ApiResponse | None:
    """Request a copy until a response arrives. Return None if none did, or if the copy does not fit in the quota."""
    key = f"{user.name}-copy-{user.name_count}"
    body = {"parent_id": parent, "name": name}
    await user.ledger.write(user.name, "copy_requested", file=id, parent=parent, name=name, detail=key)

    async def send() -> ApiResponse | None:
        response = await user.call("POST", f"/v1/files/{id}/copy", body, expect=(201, 404, 409, 507), key=key)
        if response is not None and response.status == 409:
            if response.body.get("code") != "in_progress":
                await user.report_violation(f"a copy with a new name: {response.body}", file=id)
            return None
        return response

    response = await user.retry(send)
    if response is not None and response.status == 507:
        user.counts["quota exceeded"] += 1
        return None
    return response
