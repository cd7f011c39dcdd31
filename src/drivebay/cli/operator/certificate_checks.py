"""The doctor's check of the certificates that this process uses between services."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509

from ...node import Services
from .findings import Finding, failed, ok, warning

_EXPIRES_SOON: Final = timedelta(days=14)


async def check_certificates(services: Services, now: Callable[[], datetime]) -> list[Finding]:
    """Check how long the certificate of this process and its authority are valid.

    An expired certificate is a failure. A certificate that expires within `_EXPIRES_SOON` is a warning.
    """
    identity = services.settings.identity
    if identity is None:
        return [ok("certificates", "no certificates are used: services communicate over Unix sockets or loopback")]
    findings = []
    replace_authority = (
        f"put a new authority into {identity.ca}, renew the certificates of all processes, and restart all processes"
    )
    renew_certificate = f"renew {identity.cert}, then restart this process"
    for file, fix in ((identity.cert, renew_certificate), (identity.ca, replace_authority)):
        expires = x509.load_pem_x509_certificate(file.read_bytes()).not_valid_after_utc
        remaining = expires - now().astimezone(UTC)
        if remaining < timedelta(0):
            findings.append(failed("certificates", f"{file.name} expired on {expires:%Y-%m-%d}", fix))
        elif remaining < _EXPIRES_SOON:
            findings.append(warning("certificates", f"{file.name} expires on {expires:%Y-%m-%d}", fix))
        else:
            findings.append(ok("certificates", f"{file.name} is valid until {expires:%Y-%m-%d}"))
    return findings
