"""What a store's listing of parts is read as."""

from __future__ import annotations

import pytest

from drivebay.contract.storage import StoredPart
from drivebay.storage.s3_parts import _last, _part


def listed(second: int, etag: str, size: int = 4) -> bytes:
    return (
        f"<ETag>&#34;{etag}&#34;</ETag><LastModified>2026-11-23T07:19:0{second}Z</LastModified>"
        f"<PartNumber>3</PartNumber><Size>{size}</Size>"
    ).encode()


@pytest.mark.parametrize("order", [1, -1])
def test_the_latest_of_a_part_counts(order: int) -> None:
    sent = [_part(listed(1, "a")), _part(listed(2, "b"))][::order]
    assert _last(sent) == [StoredPart(3, 4, "b")]


def test_two_of_one_moment_are_none() -> None:
    assert _last([_part(listed(1, "a")), _part(listed(1, "b"))]) == []


def test_the_same_twice_in_a_moment_is_one() -> None:
    assert _last([_part(listed(1, "a")), _part(listed(1, "a"))]) == [StoredPart(3, 4, "a")]
