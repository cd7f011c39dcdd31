"""Sends one event to the receiver of a webhook: only to allowed addresses, without redirects, in bounded time.

The host is resolved for each attempt, and the connection uses the addresses that were checked. So it does not matter if
the name resolves to another address after the check.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from typing import Final, TypeAlias

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from ..contract.files import DeliveryOutcome, ReceiverRules
from ..contract.files.receiver_urls import is_allowed_address, parse_receiver_url

MAX_RESPONSE_BYTES: Final = 4096
"""The number of bytes that are read of a response body and ignored, so that the receiver can finish normally."""
_BODY_TIME: Final = 1.0
"""The maximum number of seconds for which a response body is read."""
_RESOLVER_THREADS: Final = 128
"""The number of threads for look-ups of hosts. It is higher than the number of concurrent attempts, because a look-up
continues after the timeout of its attempt, and uses a thread."""
_MAX_HEADER: Final = 8190
"""The maximum number of bytes of one header of a response."""

LookUp: TypeAlias = Callable[[str, int], Sequence[str]]
"""Returns the addresses of a host name. It blocks. Raises OSError."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """The result of an attempt. `status` is the HTTP status of the response. `error` is for the user of the webhook."""

    outcome: DeliveryOutcome
    status: int | None = None
    error: str | None = None


class AddressRefused(OSError):
    """The host of a receiver has an address that is not allowed."""


class CheckedResolver(AbstractResolver):
    """Resolves the hosts of receivers, and refuses a host if one of its addresses is not allowed."""

    def __init__(self, rules: ReceiverRules, look_up: LookUp) -> None:
        self._rules = rules
        self._look_up = look_up
        # The resolver has threads of its own, so that a slow name server blocks only webhooks.
        self._threads = ThreadPoolExecutor(_RESOLVER_THREADS, "webhook-resolver")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the checked addresses of a host. Raises OSError."""
        addresses = await asyncio.get_running_loop().run_in_executor(self._threads, self._look_up, host, port)
        if not addresses:
            raise OSError("the host has no address")
        if not all(is_allowed_address(ip_address(address), self._rules) for address in addresses):
            raise AddressRefused  # guard: webhook-resolved-address
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def look_up(host: str, port: int) -> Sequence[str]:
    """Return the addresses of a host name from the resolver of the system. Raises OSError."""
    results = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(address[4][0]) for address in results))


class Receiver:
    """Sends requests to receivers. Create it with `open_receiver`."""

    def __init__(self, session: aiohttp.ClientSession, rules: ReceiverRules, timeout: timedelta) -> None:
        self._session = session
        self._rules = rules
        self._timeout = timeout

    async def send(self, url: str, headers: dict[str, str], body: bytes) -> Attempt:
        """Send one request, and return the result. The timeout includes the look-up of the host."""
        try:
            parse_receiver_url(url, self._rules)  # guard: webhook-url-at-delivery
        except ValueError as error:
            return _failed_attempt(f"the URL is not allowed: it {error}")
        try:
            async with asyncio.timeout(self._timeout.total_seconds()):
                return await self._post(url, headers, body)
        except TimeoutError:
            return _failed_attempt(f"the receiver did not respond within {self._timeout.total_seconds():g} seconds")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return _failed_attempt(_describe(error))

    async def _post(self, url: str, headers: dict[str, str], body: bytes) -> Attempt:
        request = self._session.post(
            url,
            data=body,
            headers=headers,
            allow_redirects=False,  # guard: webhook-redirects
        )
        async with request as response:
            status = response.status
            if 200 <= status < 300:
                # Only the status counts, so ignore errors while the body is read.
                with suppress(aiohttp.ClientError, OSError, TimeoutError, ValueError):
                    async with asyncio.timeout(_BODY_TIME):
                        await response.content.read(MAX_RESPONSE_BYTES)
            response.close()  # the rest of a long response is not read
        if 200 <= status < 300:
            return Attempt(DeliveryOutcome.DELIVERED, status)
        if status == 410:
            return Attempt(DeliveryOutcome.GONE, status, "the receiver responded with 410")
        note = "; redirects are not followed" if 300 <= status < 400 else ""
        return Attempt(DeliveryOutcome.FAILED, status, f"the receiver responded with {status}{note}")


@asynccontextmanager
async def open_receiver(
    rules: ReceiverRules,
    timeout: timedelta,
    *,
    look_up: LookUp = look_up,
    tls_context: ssl.SSLContext | None = None,
) -> AsyncIterator[Receiver]:
    """Open the client that sends events. `tls_context` verifies receivers. None: use the authorities of the system."""
    resolver = CheckedResolver(rules, look_up)
    connector = aiohttp.TCPConnector(
        resolver=resolver,
        use_dns_cache=False,  # guard: webhook-resolved-each-time
        force_close=True,
        limit=0,
        ssl=tls_context or ssl.create_default_context(),
    )
    session = aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),
        auto_decompress=False,
        trust_env=False,
        max_line_size=_MAX_HEADER,
        max_field_size=_MAX_HEADER,
    )
    try:
        async with session:
            yield Receiver(session, rules, timeout)
    finally:
        await resolver.close()


def _failed_attempt(error: str) -> Attempt:
    return Attempt(DeliveryOutcome.FAILED, None, error)


def _describe(error: Exception) -> str:
    """Return an error text for the user of the webhook. It does not reveal addresses in the deployment's network."""
    if isinstance(error, AddressRefused) or isinstance(error.__cause__, AddressRefused):
        return "the host has an address that is not public"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "the certificate of the receiver is not valid"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "the host cannot be resolved"
    if isinstance(error, aiohttp.ClientSSLError):
        return "the TLS connection to the receiver failed"
    if isinstance(error, aiohttp.ClientConnectorError):
        return "the receiver cannot be reached"
    return "the connection to the receiver failed, or its response is not HTTP"
