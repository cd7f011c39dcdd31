"""What a user does with a file that comes in parts: asks for URLs, sends parts more than once and in any order, goes
on with what is there, gives up, or says that all is there."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
from typing import TYPE_CHECKING, Final

import aiohttp

if TYPE_CHECKING:
    from .user import Json, User

_SIZES: Final = (0, 1, 3_000, 50_000, 2**23 + 3_000)
"""Bytes; the last one makes two parts."""
_WEIGHTS: Final = (1, 1, 6, 4, 1)
_TRIES: Final = 5
_PATIENCE: Final = aiohttp.ClientTimeout(total=20)


async def upload(user: User) -> None:
    body = user.chance.randbytes(user.chance.choices(_SIZES, _WEIGHTS)[0])
    begun = await user.begin(body, in_parts=True)
    if begun is None:
        return
    user.uploads.append(begun["id"])
    size = begun["part_size"]
    pieces = {number: body[(number - 1) * size : number * size] for number in range(1, begun["part_count"] + 1)}
    checked = user.chance.random() < 0.8
    wanted = list(pieces)
    user.chance.shuffle(wanted)
    if user.chance.random() < 0.1:
        wanted = wanted[1:]  # one is never sent: it expires
    await user.ledger.write(user.tag, "put", upload=begun["id"])
    for number in wanted:
        if not await _send(user, begun, number, pieces[number], checked=checked):
            return
    if user.chance.random() < 0.1:
        held = await _held(user, begun)
        if held is not None and held < set(wanted):
            await user.broken(f"the store took parts {wanted} and has {sorted(held)}", upload=begun["id"])
    if user.chance.random() < 0.1:
        await user.abort(begun["id"])
    elif len(wanted) == len(pieces):
        await user.complete(begun, stored=True)


async def _send(user: User, begun: Json, number: int, piece: bytes, *, checked: bool) -> bool:
    """Ask for a URL as often as it takes, and send the part; whether the store has said that it holds it."""
    path = f"/v1/uploads/{begun['id']}/parts"
    digest = base64.b64encode(hashlib.sha256(piece).digest()).decode()
    asked: Json = {"parts": [{"number": number} | ({"sha256": digest} if checked else {})]}
    for n in range(_TRIES):
        # 409: its deadline has passed.
        answer = await user.again(lambda: user.call("POST", path, asked, expect=(200, 409)))
        if answer is None or answer[0] != 200:
            return False
        status = await _put(user, answer[1]["parts"][0], piece)
        user.tally[f"part {status or 'no answer'}"] += 1
        if status == 200:
            return True
        if status in (400, 403):
            await user.broken(f"the store refused a part: {status}", upload=begun["id"])
            return False
        await asyncio.sleep(user.chance.uniform(0.1, 0.4) * 2**n)
    return False


async def _put(user: User, part: Json, piece: bytes) -> int:
    try:
        async with user.http.request(
            part["method"], part["url"], headers=part["headers"], data=io.BytesIO(piece), timeout=_PATIENCE
        ) as response:
            await response.read()
            return response.status
    except (aiohttp.ClientError, TimeoutError, OSError):
        return 0


async def _held(user: User, begun: Json) -> set[int] | None:
    answer = await user.call("GET", f"/v1/uploads/{begun['id']}/parts", expect=(200, 409))
    return None if answer is None or answer[0] != 200 else {part["number"] for part in answer[1]["items"]}
