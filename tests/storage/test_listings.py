"""Pages of S3's listings become typed values, and incomplete pages become errors."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from drivebay.contract.storage import StoredPart
from drivebay.errors import Unavailable
from drivebay.storage.s3 import listings
from drivebay.storage.s3.s3_client import S3Response


def response(text: str) -> S3Response:
    return S3Response(200, {}, text.encode())


def part(second: int, etag: str, number: int = 3) -> str:
    return (
        f"<Part><ETag>&#34;{etag}&#34;</ETag><LastModified>2026-11-23T07:19:0{second}Z</LastModified>"
        f"<PartNumber>{number}</PartNumber><Size>4</Size></Part>"
    )


def latest(*parts: str) -> tuple[StoredPart, ...]:
    page = listings.part_page(response(f"<ListPartsResult>{''.join(parts)}</ListPartsResult>"))
    assert page.after is None
    return listings.latest_parts(page.copies)


@pytest.mark.parametrize("order", [1, -1])
def test_the_latest_copy_of_a_part_counts(order: int) -> None:
    assert latest(*[part(1, "a"), part(2, "b")][::order]) == (StoredPart(3, 4, "b"),)


def test_two_copies_of_a_part_with_the_same_time_are_left_out() -> None:
    assert latest(part(1, "a"), part(1, "b"), part(1, "c", number=2)) == (StoredPart(2, 4, "c"),)


def test_the_same_copy_listed_twice_counts_once() -> None:
    assert latest(part(1, "a"), part(1, "a")) == (StoredPart(3, 4, "a"),)


def test_parts_are_in_the_order_of_their_numbers() -> None:
    assert [each.number for each in latest(part(1, "a", 10), part(2, "b", 2), part(3, "c", 1))] == [1, 2, 10]


def test_a_truncated_page_of_parts_continues_after_its_marker() -> None:
    text = "<IsTruncated>true</IsTruncated><NextPartNumberMarker>7</NextPartNumberMarker>"
    assert listings.part_page(response(f"<ListPartsResult>{text}{part(1, 'a')}</ListPartsResult>")).after == 7


def test_an_object_is_read_with_its_decoded_key() -> None:
    page = listings.object_page(
        response(
            '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><EncodingType>url</EncodingType>'
            "<Contents><Key>a%2Fb+c%26&amp;</Key><LastModified>2026-11-23T07:19:01.000Z</LastModified>"
            "<ETag>&quot;abc&quot;</ETag><Size>12</Size><Owner><ID>x</ID></Owner></Contents>"
            "<IsTruncated>true</IsTruncated></ListBucketResult>"
        )
    )
    (found,) = page.objects
    assert (found.key, found.size, found.etag) == ("a/b c&&", 12, "abc")
    assert found.modified_at == datetime(2026, 11, 23, 7, 19, 1, tzinfo=UTC)
    assert page.after == "a/b c&&"


def test_a_key_is_not_decoded_unless_the_store_encoded_it() -> None:
    text = "<ListBucketResult><Contents><Key>a%2Fb+c</Key><Size>1</Size></Contents></ListBucketResult>"
    assert [found.key for found in listings.object_page(response(text)).objects] == ["a%2Fb+c"]


UPLOAD = "<Upload><Key>a</Key><UploadId>1</UploadId><Initiated>2026-11-23T07:19:01Z</Initiated></Upload>"


def multipart_page(text: str, after: str = "") -> str | None:
    body = f"<ListMultipartUploadsResult>{text}</ListMultipartUploadsResult>"
    page = listings.multipart_page(response(body), after)
    assert [item.key for item in page.items] == ["a"]
    return page.after


def test_multipart_uploads_continue_after_the_markers_of_the_store() -> None:
    markers = "<NextKeyMarker>a&amp;b</NextKeyMarker><NextUploadIdMarker>1</NextUploadIdMarker>"
    truncated = f"{UPLOAD}<IsTruncated>true</IsTruncated>{markers}"
    after = multipart_page(truncated)
    assert after is not None
    assert listings.multipart_markers(after) == {"key-marker": "a&b", "upload-id-marker": "1"}
    # A store that repeats its marker would make the listing endless.
    assert multipart_page(truncated, after) is None
    assert multipart_page(UPLOAD) is None


def test_a_truncated_listing_without_a_marker_is_an_error() -> None:
    with pytest.raises(Unavailable):
        multipart_page(f"{UPLOAD}<IsTruncated>true</IsTruncated>")


@pytest.mark.parametrize(
    "entry", ["<Key>a</Key>", "<Key>a</Key><UploadId>1</UploadId><Initiated>now</Initiated>", "<UploadId>1</UploadId>"]
)
def test_an_invalid_entry_is_an_error(entry: str) -> None:
    with pytest.raises(Unavailable):
        multipart_page(f"<Upload>{entry}</Upload>")
