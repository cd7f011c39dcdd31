"""Slowing down: token buckets in PostgreSQL, shared by every process.

A bucket holds `count` and fills up evenly within `per`; a charge takes one or says how long until there
is one. What is refused takes nothing, so that whoever keeps knocking still gets in after the time he was
told, and a stranger cannot lock an account for long.
"""

from __future__ import annotations

import hashlib
import ipaddress
import math
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from prometheus_client import Counter

from ..errors import RateLimited
from .store import Store

PER_ADDRESS: Final = 5
"""Behind one address there may be several people; login is this much wider for it than for one account."""
GLOBAL: Final = 50
"""And this much wider for everybody together."""

_refused = Counter("drivebay_auth_throttled_total", "Calls refused for coming too often", ["call", "scope"])


@dataclass(frozen=True, slots=True)
class Rate:
    """`count` at once, and as many again in each `per`. ValueError unless both are above zero."""

    count: int
    per: timedelta

    def __post_init__(self) -> None:
        if self.count < 1 or self.per <= timedelta():
            raise ValueError("a rate is at least one in some time")

    def times(self, factor: int) -> Rate:
        return Rate(self.count * factor, self.per)


class Throttle:
    """Charges calls; a limit of None never refuses. Raises RateLimited."""

    def __init__(self, store: Store, signup: Rate | None, login: Rate | None) -> None:
        self._store = store
        self._signup = signup
        self._login = login

    async def sign_up(self, address: str) -> None:
        if self._signup is None:
            return
        await self._charge("signup", "address", network(address), self._signup)
        await self._charge("signup", "global", "", self._signup.times(GLOBAL))

    async def log_in(self, email_key: str, address: str) -> None:
        """Called before the password is looked at: a wrong one is paid for already."""
        if self._login is None:
            return
        # The address first: one that is refused cannot use up the account's share.
        await self._charge("login", "address", network(address), self._login.times(PER_ADDRESS))
        await self._charge("login", "account", _account(email_key), self._login)
        await self._charge("login", "global", "", self._login.times(GLOBAL))

    async def logged_in(self, email_key: str) -> None:
        """The password was right: what was tried on this account before no longer counts."""
        if self._login is not None:
            await self._store.fill_bucket(_bucket("login", "account", _account(email_key)))

    async def _charge(self, call: str, scope: str, who: str, rate: Rate) -> None:
        charge = await self._store.charge(_bucket(call, scope, who), rate.per, rate.per / rate.count)
        if charge.granted:
            return
        _refused.labels(call, scope).inc()
        raise RateLimited("too many attempts", retry_after=max(1, math.ceil(charge.wait.total_seconds())))


def network(address: str) -> str:
    """Who is behind an address: an IPv4 address, or the /64 that one IPv6 line usually has."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return hashlib.sha256(address.encode("utf-8", "surrogatepass")).hexdigest()
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))


def _account(email_key: str) -> str:
    # Hashed for a bounded width, not for secrecy: it is whatever somebody typed.
    return hashlib.sha256(email_key.encode("utf-8", "surrogatepass")).hexdigest()


def _bucket(call: str, scope: str, who: str) -> str:
    return f"{call}:{scope}:{who}"
