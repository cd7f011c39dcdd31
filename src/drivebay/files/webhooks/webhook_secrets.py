"""Secrets of webhooks.

A secret is derived from the id of its webhook with a key of the service. So secrets need not be stored, and a repeated
request gets the same secret.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Final

from ...contract.ids import WebhookId

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - the prefix of Standard Webhooks


class WebhookSecrets:
    """Creates the secrets of webhooks. `secret` is the secret of the service."""

    def __init__(self, secret: bytes) -> None:
        self._key = hmac.digest(secret, b"webhook secrets", hashlib.sha256)

    def secret(self, webhook: WebhookId) -> str:
        """Return the secret of a webhook: 256 bits in the format of Standard Webhooks."""
        raw = hmac.digest(self._key, webhook.bytes, hashlib.sha256)
        return SECRET_PREFIX + base64.b64encode(raw).decode("ascii")
