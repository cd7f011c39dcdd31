"""Arguments that the database cannot store are refused. Dead letters are reduced to what it can store."""

import pytest

from drivebay.contract import files as c
from drivebay.contract.ids import ROOT
from drivebay.errors import InvalidRequest

from .conftest import Drive


async def test_a_dead_letter_is_stored_whatever_it_contains(drive: Drive) -> None:
    await drive.files.dead_letter(c.DeadLetter("stream:2", "a\0b", "no\0JSON", b"x" * 70_000, 2**40))
    (row,) = await drive.database.fetch("SELECT subject, reason, length(payload), deliveries FROM files.dead_letters")
    assert tuple(row) == ("a\ufffdb", "no\ufffdJSON", 65_536, 2**31 - 1)


@pytest.mark.parametrize("id", ["", "a\0b", "x" * 256])
async def test_a_dead_letter_needs_a_storable_id(drive: Drive, id: str) -> None:
    with pytest.raises(InvalidRequest):
        await drive.files.dead_letter(c.DeadLetter(id, "s", "r", b"", 1))


@pytest.mark.parametrize("key", ["", "a\0b", "a\nb", "x" * 256])
async def test_an_idempotency_key_is_printable_text(drive: Drive, key: str) -> None:
    with pytest.raises(InvalidRequest):
        await drive.files.create_folder(drive.access, ROOT, "f", key)
    with pytest.raises(InvalidRequest):
        await drive.begin(key=key)
    assert await drive.list_names(ROOT) == []


@pytest.mark.parametrize("limit", [-1, 0, 1001, 2**63 - 1])
async def test_a_batch_of_checks_has_1_to_1000_uploads(drive: Drive, limit: int) -> None:
    with pytest.raises(InvalidRequest):
        await drive.files.claim_pending_uploads(limit, overdue=False)
