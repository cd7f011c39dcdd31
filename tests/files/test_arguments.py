"""Arguments that the database could not hold: refused, or for dead letters made to fit."""

import pytest

from drivebay.contract import files as c
from drivebay.contract.ids import ROOT
from drivebay.errors import InvalidRequest

from .conftest import Drive


async def test_a_letter_is_kept_whatever_stands_in_it(drive: Drive) -> None:
    await drive.files.bury(c.DeadLetter("stream:2", "a\0b", "no\0JSON", b"x" * 70_000, 2**40))
    (row,) = await drive.database.fetch("SELECT subject, reason, length(payload), deliveries FROM files.dead_letters")
    assert tuple(row) == ("a\ufffdb", "no\ufffdJSON", 65_536, 2**31 - 1)


@pytest.mark.parametrize("id", ["", "a\0b", "x" * 256])
async def test_a_letter_has_an_id_that_can_be_kept(drive: Drive, id: str) -> None:
    with pytest.raises(InvalidRequest):
        await drive.files.bury(c.DeadLetter(id, "s", "r", b"", 1))


@pytest.mark.parametrize("key", ["", "a\0b", "a\nb", "x" * 256])
async def test_an_idempotency_key_is_printable_text(drive: Drive, key: str) -> None:
    with pytest.raises(InvalidRequest):
        await drive.files.create_folder(drive.owner, ROOT, "f", key)
    with pytest.raises(InvalidRequest):
        await drive.begin(key=key)
    assert await drive.names(ROOT) == []


@pytest.mark.parametrize("limit", [-1, 0, 1001, 2**63 - 1])
async def test_a_batch_of_checks_has_1_to_1000(drive: Drive, limit: int) -> None:
    with pytest.raises(InvalidRequest):
        await drive.files.claim_checks(limit, overdue=False)
