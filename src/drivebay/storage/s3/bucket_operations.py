"""Operations on the bucket itself: access, creation, CORS, notification rules, versioning."""

from __future__ import annotations

from ..bucket import BucketStatus, Misconfigured
from . import cors_rules, notification_rules
from .s3_client import S3Call, S3Client, xml_headers
from .xml_documents import InvalidXml, build, fields, local_name, parse, serialize


class BucketOperations:
    """Implements the calls of `storage.bucket.Bucket` about the bucket."""

    def __init__(self, client: S3Client) -> None:
        self._client = client

    async def check_access(self) -> BucketStatus:
        response = await self._client.call(S3Call("check_access", "GET", query={"list-type": "2", "max-keys": "1"}))
        if response.status == 404:
            return BucketStatus(exists=False, store_time=response.date)
        self._client.check_setup(response, "ListObjectsV2")
        try:
            is_listing = local_name(parse(response.body)) == "ListBucketResult"
        except InvalidXml:
            is_listing = False
        if not is_listing:
            # The response may be a list of all buckets, if the setting does not fit the URL style of the store.
            raise Misconfigured(
                "the store's response is not a listing of our bucket: change DRIVEBAY_S3_ADDRESSING (path or host)"
            )
        return BucketStatus(exists=True, store_time=response.date)

    async def head_bucket(self) -> BucketStatus:
        response = await self._client.call(S3Call("head_bucket", "HEAD"))
        if response.status not in (200, 404):
            raise response.unexpected_error("HeadBucket")
        return BucketStatus(exists=response.status == 200, store_time=response.date)

    async def create_bucket(self) -> None:
        region = self._client.region
        body = b""
        if region != "us-east-1":
            # Amazon refuses a LocationConstraint for us-east-1, and requires one for every other region.
            body = serialize(build("CreateBucketConfiguration", build("LocationConstraint", region)))
        response = await self._client.call(S3Call("create_bucket", "PUT", body=body))
        # Either another process of Drivebay created the bucket first, or the bucket belongs to another account. In the
        # second case, `check_access` raises Misconfigured.
        if response.error_code == "BucketAlreadyExists" and (await self.check_access()).exists:
            return
        if response.error_code != "BucketAlreadyOwnedByYou":
            self._client.check_setup(response, "CreateBucket")

    async def add_cors_rules(self, origins: tuple[str, ...]) -> bool:
        read = S3Call("get_cors", "GET", query={"cors": ""})
        current = await self._client.call(read)
        has_none = current.status == 404 and current.error_code == "NoSuchCORSConfiguration"
        if current.status != 200 and not has_none:
            return False
        try:
            body = cors_rules.add_rules(None if has_none else current.body, origins)
        except cors_rules.UnreadableRules:
            return False
        if body is None:
            return True
        written = await self._client.call(
            S3Call("set_cors", "PUT", query=read.query, headers=xml_headers(body), body=body)
        )
        return written.status < 300

    async def add_notification_rule(self, target: str) -> str | None:
        read = S3Call("get_event_rules", "GET", query={"notification": ""})
        current = await self._client.call(read)
        if current.status != 200:
            return f"the store responds with {current.status} {current.error_code}".rstrip()
        try:
            body = notification_rules.add_rule(current.body, target)
            if body is None:
                return None
            written = await self._client.call(
                S3Call("set_event_rules", "PUT", query=read.query, headers=xml_headers(body), body=body)
            )
            if written.status >= 300:
                return f"the store responds with {written.status} {written.error_code}".rstrip()
            # A store without this operation may treat the request as another operation (SeaweedFS: CreateBucket).
            stored = notification_rules.add_rule((await self._client.call(read)).body, target) is None
        except notification_rules.UnreadableRules:
            return "the bucket has notification rules that we cannot read: add a rule for Drivebay yourself"
        return None if stored else "the store accepted the notification rule but did not store it"

    async def is_versioned(self) -> bool:
        response = await self._client.call(S3Call("get_versioning", "GET", query={"versioning": ""}))
        if response.status != 200:
            return False
        try:
            return fields(parse(response.body)).get("Status") == "Enabled"
        except InvalidXml:
            return False
