"""Attempts to reach files and uploads of other users. Each must get 404."""

from __future__ import annotations

from . import tus_uploads
from .simulated_user import Json, SimulatedUser


async def try_foreign_access(user: SimulatedUser) -> None:
    """Send one random request about a file or an upload of another user."""
    other = user.rng.choice(user.other_users)
    if other.uploads and user.rng.random() < 0.25:
        await tus_uploads.try_foreign_upload(user, user.rng.choice(other.uploads))
        return
    requests: list[tuple[str, str, Json | None]] = []
    if other.files:
        file = f"/v1/files/{user.rng.choice(list(other.files))}"
        requests += [("GET", file, None), ("GET", f"{file}/download", None)]
        requests += [("DELETE", file, None), ("PATCH", file, {"name": "mine now"})]
        requests += [("POST", f"{file}/restore", None)]
    if other.uploads:
        upload = f"/v1/uploads/{user.rng.choice(other.uploads)}"
        requests += [("GET", upload, None), ("DELETE", upload, None)]
        requests += [("POST", f"{upload}/complete", None), ("GET", f"{upload}/parts", None)]
        requests += [("POST", f"{upload}/parts", {"parts": [{"number": 1}]})]
    if requests:
        method, path, body = user.rng.choice(requests)
        if await user.call(method, path, body, expect=(404,)) is not None:
            user.counts["foreign requests refused"] += 1
