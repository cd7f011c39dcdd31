"""Creates the JetStream stream, the consumer and the checkpoint store, and checks their configuration.

They are created if they do not exist, also if they disappear later. An existing stream keeps the limits that the
operator has set. If the settings have more replicas than the stream, the stream gets more replicas.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from nats.aio.client import Client
from nats.js import JetStreamContext, api
from nats.js import errors as js_errors
from nats.js.kv import KeyValue

from ..errors import Unavailable
from .settings import Settings
from .stream_replicas import grow_replicas, is_refusal, require_leader

_MAX_AGE: Final = timedelta(days=7)
_DUPLICATE_WINDOW: Final = timedelta(minutes=10)
_MIN_DUPLICATE_WINDOW: Final = timedelta(minutes=2)
_MIN_MAX_AGE: Final = timedelta(days=1)
_MAX_ACK_PENDING: Final = 20_000
"""The maximum number of messages that wait for an acknowledgement or a retry. While the store is down, many messages
wait for a retry."""


def consumer_name(bucket: str) -> str:
    """Return the name of the durable consumer for a bucket.

    The name contains the bucket, because a store publishes the events of all its buckets to one stream. Two
    deployments that share the store must not receive each other's events.
    """
    return f"ingest-{bucket.replace('.', '_')}"  # guard: consumer-bucket


async def ensure_stream(client: Client, jetstream: JetStreamContext, settings: Settings) -> None:
    """Create the stream if it does not exist. Raises Unavailable if it has other subjects or no leader."""
    try:
        info = await jetstream.stream_info(settings.stream)
    except js_errors.NotFoundError:
        await _create_stream(jetstream, settings)
        return
    _check_subjects(info.config.subjects or [], settings)
    require_leader(info)
    if settings.replicas > 1:
        await grow_replicas(client, settings.stream, settings.replicas)
        await grow_replicas(client, f"KV_{_checkpoint_bucket(settings)}", settings.replicas)


async def _create_stream(jetstream: JetStreamContext, settings: Settings) -> None:
    try:
        await jetstream.add_stream(
            name=settings.stream,
            subjects=_stream_subjects(settings),
            storage=api.StorageType.FILE,
            # With this policy, a full stream refuses new messages, and the publisher gets an error. The other policy
            # would discard old events before they are processed.
            discard=api.DiscardPolicy.NEW,  # guard: stream-discard-policy
            max_age=_MAX_AGE.total_seconds(),
            duplicate_window=_DUPLICATE_WINDOW.total_seconds(),
            num_replicas=settings.replicas,
        )
    except js_errors.APIError as error:
        if not is_refusal(error.err_code):
            raise
        raise Unavailable(
            f"NATS cannot keep {settings.replicas} replicas of the stream {settings.stream} ({error.description}):"
            " start more NATS servers, or set DRIVEBAY_NATS_REPLICAS to fewer"
        ) from error


async def check_stream(jetstream: JetStreamContext, settings: Settings) -> None:
    """Raise Unavailable if the stream has other subjects or no leader. If it does not exist, ingest creates it."""
    try:
        info = await jetstream.stream_info(settings.stream)
    except js_errors.NotFoundError:
        return
    _check_subjects(info.config.subjects or [], settings)
    require_leader(info)


async def ensure_consumer(jetstream: JetStreamContext, settings: Settings) -> None:
    """Create the durable consumer if it does not exist."""
    await jetstream.add_consumer(
        settings.stream,
        durable_name=consumer_name(settings.bucket),
        ack_policy=api.AckPolicy.EXPLICIT,
        ack_wait=settings.ack_wait.total_seconds(),
        max_ack_pending=_MAX_ACK_PENDING,
        # NATS redelivers forever. Ingest ends the deliveries after it has stored a dead letter.
        max_deliver=-1,  # guard: consumer-deliveries
    )


async def open_checkpoint_store(jetstream: JetStreamContext, settings: Settings) -> KeyValue:
    """Return the key-value bucket for checkpoints. Create it if it does not exist."""
    bucket = _checkpoint_bucket(settings)
    try:
        return await jetstream.key_value(bucket)
    except js_errors.BucketNotFoundError:
        return await jetstream.create_key_value(bucket=bucket, storage=api.StorageType.FILE, replicas=settings.replicas)


def stream_problems(config: api.StreamConfig) -> tuple[str, ...]:
    """Return the settings of a stream that make events unreliable, as short sentences."""
    requirements = {
        "storage must be file": config.storage == api.StorageType.FILE,
        "discard must be new": config.discard == api.DiscardPolicy.NEW,
        "duplicate_window must be two minutes or more": (config.duplicate_window or 0)
        >= _MIN_DUPLICATE_WINDOW.total_seconds(),
        "max_age must be a day or more, or unlimited": not config.max_age
        or config.max_age >= _MIN_MAX_AGE.total_seconds(),
        "no_ack must be false": not config.no_ack,
    }
    return tuple(requirement for requirement, is_met in requirements.items() if not is_met)


def _checkpoint_bucket(settings: Settings) -> str:
    return f"{settings.stream}-positions"


def _stream_subjects(settings: Settings) -> list[str]:
    return [settings.subject, f"{settings.subject}.>"]


def _check_subjects(subjects: Sequence[str], settings: Settings) -> None:
    # A stream without these subjects never receives an event. Messages on other subjects would become dead letters.
    expected = _stream_subjects(settings)
    if set(subjects) != set(expected):  # guard: stream-subjects
        raise Unavailable(
            f"the stream {settings.stream} has the subjects {', '.join(subjects) or '(none)'} instead of "
            f"{' and '.join(expected)}: set DRIVEBAY_EVENTS_SUBJECT to a subject that only this deployment uses"
        )
