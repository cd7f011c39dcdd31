"""JSON types of the list of sessions."""

from __future__ import annotations

from uuid import UUID

import msgspec

from ...contract import auth
from ...contract.ids import SessionId
from ..json_types import Time


class SessionItem(msgspec.Struct):
    """A login that has not ended.

    `user_agent` and `address` of the client are recorded at the login. `last_used_at` is the time of the last refresh.
    `current` is whether the request belongs to this session.
    """

    id: UUID
    created_at: Time
    last_used_at: Time
    user_agent: str
    address: str
    current: bool


class SessionList(msgspec.Struct):
    items: list[SessionItem]


def session_list_view(sessions: tuple[auth.Session, ...], current: SessionId | None) -> SessionList:
    return SessionList(
        [
            SessionItem(
                id=session.id,
                created_at=session.created_at,
                last_used_at=session.last_used_at,
                user_agent=session.user_agent,
                address=session.address,
                current=session.id == current,
            )
            for session in sessions
        ]
    )
