"""The bodies and the signatures of webhook events: CloudEvents 1.0 as JSON, signed according to Standard Webhooks
1.0."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from ..contract.files import HIDDEN_FOLDER, Change, ChangeKind, File, Kind, WebhookEvent, WebhookTask, event_id

MEDIA_TYPE: Final = "application/cloudevents+json"
TYPE_PREFIX: Final = "drivebay."
SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - the prefix of Standard Webhooks
_FOLDER_TYPE: Final = "inode/directory"


class EventFile(msgspec.Struct):
    """A file or folder as `/v1/changes` shows it. A test compares this class with the JSON of `/v1/changes`."""

    id: UUID
    drive_id: UUID
    kind: Kind
    name: str
    parent_id: str | None
    size: int
    content_type: str
    sha256: bytes | None
    etag: str
    version_id: UUID | None
    starred: bool
    properties: dict[str, str]
    created_at: datetime
    modified_at: datetime
    created_by: UUID | None
    modified_by: UUID | None
    trashed_at: datetime | None
    purge_after: datetime | UnsetType = UNSET


class EventData(msgspec.Struct):
    """A change as `/v1/changes` shows it. With `cursor`, a client of `/v1/changes` continues after this change."""

    what: ChangeKind
    file: EventFile | None
    file_id: UUID
    at: datetime
    actor_id: UUID | None
    cursor: str


class CloudEvent(msgspec.Struct):
    """An event as CloudEvents 1.0 describes it."""

    specversion: str
    id: str
    source: str
    type: str
    subject: str
    time: datetime
    datacontenttype: str
    data: EventData


def event_body(task: WebhookTask, event: WebhookEvent, public_url: str) -> bytes:
    """Return the body of an event. `public_url` is the URL of the deployment, without a slash at its end."""
    change = event.change
    return msgspec.json.encode(
        CloudEvent(
            specversion="1.0",
            id=event_id(task.webhook, event.number),
            source=f"{public_url}/v1/drives/{task.drive}",
            type=f"{TYPE_PREFIX}{change.kind.value}",
            subject=str(change.file_id),
            time=change.at,
            datacontenttype="application/json",
            data=_data(change),
        )
    )


def signed_headers(secret: str, id: str, body: bytes, at: datetime) -> dict[str, str]:
    """Return the headers of a request with this body that is sent at this time. Raises ValueError if the secret is not
    valid."""
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("a secret is base64") from error
    timestamp = str(int(at.timestamp()))
    signature = hmac.digest(key, f"{id}.{timestamp}.".encode() + body, hashlib.sha256)
    return {
        "Content-Type": MEDIA_TYPE,
        "User-Agent": "Drivebay-Webhooks/1",
        "webhook-id": id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{base64.b64encode(signature).decode()}",
    }


def _data(change: Change) -> EventData:
    file = None if change.file is None else _file(change.file)
    return EventData(change.kind, file, change.file_id, change.at, change.actor, change.cursor)


def _file(file: File) -> EventFile:
    parent = None if file.parent == HIDDEN_FOLDER else str(file.parent) if file.parent.int else "root"
    return EventFile(
        file.id,
        file.drive,
        file.kind,
        file.name,
        parent,
        file.size,
        file.content_type or _FOLDER_TYPE,
        file.sha256,
        file.etag,
        file.version,
        file.starred,
        file.properties,
        file.created_at,
        file.modified_at,
        file.created_by,
        file.modified_by,
        file.trashed_at,
        UNSET if file.purge_after is None else file.purge_after,
    )
