"""SeaweedFS's filer stream as plain values, so that whoever listens needs no protobuf.

`filer.proto` is ours and declares only what is read here; `filer_pb2` is generated from it by
`python -m grpc_tools.protoc -I. --python_out=. --pyi_out=. filer.proto`.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from google.protobuf.message import DecodeError

from . import filer_pb2

SUBSCRIBE: Final = "/filer_pb.SeaweedFiler/SubscribeMetadata"
_LARGEST: Final = 2**63 - 1


class Change(NamedTuple):
    """One change the filer saw. `path` is where the entry is now, None if it is gone or a folder.

    `at` is the filer's own time in nanoseconds since 1970, which is also the position in its log; `size` in
    bytes. A number that neither can be is taken for the nearest that can: a change only says where to look,
    and one that were refused would come again for ever.
    """

    at: int
    path: str | None
    size: int


def subscription(client: int, prefix: str, since: int) -> bytes:
    """A request for every change of a path that begins with `prefix`, after `since` (nanoseconds).

    `client` is 1 to 2^31 - 1 and new for every subscription: a filer ends an older one of the same number.
    """
    request = filer_pb2.SubscribeMetadataRequest(
        client_name="drivebay", path_prefix=prefix, since_ns=since, client_id=client, client_epoch=1
    )
    return bytes(request.SerializeToString())


def change(response: bytes) -> Change:
    """One message of the stream. Raises ValueError for bytes that are none."""
    try:
        message = filer_pb2.SubscribeMetadataResponse.FromString(response)
    except DecodeError as error:
        raise ValueError("not a message of a SeaweedFS filer") from error
    at = max(0, message.ts_ns)
    event = message.event_notification
    if not event.HasField("new_entry") or event.new_entry.is_directory:
        return Change(at, None, 0)
    folder = event.new_parent_path or message.directory
    entry = event.new_entry
    return Change(at, f"{folder.rstrip('/')}/{entry.name}", min(entry.attributes.file_size, _LARGEST))
