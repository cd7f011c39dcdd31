"""What a deployment decides about ingest."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum


class EventSource(StrEnum):
    """Who tells of new objects. MinIO publishes to JetStream by itself, SeaweedFS is listened to."""

    AUTO = "auto"
    """SeaweedFS if its filer's address is known, else whoever publishes to JetStream."""
    MINIO = "minio"
    SEAWEEDFS = "seaweedfs"
    OFF = "off"
    """Nobody: uploads are found by the sweeper alone."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Without `nats_url` there are no events. `filer_address` is the filer's gRPC `host:port`.

    Two deployments on one NATS need two names: `stream` and `subject` (events arrive on it and below).
    `deadline` bounds each remote call. `max_deliveries` is how often an event may fail before it is
    buried; `absent_deliveries` how often its object may not be there yet. `sweep_interval` is the pause
    between sweeps, `batch` the uploads of one commit, `in_flight` the commits at once.
    """

    bucket: str
    # It may hold a password.
    nats_url: str | None = field(default=None, repr=False)
    source: EventSource = EventSource.AUTO
    filer_address: str | None = None
    stream: str = "DRIVEBAY_EVENTS"
    subject: str = "drivebay.events"
    replicas: int = 1
    sweep_interval: timedelta = timedelta(seconds=10)
    batch: int = 500
    in_flight: int = 3
    deadline: timedelta = timedelta(seconds=20)
    ack_wait: timedelta = timedelta(seconds=30)
    max_deliveries: int = 8
    absent_deliveries: int = 4
    retry_first: timedelta = timedelta(seconds=1)
    retry_longest: timedelta = timedelta(minutes=2)
    reconnect_longest: timedelta = timedelta(seconds=5)

    @property
    def listens(self) -> bool:
        """Whether events are wanted at all."""
        return self.nats_url is not None and self.source is not EventSource.OFF

    @property
    def filer(self) -> str | None:
        """The filer to listen to, if that is the source."""
        return self.filer_address if self.source in (EventSource.AUTO, EventSource.SEAWEEDFS) else None
