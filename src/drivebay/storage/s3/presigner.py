"""Presigned URLs of one bucket."""

from __future__ import annotations

from dataclasses import dataclass

from ..bucket import PresignSpec
from .bucket_address import BucketAddress
from .sigv4 import Signer, UnsignedRequest


@dataclass(frozen=True, slots=True)
class S3Presigner:
    """Implements `storage.bucket.Presigner`. Clients use `public_address`, and Drivebay itself `private_address`."""

    signer: Signer
    public_address: BucketAddress
    private_address: BucketAddress

    def presign(self, spec: PresignSpec) -> str:
        address = self.public_address if spec.for_clients else self.private_address
        path = address.path(spec.key)
        request = UnsignedRequest(spec.method, address.host, path, spec.query, spec.headers)
        return f"{address.origin}{path}?{self.signer.presign(request, spec.signed_at, spec.ttl_seconds)}"
