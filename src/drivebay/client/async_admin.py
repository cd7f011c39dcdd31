"""`AsyncAdmin`: the operations of admins on accounts. These operations give no access to files."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Literal
from urllib.parse import quote

from .admin_models import AuditEvent, AuditPage, Statistics, User, UserPage, UserSort
from .api_client import ApiClient, ApiRequest
from .entry_finder import EntryFinder


class AsyncAdmin:
    """The operations of admins: the attribute `admin` of an `AsyncDrive`. Raises Forbidden for other accounts."""

    def __init__(self, api: ApiClient, finder: EntryFinder) -> None:
        self._api = api
        self._finder = finder

    async def users(self, query: str = "", sort: UserSort = "created") -> AsyncGenerator[User, None]:
        """Yield the accounts whose email or display name contains `query`. Pages are fetched as they are needed."""
        parameters: dict[str, str] = {"q": query, "sort": sort}
        async with aclosing(self._finder.list_pages("/v1/admin/users", parameters, UserPage)) as users:
            async for user in users:
                yield user

    async def user(self, id: str) -> User:
        """Return an account. Raises NotFound."""
        return await self._api.call(ApiRequest(User, "GET", _path(id)))

    async def create_user(
        self,
        email: str,
        password: str | None = None,
        *,
        role: Literal["user", "admin"] = "user",
        limit_bytes: int | None = None,
    ) -> User:
        """Create an account. Without a password the result has an `invitation_url`.

        `limit_bytes` is the quota of the account. None: the quota of the deployment. Raises Conflict `email_taken`.
        """
        body = {"email": email, "password": password, "role": role, "limit_bytes": limit_bytes}
        key = self._api.new_key()
        return await self._api.call(ApiRequest(User, "POST", "/v1/admin/users", body, idempotency_key=key))

    async def update_user(
        self, id: str, *, role: Literal["user", "admin"] | None = None, disabled: bool | None = None
    ) -> User:
        """Change the role of an account, disable or enable it. Raises NotFound, Conflict `last_admin`."""
        body = {name: value for name, value in (("role", role), ("disabled", disabled)) if value is not None}
        return await self._api.call(ApiRequest(User, "PATCH", _path(id), body, idempotent=True))

    async def set_quota(self, id: str, limit_bytes: int | None) -> User:
        """Set the quota of an account in bytes. None: the quota of the deployment. Raises NotFound."""
        body = {"limit_bytes": limit_bytes}
        return await self._api.call(ApiRequest(User, "PATCH", _path(id), body, idempotent=True))

    async def delete_user(self, id: str) -> None:
        """Delete an account and all its files, as `delete_account` does. Raises NotFound, Conflict `last_admin`."""
        await self._api.call(ApiRequest(type(None), "DELETE", _path(id), absent_is_success=True))

    async def end_user_sessions(self, id: str) -> None:
        """End every session of an account. Raises NotFound."""
        await self._api.call(ApiRequest(type(None), "POST", f"{_path(id)}/sessions/end", idempotent=True))

    async def statistics(self) -> Statistics:
        """Return sums over all accounts."""
        return await self._api.call(ApiRequest(Statistics, "GET", "/v1/admin/stats"))

    async def audit_events(
        self, user_id: str | None = None, action: str | None = None
    ) -> AsyncGenerator[AuditEvent, None]:
        """Yield events of the audit log, newest first. `user_id` is the actor or the target."""
        conditions = (("user_id", user_id), ("action", action))
        parameters: dict[str, str] = {name: value for name, value in conditions if value is not None}
        async with aclosing(self._finder.list_pages("/v1/admin/audit", parameters, AuditPage)) as events:
            async for event in events:
                yield event


def _path(id: str) -> str:
    return f"/v1/admin/users/{quote(id, '')}"
