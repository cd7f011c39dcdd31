"""The sender of a request: a user with a session, or a program with an API token of that user."""

from __future__ import annotations

from dataclasses import dataclass

from ..contract.auth import Scope
from ..contract.ids import SessionId, UserId


@dataclass(frozen=True, slots=True)
class Caller:
    """The user of a request.

    `session` is None for an API token, and for an access token of an earlier release. `scopes` is None for a session:
    it may call every route.
    """

    user: UserId
    session: SessionId | None = None
    scopes: frozenset[Scope] | None = None
