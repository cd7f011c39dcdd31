"""Steps on the account: change the password, end other sessions, lose a session, and use what has ended."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from .simulated_user import ApiResponse, Json, SimulatedUser

REVOCATION_LIMIT: Final = 6.0
"""Seconds after which every gateway refuses an ended session. Promised are five."""
_MAX_UNSETTLED: Final = 40.0
"""Seconds after which a change whose response was lost is committed, or never will be."""
_MAX_LOGIN_ROUNDS: Final = 5
_MAX_REMEMBERED: Final = 20


class EndedSession(NamedTuple):
    """A session whose end was confirmed by a response at `ended_at`, in seconds since 1970."""

    access_token: str
    refresh_token: str
    ended_at: float


@dataclass
class AccountState:
    """What the user knows of its password and of its sessions.

    `passwords` are those that may be valid: two, after a change whose response was lost. That change may be committed
    until `unsettled_until`, in seconds since 1970. `old_passwords` were replaced. `is_busy`: a step ends sessions now.
    """

    passwords: list[str]
    old_passwords: list[str] = field(default_factory=list)
    ended_sessions: list[EndedSession] = field(default_factory=list)
    unsettled_until: float = 0.0
    is_busy: bool = False
    change_count: int = 0

    def settle(self, password: str) -> None:
        """Record that a password is the valid one."""
        self.old_passwords += [other for other in self.passwords if other != password]
        self.passwords = [password]

    def remember_ended(self, tokens: Json) -> None:
        """Record that the session of these tokens has ended."""
        self.ended_sessions.append(EndedSession(tokens["access_token"], tokens["refresh_token"], time.time()))
        del self.ended_sessions[:-_MAX_REMEMBERED]


async def log_in(user: SimulatedUser) -> Json | None:
    """Log in with the password that is valid. Return the tokens, or None if no response said which one is."""
    account = user.account
    for attempt in range(_MAX_LOGIN_ROUNDS):
        possible = account.passwords[::-1]
        refused = 0
        for password in possible:
            response = await user.send("POST", "/v1/login", {"email": user.email, "password": password}, {})
            if response is not None and response.status == 200:
                if password in account.passwords and time.time() > account.unsettled_until:
                    account.settle(password)
                return response.body
            refused += response is not None and response.status == 401
        if refused < len(possible):
            return None
        # The password may have changed between the attempts.
        await user.back_off(attempt)
    await user.report_violation("no password of the account is accepted")
    return None


async def change_password(user: SimulatedUser) -> None:
    """Change the password. Every other session must end, and this one must not."""
    account = user.account
    if account.is_busy:
        return
    account.is_busy = True
    try:
        other, own = await log_in(user), await log_in(user)
        if other is None or own is None or len(account.passwords) > 1:
            return
        old = account.passwords[0]
        account.change_count += 1
        new = f"{old.partition('#')[0]}#{account.change_count}"
        account.passwords, account.unsettled_until = [old, new], time.time() + _MAX_UNSETTLED
        response = await _send(user, own, "POST", "/v1/me/password", {"current_password": old, "new_password": new})
        if response is None or response.status in (429, 503):
            return  # a later login shows whether it was changed
        if response.status != 204:
            await user.report_violation(f"change of the password: {response.status} {str(response.body)[:300]}")
            return
        account.settle(new)
        account.unsettled_until = 0.0
        account.remember_ended(other)
        user.counts["passwords changed"] += 1
        await _continue_with(user, own)
    finally:
        account.is_busy = False


async def end_other_sessions(user: SimulatedUser) -> None:
    """Begin a session and end all others. The user goes on with the new one."""
    account = user.account
    if account.is_busy:
        return
    account.is_busy = True
    try:
        other, own = await log_in(user), await log_in(user)
        if other is None or own is None:
            return
        response = await _send(user, own, "DELETE", "/v1/me/sessions", None)
        if response is not None and response.status == 204:
            account.remember_ended(other)
            user.counts["other sessions ended"] += 1
            await _continue_with(user, own)
    finally:
        account.is_busy = False


async def lose_session(user: SimulatedUser) -> None:
    """Forget the tokens, as a device that is reset, and log in again."""
    tokens = await log_in(user)
    if tokens is not None:
        user.access_token, user.refresh_token = tokens["access_token"], tokens["refresh_token"]
        user.counts["sessions lost"] += 1


async def use_ended_session(user: SimulatedUser) -> None:
    """Use the tokens of a session that ended some seconds ago."""
    ended = [each for each in user.account.ended_sessions if time.time() - each.ended_at > REVOCATION_LIMIT]
    if ended:
        for problem in await _use(user, user.rng.choice(ended)):
            await user.report_violation(problem)


async def find_problems(user: SimulatedUser) -> list[str]:
    """Return what is wrong with the passwords and the sessions of an account, when all faults have ended."""
    problems: list[str] = []
    if await log_in(user) is None:
        problems.append("the account cannot log in")
    for password in user.account.old_passwords[-2:]:
        response = await user.retry(lambda password=password: _try_password(user, password))  # type: ignore[misc]
        if response is None or response.status != 401:
            problems.append("a login has no response" if response is None else "an old password is accepted")
    for session in user.account.ended_sessions[-1:]:
        await asyncio.sleep(max(0.0, session.ended_at + REVOCATION_LIMIT - time.time()))
        problems += await _use(user, session)
    return problems


async def _use(user: SimulatedUser, session: EndedSession) -> list[str]:
    """Use both tokens of an ended session. Return what was accepted."""
    headers = {"Authorization": f"Bearer {session.access_token}"}
    responses = {
        "access": await user.send("GET", "/v1/me", None, headers),
        "refresh": await user.send("POST", "/v1/token/refresh", {"refresh_token": session.refresh_token}, {}),
    }
    answered = {
        kind: response.status
        for kind, response in responses.items()
        if response is not None and response.status not in (429, 503)
    }
    user.counts["tokens of ended sessions refused"] += list(answered.values()).count(401)
    age = time.time() - session.ended_at
    return [
        f"the {kind} token of an ended session: {status} after {age:.1f} s"
        for kind, status in answered.items()
        if status != 401
    ]


async def _try_password(user: SimulatedUser, password: str) -> ApiResponse | None:
    """Return the response to a login, or None if it can be repeated."""
    response = await user.send("POST", "/v1/login", {"email": user.email, "password": password}, {})
    return None if response is None or response.status in (429, 503) else response


async def _send(user: SimulatedUser, tokens: Json, method: str, path: str, body: Json | None) -> ApiResponse | None:
    return await user.send(method, path, body, {"Authorization": f"Bearer {tokens['access_token']}"})


async def _continue_with(user: SimulatedUser, tokens: Json) -> None:
    """Check that a session that ended the others is valid, and go on with it."""
    response = await _send(user, tokens, "GET", "/v1/me", None)
    if response is not None and response.status == 401:
        await user.report_violation("the session that ended the others has ended too")
    user.access_token, user.refresh_token = tokens["access_token"], tokens["refresh_token"]
