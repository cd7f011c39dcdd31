"""A client for any S3-compatible store. It implements `storage.bucket.Bucket` and knows no other rules of Drivebay.

`connect` opens connections to one bucket. `bucket_operations`, `object_operations` and `multipart_operations` have a
method for each S3 call that we use, and `S3Bucket` combines them. `S3Client` signs and sends one request.
`listings` and `xml_documents` read the responses.
"""

from .connection import S3Options, connect, create_presigner
from .s3_bucket import S3Bucket

__all__ = ["S3Bucket", "S3Options", "connect", "create_presigner"]
