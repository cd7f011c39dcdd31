"""The ids that services exchange. Except for `ROOT`, each id is a UUIDv7 (RFC 9562), so ids sort by creation time."""

from __future__ import annotations

from typing import Final, NewType
from uuid import UUID

UserId = NewType("UserId", UUID)
DriveId = NewType("DriveId", UUID)
"""The id of a drive. A personal drive has the id of its user."""
FileId = NewType("FileId", UUID)
"""The id of an entry: a file or a folder."""
UploadId = NewType("UploadId", UUID)
"""The id of an upload. The version that an upload creates has the same id."""
LinkId = NewType("LinkId", UUID)
"""The id of a link. It is not secret, but the token of the link is."""
VersionId = NewType("VersionId", UUID)
"""The id of a version. A version that an upload created has the id of the upload."""
WebhookId = NewType("WebhookId", UUID)
"""The id of a webhook. It is not secret."""
DeliveryId = NewType("DeliveryId", UUID)
"""The id of one attempt to send an event to a webhook."""
JobId = NewType("JobId", UUID)
"""The id of a job. It is not secret."""
SessionId = NewType("SessionId", UUID)
"""The id of a session. It is the claim `sid` of an access token."""
ApiTokenId = NewType("ApiTokenId", UUID)
"""The id of an API token. It is not secret."""
PasskeyId = NewType("PasskeyId", UUID)
"""The id of a passkey. It is not secret, and not the credential id of WebAuthn."""
MailId = NewType("MailId", UUID)
"""The id of a mail in the queue. The header Message-ID of the mail contains this id."""
LeaseId = NewType("LeaseId", UUID)
"""The id of one lease. Each claim needs a new id."""

ROOT: Final = FileId(UUID(int=0))
"""The top folder of every drive. It has no row. The HTTP API calls it `root`."""
