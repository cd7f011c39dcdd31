"""Parses email addresses, and decides when two addresses belong to one account.

Two addresses are equal if they differ only in case, in Unicode normalization, or in the encoding of the domain:
`münchen.de` and `xn--mnchen-3ya.de` are the same domain.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Final

import email_validator
from email_validator import EmailNotValidError, ValidatedEmail

MAX_LENGTH: Final = 254
"""The longest address in characters (RFC 5321, 4.5.3.1.3, without angle brackets). email_validator checks the bytes."""

# The library refuses the domains in this list, because no public mail server has them. But private networks use
# `.local` and `localhost`, and the library has no other way to allow them.
email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()


@dataclass(frozen=True, slots=True)
class EmailAddress:
    """A parsed address.

    `as_entered` is the input without surrounding spaces. `key` is stored with a new account and identifies it.
    `lookup_keys` are all keys that an existing account with this address may have, the preferred key first. They
    include the keys that earlier releases stored. The tuple is empty if no account can exist. `problem` is the reason
    why sign-up refuses this address, or None for a valid address.
    """

    as_entered: str
    key: str
    lookup_keys: tuple[str, ...]
    problem: str | None = None


def parse(text: str) -> EmailAddress:
    """Parse an address as a user typed it. Never raises: see `EmailAddress.problem`."""
    entered = text.strip()
    # Check the length first, because it bounds the work of the other steps.
    if not 0 < len(entered) <= MAX_LENGTH:
        return EmailAddress(entered, entered, (), f"must have 1 to {MAX_LENGTH} characters")
    folded = _fold(entered)
    try:
        valid = _validate(entered)
    except EmailNotValidError as error:
        # Earlier releases accepted some addresses that are refused today. Their accounts can still log in.
        return EmailAddress(entered, folded, (folded,) if _is_storable(folded) else (), _describe(error))
    key = f"{_fold(valid.local_part)}@{valid.ascii_domain}"
    # Earlier releases stored the domain as the user wrote it, in Unicode or in ASCII.
    unicode_key = _fold(f"{valid.local_part}@{valid.domain}")
    return EmailAddress(entered, key, tuple(dict.fromkeys((key, folded, unicode_key))))


def delivery_address(text: str) -> str | None:
    """Return the address of an account in the form that mail servers accept: with the domain in ASCII.

    Return None if no mail can be sent to the address: earlier releases accepted some addresses that are refused today.
    """
    try:
        valid = _validate(text.strip())
    except EmailNotValidError:
        return None
    return f"{valid.local_part}@{valid.ascii_domain}"


def _validate(address: str) -> ValidatedEmail:
    valid = email_validator.validate_email(
        address, check_deliverability=False, globally_deliverable=False, strict=True, allow_quoted_local=False
    )
    if "." not in valid.ascii_domain and valid.ascii_domain != "localhost":
        raise EmailNotValidError("The part after the @-sign must contain a period.")
    return valid


def _describe(error: EmailNotValidError) -> str:
    """Return the reason of the library, which is a sentence, as text that can follow the name of a field."""
    reason = str(error).removesuffix(".")
    return f"is not valid: {reason[:1].lower()}{reason[1:]}"


def _fold(text: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())  # guard: email-case


def _is_storable(text: str) -> bool:
    # PostgreSQL stores neither a zero byte nor a lone surrogate.
    return not any(character == "\0" or "\ud800" <= character <= "\udfff" for character in text)
