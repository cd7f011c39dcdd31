"""The URL at which clients reach the gateway. A proxy may serve it below a path prefix, or at another host.

This URL is `DRIVEBAY_PUBLIC_URL` if that is set. Otherwise a trusted proxy sends its parts in `X-Forwarded-Prefix`,
`X-Forwarded-Proto` and `X-Forwarded-Host`. The gateway ignores these headers if another client sends them, because with
them a client could make the gateway respond with links to another site.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from .client_address import ClientAddresses

_PREFIX: Final = re.compile(r"(?:/[A-Za-z0-9._~-]+){1,16}/?")
_MAX_PREFIX: Final = 200
"""The maximum number of characters of a path prefix."""
_HOST: Final = re.compile(r"(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")


class PublicUrls:
    """Creates links that work for the client of a request. `public_url` is the configured URL, or None."""

    def __init__(self, public_url: str | None, addresses: ClientAddresses) -> None:
        self._public_url = None if public_url is None else public_url.rstrip("/")
        self._addresses = addresses

    def link(self, scope: Mapping[str, Any], path: str) -> str:
        """Return the URL of a path of this API, such as `/v1/files`, for the client of an ASGI scope.

        The result is an absolute URL if `DRIVEBAY_PUBLIC_URL` is set, otherwise a path with the prefix of a trusted
        proxy.
        """
        return self._base(scope) + path

    def server(self, scope: Mapping[str, Any]) -> str | None:
        """Return the base URL of the API for the client of an ASGI scope, or None for the root of the same server."""
        base = self._base(scope)
        if self._public_url is None and self._addresses.is_from_proxy(scope):
            proto = _last(scope, b"x-forwarded-proto")
            host = _last(scope, b"x-forwarded-host") or _last(scope, b"host")  # many proxies send on only `Host`
            if proto.lower() in ("http", "https") and _HOST.fullmatch(host):
                return f"{proto.lower()}://{host}{base}"
        return base or None

    def path(self, scope: Mapping[str, Any]) -> str:
        """Return the path of the gateway for the client of an ASGI scope: empty, or a prefix such as `/drive`."""
        return urlsplit(self._base(scope)).path

    def absolute_link(self, scope: Mapping[str, Any], path: str) -> str:
        """Return the URL of a path with scheme and host, which the user may send to other people.

        Without `DRIVEBAY_PUBLIC_URL`, the result has the scheme and host of the request. If the header `Host` is not
        valid, the result is only a path.
        """
        server, host = self.server(scope) or "", _last(scope, b"host")
        if server.startswith(("http://", "https://")) or not _HOST.fullmatch(host):
            return server + path
        return f"{scope['scheme']}://{host}{server}{path}"

    def _base(self, scope: Mapping[str, Any]) -> str:
        if self._public_url is not None:
            return self._public_url
        if not self._addresses.is_from_proxy(scope):  # guard: forwarded-prefix
            return ""
        prefix = _last(scope, b"x-forwarded-prefix")
        if len(prefix) > _MAX_PREFIX or not _PREFIX.fullmatch(prefix):  # guard: forwarded-prefix-format
            return ""
        is_relative = any(part in (".", "..") for part in prefix.split("/"))
        return "" if is_relative else prefix.rstrip("/")


def _last(scope: Mapping[str, Any], name: bytes) -> str:
    """Return the last value of a header, which the nearest proxy wrote."""
    values = [value for header, value in scope["headers"] if header == name]
    return values[-1].decode("latin-1").rpartition(",")[2].strip() if values else ""
