"""API tokens: secrets with which programs act for a user, limited to scopes. Only their digests are stored."""

from __future__ import annotations

import hashlib
import hmac
import math
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import structlog

from ..contract.auth import Actor, ApiToken, ApiTokenClaims, ApiTokenPage, NewApiToken, Scope
from ..contract.auth.api_tokens import PREFIX
from ..contract.ids import ApiTokenId, UserId
from ..errors import (
    Conflict,
    FieldError,
    IdempotencyKeyReused,
    InvalidRequest,
    NotFound,
    RateLimited,
    Unauthenticated,
    Unavailable,
    invalid_fields_error,
)
from ..formats.signed_cursors import Position, decode_cursor, encode_cursor
from .audit.audit_log import Action
from .mail.mail_queue import AccountChangeRecorder
from .rate_limits.store import take_token
from .settings import Rate
from .store import Store
from .user_accounts import MAX_IDEMPOTENCY_KEY_LENGTH, is_valid_idempotency_key
from .utc_times import to_utc

log = structlog.get_logger(__name__)

MAX_TOKENS: Final = 100
"""The maximum number of tokens of one user. Expired tokens count."""
CREATIONS_A_DAY: Final = Rate(1000, timedelta(days=1))
"""The limit of new tokens of one user. The audit log keeps each creation and each revocation, so without this limit one
user could make the log grow without end."""
_LATEST_EXPIRY: Final = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
"""The latest expiry that is stored. The database driver would store the last microsecond of the year 9999 as infinity,
and return infinity as a time without a zone."""
_SECRET_BYTES: Final = 32
_MAX_NAME: Final = 100
"""The maximum number of characters of the name of a token."""
_MAX_PAGE: Final = 1000
_SECRET: Final = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}")


class _KeyedRequest(NamedTuple):
    """A request with an idempotency key. `requester` names the user, `fingerprint` is a hash of the fields."""

    requester: str
    key: str
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class ApiTokenKeys:
    """Keys of API tokens: `secrets` derives the secrets of tokens that have an idempotency key.

    `fingerprints` is for the fingerprints of requests. `cursors` signs cursors.
    """

    secrets: bytes
    fingerprints: bytes
    cursors: bytes


class ApiTokens:
    """The methods of `contract.auth.ApiTokens`.

    `client` is the address and the user agent of the request, for the audit log.
    """

    def __init__(
        self,
        store: Store,
        recorder: AccountChangeRecorder,
        keys: ApiTokenKeys,
        *,
        now: Callable[[], datetime],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._store = store
        self._recorder = recorder
        self._keys = keys
        self._now = now
        self._new_id = recorder.audit.new_id
        self._random_bytes = random_bytes

    async def create_api_token(
        self,
        user: UserId,
        name: str,
        scopes: tuple[Scope, ...],
        expires_at: datetime | None = None,
        client: Actor | None = None,
        idempotency_key: str | None = None,
    ) -> NewApiToken:
        name = name.strip()
        _check_key(idempotency_key)
        scopes = tuple(scope for scope in Scope if scope in scopes)
        requested = f"{name}\0{' '.join(scopes)}\0{'' if expires_at is None else expires_at.isoformat()}"
        fingerprint = hmac.digest(self._keys.fingerprints, requested.encode("utf-8", "surrogatepass"), "sha256")
        request = None if idempotency_key is None else _KeyedRequest(f"token {user}", idempotency_key, fingerprint)
        if request is not None and (earlier := await self._find_earlier(self._store, request)):
            return earlier
        self._check(name, scopes, expires_at)
        if expires_at is not None:
            expires_at = min(to_utc(expires_at, "expires_at"), _LATEST_EXPIRY)  # guard: api-token-latest-expiry
        token = ApiToken(ApiTokenId(self._new_id()), name, scopes, self._now(), expires_at, None)
        secret = self._random_secret() if request is None else self._secret_of(token.id)
        async with self._store.transaction() as store:
            if not await store.lock_api_tokens(user):
                raise NotFound(f"no user {user}")
            # If a second request has the same key, `lock_api_tokens` made it wait until the first request ended. So
            # look for the result again.
            if request is not None and (earlier := await self._find_earlier(store, request)):
                return earlier
            await _charge_creation(store, user)
            if await store.count_api_tokens(user) >= MAX_TOKENS:  # guard: api-token-count
                raise Conflict(f"an account has at most {MAX_TOKENS} API tokens; revoke one first")
            token = await store.insert_api_token(user, _digest(secret), token)
            if request is not None:
                await store.insert_api_token_result(request.requester, request.key, fingerprint, user, token.id)
            detail = {"token_id": str(token.id), "name": token.name, "scopes": " ".join(token.scopes)}
            await self._recorder.record(store.executor, _actor(user, client), Action.API_TOKEN_CREATED, user, detail)
        log.info("api_token_created", user=str(user), id=str(token.id))
        return NewApiToken(token, secret)

    async def list_api_tokens(self, user: UserId) -> tuple[ApiToken, ...]:
        return await self._store.list_api_tokens(user)

    async def list_api_token_page(self, user: UserId, limit: int = 100, cursor: str | None = None) -> ApiTokenPage:
        if not 1 <= limit <= _MAX_PAGE:
            raise InvalidRequest(f"limit must be 1 to {_MAX_PAGE}")
        query = f"tokens {user}"
        after = None if cursor is None else decode_cursor(self._keys.cursors, query, cursor).id
        tokens = await self._store.list_api_tokens(user, after, limit + 1)
        if len(tokens) <= limit:
            return ApiTokenPage(tokens, None)
        items = tokens[:limit]
        return ApiTokenPage(items, encode_cursor(self._keys.cursors, query, Position("", items[-1].id)))

    async def revoke_api_token(self, user: UserId, token: ApiTokenId, client: Actor | None = None) -> None:
        async with self._store.transaction() as store:
            if not await store.delete_api_token(token, user):
                raise NotFound(f"no API token {token}")
            detail = {"token_id": str(token)}
            await self._recorder.record(store.executor, _actor(user, client), Action.API_TOKEN_REVOKED, user, detail)
        log.info("api_token_revoked", user=str(user), id=str(token))

    async def verify_api_token(self, secret: str) -> ApiTokenClaims:
        stored = await self._store.find_api_token(_digest(secret)) if _SECRET.fullmatch(secret) else None
        if stored is None:
            raise Unauthenticated("the API token is not valid, has expired or was revoked")
        if stored.must_record_use:
            # If the database is read-only, the token still works, but its last use is not recorded.
            with suppress(Unavailable):
                await self._store.record_api_token_use(stored.claims.id)
        return stored.claims

    async def _find_earlier(self, store: Store, request: _KeyedRequest) -> NewApiToken | None:
        """Return the result of the first request with the same key, or None if this is the first.

        Raises IdempotencyKeyReused, and Conflict if the token of the first request was revoked: a late repeat must not
        create a new token.
        """
        earlier = await store.find_api_token_result(request.requester, request.key)
        if earlier is None:
            return None
        if not hmac.compare_digest(earlier.fingerprint, request.fingerprint):  # guard: api-token-fingerprint
            raise IdempotencyKeyReused
        if earlier.token is None:  # guard: api-token-replay-revoked
            raise Conflict("the API token of this Idempotency-Key was revoked; use another key for another token")
        return NewApiToken(earlier.token, self._secret_of(earlier.token.id))

    def _random_secret(self) -> str:
        return _secret_text(self._random_bytes(_SECRET_BYTES))

    def _secret_of(self, token: ApiTokenId) -> str:
        """Return the secret of a token that has an idempotency key. It is derived, so it need not be stored."""
        return _secret_text(hmac.digest(self._keys.secrets, token.bytes, "sha256"))

    def _check(self, name: str, scopes: tuple[Scope, ...], expires_at: datetime | None) -> None:
        errors = []
        if not 1 <= len(name) <= _MAX_NAME or not name.isprintable():
            errors.append(FieldError("name", f"must have 1 to {_MAX_NAME} printable characters"))
        if not scopes:
            errors.append(FieldError("scopes", "must have at least one scope"))
        if expires_at is not None:
            errors += self._find_expiry_errors(expires_at)
        if errors:
            raise invalid_fields_error(tuple(errors))

    def _find_expiry_errors(self, expires_at: datetime) -> tuple[FieldError, ...]:
        try:
            is_past = to_utc(expires_at, "expires_at") <= self._now()
        except InvalidRequest as error:
            return error.errors
        return (FieldError("expires_at", "must be in the future"),) if is_past else ()


def _secret_text(secret: bytes) -> str:
    return PREFIX + urlsafe_b64encode(secret).rstrip(b"=").decode("ascii")


async def _charge_creation(store: Store, user: UserId) -> None:
    """Count a creation in the transaction of `store`. Raises RateLimited."""
    per = CREATIONS_A_DAY.per
    result = await take_token(store.executor, f"api-token:user:{user}", per, per / CREATIONS_A_DAY.count)
    if not result.granted:  # guard: api-token-creation-rate
        seconds = max(1, math.ceil(result.wait.total_seconds()))
        raise RateLimited(f"too many API tokens were created: try again in {seconds} seconds", retry_after=seconds)


def _actor(user: UserId, client: Actor | None) -> Actor:
    return Actor(user) if client is None else Actor(user, client.address, client.user_agent)


def _check_key(key: str | None) -> None:
    if key is not None and not is_valid_idempotency_key(key):
        problem = f"must be 1 to {MAX_IDEMPOTENCY_KEY_LENGTH} printable characters"
        raise InvalidRequest(f"idempotency_key {problem}", errors=(FieldError("idempotency_key", problem),))


def _digest(secret: str) -> bytes:
    # A fast hash is enough, because the secret has 256 random bits.
    return hashlib.sha256(secret.encode()).digest()
