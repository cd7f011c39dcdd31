"""The messages of SeaweedFS's filer stream as plain values, so that `ingest` does not depend on protobuf.

`filer.proto` is ours and declares only the fields that are read here. `filer_pb2` is generated from it by
`python -m grpc_tools.protoc -I. --python_out=. --pyi_out=. filer.proto`.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from google.protobuf.message import DecodeError

from . import filer_pb2

SUBSCRIBE: Final = "/filer_pb.SeaweedFiler/SubscribeMetadata"
"""The changes of all filers of a cluster."""
SUBSCRIBE_LOCAL: Final = "/filer_pb.SeaweedFiler/SubscribeLocalMetadata"
"""The changes that this filer made. At the beginning, the stream has also the stored changes of the other filers."""
_MAX_INT64: Final = 2**63 - 1


class Change(NamedTuple):
    """One change in the filer. `path` is the current path of the entry, or None if it was deleted or is a folder.

    `at` is the filer's time in nanoseconds since 1970, which is also the position in its log. `size` is in bytes.
    Values out of range are clamped: a change only says which key to look up, and the filer would repeat a refused
    change forever.
    """

    at: int
    path: str | None
    size: int


def subscription(client: int, prefix: str, since: int) -> bytes:
    """Return the request for all changes after `since` (nanoseconds) of paths that begin with `prefix`.

    `client` is 1 to 2^31 - 1 and must be new for every subscription, because a filer ends an older subscription with
    the same number.
    """
    request = filer_pb2.SubscribeMetadataRequest(
        client_name="drivebay", path_prefix=prefix, since_ns=since, client_id=client, client_epoch=1
    )
    return bytes(request.SerializeToString())


def change(response: bytes) -> Change:
    """Parse one message of the stream. Raises ValueError if the bytes are not such a message."""
    try:
        message = filer_pb2.SubscribeMetadataResponse.FromString(response)
    except DecodeError as error:
        raise ValueError("the message is not from a SeaweedFS filer") from error
    at = max(0, message.ts_ns)
    event = message.event_notification
    if not event.HasField("new_entry") or event.new_entry.is_directory:
        return Change(at, None, 0)
    folder = event.new_parent_path or message.directory
    entry = event.new_entry
    return Change(at, f"{folder.rstrip('/')}/{entry.name}", min(entry.attributes.file_size, _MAX_INT64))
