"""The texts of mails, as plain text and as HTML.

A mail contains no text that a user wrote, so nobody can send messages to other people through Drivebay. `EmailMessage`
refuses headers with line breaks.
"""

from __future__ import annotations

import re
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from html import escape
from typing import Final, NamedTuple

from ..contract.auth import MailKind, MailTask


class _Text(NamedTuple):
    """A mail: its subject, the text before the link, the path of the link, the command that accepts the link, and the
    text after it.

    `{link_base}` is the URL of the deployment. `path` and `command` are empty for a mail without a link.
    """

    subject: str
    before: str
    path: str
    command: str
    after: str


_NOT_YOU: Final = (
    "If it was not you, change your password, end your other sessions, and remove the API tokens and passkeys that you"
    " do not know. You find them in the settings. Then tell the operator of the server."
)


def _notice(subject: str, text: str, after: str = _NOT_YOU) -> _Text:
    """Return a mail without a link."""
    return _Text(subject, text, "", "", after)


_TEXTS: Final = {
    MailKind.VERIFICATION: _Text(
        "Confirm your email address",
        "An account at {link_base} was created with this address. Open the link to confirm that the address is yours:",
        "/verify-email?token=",
        "drivebay verify-email",
        "The link works once, within 7 days. If you did not create the account, ignore this mail.",
    ),
    MailKind.RESET: _Text(
        "Set a new password",
        "Somebody asked for a new password of your account at {link_base}. Open the link to set one:",
        "/reset-password#token=",
        "drivebay reset-password",
        "The link works once, within an hour. Afterwards you are logged out everywhere. If you did not ask for it,"
        " ignore this mail: your password stays as it is.",
    ),
    MailKind.INVITATION: _Text(
        "Your account at Drivebay",
        "An account at {link_base} was created for you. Open the link to set its password:",
        "/invitation#token=",
        "drivebay reset-password",
        "The link works once, within 7 days.",
    ),
    MailKind.PASSWORD_CHANGED: _notice(
        "Your password was changed",
        "The password of your account at {link_base} was changed. Other sessions have ended.",
        "If it was not you, ask for a new password by mail, which also removes every passkey and API token, and tell"
        " the operator of the server. If it was you: a reset has removed every passkey and API token. After any other"
        " change they are still valid. Remove those that you do not know, in the settings or with `drivebay passkeys`"
        " and `drivebay token`.",
    ),
    MailKind.SECOND_FACTOR_ENABLED: _notice(
        "A second factor was set up",
        "Your account at {link_base} has a second factor now. Logins with your password need a code.",
    ),
    MailKind.SECOND_FACTOR_DISABLED: _notice(
        "Your second factor was removed",
        "The second factor of your account at {link_base} was removed. Logins need no code now.",
    ),
    MailKind.PASSKEY_ADDED: _notice(
        "A passkey was added",
        "A passkey was added to your account at {link_base}. You can log in with it, without your password.",
    ),
    MailKind.PASSKEY_REMOVED: _notice(
        "A passkey was removed",
        "A passkey of your account at {link_base} was removed. You can no longer log in with it.",
    ),
    MailKind.API_TOKEN_CREATED: _notice(
        "An API token was created",
        "An API token was created for your account at {link_base}. Programs that have it can use your account.",
    ),
    MailKind.IDENTITY_LINKED: _notice(
        "Your account is linked to the identity provider",
        "An account at the identity provider with your email address can now sign in to your account at {link_base}.",
    ),
    MailKind.RECOVERY_CODE_USED: _notice(
        "A recovery code was used",
        "A recovery code of your account at {link_base} was used instead of a code of your authenticator app. The"
        " recovery code does not work again. If few codes are left, remove the second factor and set it up again. You"
        " then get new codes.",
        "If it was not you, somebody has your password and your recovery codes. Change your password, end your other"
        " sessions, and set up the second factor again. You find all of this in the settings. Then tell the operator of"
        " the server.",
    ),
    MailKind.ACCOUNT_DELETED: _notice(
        "Your account was deleted",
        "Your account at {link_base} was deleted. Nobody can log in to it any more, and its links have ended. The files"
        " stay in the trash for its grace period. Then they are deleted for good.",
        "If it was not you, tell the operator of the server at once, because the files still exist until then.",
    ),
}


_SIGN_IN_INVITATION: Final = _Text(
    "Your account at Drivebay",
    "An account at {link_base} was created for you. Sign in there with your account of the identity provider.",
    "",
    "",
    "You need no other password.",
)
"""The invitation of a deployment without passwords."""

_RECIPIENT: Final = re.compile(r"""[^\s\x00-\x1f\x7f<>()\[\]",:;\\@]{1,64}@[A-Za-z0-9.-]{1,255}""")
"""An address without quotes. Accounts have only such addresses, so any other text is a defect or an attack."""


def compose(task: MailTask, *, mail_from: str, link_base: str, at: datetime) -> EmailMessage:
    """Return the mail of a task.

    Equal tasks have the same Message-ID, so that a mail server or a mailbox can drop a second delivery.
    Raises ValueError if the recipient is not a valid address.
    """
    is_sign_in = task.kind is MailKind.INVITATION and task.token is None
    text = _SIGN_IN_INVITATION if is_sign_in else _TEXTS[task.kind]
    message = EmailMessage(policy=SMTP if task.recipient.isascii() else SMTPUTF8)
    message["From"] = mail_from
    if not _RECIPIENT.fullmatch(task.recipient):  # guard: mail-header-injection
        raise ValueError("the recipient is not an email address")
    local_part, _, domain = task.recipient.rpartition("@")
    message["To"] = Address(username=local_part, domain=domain)
    message["Subject"] = text.subject
    message["Date"] = at
    message["Message-ID"] = f"<{task.id}@{message['From'].addresses[0].domain}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: prevents automatic replies
    link = f"{link_base}{text.path}{task.token}" if text.path else ""
    # Without `cte`, a long link would be split into several encoded lines, which some mail programs do not join.
    message.set_content(_plain(text, link_base, link), cte="7bit")
    message.add_alternative(_html(text, link_base, link), subtype="html", cte="7bit")
    return message


def _plain(text: _Text, link_base: str, link: str) -> str:
    parts = [text.before.format(link_base=link_base)]
    if link:
        parts += [link, f"Or run:\n\n  {text.command} '{link}'"]
    return "\n\n".join([*parts, text.after]) + "\n"


def _html(text: _Text, link_base: str, link: str) -> str:
    parts = [escape(text.before.format(link_base=link_base))]
    if link:
        parts.append(f'<a href="{escape(link)}">{escape(link)}</a>')
        parts.append(f"Or run:<br><code>{escape(text.command)} '{escape(link)}'</code>")
    body = "\n".join(f"<p>{part}</p>" for part in [*parts, escape(text.after)])
    return f'<!doctype html>\n<html lang="en"><body>\n{body}\n</body></html>\n'
