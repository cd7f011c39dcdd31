"""Any call of the auth service has a documented result, the same in every delivery."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from typing import Any, Final
from uuid import UUID, uuid4

import pyotp
import pytest
from hypothesis import HealthCheck, given, settings

from drivebay import postgres, proto
from drivebay.auth import service
from drivebay.auth.settings import OidcProvider
from drivebay.contract.auth import Actor, Auth, PasskeyAttestation, Scope
from drivebay.contract.ids import LeaseId, PasskeyId, SessionId
from drivebay.embedded.postgres import Postgres
from drivebay.errors import SecondFactorRequired
from drivebay.rpc.type_hints import contract_methods
from drivebay.testing import servers
from drivebay.testing.deliveries import DELIVERIES

from ..software_authenticator import Authenticator, decode
from .all_deliveries import AllDeliveries, Loop, masked
from .argument_strategies import arguments

pytestmark = pytest.mark.slow

NOW: Final = datetime.now(UTC)
# No provider answers there: a sign-in needs a browser, and tests/gateway/test_oidc.py is one.
URL: Final = "https://drive.example.com"
PROVIDER: Final = OidcProvider("http://127.0.0.1:9", "drivebay", None, URL)
SETTINGS: Final = service.Settings(
    bytes(range(40)), bcrypt_cost=4, signup_limit=None, login_limit=None, sends_mail=True, oidc=PROVIDER, public_url=URL
)
# Tokens and keys are new in each call, and the number of keys depends on earlier calls.
_SECRETS: Final = re.compile(r"\"(?:access_token|refresh_token|kid|x|token_id)\":\"[^\"]*\"")
ADA: Final = "ada@example.com", "correct horse", "192.0.2.7"
BOB: Final = "bob@example.com", "correct horse", "192.0.2.7"
PASSKEY: Final = Authenticator(URL, "drive.example.com")
CAROL: Final = "carol@example.com", "correct horse", "192.0.2.7"
# Results that differ with the number of earlier calls: ids, times, random codes and tokens.
_VARYING: Final = frozenset(
    {
        *("begin_totp", "confirm_totp", "create_account", "create_api_token", "create_reset_token", "list_accounts"),
        *("get_accounts", "list_audit_events", "count_accounts", "update_account", "find_account"),
        *("claim_mails", "request_verification", "begin_passkey", "begin_passkey_login"),
    }
)

# They also need the answer of a browser to options that only they know.
_WITHOUT_SUCCESS: Final = (
    *("begin_oidc_login", "complete_oidc_login", "log_in_with_oidc"),
    *("add_passkey", "log_in_with_passkey"),
)


async def add_passkey(auth: Auth, actor: Actor, session: SessionId) -> PasskeyId:
    """Add a passkey, the same for each service."""
    options = json.loads(await auth.begin_passkey(actor, ADA[1], session=session))
    created = PASSKEY.create(options)["response"]
    attestation = PasskeyAttestation(
        PASSKEY.credential_id, decode(created["clientDataJSON"]), decode(created["attestationObject"])
    )
    return (await auth.add_passkey(actor, attestation, "my phone", session)).id


class Accounts:
    """A service for each delivery. All of them get the same ids and random bytes, so their data is equal."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self.known: dict[str, list[Any]] = {}

    async def open(self, urls: dict[str, str], name: str) -> None:
        services = {delivery: await self._start(url) for delivery, url in urls.items()}
        for running in services.values():
            user = await running.sign_up(*ADA, "a key")
            live, ended = [await running.log_in(*ADA) for _ in range(2)]
            await running.log_out(ended.refresh_token)
            bob = Actor((await running.sign_up(*BOB)).id)
            secret = await running.begin_totp(bob)
            recovery_codes = await running.confirm_totp(bob, pyotp.TOTP(secret.secret).at(NOW))
            try:
                await running.log_in(*BOB)
            except SecondFactorRequired as error:
                challenge = error.challenge
            carol = Actor((await running.sign_up(*CAROL)).id)
            pending = await running.begin_totp(carol)
            token = await running.create_reset_token(Actor(is_operator=True), user.id)
            api_token = await running.create_api_token(user.id, "backup", (Scope.READ,))
            session = (await running.list_sessions(user.id))[0]
            passkey = await add_passkey(running, Actor(user.id), session.id)
            mails = await running.claim_mails(LeaseId(UUID(int=9)), 100)
            (mail,) = [mail for mail in mails if mail.recipient == ADA[0]]
            if name == "find_user":  # only a confirmed address is found
                await running.verify_email(Actor(), mail.token or "")
        self.known = {
            "UserId": [user.id, UUID(int=7)],
            "email": [ADA[0], "Ada@Example.com ", "grace@example.com", "e\u0301@bücher.example"],
            "password": [ADA[1], "wrong horse", "\U0001f600" * 8],
            "address": [ADA[2], "2001:db8::1%eth0", "nowhere"],
            "idempotency_key": [None, "a key", "fresh"],
            "limit": [1, 100, 1000],
            "cursor": [None],
            "since": [None],
            "until": [None],
            "expires_at": [None, NOW + timedelta(days=1)],
            "scopes": [(Scope.READ,), tuple(Scope)],
            "refresh_token": [live.refresh_token, ended.refresh_token, "A" * 43],
            "access_token": [live.access_token, ended.access_token, live.access_token[:-4] + "AAAA"],
        }
        of_method: dict[str, dict[str, list[Any]]] = {
            "begin_totp": {"actor": [Actor(user.id)]},
            "confirm_totp": {"actor": [carol], "code": [pyotp.TOTP(pending.secret).at(NOW)]},
            "remove_totp": {"actor": [bob], "password": [BOB[1]], "code": [recovery_codes[0]]},
            "log_in_with_code": {"challenge": [challenge], "code": [recovery_codes[1]]},
            "revoke_api_token": {"UserId": [user.id], "token": [api_token.details.id]},
            "verify_api_token": {"secret": [api_token.secret]},
            "begin_passkey": {"actor": [Actor(user.id)], "session": [session.id]},
            "begin_passkey_login": {"challenge": [None, challenge]},
            "rename_passkey": {"UserId": [user.id], "passkey": [passkey], "name": ["a key ring"]},
            "remove_passkey": {"actor": [Actor(user.id)], "passkey": [passkey], "session": [session.id]},
            "end_session": {"UserId": [user.id], "session": [session.id]},
            "change_password": {
                "UserId": [user.id],
                "current_password": [ADA[1]],
                "new_password": ["a quiet green table"],
                "keep": [None, session.id],
            },
            "list_revoked_sessions": {"since": [None, NOW]},
            "list_deleted_accounts": {"after": [None]},
            "verify_email": {"token": [mail.token]},
            "finish_reclaimed_account": {"UserId": [user.id]},
            "finish_mails": {"lease": [LeaseId(UUID(int=9))]},
            "reset_password": {"token": [token], "password": ["a quiet green table"]},
        }
        self.known |= {"actor": [Actor(is_operator=True), Actor(user.id)]} | of_method.get(name, {})
        self.deliveries = AllDeliveries(Auth, proto.AUTH, services)
        await self.deliveries.open(self._stack)

    async def _start(self, url: str) -> service.Service:
        database = await self._stack.enter_async_context(postgres.connect(url, size=4))
        ids = count(1)
        return await self._stack.enter_async_context(
            service.start(
                database,
                SETTINGS,
                now=lambda: NOW,
                new_id=lambda: UUID(int=next(ids)),
                random_bytes=Random(7).randbytes,
            )
        )


@pytest.fixture
async def urls(postgres: Postgres, database_template: str) -> AsyncIterator[dict[str, str]]:
    """A database for each delivery."""
    async with AsyncExitStack() as stack:
        yield {
            delivery: await stack.enter_async_context(
                servers.database(postgres, database_template, f"test_{uuid4().hex}")
            )
            for delivery in DELIVERIES
        }


@pytest.fixture
def loop() -> Iterator[Loop]:
    with Loop() as loop:
        yield loop


@pytest.mark.parametrize("name", contract_methods(Auth))
def test_any_call_of_auth_has_a_documented_result_in_every_delivery(
    urls: dict[str, str], loop: Loop, name: str
) -> None:
    accounts = Accounts(loop.stack)
    loop.run(accounts.open(urls, name))

    def normalize(_: str, text: str) -> str:
        if name in ("list_keys", "rotate_key"):
            return "keys"
        if name in _VARYING:
            return "any"  # the deliveries check that it is documented
        return masked(_SECRETS.sub("<secret>", text), ())

    @settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(drawn=arguments(contract_methods(Auth)[name], accounts.known))
    def check(drawn: tuple[Any, ...]) -> None:
        loop.run(accounts.deliveries.call(name, dict.fromkeys(DELIVERIES, drawn), normalize))

    check()
    assert accounts.deliveries.outcomes["value"] or name in _WITHOUT_SUCCESS
