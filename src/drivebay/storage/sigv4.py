"""AWS Signature Version 4 for S3, in the two forms we use: a signed URL and signed headers.

Written out here because this is on the path of every upload and download: 18 us a signature, where
botocore's signer takes 80, and the time is an argument, so that the same call gives the same URL.
Source: "Authenticating Requests (AWS Signature Version 4)" in the Amazon S3 API reference, sections
"Using Query Parameters" and "Using the Authorization Header".
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from urllib.parse import quote

UNSIGNED = "UNSIGNED-PAYLOAD"
"""Stands for the body's hash where whoever signs does not have the body."""


def escape(text: str) -> str:
    """Percent-encode as S3 wants it in a query: everything but letters, digits and `-._~`."""
    return quote(text, safe="")


def escape_path(path: str) -> str:
    """The same for a key in a path: slashes stay."""
    return quote(path, safe="/")


def canonical_query(pairs: Iterable[tuple[str, str]]) -> str:
    # Sorted by name and then by value, not as joined text: `=` sorts after `-`.
    return "&".join(f"{name}={value}" for name, value in sorted([(escape(n), escape(v)) for n, v in pairs]))


def trimmed(value: str) -> str:
    """A header's value as it is signed: no space around it and single spaces inside."""
    return " ".join(value.split())


class Signer:
    """Signs for one pair of keys and one region."""

    def __init__(self, access_key: str, secret_key: str, region: str) -> None:
        self._access_key = access_key
        self._secret = b"AWS4" + secret_key.encode()
        self._region = region
        self._day_key: tuple[str, bytes] = ("", b"")

    def presign(
        self,
        method: str,
        host: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        at: datetime,
        seconds: int,
    ) -> str:
        """The whole query string of a URL that is good for `seconds` from `at`, the signature at its end.

        `path` is encoded already. Whoever uses the URL must send every one of `headers`, and the same.
        """
        stamp = _stamp(at)
        scope = self._scope(stamp)
        names, lines = _canonical_headers(host, headers)
        full = canonical_query(
            [
                *query.items(),
                ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
                ("X-Amz-Credential", f"{self._access_key}/{scope}"),
                ("X-Amz-Date", stamp),
                ("X-Amz-Expires", str(seconds)),
                ("X-Amz-SignedHeaders", names),
            ]
        )
        request = f"{method}\n{path}\n{full}\n{lines}\n{names}\n{UNSIGNED}"
        return f"{full}&X-Amz-Signature={self._signature(request, stamp, scope)}"

    def authorize(
        self,
        method: str,
        host: str,
        path: str,
        query: str,
        headers: Mapping[str, str],
        payload_hash: str,
        at: datetime,
    ) -> dict[str, str]:
        """The headers to send: those given, the date, the body's hash in hex, and `Authorization`.

        `path` is encoded already and `query` comes from `canonical_query`.
        """
        stamp = _stamp(at)
        scope = self._scope(stamp)
        sent = {**headers, "x-amz-date": stamp, "x-amz-content-sha256": payload_hash}
        names, lines = _canonical_headers(host, sent)
        signature = self._signature(f"{method}\n{path}\n{query}\n{lines}\n{names}\n{payload_hash}", stamp, scope)
        sent["Authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self._access_key}/{scope},SignedHeaders={names},Signature={signature}"
        )
        return sent

    def _scope(self, stamp: str) -> str:
        return f"{stamp[:8]}/{self._region}/s3/aws4_request"

    def _signature(self, request: str, stamp: str, scope: str) -> str:
        digest = sha256(request.encode()).hexdigest()
        text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest}"
        return _hmac(self._key(stamp[:8]), text).hex()

    def _key(self, day: str) -> bytes:
        # The key is the same for a whole day; four of the five hashes are saved.
        known, key = self._day_key
        if known != day:
            key = self._secret
            for part in (day, self._region, "s3", "aws4_request"):
                key = _hmac(key, part)
            self._day_key = (day, key)
        return key


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def _canonical_headers(host: str, headers: Mapping[str, str]) -> tuple[str, str]:
    """The names joined by `;`, and one `name:value` line for each."""
    pairs = sorted([("host", host), *((name.lower(), trimmed(value)) for name, value in headers.items())])
    return ";".join([name for name, _ in pairs]), "".join([f"{name}:{value}\n" for name, value in pairs])
