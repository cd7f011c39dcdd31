"""The settings of the storage service."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one deployment for the storage service.

    Clients reach the store at `public_endpoint`. None means `endpoint`. With `virtual_hosted`, URLs have the name of
    the bucket in the host, otherwise in the path. `events_target` is the ARN of our NATS target in the store's
    configuration. With None, the bucket's notification rules are not changed. `max_concurrent_calls` is the maximum
    number of concurrent requests to the store for one call, and `connections` the maximum number for all calls.
    `call_timeout` bounds one request to the store, and `copy_timeout` a request that copies bytes inside the store. An
    object of more than `max_single_copy` bytes is copied in parts of `copy_part_size` bytes. `startup_retry_delay` is
    the time between two attempts to start. `root_secret` seals the metadata of objects. With None, objects have no
    metadata.
    """

    endpoint: str
    access_key: str
    secret_key: str = field(repr=False)  # guard: store-secret-repr
    public_endpoint: str | None = None
    region: str = "us-east-1"
    virtual_hosted: bool = False
    bucket: str = "drivebay"
    allowed_origins: tuple[str, ...] = ("*",)
    events_target: str | None = None
    max_concurrent_calls: int = 32
    connections: int = 64
    call_timeout: timedelta = timedelta(seconds=5)
    copy_timeout: timedelta = timedelta(minutes=10)
    max_single_copy: int = 5 * 2**30
    copy_part_size: int = 2**30
    startup_retry_delay: timedelta = timedelta(seconds=2)
    root_secret: bytes | None = field(default=None, repr=False)  # guard: storage-secret-repr
