"""What a user does with a file that goes by tus: sends it in requests of any size that break off anywhere, asks how
much is kept and goes on from there, leaves it for a while, gives it up, or says so.

What an answer told is kept is in the ledger with the time its request was sent: nothing that was asked later may be
told less.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

from .tus_requests import CHUNK, TRIES, Answer, Flow, answered, ask, checksum, metadata

if TYPE_CHECKING:
    from .user import User

_PART: Final = 2**23
_SIZES: Final = (0, 1, 3_000, 200_000, 1_500_000, _PART, _PART + 3_000, 2 * _PART + 700_000)
_WEIGHTS: Final = (1, 1, 6, 5, 3, 0.7, 1, 0.7)
_MOST_CHECKED: Final = 6 * 2**20
_OF_PATCH: Final = (204, 404, 409, 460, 507)
_STUBBORN: Final = 5
"""So often an offset may be told and refused in turn: between the two somebody may have put away more."""


@dataclass
class Sending:
    """An upload under way. `at` is how much is kept, None if that has to be asked. `told`: its length is known."""

    id: str
    parent: str
    body: bytes
    told: bool
    at: int | None = None
    refused_at: int = -1
    refused: int = 0

    def refuse(self, at: int) -> bool:
        """Its state was asked, and refused; whether that is going round in a circle."""
        self.refused = self.refused + 1 if at == self.refused_at else 1
        self.refused_at = at
        return self.refused == _STUBBORN


async def upload(user: User) -> None:
    """Begin one, and do something with it."""
    sending = await _create(user)
    if sending is not None:
        await _go_on(user, sending)


async def come_back(user: User) -> None:
    """Go on with one that was left."""
    if user.left:
        await _go_on(user, user.left.pop(user.chance.randrange(len(user.left))))


async def _create(user: User) -> Sending | None:
    body = user.chance.randbytes(user.chance.choices(_SIZES, _WEIGHTS)[0])
    name, parent, conflict = user.place()
    told = user.chance.random() < 0.75
    brought = body[: user.chance.choice((0, len(body), user.chance.randrange(len(body) + 1)))][:_MOST_CHECKED]
    headers = {"Upload-Length": str(len(body))} if told else {"Upload-Defer-Length": "1"}
    headers |= {"Upload-Metadata": metadata(name, parent, conflict)}
    headers |= {"Idempotency-Key": f"{user.tag}-tus-{user.made}-{user.chance.getrandbits(32):x}"}
    wrong = user.chance.random() < 0.03
    if brought and (wrong or user.chance.random() < 0.3):
        headers |= checksum(user, brought, right=not wrong)
    facts = {"name": name, "parent": parent, "size": len(body), "sha256": hashlib.sha256(body).hexdigest()}
    await user.ledger.write(user.tag, "begin", detail=headers["Idempotency-Key"], **facts)
    # 422: what an unanswered request made has ended since.
    flow = Flow(brought) if brought else None
    answer = await answered(user, "POST", "/v1/tus", headers, flow, expect=(201, 404, 409, 422, 460, 507))
    if answer is None or answer.status != 201:
        if answer is not None and answer.status == 404 and parent not in user.doomed:
            await user.broken(f"folder {parent} is gone", parent=parent)
        if answer is not None and answer.status == 460 and not wrong:
            await user.broken("a right checksum is refused")
        return None
    if wrong and brought:
        await user.broken("a wrong checksum is taken")
    sending = Sending(answer.headers["Location"].rpartition("/")[2], parent, body, told)
    await user.ledger.write(user.tag, "begun", upload=sending.id, detail="tus", **facts)
    await user.ledger.write(user.tag, "put", upload=sending.id)
    user.tally["uploads by tus: begun"] += 1
    user.uploads.append(sending.id)
    return None if await _heard(user, sending, answer) else sending


async def _go_on(user: User, sending: Sending) -> None:
    """Send what is to come, until it is a file or has ended; or only a few times, and then something else."""
    plan = user.chance.choices(("finish", "leave", "terminate", "give up"), (75, 12, 7, 6))[0]
    steps = TRIES if plan == "finish" else user.chance.randrange(4)
    for _ in range(steps):
        if sending.at and user.chance.random() < 0.05:
            await _go_back(user, sending, user.chance.randrange(sending.at))
        over = await (_send(user, sending) if sending.at is not None else _look(user, sending))
        if over:
            return
        if sending.at is None:
            await asyncio.sleep(user.chance.uniform(0.05, 0.6))
    if plan == "leave":
        user.left.append(sending)
    elif plan == "terminate":
        await _terminate(user, sending)
    user.tally[f"uploads by tus: {plan if plan != 'finish' else 'tried too often'}"] += 1


async def _look(user: User, sending: Sending) -> bool:
    """Ask how much is kept; whether it is over."""
    answer = await ask(user, "HEAD", f"/v1/tus/{sending.id}", {}, None, (200, 404, 409))
    if answer is None:
        return False
    if answer.status == 409:
        if sending.refuse(-1):
            await user.broken("HEAD is refused again and again", upload=sending.id)
        return False
    if answer.status != 200:
        return await _ended(user, sending)
    told = answer.headers.get("Upload-Length")
    if (told is None) != (answer.headers.get("Upload-Defer-Length") == "1") or told not in (
        None,
        str(len(sending.body)),
    ):
        await user.broken(f"HEAD says a length of {told}, not {len(sending.body)}", upload=sending.id)
    if told is None and sending.told:
        await user.broken("the length that was told is forgotten", upload=sending.id)
    sending.told = told is not None
    return await _heard(user, sending, answer)


@dataclass
class Patch:
    """One request from where an upload is. `wrong`: its checksum is of other bytes. `telling`: it tells the length."""

    headers: dict[str, str]
    flow: Flow
    wrong: bool
    telling: bool


def _patch(user: User, sending: Sending) -> Patch:
    assert sending.at is not None
    rest = sending.body[sending.at :]
    amount = len(rest) if user.chance.random() < 0.5 else user.chance.randrange(len(rest) + 1)
    headers = {"Upload-Offset": str(sending.at)}
    wrong = user.chance.random() < 0.03
    if wrong or user.chance.random() < 0.2:
        amount = min(amount, _MOST_CHECKED)
        headers |= checksum(user, rest[:amount], right=not wrong)
    if user.chance.random() < 0.3:
        headers["Content-Length"] = str(amount)
    telling = not sending.told and (not rest or user.chance.random() < 0.3)
    # What was told may be told once more.
    if telling or (sending.told and user.chance.random() < 0.05):
        headers["Upload-Length"] = str(len(sending.body))
    return Patch(headers, Flow(rest[:amount]), wrong, telling)


async def _send(user: User, sending: Sending) -> bool:
    """One PATCH from where it is; whether it is over."""
    patch, how = _patch(user, sending), user.chance.random()
    if how < 0.32:
        patch.flow.upto = user.chance.randrange(len(patch.flow.body) + 1)
    if how < 0.07:
        patch.flow.held = user.chance.uniform(0, 6)
        return await _overtaken(user, sending, patch)
    method = "PATCH"
    if user.chance.random() < 0.1:
        method, patch.headers["X-HTTP-Method-Override"] = "POST", "PATCH"
    answer = await ask(user, method, f"/v1/tus/{sending.id}", patch.headers, patch.flow, _OF_PATCH)
    at, sending.at = sending.at, None
    if answer is None:
        return False
    if answer.status == (204 if patch.wrong else 460):
        await user.broken(f"a checksum is taken for another: {answer.status}", upload=sending.id)
    if answer.status == 409 and sending.refuse(at or 0):
        await user.broken(f"an offset of {at} is told, and refused", upload=sending.id)
    if answer.status == 404:
        return await _ended(user, sending)
    if answer.status != 204:
        return False
    sending.told = sending.told or patch.telling
    return await _heard(user, sending, answer)


async def _go_back(user: User, sending: Sending, at: int) -> None:
    """Send what was sent before, as a client would that missed an answer: it is refused."""
    flow = Flow(sending.body[at : at + CHUNK])
    answer = await ask(user, "PATCH", f"/v1/tus/{sending.id}", {"Upload-Offset": str(at)}, flow, (404, 409))
    user.tally["uploads by tus: not gone back"] += answer is not None


async def _overtaken(user: User, sending: Sending, patch: Patch) -> bool:
    """A PATCH that stalls, and before its end somebody who asks how far it is."""
    async with asyncio.TaskGroup() as tasks:
        stalled = tasks.create_task(ask(user, "PATCH", f"/v1/tus/{sending.id}", patch.headers, patch.flow, _OF_PATCH))
        await asyncio.sleep(user.chance.uniform(0, 1))
        sending.at = None
        over = await _look(user, sending)
        if user.chance.random() < 0.5:
            stalled.cancel()
    return over


async def _heard(user: User, sending: Sending, answer: Answer) -> bool:
    """Write down what an answer says; whether the upload is a file now."""
    sending.at = answer.offset
    until = answer.headers.get("Upload-Expires")
    if not answer.file and until is None:
        await user.broken("it is no file, and not waited for", upload=sending.id)
    facts = {"upload": sending.id, "size": answer.offset, "asked": answer.asked}
    expires = parsedate_to_datetime(until).timestamp() if until else 0.0
    await user.ledger.write(user.tag, "kept", expires=expires, **facts)
    if not answer.file:
        if sending.told and answer.offset == len(sending.body):
            await user.broken("all is kept, and it is no file", upload=sending.id)
        return False
    if answer.offset != len(sending.body):
        await user.broken(f"a file of {answer.offset} bytes", upload=sending.id, file=answer.file)
    await user.ledger.write(user.tag, "stored", upload=sending.id, detail="tus")
    user.tally["uploads by tus: files"] += 1
    await _is_there(user, sending, answer.file)
    return True


async def _is_there(user: User, sending: Sending, id: str) -> None:
    """The file is there before its last byte is answered, unless somebody deletes it."""
    if id in user.files:
        return  # it was replaced, or found in a list, and is in others' hands
    user.know(id, sending.parent)
    file = user.files[id]
    file.busy = True
    try:
        answer = await user.call("GET", f"/v1/files/{id}", expect=(200, 404))
        if answer is not None and answer[0] == 404:
            await user.missing(file)
    finally:
        file.busy = False


async def _terminate(user: User, sending: Sending) -> None:
    await user.ledger.write(user.tag, "abort", upload=sending.id)
    # 409: its last bytes had come, and their answer had not.
    answer = await answered(user, "DELETE", f"/v1/tus/{sending.id}", {}, None, expect=(204, 404, 409))
    if answer is None or answer.status != 204:
        return
    await user.ledger.write(user.tag, "terminated", upload=sending.id)
    after = await ask(user, "HEAD", f"/v1/tus/{sending.id}", {}, None, (404,))
    user.tally["uploads by tus: gone after termination"] += after is not None


async def _ended(user: User, sending: Sending) -> bool:
    """Not there for those who speak tus: how it ended, the oracle will ask."""
    user.tally["uploads by tus: ended"] += 1
    await user.ledger.write(user.tag, "ended", upload=sending.id)
    return True


async def trespass(user: User, id: str) -> None:
    """Try another's upload in every way there is."""
    method = user.chance.choice(("HEAD", "PATCH", "DELETE"))
    sends = method == "PATCH"
    headers = {"Upload-Offset": "0"} if sends else {}
    flow = Flow(user.chance.randbytes(3_000)) if sends else None
    if await ask(user, method, f"/v1/tus/{id}", headers, flow, (404,)) is not None:
        user.tally["strangers refused"] += 1
