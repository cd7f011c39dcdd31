"""The methods of `AsyncDrive` about the account: logins, second factor, passkeys, sessions, API tokens."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from datetime import datetime
from urllib.parse import quote

from .account_models import (
    Account,
    ApiToken,
    ApiTokenPage,
    Passkey,
    PasskeyPage,
    RecoveryCodes,
    Scope,
    SessionInfo,
    SessionPage,
    TotpSecret,
)
from .api_client import ApiRequest
from .api_methods import ApiMethods
from .api_models import Tokens
from .errors import Unauthenticated


class AccountMethods(ApiMethods):
    """Accounts, logins, the second factor, passkeys, sessions and API tokens."""

    # Accounts

    async def sign_up(self, email: str, password: str) -> Account:
        """Create an account, without logging in. Raises Conflict `email_taken`."""
        body = {"email": email, "password": password}
        key = self._api.new_key()
        return await self._api.call(
            ApiRequest(Account, "POST", "/v1/signup", body, idempotency_key=key, authenticate=False)
        )

    async def log_in(self, email: str, password: str) -> None:
        """Start a session and save its tokens.

        Raises Unauthenticated `invalid_credentials`, and SecondFactorRequired: then call `log_in_with_code`.
        """
        body = {"email": email, "password": password}
        tokens = await self._api.call(ApiRequest(Tokens, "POST", "/v1/login", body, authenticate=False))
        await self._api.save_tokens(tokens)

    async def log_in_with_code(self, challenge: str, code: str) -> None:
        """Complete a login that raised SecondFactorRequired, and save its tokens.

        `code` is a code of the authenticator app, or a recovery code. Raises Unauthenticated `invalid_code`.
        """
        body = {"challenge": challenge, "code": code}
        tokens = await self._api.call(ApiRequest(Tokens, "POST", "/v1/login/totp", body, authenticate=False))
        await self._api.save_tokens(tokens)

    async def reset_password(self, token: str, password: str) -> None:
        """Set a password with the token of an invitation or of a reset. The token works once. Needs no login.

        Raises Unauthenticated `invalid_token`.
        """
        body = {"token": token, "password": password}
        path = "/v1/password/reset/confirm"
        await self._api.call(ApiRequest(type(None), "POST", path, body, authenticate=False))

    async def log_in_with_oidc(self, code: str) -> None:
        """Start a session with the code of a sign-in at the server's identity provider, and save the tokens.

        The app gets the code at the `redirect_uri` of `GET /v1/oidc/login`. Raises Unauthenticated `invalid_code`,
        NotFound if the server has no provider, and SecondFactorRequired: then call `log_in_with_code`.
        """
        tokens = await self._api.call(ApiRequest(Tokens, "POST", "/v1/oidc/token", {"code": code}, authenticate=False))
        await self._api.save_tokens(tokens)

    async def request_password_reset(self, email: str) -> None:
        """Ask the server to send a reset to an email address, if an account has this address. Needs no login.

        The result is the same if no account has the address. Raises NotFound if the server sends no mail, Unavailable
        after too many requests.
        """
        await self._api.call(ApiRequest(type(None), "POST", "/v1/password/reset", {"email": email}, authenticate=False))

    async def request_email_verification(self) -> None:
        """Ask the server for a new mail with which the user confirms the email address of the account.

        Do nothing if the address is confirmed. Raises NotFound if the server sends no mail, Unavailable after too many
        requests.
        """
        await self._api.call(ApiRequest(type(None), "POST", "/v1/me/email/verification"))

    async def verify_email(self, token: str) -> None:
        """Confirm an email address with the token of a mail. The token works once. Needs no login.

        Raises Unauthenticated `invalid_token`, and NotFound if the server sends no mail.
        """
        await self._api.call(ApiRequest(type(None), "POST", "/v1/email/verify", {"token": token}, authenticate=False))

    async def begin_second_factor(self) -> TotpSecret:
        """Create the secret of a second factor. Call `confirm_second_factor` to activate it.

        Raises Conflict `already_enabled`.
        """
        return await self._api.call(ApiRequest(TotpSecret, "POST", "/v1/me/totp", idempotent=True))

    async def confirm_second_factor(self, code: str) -> list[str]:
        """Activate the second factor with a code of the new secret, and return ten recovery codes.

        Raises Unauthenticated `invalid_code`, NotFound, Conflict `already_enabled`.
        """
        request = ApiRequest(RecoveryCodes, "POST", "/v1/me/totp/confirm", {"code": code})
        return (await self._api.call(request)).recovery_codes

    async def remove_second_factor(self, password: str, code: str) -> None:
        """Remove the second factor. `code` is a code of the app, or a recovery code.

        An account without a password needs an empty `password` and a sign-in within the last 5 minutes.

        Raises Unauthenticated `invalid_credentials` or `invalid_code`, NotFound.
        """
        body = {"password": password, "code": code}
        await self._api.call(ApiRequest(type(None), "DELETE", "/v1/me/totp", body, absent_is_success=True))

    async def passkeys(self) -> list[Passkey]:
        """Return the passkeys of the account, newest first. Only a browser can add a passkey."""
        return (await self._api.call(ApiRequest(PasskeyPage, "GET", "/v1/me/passkeys"))).items

    async def rename_passkey(self, id: str, name: str) -> Passkey:
        """Rename a passkey and return it. Raises NotFound."""
        path = f"/v1/me/passkeys/{quote(id, '')}"
        return await self._api.call(ApiRequest(Passkey, "PATCH", path, {"name": name}, idempotent=True))

    async def remove_passkey(self, id: str, password: str = "") -> None:
        """Remove a passkey.

        An account without a password needs an empty `password` and a sign-in within the last 5 minutes.

        Raises Unauthenticated `invalid_credentials`, NotFound.
        """
        body = {"password": password} if password else {}
        path = f"/v1/me/passkeys/{quote(id, '')}"
        await self._api.call(ApiRequest(type(None), "DELETE", path, body, absent_is_success=True))

    async def log_out(self) -> None:
        """Delete the stored tokens and end the session on the server. Do nothing if there is no login."""
        try:
            tokens = await self._api.current_tokens()
        except Unauthenticated:
            return
        # The tokens are deleted first, so that a network failure does not keep the user logged in here.
        await self._api.save_tokens(None)
        if tokens.refresh_token is not None:
            body = {"refresh_token": tokens.refresh_token}
            await self._api.call(
                ApiRequest(type(None), "POST", "/v1/logout", body, idempotent=True, authenticate=False)
            )

    async def me(self) -> Account:
        """Return the account that is logged in, with its usage."""
        return await self._api.call(ApiRequest(Account, "GET", "/v1/me"))

    async def update_account(self, *, display_name: str) -> Account:
        """Change the display name and return the account. The request is sent once."""
        return await self._api.call(ApiRequest(Account, "PATCH", "/v1/me", {"display_name": display_name}))

    async def change_password(self, current_password: str, new_password: str) -> None:
        """Change the password and end every other session. The request is sent once.

        Raises Unauthenticated `invalid_credentials`, and ApiError `invalid_request` for a password that is refused.
        """
        body = {"current_password": current_password, "new_password": new_password}
        await self._api.call(ApiRequest(type(None), "POST", "/v1/me/password", body))

    async def delete_account(self, password: str = "") -> None:
        """Delete the account and the stored tokens. The files are purged after the grace period of the trash.

        An account without a password needs an empty `password` and a sign-in within the last 5 minutes.

        Raises Unauthenticated `invalid_credentials`.
        """
        body = {"password": password} if password else {}
        await self._api.call(ApiRequest(type(None), "DELETE", "/v1/me", body))
        await self._api.save_tokens(None)

    async def sessions(self) -> list[SessionInfo]:
        """Return the sessions of the account, newest first."""
        return (await self._api.call(ApiRequest(SessionPage, "GET", "/v1/me/sessions"))).items

    async def end_session(self, id: str) -> None:
        """End a session. Raises NotFound."""
        path = f"/v1/me/sessions/{quote(id, '')}"
        await self._api.call(ApiRequest(type(None), "DELETE", path, absent_is_success=True))

    async def end_other_sessions(self) -> None:
        """End every session of the account except the session of this client."""
        await self._api.call(ApiRequest(type(None), "DELETE", "/v1/me/sessions"))

    async def create_token(
        self, name: str, scopes: Sequence[Scope | str], *, expires_at: datetime | None = None
    ) -> ApiToken:
        """Create an API token. Its `token` is the secret, which the server does not show again."""
        body = {"name": name, "scopes": [Scope(scope).value for scope in scopes], "expires_at": expires_at}
        key = self._api.new_key()
        return await self._api.call(ApiRequest(ApiToken, "POST", "/v1/me/tokens", body, idempotency_key=key))

    async def tokens(self) -> list[ApiToken]:
        """Return the API tokens of the account, newest first, without their secrets."""
        async with aclosing(self._finder.list_pages("/v1/me/tokens", {}, ApiTokenPage)) as tokens:
            return [token async for token in tokens]

    async def revoke_token(self, id: str) -> None:
        """Revoke an API token. Raises NotFound."""
        path = f"/v1/me/tokens/{quote(id, '')}"
        await self._api.call(ApiRequest(type(None), "DELETE", path, absent_is_success=True))
