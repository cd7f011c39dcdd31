"""What the doctor says about a failed request never contains the presigned URL of the request."""

from __future__ import annotations

from unittest.mock import Mock

import aiohttp
import pytest

from drivebay.cli.operator.transfer_checks import describe_http_error

URL = "http://store.example/bucket/key?X-Amz-Signature=5d1eab"


@pytest.mark.parametrize(
    "error",
    [
        aiohttp.ClientOSError(104, f"Can not write request body for {URL}"),
        aiohttp.ConnectionTimeoutError(f"Connection timeout to host {URL}"),
        aiohttp.InvalidURL(URL),
        aiohttp.NonHttpUrlClientError(URL),
        aiohttp.ClientResponseError(Mock(real_url=URL), (), status=400, message=f"bad answer for {URL}"),
        OSError(32, f"broken pipe for {URL}"),
    ],
)
def test_a_presigned_url_is_not_shown(error: Exception) -> None:
    description = describe_http_error(error)
    assert description
    assert "store.example" not in description


def test_the_address_of_a_server_that_does_not_listen_is_shown() -> None:
    key = Mock(host="store.example", port=9000, ssl=True)
    assert "store.example:9000" in describe_http_error(aiohttp.ClientConnectorError(key, OSError(111, "refused")))
