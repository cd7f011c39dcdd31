"""The routes of password resets and of the confirmation of email addresses.

They return 404 in a deployment that sends no mail.
"""

from __future__ import annotations

from ... import errors
from ...contract.auth import Scope
from ..route import Route
from . import mail_views as views
from .mail_resource import MailResource


def mail_routes(mail: MailResource) -> tuple[Route, ...]:
    """Return the routes."""
    return (
        Route(
            "POST", "/v1/password/reset", "requestPasswordReset",
            "Send a mail with a reset link, if there is an account", mail.request_reset, {202: None},
            body=views.PasswordResetRequest, public=True, errors=(errors.NotFound, errors.RateLimited),
        ),
        Route(
            "POST", "/v1/email/verify", "verifyEmail", "Confirm an email address with the token of a mail", mail.verify,
            {204: None}, body=views.EmailVerification, public=True, errors=(errors.NotFound, errors.InvalidToken),
        ),
        Route(
            "POST", "/v1/me/email/verification", "requestVerification", "Send the mail that confirms my address again",
            mail.request_verification, {202: None}, errors=(errors.NotFound, errors.RateLimited),
            scopes=(Scope.ACCOUNT,),
        ),
    )  # fmt: skip
