"""Checks that the caller is an admin, and that at least one admin remains."""

from __future__ import annotations

from ...contract.auth import Actor
from ...contract.ids import UserId
from ...errors import Forbidden, LastAdmin
from ..store import Executor
from . import store


async def require_admin(db: Executor, actor: Actor) -> None:
    """Raise Forbidden unless the actor is an enabled admin, or an operator of the server."""
    if actor.is_operator:
        return
    if actor.user is None or not await store.is_admin(db, actor.user):  # guard: admin-required
        raise Forbidden("only admins may do this")


async def require_other_admin(db: Executor, user: UserId) -> None:
    """Raise LastAdmin if this account is an admin and there is no other admin (see `has_other_admin`).

    The caller must hold the lock of `lock_admins`.
    """
    # guard: last-admin
    if await store.is_admin(db, user) and not await store.has_other_admin(db, user):
        raise LastAdmin("no other admin has logged in: make another account an admin and log in with it first")
