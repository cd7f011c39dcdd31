"""Secrets of webhooks.

A secret is derived from the id of its webhook with a key of the service. So no secret is stored, neither in the clear
nor sealed, and a repeated request gets the same one.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Final

from ...contract.ids import WebhookId

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - the prefix of Standard Webhooks


class WebhookSecrets:
    """Makes the secrets of webhooks. `secret` is the secret of the service."""

    def __init__(self, secret: bytes) -> None:
        self._key = hmac.digest(secret, b"webhook secrets", hashlib.sha256)

    def secret(self, webhook: WebhookId) -> str:
        """Return the secret of a webhook: 256 bits, as Standard Webhooks writes them."""
        raw = hmac.digest(self._key, webhook.bytes, hashlib.sha256)
        return SECRET_PREFIX + base64.b64encode(raw).decode("ascii")
