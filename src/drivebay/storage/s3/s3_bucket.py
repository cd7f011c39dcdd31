"""One bucket of any S3-compatible store.

This is our own client and not an SDK, because a HEAD takes 130 us of CPU time here and 870 us in aiobotocore (see
docs/decisions/0009-our-own-s3-client.md).
"""

from __future__ import annotations

from collections.abc import Mapping

from .bucket_operations import BucketOperations
from .multipart_operations import MultipartOperations
from .object_operations import ObjectOperations
from .presigner import S3Presigner
from .s3_client import S3Call, S3Client


class S3Bucket:
    """Implements `storage.bucket.Bucket`, which documents the methods. `copy_timeout` is in seconds and bounds
    CopyObject, UploadPartCopy and CompleteMultipartUpload."""

    def __init__(self, client: S3Client, presigner: S3Presigner, *, copy_timeout: float) -> None:
        self._client = client
        self._address = client.address
        self.presign = presigner.presign

        bucket = BucketOperations(client)
        self.check_access = bucket.check_access
        self.head_bucket = bucket.head_bucket
        self.create_bucket = bucket.create_bucket
        self.add_cors_rules = bucket.add_cors_rules
        self.add_notification_rule = bucket.add_notification_rule
        self.is_versioned = bucket.is_versioned

        objects = ObjectOperations(client, copy_timeout)
        self.head_object = objects.head_object
        self.list_objects = objects.list_objects
        self.put_object = objects.put_object
        self.get_object = objects.get_object
        self.read_range = objects.read_range
        self.copy_object = objects.copy_object
        self.delete_objects = objects.delete_objects
        self.delete_object = objects.delete_object
        # Only for backups, which keep the content type and the metadata of an object:
        self.read_headers = objects.read_headers
        self.put_object_with_headers = objects.put_object_with_headers

        multiparts = MultipartOperations(client, copy_timeout)
        self.create_multipart = multiparts.create_multipart
        self.upload_part = multiparts.upload_part
        self.copy_part = multiparts.copy_part
        self.list_parts = multiparts.list_parts
        self.measure_parts = multiparts.measure_parts
        self.complete_multipart = multiparts.complete_multipart
        self.abort_multipart = multiparts.abort_multipart
        self.list_multiparts = multiparts.list_multiparts
        self.refuses_complete_over_object = multiparts.refuses_complete_over_object

    def unsigned_url(self, key: str) -> str:
        return f"{self._address.origin}{self._address.path(key)}"

    async def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> int:
        # Only the checks of the store (probes) use this method.
        return (await self._client.send(S3Call("probe", method, body=body), url, headers)).status
