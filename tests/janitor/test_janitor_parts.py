"""Writes in parts are ended with their uploads, before the object's key is deleted; unknown ones when they are old."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from janitor_fakes import Backend, key, some_ref
from uuid_utils.compat import uuid7

from drivebay.contract.storage import Unfinished
from drivebay.errors import Unavailable
from drivebay.janitor import parts, purge
from drivebay.janitor.settings import Settings

NOW = datetime(2026, 7, 1, tzinfo=UTC)
OLD = NOW - timedelta(days=2)
ONE = Settings(in_flight=1)


async def test_parts_are_ended_before_their_key_is_deleted(backend: Backend) -> None:
    plain, in_parts = some_ref(), some_ref()
    backend.due, backend.multipart = [plain, in_parts], {in_parts: "m"}
    done = await purge.once(backend, backend, ONE, new_id=uuid7)
    assert (done.gone, done.finished) == (2, 2)
    assert [what for what, _ in backend.story if what in ("abort", "delete", "finish")] == ["abort", "delete", "finish"]
    assert backend.told("abort") == [(key(in_parts), "m")]


async def test_an_upload_whose_parts_stay_is_not_finished(backend: Backend) -> None:
    plain, in_parts = some_ref(), some_ref()
    backend.due, backend.multipart = [plain, in_parts], {in_parts: "m"}
    backend.failures["abort"] = [Unavailable("the store is down")]
    assert (await purge.once(backend, backend, ONE, new_id=uuid7)).gone == 1
    assert backend.purged == [plain]


async def test_tails_of_parts_go_with_their_upload_whether_parts_were_begun_or_not(backend: Backend) -> None:
    plain, begun, tail_alone = some_ref(), some_ref(), some_ref()
    backend.due, backend.multipart = [plain, begun, tail_alone], {begun: "m"}
    backend.tailed = {begun, tail_alone}
    backend.failures["tails"] = [Unavailable("the store is down")]
    assert (await purge.once(backend, backend, ONE, new_id=uuid7)).gone == 2
    assert backend.told("tails") == [(key(begun), 10_000), (key(tail_alone), 10_000)]
    assert backend.purged == [plain, tail_alone]


async def test_what_no_upload_knows_is_ended_when_it_is_old(backend: Backend) -> None:
    known, unknown, other_write, young = (some_ref() for _ in range(4))
    backend.multipart = {known: "mine", other_write: "mine"}
    backend.unfinished_parts = [
        Unfinished(key(known), "mine", OLD),
        Unfinished(key(unknown), "lost", OLD),
        Unfinished(key(other_write), "second", OLD),
        Unfinished(key(young), "young", NOW - timedelta(hours=23)),
        Unfinished("somebody/elses.bin", "theirs", OLD),
    ]
    assert await parts.once(backend, backend, Settings(), now=NOW) == parts.Ended(seen=5, young=1, ended=2)
    assert backend.told("abort") == [(key(unknown), "lost"), (key(other_write), "second")]


async def test_every_page_of_what_is_unfinished_is_looked_at(backend: Backend) -> None:
    backend.unfinished_parts = [Unfinished(key(some_ref()), "lost", OLD) for _ in range(2500)]
    assert (await parts.once(backend, backend, Settings(), now=NOW)).ended == 2500
    assert backend.told("unfinished") == [None, "1000", "2000"]


async def test_nothing_is_ended_when_files_cannot_be_asked(backend: Backend) -> None:
    backend.unfinished_parts = [Unfinished(key(some_ref()), "lost", OLD)]
    backend.failures["multiparts"] = [Unavailable("down")]
    with pytest.raises(Unavailable):
        await parts.once(backend, backend, Settings(), now=NOW)
    assert backend.told("abort") == []
