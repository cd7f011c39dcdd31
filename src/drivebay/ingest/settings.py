"""The settings of the ingest service."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum


class EventSource(StrEnum):
    """The way in which events of the store reach JetStream. MinIO publishes them. For SeaweedFS, ingest does."""

    AUTO = "auto"
    """`seaweedfs` if the address of a filer is set, otherwise `minio`."""
    MINIO = "minio"
    SEAWEEDFS = "seaweedfs"
    OFF = "off"
    """No events. Only the sweeper finds uploads."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one deployment for ingest.

    `nats_url` names one server, or several servers separated by commas. With None there are no events. `replicas` is
    how many servers of a cluster keep the stream. `filer_address` is the gRPC address (`host:port`) of the SeaweedFS
    filer, or the addresses of all filers of a cluster, separated by commas. `stream` and `subject` name the JetStream
    stream and the subject of events. Two deployments on one NATS need different names.

    `batch` is the number of uploads in one commit, `concurrent_commits` the number of commits at the same time, and
    `deadline` how long one remote call may take. `ack_wait` is how long JetStream waits for an acknowledgement before
    it delivers an event again.

    An event whose commit fails `max_deliveries` times in one process because of a defect becomes a dead letter. An
    event whose object is absent is delivered at most `absent_deliveries` times and then acknowledged: the sweep finds
    its upload if the bytes arrive later. The pause between two deliveries grows from `first_retry_delay` to
    `max_retry_delay`. `max_reconnect_delay` bounds the pause between two connections. The pause grows after each
    connection that lasted less than `stable_connection`. `sweep_interval` is the pause between two sweeps. `sweep_rate`
    is how many uploads a second the sweeps look up while events arrive.
    """

    bucket: str
    # Hidden, because the URL may contain a password.
    nats_url: str | None = field(default=None, repr=False)
    source: EventSource = EventSource.AUTO
    filer_address: str | None = None
    stream: str = "DRIVEBAY_EVENTS"
    subject: str = "drivebay.events"
    replicas: int = 1
    sweep_interval: timedelta = timedelta(seconds=10)
    sweep_rate: int = 50
    batch: int = 500
    concurrent_commits: int = 3
    deadline: timedelta = timedelta(seconds=20)
    ack_wait: timedelta = timedelta(seconds=30)
    max_deliveries: int = 8
    absent_deliveries: int = 4
    first_retry_delay: timedelta = timedelta(seconds=1)
    max_retry_delay: timedelta = timedelta(minutes=2)
    max_reconnect_delay: timedelta = timedelta(seconds=5)
    stable_connection: timedelta = timedelta(seconds=10)

    @property
    def events_enabled(self) -> bool:
        """Whether this deployment uses events."""
        return self.nats_url is not None and self.source is not EventSource.OFF

    @property
    def active_filers(self) -> tuple[str, ...]:
        """The addresses of the filers whose changes ingest reads. The tuple is empty if the source is not SeaweedFS."""
        if self.filer_address is None or self.source not in (EventSource.AUTO, EventSource.SEAWEEDFS):
            return ()
        return tuple(self.filer_address.split(","))
