"""What a deployment decides about the gateway."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Settings:
    """`upload_ttl` and `download_ttl` are the lives of signed URLs. `trusted_proxies` are networks (CIDR)
    whose `X-Forwarded-For` is believed. `hsts` is for deployments behind TLS. `max_requests` are worked on
    at once at most; beyond that the door refuses. `body_within` is how long a client may take over a body, or
    over the next bytes of one that goes into the store."""

    issuer: str = "drivebay"
    audience: str = "drivebay"
    upload_ttl: timedelta = timedelta(minutes=15)
    download_ttl: timedelta = timedelta(minutes=5)
    trusted_proxies: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    hsts: bool = False
    max_requests: int = 256
    body_within: timedelta = timedelta(seconds=30)
    max_file_size: int = 5 * 2**40
