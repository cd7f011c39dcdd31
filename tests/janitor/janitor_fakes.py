"""A Files and a Storage that remember, in one list, what they were asked and in which order."""

from __future__ import annotations

import asyncio
from datetime import datetime

from uuid_utils.compat import uuid7

from drivebay.contract.files import Cause, Outcome, Purge, UploadRef
from drivebay.contract.ids import LeaseId, UploadId, UserId
from drivebay.contract.storage import Deletion, Object, ObjectPage, Presence, Unfinished, UnfinishedPage


def some_ref() -> UploadRef:
    return UploadRef(UserId(uuid7()), UploadId(uuid7()))


def key(ref: UploadRef) -> str:
    return f"{ref.owner}/{ref.id}"


class Backend:
    """Both contracts at once, as far as a janitor calls them. A lease that is in `ended` finishes nothing."""

    def __init__(self) -> None:
        self.story: list[tuple[str, object]] = []
        self.due: list[UploadRef] = []
        self.leases: dict[UploadRef, LeaseId] = {}
        self.purged: list[UploadRef] = []
        self.objects: dict[str, datetime | None] = {}
        self.quarantined: list[str] = []
        self.multipart: dict[UploadRef, str] = {}
        self.unfinished_parts: list[Unfinished] = []
        self.accounted: set[UploadRef] = set()
        self.overdue: list[UploadRef] = []
        self.broken: set[UploadRef] = set()
        self.refused: set[str] = set()
        self.failures: dict[str, list[Exception]] = {}
        self.deleting = 0
        self.tailed: set[UploadRef] = set()
        self.most_deleting = 0
        self.delete_takes = 0.0

    def _note(self, what: str, about: object) -> None:
        self.story.append((what, about))
        if self.failures.get(what):
            raise self.failures[what].pop(0)

    def told(self, what: str) -> list[object]:
        return [about for name, about in self.story if name == what]

    async def claim_purges(self, lease: LeaseId, limit: int) -> tuple[Purge, ...]:
        self._note("claim", lease)
        claimed, self.due = self.due[:limit], self.due[limit:]
        self.leases.update(dict.fromkeys(claimed, lease))
        return tuple(Purge(ref, key(ref), self.multipart.get(ref), ref in self.tailed) for ref in claimed)

    async def delete(self, keys: tuple[str, ...]) -> tuple[Deletion, ...]:
        self._note("delete", keys)
        self.deleting += 1
        self.most_deleting = max(self.most_deleting, self.deleting)
        await asyncio.sleep(self.delete_takes)
        self.deleting -= 1
        for each in keys:
            if each not in self.refused:
                self.objects.pop(each, None)
        return tuple(Deletion(each, "AccessDenied" if each in self.refused else None) for each in keys)

    async def finish_purges(self, lease: LeaseId, uploads: tuple[UploadRef, ...]) -> int:
        self._note("finish", (lease, uploads))
        mine = [ref for ref in uploads if self.leases.get(ref) == lease]
        self.purged += mine
        return len(mine)

    async def claim_checks(self, limit: int, overdue: bool) -> tuple[UploadRef, ...]:
        self._note("checks", overdue)
        claimed, self.overdue = tuple(self.overdue[:limit]), self.overdue[limit:]
        return claimed

    async def commit(self, uploads: tuple[UploadRef, ...], cause: Cause | None = None) -> tuple[Outcome, ...]:
        self._note("commit", uploads)
        return tuple(Outcome.EXPIRED for _ in uploads)

    async def known(self, uploads: tuple[UploadRef, ...]) -> tuple[bool, ...]:
        self._note("known", uploads)
        return tuple(ref in self.accounted for ref in uploads)

    async def page(self, after: str | None, limit: int) -> ObjectPage:
        self._note("page", after)
        keys = [each for each in sorted(self.objects) if after is None or each > after]
        found = tuple(Object(each, Presence.FOUND, modified_at=self.objects[each]) for each in keys[:limit])
        return ObjectPage(found, keys[limit - 1] if len(keys) > limit else None)

    async def quarantine(self, key: str) -> bool:
        self._note("quarantine", key)
        self.quarantined.append(key)
        return self.objects.pop(key, None) is not None

    async def multiparts(self, uploads: tuple[UploadRef, ...]) -> tuple[str, ...]:
        self._note("multiparts", uploads)
        return tuple(self.multipart.get(ref, "") for ref in uploads)

    async def unfinished(self, after: str | None, limit: int) -> UnfinishedPage:
        self._note("unfinished", after)
        begin = int(after or 0)
        items = tuple(self.unfinished_parts[begin : begin + limit])
        return UnfinishedPage(items, str(begin + limit) if begin + limit < len(self.unfinished_parts) else None)

    async def abort_parts(self, key: str, multipart: str) -> None:
        self._note("abort", (key, multipart))

    async def delete_tails(self, key: str, number: int) -> None:
        self._note("tails", (key, number))
