"""Sign-up, login and sessions, as `contract.auth.Auth` promises them.

No connection is held while a password is hashed: hashing takes a hundred times as long as everything
else, and a few logins would otherwise keep everybody from the database.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import bcrypt
import structlog
from prometheus_client import Counter

from ..contract.auth import Claims, Key, Tokens, User
from ..contract.health import Health
from ..contract.ids import UserId
from ..db import Database
from ..errors import (
    EmailTaken,
    FieldError,
    IdempotencyKeyReused,
    InProgress,
    InvalidCredentials,
    InvalidRequest,
    NotFound,
    TokenReused,
    Unauthenticated,
    Unavailable,
)
from . import emails, passwords, secret
from .keyring import MARGIN, Keyring
from .passwords import Passwords
from .store import Refresh, Store
from .throttle import Rate, Throttle, network
from .tokens import RefreshToken

log = structlog.get_logger(__name__)

_SIGNUP_LIMIT: Final = Rate(60, timedelta(minutes=1))
_LOGIN_LIMIT: Final = Rate(20, timedelta(minutes=1))
_READ_KEYS: Final = timedelta(seconds=5)
_PRUNE: Final = timedelta(minutes=1)
_SALT: Final = 32
_MAX_IDEMPOTENCY_KEY: Final = 255

_signups = Counter("drivebay_auth_signups_total", "Accounts made")
_logins = Counter("drivebay_auth_logins_total", "Logins by outcome", ["outcome"])
_refreshes = Counter("drivebay_auth_refreshes_total", "Refreshes by outcome", ["outcome"])


@dataclass(frozen=True, slots=True)
class Settings:
    """`secret` is the root of every key auth holds (see `secret.py`): at least 32 random bytes, and losing
    it loses every password. `signup_limit` is per address; `login_limit` per account, five times that per
    address; fifty times either for everybody together; None is no limit. ValueError for what cannot work."""

    secret: bytes = field(repr=False)
    issuer: str = "drivebay"
    audience: str = "drivebay"
    access_token_ttl: timedelta = timedelta(minutes=15)
    refresh_token_ttl: timedelta = timedelta(days=30)
    refresh_grace: timedelta = timedelta(seconds=10)
    bcrypt_cost: int = 12
    bcrypt_threads: int = 1
    signup_limit: Rate | None = _SIGNUP_LIMIT
    login_limit: Rate | None = _LOGIN_LIMIT

    def __post_init__(self) -> None:
        if len(self.secret) < secret.MIN_LENGTH or len(set(self.secret)) < secret.MIN_LENGTH // 4:
            raise ValueError(f"the secret must be at least {secret.MIN_LENGTH} random bytes")
        if not 4 <= self.bcrypt_cost <= 31:
            raise ValueError("bcrypt's cost is between 4 and 31")
        if self.bcrypt_threads < 1:
            raise ValueError("hashing needs at least one thread")
        if min(self.access_token_ttl, self.refresh_token_ttl) < timedelta(seconds=1):
            raise ValueError("a token must live for at least a second")


class Service:
    """Implements `contract.auth.Auth`. Made by `start`."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        hashing: Passwords,
        keyring: Keyring,
        *,
        now: Callable[[], datetime],
        new_id: Callable[[], UUID],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._store = store
        self._settings = settings
        self._passwords = hashing
        self._keyring = keyring
        self._throttle = Throttle(store, settings.signup_limit, settings.login_limit)
        self._refresh_key = secret.subkey(settings.secret, "refresh-tokens")
        self._fingerprint_key = secret.subkey(settings.secret, "idempotency")
        self._now = now
        self._new_id = new_id
        self._random_bytes = random_bytes

    async def sign_up(self, email: str, password: str, address: str, idempotency_key: str | None = None) -> User:
        email = email.strip()
        _check_sign_up(email, password, idempotency_key)
        await self._throttle.sign_up(address)
        who = network(address)
        fingerprint = self._fingerprint(email, password)
        # Asked before the first answer is: the two are committed as one, so what has taken the address
        # meanwhile cannot be this very sign-up's first delivery.
        taken = await self._store.find_password(emails.key(email)) is not None
        if idempotency_key is not None:
            first = await _first_answer(self._store, who, idempotency_key, fingerprint)
            if first is not None:
                return first
        if taken:
            raise EmailTaken(f"{email} has an account already")
        password_hash = await self._passwords.hash(password)
        async with self._store.transaction() as store:
            if idempotency_key is not None:
                if not await store.try_idempotency_lock(who, idempotency_key):
                    raise InProgress(retry_after=1)
                first = await _first_answer(store, who, idempotency_key, fingerprint)
                if first is not None:
                    return first
            user = await store.insert_user(UserId(self._new_id()), email, emails.key(email), password_hash)
            if user is None:
                raise EmailTaken(f"{email} has an account already")
            if idempotency_key is not None:
                await store.insert_first_answer(who, idempotency_key, fingerprint, user.id)
        _signups.inc()
        log.info("signed_up", user=str(user.id))
        return user

    async def log_in(self, email: str, password: str, address: str) -> Tokens:
        malformed = emails.fault(email.strip()) is not None
        email_key = email if malformed else emails.key(email)
        await self._throttle.log_in(email_key, address)
        # From here to the comparison, an address without an account takes every step that one with it takes.
        known = None if malformed else await self._store.find_password(email_key)
        right = await self._passwords.matches(password, known.hash if known else None)
        if known is None or not right:
            _logins.labels("refused").inc()
            raise InvalidCredentials
        await self._throttle.logged_in(email_key)
        # A new hash can wait for a login at a quieter time; who is waiting now cannot.
        if self._passwords.outdated(known.hash) and not self._passwords.busy:
            await self._store.replace_password(known.user, known.hash, await self._passwords.hash(password))
        token = RefreshToken.new(self._random_bytes)
        session = self._new_id()
        await self._store.begin_session(session, known.user, token.digest, self._settings.refresh_token_ttl)
        _logins.labels("granted").inc()
        log.info("logged_in", user=str(known.user), session=str(session))
        return self._tokens(known.user, token)

    async def refresh(self, refresh_token: str) -> Tokens:
        token = RefreshToken.read(refresh_token)
        if token is None:
            raise Unauthenticated("the refresh token is not valid")
        async with self._store.transaction() as store:
            row = await store.lock_refresh_token(token.digest, self._settings.refresh_grace)
            child = await self._trade(store, token, row) if row else None
        if row is None:
            _refreshes.labels("unknown").inc()
            raise Unauthenticated("the refresh token is not valid")
        # Raised only here, after the commit: an error inside would have rolled the end of the session back.
        if child is None:
            _refreshes.labels("reused").inc()
            log.warning("refresh_token_reused", user=str(row.user), session=str(row.session))
            raise TokenReused
        _refreshes.labels("granted").inc()
        return self._tokens(row.user, child)

    async def log_out(self, refresh_token: str) -> None:
        token = RefreshToken.read(refresh_token)
        if token is not None:
            await self._store.end_session_of_token(token.digest)

    async def verify_token(self, access_token: str) -> Claims:
        return await self._keyring.verify(access_token)

    async def user(self, user: UserId) -> User:
        found = await self._store.find_user(user)
        if found is None:
            raise NotFound(f"no user {user}")
        return found

    async def keys(self) -> tuple[Key, ...]:
        return await self._keyring.published()

    async def rotate_key(self) -> Key:
        return await self._keyring.rotate()

    async def health(self) -> tuple[Health, ...]:
        fault = await self._store.ping()
        return (Health(name="postgres", ok=fault is None, detail=fault or ""),)

    async def _trade(self, store: Store, token: RefreshToken, row: Refresh) -> RefreshToken | None:
        """The child of a locked token, made now or again. None when its session ends, or ended, for reuse."""
        if row.ended == "reuse" and row.spent:
            return None
        if row.ended is not None or row.expired:
            raise Unauthenticated("the session has ended")
        if row.salt is None:
            salt = self._random_bytes(_SALT)
            child = token.child(self._refresh_key, salt)
            await store.rotate_refresh_token(token.digest, child.digest, salt, self._settings.refresh_token_ttl)
            return child
        if row.repeatable:
            return token.child(self._refresh_key, row.salt)
        await store.end_session(row.session, "reuse")
        return None

    def _tokens(self, user: UserId, token: RefreshToken) -> Tokens:
        settings = self._settings
        access = self._keyring.current.sign(
            user, settings.issuer, settings.audience, self._now(), settings.access_token_ttl, self._new_id()
        )
        return Tokens(
            access_token=access,
            refresh_token=token.text,
            expires_in=int(settings.access_token_ttl.total_seconds()),
        )

    def _fingerprint(self, email: str, password: str) -> bytes:
        # Keyed: a plain hash of a password, kept for a day beside its bcrypt, would be the weaker of the two.
        text = f"{len(email)}:{email}{password}"
        return hmac.digest(self._fingerprint_key, text.encode(), "sha256")


@asynccontextmanager
async def start(
    database: Database,
    settings: Settings,
    *,
    now: Callable[[], datetime],
    new_id: Callable[[], UUID],
    random_bytes: Callable[[int], bytes],
    check: Callable[[bytes, bytes], bool] = bcrypt.checkpw,
) -> AsyncIterator[Service]:
    """A running service over a migrated schema, with its threads and its housekeeping.

    `check` compares a password with a hash. Makes the first signing key if there is none. Raises Unavailable,
    and `tokens.WrongSecret`.
    """
    store = Store(database)
    keyring = Keyring(
        store,
        secret.subkey(settings.secret, "signing-keys"),
        settings.issuer,
        settings.audience,
        settings.access_token_ttl,
        now,
        random_bytes,
    )
    await keyring.load()
    pepper = secret.subkey(settings.secret, "pepper")
    with Passwords(pepper, settings.bcrypt_cost, settings.bcrypt_threads, check) as hashing:
        service = Service(store, settings, hashing, keyring, now=now, new_id=new_id, random_bytes=random_bytes)
        chores = (
            asyncio.create_task(_repeat("read_keys", _READ_KEYS, keyring.load)),
            asyncio.create_task(_repeat("prune", _PRUNE, lambda: prune(store, settings))),
        )
        try:
            yield service
        finally:
            for chore in chores:
                chore.cancel()
            await asyncio.wait(chores)


async def prune(store: Store, settings: Settings) -> None:
    """Forget what can no longer matter: full buckets, old answers, dead sessions, keys long replaced."""
    await store.prune_throttle()
    await store.prune_idempotency()
    await store.prune_sessions()
    await store.prune_refresh_tokens()
    await store.prune_signing_keys(settings.access_token_ttl + MARGIN)


async def _repeat(name: str, every: timedelta, chore: Callable[[], Awaitable[None]]) -> None:
    while True:
        await asyncio.sleep(every.total_seconds())
        try:
            await chore()
        except Unavailable as error:
            log.warning("chore_put_off", chore=name, reason=error.detail)
        except Exception:
            # Whatever it was, a chore that had stopped for good would be missed weeks later, if at all.
            log.exception("chore_failed", chore=name)


def _check_sign_up(email: str, password: str, idempotency_key: str | None) -> None:
    faults = {"email": emails.fault(email), "password": passwords.fault(password)}
    if idempotency_key is not None and not _is_idempotency_key(idempotency_key):
        faults["idempotency_key"] = f"must be 1 to {_MAX_IDEMPOTENCY_KEY} printable characters"
    errors = tuple(FieldError(name, fault) for name, fault in faults.items() if fault is not None)
    if errors:
        raise InvalidRequest("the sign-up is not valid", errors=errors)


def _is_idempotency_key(key: str) -> bool:
    return 1 <= len(key) <= _MAX_IDEMPOTENCY_KEY and key.isprintable()


async def _first_answer(store: Store, address: str, key: str, fingerprint: bytes) -> User | None:
    first = await store.find_first_answer(address, key)
    if first is None:
        return None
    if not hmac.compare_digest(first.fingerprint, fingerprint):
        raise IdempotencyKeyReused
    return first.user
