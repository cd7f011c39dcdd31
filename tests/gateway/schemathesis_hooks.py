"""Adjusts generated requests where the document cannot express a rule; schemathesis.toml names this file.

A cursor comes from an earlier page. A name is looked up in a folder. A time of change is not in the future, a token
expires in the future, a display name is printable, a new folder has either a name or a path, and a permission has
either an email or an id. An idempotency key belongs to one body. For JSON Schema `5.0` is an integer, for the gateway
it is a float. The generator cannot know ids of stored files or valid tokens: until an operation succeeds, each request
gets one of KNOWN, which comes from the environment, and then every second one. A request that follows another one whose
response had its id keeps this id.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import schemathesis
from requests.structures import CaseInsensitiveDict

KEY = "Idempotency-Key"
PERMISSIONS = "PUT /v1/files/{id}/permissions"
COPY = "POST /v1/files/{id}/copy"
LOGIN = "POST /v1/login"
PUBLIC_UPLOADS = "POST /v1/public/{token}/uploads"
KNOWN: dict[str, list[str]] = json.loads(os.environ.get("KNOWN", "{}"))
"""Ids by operation, which may be used many times, and under `tokens` refresh tokens, each for one use.

Under `user_id` and `email` are those of an account that may become a member of a drive or get permissions, under
`path` paths of files. Under `POST /v1/login` are email and password.
Under `version` are old versions of one file; the first one is never deleted.
"""
_calls: Counter[str] = Counter()
_succeeded: set[str] = set()
"""The operations that had a successful response."""
_responded_ids: set[str] = set()
"""The ids in all responses so far."""


@schemathesis.hook
def after_call(_: schemathesis.HookContext, case: schemathesis.Case[Any], response: schemathesis.Response) -> None:
    if response.status_code < 400:
        _succeeded.add(case.operation.label)
    ids = re.findall(rb'"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"', response.content)
    _responded_ids.update(id.decode() for id in ids)


@schemathesis.hook
def before_call(_: schemathesis.HookContext, case: schemathesis.Case[Any], __: dict[str, Any]) -> None:
    if case.query:
        case.query.pop("cursor", None)
        if case.query.get("wait") in range(1, 61):  # without a change, the wait would take that long
            case.query["wait"] = 0
        if "name" in case.query:
            case.query.setdefault("parent_id", "root")
    _insert_known_values(case, case.operation.label)
    headers = case.headers
    if isinstance(headers, CaseInsensitiveDict) and is_valid_key(headers.get(KEY)):
        headers[KEY] = uuid4().hex

    if case.path_parameters and isinstance(ids := case.path_parameters.get("id"), list) and ids:
        case.path_parameters["id"] = ids[0]  # of a batch before
    if case.operation.label.endswith("/uploads/{id}/parts") and _matches_parts_schema(case.body):
        case.body["parts"] = [{"number": 1}]

    if isinstance(case.body, dict):
        uploads = case.body.get("uploads")
        for body in (case.body, *(uploads if isinstance(uploads, list) else ())):
            if isinstance(body, dict) and isinstance(size := body.get("size"), float) and size.is_integer():
                body["size"] = int(size)
            for field in ("limit_bytes", "max_downloads"):
                if isinstance(body, dict) and isinstance(limit := body.get(field), float) and limit.is_integer():
                    body[field] = int(limit)
            if isinstance(body, dict) and is_time(body.get("modified_at")):
                body["modified_at"] = "2020-02-29T23:59:59.999999Z"
        if is_time(case.body.get("expires_at")):
            case.body["expires_at"] = "2999-12-31T23:59:59Z"
        for field in ("display_name", "name") if re.search("/v1/me|links", case.operation.label) else ():
            if isinstance(text := case.body.get(field), str) and 1 <= len(text) <= 100 and not text.isprintable():
                case.body[field] = "a name"
        # What the document cannot express: only a folder has an uploader, and a link renames.
        if case.operation.label == "POST /v1/files/{id}/links" and case.body.get("role") == "uploader":
            case.body["role"] = "viewer"
        if "/v1/webhooks" in case.operation.label:
            case.body.pop("drive_id", None)  # of a generated drive, which does not exist
            if isinstance(url := case.body.get("url"), str) and re.fullmatch(r'https?://[!-"$-?A-\[\]-~]+', url):
                case.body["url"] = "https://example.com/hook"  # a host that is a public one
        if case.operation.label == PUBLIC_UPLOADS and case.body.get("on_conflict") in ("fail", "replace"):
            case.body["on_conflict"] = "rename"
        if case.operation.label == PERMISSIONS and set(case.body) <= {"role", "email", "user_id"}:
            if case.body.keys() >= {"email", "user_id"}:
                case.body.pop("user_id" if is_uuid(case.body.get("user_id")) else "email")
            elif "email" not in case.body:
                case.body.setdefault("user_id", KNOWN["user_id"][0])
        if case.operation.label == "POST /v1/folders" and set(case.body) <= {"name", "parent_id", "path"}:
            if "name" in case.body or "parent_id" in case.body:
                case.body.pop("path", None)
            if "path" not in case.body:
                case.body.setdefault("name", "f")


def _insert_known_values(case: schemathesis.Case[Any], operation: str) -> None:
    _calls[operation] += 1
    if _calls[operation] % 2 and (operation not in KNOWN or operation in _succeeded):
        return
    is_login = operation == LOGIN and isinstance(case.body, dict) and case.body.keys() == {"email", "password"}
    if is_login and all(isinstance(text, str) and len(text) <= 250 for text in case.body.values()):
        case.body = dict(zip(("email", "password"), KNOWN[LOGIN], strict=True))
        if (case.headers or {}).get("Drivebay-Session") == "cookie":
            del case.headers["Drivebay-Session"]  # only pages of the server may ask for cookies
    id = case.path_parameters.get("id") if case.path_parameters else None
    if operation in KNOWN and is_uuid(id) and not _follows_a_response(case, id):
        if case.query and is_uuid(case.query.get("drive_id")):
            del case.query["drive_id"]  # the ids are of the personal drive
        case.path_parameters["id"] = KNOWN[operation][_calls[operation] % len(KNOWN[operation])]
    if "version" in KNOWN and is_uuid((case.path_parameters or {}).get("version")):
        first, *others = KNOWN["version"]
        is_deleted = operation.startswith("DELETE") and others
        case.path_parameters["version"] = others[_calls[operation] % len(others)] if is_deleted else first
    if operation == COPY and isinstance(case.body, dict) and is_uuid(case.body.get("parent_id")):
        case.body["parent_id"] = "root"
        if is_uuid(case.body.get("drive_id")):
            del case.body["drive_id"]  # of a generated drive, which does not exist
    if operation in KNOWN and "token" in (case.path_parameters or {}):
        case.path_parameters["token"] = KNOWN[operation][_calls[operation] % len(KNOWN[operation])]
    if operation == "POST /v1/archives" and isinstance(case.body, dict) and set(case.body) <= {"ids", "name"}:
        case.body = {"ids": ["root"]}
    if operation == "GET /v1/files/by-path" and case.query and KNOWN.get("path"):
        case.query = {"path": KNOWN["path"][_calls[operation] % len(KNOWN["path"])]}
    if "user_id" in KNOWN and is_uuid((case.path_parameters or {}).get("user_id")):
        case.path_parameters["user_id"] = KNOWN["user_id"][0]
    if (
        operation in ("PUT /v1/drives/{id}/members", PERMISSIONS)
        and isinstance(case.body, dict)
        and is_email(case.body.get("email"))
    ):
        case.body["email"] = KNOWN["email"][0]
    tokens = KNOWN.get("tokens", [])
    if tokens and isinstance(case.body, dict) and isinstance(case.body.get("refresh_token"), str):
        case.body["refresh_token"] = tokens.pop()


def _follows_a_response(case: schemathesis.Case[Any], id: object) -> bool:
    """Return whether a request is about the item of a request before it, which the checks then compare.

    Only the phase `stateful` compares. The other phases also generate ids of responses, mostly of the wrong kind.
    """
    return case.meta is not None and case.meta.phase.name == "stateful" and id in _responded_ids


def _matches_parts_schema(body: object) -> bool:
    """Return whether a body matches the document. The document cannot express how many parts an upload has, that
    numbers are unique, and that either all parts have a checksum or none."""
    parts = body.get("parts") if isinstance(body, dict) and set(body) == {"parts"} else None
    return (
        isinstance(parts, list)
        and 1 <= len(parts) <= 100
        and all(
            isinstance(part, dict) and set(part) <= {"number", "sha256"} and _matches_part_schema(part)
            for part in parts
        )
    )


def _matches_part_schema(part: dict[str, object]) -> bool:
    number, sha256 = part.get("number"), part.get("sha256")
    return (
        type(number) in (int, float)
        and number == int(number)  # type: ignore[call-overload]
        and 1 <= number <= 10_000  # type: ignore[operator]
        and (sha256 is None or (isinstance(sha256, str) and re.fullmatch("[A-Za-z0-9+/]{43}=", sha256) is not None))
    )


def is_time(text: object) -> bool:
    try:
        return datetime.fromisoformat(str(text)).tzinfo is not None
    except ValueError:
        return False


def is_uuid(text: object) -> bool:
    try:
        return str(UUID(str(text))) == text
    except ValueError:
        return False


def is_email(text: object) -> bool:
    return isinstance(text, str) and re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", text) is not None


def is_valid_key(key: object) -> bool:
    return isinstance(key, str) and 1 <= len(key) <= 255 and key.isascii() and key.isprintable()
