"""The signer returns the signatures that Amazon published, and those of botocore, for the same requests."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from drivebay.storage.s3.sigv4 import Signer, UnsignedRequest, escape_path

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
WELCOME = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"
HOST = "examplebucket.s3.amazonaws.com"
AT = datetime(2013, 5, 24, tzinfo=UTC)
GET_TEST = UnsignedRequest("GET", HOST, "/test.txt", {}, {})
KEYS = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")


@pytest.fixture
def signer() -> Signer:
    return Signer(*KEYS, "us-east-1")


@pytest.mark.parametrize(
    ("method", "path", "query", "headers", "payload", "signature"),
    [
        (
            "GET",
            "/test.txt",
            {},
            {"Range": "bytes=0-9"},
            EMPTY,
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        ),
        (
            "PUT",
            "/test$file.text",
            {},
            {"Date": "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY"},
            WELCOME,
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        ),
        (
            "GET",
            "/",
            {"lifecycle": ""},
            {},
            EMPTY,
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
        ),
        (
            "GET",
            "/",
            {"prefix": "J", "max-keys": "2"},
            {},
            EMPTY,
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        ),
    ],
)
def test_signed_headers_match_the_s3_reference(
    signer: Signer, method: str, path: str, query: dict[str, str], headers: dict[str, str], payload: str, signature: str
) -> None:
    sent = signer.authorize(UnsignedRequest(method, HOST, escape_path(path), query, headers), payload, AT)
    assert sent["Authorization"].endswith(f"Signature={signature}")


def test_a_presigned_url_matches_the_s3_reference(signer: Signer) -> None:
    query = signer.presign(GET_TEST, AT, 86400)
    assert query.endswith("X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404")


def test_the_signing_key_of_a_day_is_not_used_on_another_day(signer: Signer) -> None:
    tomorrow = AT.replace(day=25)
    signer.presign(GET_TEST, AT, 60)
    after = signer.presign(GET_TEST, tomorrow, 60)
    assert after == Signer(*KEYS, "us-east-1").presign(GET_TEST, tomorrow, 60)


@pytest.mark.parametrize("key", ["a/b", "space and +plus", "ü/😀", "tilde~/dots..x", "100%/&=?#"])
@pytest.mark.parametrize(
    "headers", [{}, {"Content-Type": "text/plain;  charset=utf-8", "X-Amz-Meta-Name": " a b ", "content-length": "0"}]
)
def test_signatures_agree_with_botocore(key: str, headers: dict[str, str]) -> None:
    query = {
        "response-content-disposition": "attachment; filename=\"a\"; filename*=UTF-8''%C3%BC",
        "a-b": "1",
        "a": "2",
    }
    expected = AWSRequest("PUT", f"https://store.example/b/{escape_path(key)}", headers=headers, params=query)
    S3SigV4QueryAuth(Credentials(*KEYS), "s3", "eu-west-1", 60).add_auth(expected)
    parts = parse_qs(urlsplit(expected.url).query)
    at = datetime.strptime(parts["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    path = f"/b/{escape_path(key)}"
    ours = Signer(*KEYS, "eu-west-1").presign(UnsignedRequest("PUT", "store.example", path, query, headers), at, 60)
    assert parse_qs(ours) == parts


def test_a_signer_does_not_show_its_secret(signer: Signer) -> None:
    assert KEYS[1] not in repr(signer)
