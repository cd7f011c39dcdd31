"""What a deployment decides about its store."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Settings:
    """`public_endpoint` is where clients reach the store; None means where we do. `in_host`: the store wants the
    bucket's name in the host. `events_target` is the ARN by which the store knows our queue; None leaves its
    notification rules alone."""

    endpoint: str
    access_key: str
    secret_key: str = field(repr=False)
    public_endpoint: str | None = None
    region: str = "us-east-1"
    in_host: bool = False
    bucket: str = "drivebay"
    allowed_origins: tuple[str, ...] = ("*",)
    events_target: str | None = None
    lookup_concurrency: int = 32
    connections: int = 64
    call_timeout: timedelta = timedelta(seconds=5)
    copy_timeout: timedelta = timedelta(minutes=10)
    retry_pause: timedelta = timedelta(seconds=2)
