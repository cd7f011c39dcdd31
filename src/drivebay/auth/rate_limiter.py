"""Rate limits of sign-ups, logins, codes, refreshes and look-ups of accounts: token buckets in PostgreSQL, which all
processes share.

A bucket holds `Rate.count` tokens and refills evenly within `Rate.per`. Each call takes one token from each of its
buckets. A bucket without a token refuses the call. An attacker cannot lock out a user who logs in from another network:
see docs/decisions/0058-logins-are-limited-by-network.md.
"""

from __future__ import annotations

import hashlib
import ipaddress
import math
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from prometheus_client import Counter

from ..contract.ids import SessionId, UserId
from ..errors import RateLimited
from .rate_limits import store as buckets
from .settings import Rate
from .store import Executor, Store
from .stored_rows import BucketResult

ADDRESS_FACTOR: Final = 5
"""The limit of failed logins from one network to all accounts, as a multiple of the login limit, which applies to one
account from one network. Several people may share a network."""
UNKNOWN_LIMIT_FACTORS: Final = (5, 60)
"""The factors of count and period, compared with the login limit, for the failed logins of one account from all unknown
networks together. An account above this limit is under attack."""
FIRST_ATTEMPTS: Final = (3, 360)
"""While an account is under attack, each unknown network may make 3 attempts within 360 periods of the login limit."""
KNOWN_FOR: Final = timedelta(days=90)
"""The time for which a network counts as known to an account after a login from it."""
MAX_KNOWN: Final = 100
"""The maximum number of networks that an account remembers."""

CODE_LIMIT: Final = Rate(20, timedelta(hours=1))
"""Attempts at the codes of one account. Three of the 1,000,000 codes are valid at any time (see `find_step`), so an
attacker needs about two years."""
REFRESH_LIMIT: Final = Rate(120, timedelta(hours=1))
"""The limit of refreshes of one session. Each refresh stores a token until the token expires. The period is shorter if
access tokens have a short lifetime, see `REFRESHES_PER_LIFETIME`."""
REFRESHES_PER_LIFETIME: Final = 4
"""The number of refreshes that the limit allows at least in the lifetime of an access token. A client needs one."""
LOOKUP_LIMIT: Final = Rate(100, timedelta(hours=1))
"""The limit of accounts that one user looks up by email or by id. A look-up reveals whether an account exists."""
AUDIT_LIMIT: Final = Rate(100, timedelta(hours=1))
"""The limit of failed logins of one account, and of failed logins from one network, that the audit log records."""
UNKNOWN_AUDIT_LIMIT: Final = Rate(1000, timedelta(hours=1))
"""The limit of failed logins of unknown accounts that the audit log records."""

# The metric and the table `auth.throttle` keep the name under which they were released.
_refused = Counter("drivebay_auth_throttled_total", "Calls refused by a rate limit", ["call", "scope"])


@dataclass(frozen=True, slots=True)
class Attempt:
    """One check of a password. `account` is the email key at a login, or the user's id if there is a session.

    `network` is the result of `client_network`. `is_known`: the account has logged in from this network before.
    `call` is the name of the operation, for its limits and the metric.
    """

    account: str
    network: str
    is_known: bool = False
    call: str = "login"

    @property
    def pair(self) -> str:
        """The key of buckets for this account and this network together."""
        return f"{self.account_hash}:{self.network}"

    @property
    def account_hash(self) -> str:
        """The hash of the account. With it, the name of the bucket is short. The hash does not hide the email."""
        return hashlib.sha256(self.account.encode("utf-8", "surrogatepass")).hexdigest()


class RateLimiter:
    """Charges calls to token buckets. `signup` and `login` are limits, or None for no limit."""

    def __init__(self, store: Store, signup: Rate | None, login: Rate | None) -> None:
        self._store = store
        self._signup = signup
        self._login = login

    async def charge_signup(self, address: str) -> None:
        """Charge a sign-up, or the beginning of a sign-in at the identity provider. Raises RateLimited.

        `address` is the IP address of the client.
        """
        if self._signup is not None:
            await self._charge("signup", "address", client_network(address), self._signup)

    async def charge_password_attempt(self, attempt: Attempt) -> None:
        """Charge a check of a password before it is made. Raises RateLimited."""
        if self._login is None:
            return
        call, login = attempt.call, self._login
        if attempt.is_known:  # guard: login-limit-known
            await self._charge(call, "known", attempt.pair, login)  # guard: login-limit-known-charge
            return
        # Charge the bucket of the network first. If it refuses the call, the account loses no token.
        # guard: login-limit-address, login-limit-order
        await self._charge(call, "address", attempt.network, login.times(ADDRESS_FACTOR))
        await self._charge(call, "pair", attempt.pair, login)  # guard: login-limit-pair
        unknown = await self._take_token(call, "account", attempt.account_hash, _unknown_limit(login))
        if not unknown.granted:  # guard: login-limit-account
            # The account is under attack. Its user may still log in from a new network, with FIRST_ATTEMPTS.
            await self._charge(call, "first", attempt.pair, _first_limit(login))

    async def clear_failures(self, attempt: Attempt) -> None:
        """Clear the failed attempts of an account from one network after a success.

        The buckets that other users or networks share get back only the token of this attempt.
        """
        if self._login is None:
            return
        for scope in ("known", "pair", "first"):
            await self._refill(attempt.call, scope, attempt.pair)
        if not attempt.is_known:  # guard: login-return-token
            await self._return_token(attempt.call, "address", attempt.network, self._login.times(ADDRESS_FACTOR))
            await self._return_token(attempt.call, "account", attempt.account_hash, _unknown_limit(self._login))

    async def charge_passkey(self, address: str) -> None:
        """Charge the beginning of a login with a passkey. Raises RateLimited.

        A passkey cannot be guessed, so accounts need no limit.
        """
        if self._login is not None:
            await self._charge("passkey", "address", client_network(address), self._login.times(ADDRESS_FACTOR))

    async def return_passkey_token(self, address: str) -> None:
        """Return the token of a successful login with a passkey to the bucket of the network, which others share."""
        if self._login is not None:
            await self._return_token("passkey", "address", client_network(address), self._login.times(ADDRESS_FACTOR))

    async def charge_code(self, user: UserId, known_network: str | None = None) -> None:
        """Charge one attempt at a code of a login, before the code is verified. Raises RateLimited.

        Six digits can be guessed, and the attacker may know the password. So this limit is low, only a right code
        resets it, and it cannot be turned off. All unknown networks share one limit. Each known network has its own
        limit, so that an attacker with the password cannot lock out the user there.
        """
        await self._charge("code", *_code_bucket(user, known_network), CODE_LIMIT)

    async def refill_code_bucket(self, user: UserId, known_network: str | None = None) -> None:
        """Clear the wrong codes of an account after a right code."""
        await self._refill("code", *_code_bucket(user, known_network))

    async def charge_confirmation_code(self, user: UserId) -> None:
        """Charge one attempt at a code with which a user changes the ways to log in. Raises RateLimited.

        These changes are the setup and the removal of the second factor, and a new passkey. The attempt does not count
        in the limit of logins.
        """
        await self._charge("code", "change", str(user), CODE_LIMIT)

    async def refill_confirmation_codes(self, user: UserId) -> None:
        """Clear the wrong codes of such changes after a right code."""
        await self._refill("code", "change", str(user))

    async def charge_refresh(self, store: Store, session: SessionId, access_token_ttl: timedelta) -> None:
        """Charge a refresh, in the transaction of `store`. Raises RateLimited.

        `access_token_ttl` is the lifetime of the access tokens of the deployment.
        """
        lifetimes = REFRESH_LIMIT.count // REFRESHES_PER_LIFETIME
        rate = Rate(REFRESH_LIMIT.count, min(REFRESH_LIMIT.per, access_token_ttl * lifetimes))
        await self._charge("refresh", "session", str(session), rate, store.executor)

    async def charge_lookup(self, caller: UserId) -> None:
        """Charge a look-up of an account by its email or id. Raises RateLimited."""
        await self._charge("lookup", "user", str(caller), LOOKUP_LIMIT)

    async def charge_audit_record(self, user: UserId | None, address: str) -> BucketResult:
        """Return whether the audit log may record a failed login, and how many more failed logins (`tokens`).

        `user` is None for an email that has no account.
        """
        network = await self._take_token("audit", "address", client_network(address), AUDIT_LIMIT)
        rate = UNKNOWN_AUDIT_LIMIT if user is None else AUDIT_LIMIT
        account = await self._take_token("audit", "account", "" if user is None else str(user), rate)
        # Both statements always run, so that the time does not reveal whether the account exists.
        granted = network.granted and account.granted
        return BucketResult(granted=granted, wait=account.wait, tokens=min(network.tokens, account.tokens))

    async def _take_token(
        self, call: str, scope: str, caller: str, rate: Rate, db: Executor | None = None
    ) -> BucketResult:
        executor = self._store.executor if db is None else db
        return await buckets.take_token(executor, _bucket_name(call, scope, caller), rate.per, rate.per / rate.count)

    async def _charge(self, call: str, scope: str, caller: str, rate: Rate, db: Executor | None = None) -> None:
        result = await self._take_token(call, scope, caller, rate, db)
        if result.granted:
            return
        _refused.labels(call, scope).inc()
        seconds = max(1, math.ceil(result.wait.total_seconds()))
        raise RateLimited(f"too many attempts: try again in {seconds} seconds", retry_after=seconds)

    async def _refill(self, call: str, scope: str, caller: str) -> None:
        await buckets.refill_bucket(self._store.executor, _bucket_name(call, scope, caller))

    async def _return_token(self, call: str, scope: str, caller: str, rate: Rate) -> None:
        await buckets.return_token(self._store.executor, _bucket_name(call, scope, caller), rate.per / rate.count)


def _unknown_limit(login: Rate) -> Rate:
    count, period = UNKNOWN_LIMIT_FACTORS
    return Rate(login.count * count, login.per * period)


def _first_limit(login: Rate) -> Rate:
    count, period = FIRST_ATTEMPTS
    return Rate(count, login.per * period)


def _code_bucket(user: UserId, known_network: str | None) -> tuple[str, str]:
    # guard: code-limit-known
    return ("account", str(user)) if known_network is None else ("known", f"{user}:{known_network}")


def client_network(address: str) -> str:
    """Return the network of a client: its IPv4 address, or the /64 network that one IPv6 customer usually has.

    If `address` is not an IP address, return its hash, which has a fixed length.
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return hashlib.sha256(address.encode("utf-8", "surrogatepass")).hexdigest()
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))  # guard: client-network


def _bucket_name(call: str, scope: str, caller: str) -> str:
    return f"{call}:{scope}:{caller}"
