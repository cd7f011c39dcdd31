"""The OpenAPI 3.1 document and its HTML page. Both are generated from the route table."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Sequence
from typing import Any

import msgspec

from .. import __version__
from ..errors import (
    Error,
    InsufficientScope,
    Internal,
    InvalidRequest,
    MalformedBody,
    RateLimited,
    TooLarge,
    Unauthenticated,
    Unavailable,
    UnsupportedMediaType,
)
from . import problems
from .concurrency import UNLIMITED
from .json_types import UUID_OR_ROOT
from .route import Route

Json = dict[str, Any]

_TEXT: Json = {"type": "string"}
_HEADERS: Json = {
    "X-Request-Id": {"description": "the id of the client if it is valid", "schema": _TEXT, "required": True},
    "ETag": {"description": "a strong entity tag (RFC 9110)", "schema": _TEXT, "required": True},
    "Location": {"description": "the URL of the result", "schema": _TEXT, "required": True},
    "Repr-Digest": {"description": "RFC 9530: the SHA-256 of the file's bytes, if it is known", "schema": _TEXT},
    "Accept-Ranges": {"description": "`bytes`", "schema": _TEXT, "required": True},
    "Content-Disposition": {"description": "RFC 6266: the name of the file", "schema": _TEXT, "required": True},
    "Content-Length": {"description": "bytes of the file", "schema": {"type": "integer"}, "required": True},
    "Content-Type": {"description": "the type of the file", "schema": _TEXT, "required": True},
    "Upload-Offset": {"description": "stored bytes", "schema": {"type": "integer", "minimum": 0}},
    "Upload-Length": {"description": "bytes of the file, once known", "schema": {"type": "integer", "minimum": 0}},
    "Upload-Defer-Length": {"description": "1 while the length is not known", "schema": {"const": "1"}},
    "Upload-Metadata": {"description": "as the client sent it", "schema": _TEXT},
    "Upload-Expires": {"description": "when an unfinished upload expires", "schema": _TEXT},
    "Drivebay-File": {
        "description": "the file's id, once the upload is complete",
        "schema": {"type": "string", "format": "uuid"},
    },
    "Tus-Extension": {"description": "tus 1.0", "schema": _TEXT, "required": True},
    "Tus-Max-Size": {"description": "bytes of the largest file", "schema": {"type": "integer"}, "required": True},
    "Tus-Checksum-Algorithm": {"description": "tus 1.0", "schema": _TEXT, "required": True},
    "Tus-Resumable": {"description": "the protocol's version", "schema": _TEXT, "required": True},
    "Tus-Version": {"description": "the supported versions", "schema": _TEXT, "required": True},
    "RateLimit": {
        "description": "draft-ietf-httpapi-ratelimit-headers: how many more requests (`r`) are allowed now, and in how "
        "many seconds (`t`) there are more",
        "schema": _TEXT,
    },
    "RateLimit-Policy": {
        "description": "draft-ietf-httpapi-ratelimit-headers: how many requests of this client may run at once (`q`)",
        "schema": _TEXT,
    },
    "Retry-After": {"description": "seconds", "schema": {"type": "integer", "minimum": 1}, "required": True},
    "WWW-Authenticate": {"description": "RFC 6750", "schema": _TEXT, "required": True},
}
_BEARER: Json = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "An access token, or an API token (`dbt_...`) with one of the scopes that the operation names. An "
    "operation without scopes accepts only access tokens.",
}
_UUID: Json = {"schema": {"type": "string", "format": "uuid"}, "description": "a UUID"}
_UUID_OR_ROOT: Json = {
    "schema": {"type": "string", "pattern": UUID_OR_ROOT},
    "description": "a folder's id, or `root`",
}
_PATH_PARAMETERS: Json = {
    "token": {"schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,128}$"}, "description": "as it was issued"}
}
_STATUS_HEADERS = {
    401: ("WWW-Authenticate",),
    423: ("Retry-After",),
    429: ("Retry-After", "RateLimit", "RateLimit-Policy"),
    503: ("Retry-After",),
}
_VALIDATORS = ("ETag", "Repr-Digest")
_DESCRIPTIONS = {
    200: "OK",
    201: "Created",
    202: "Accepted",
    204: "Done",
    206: "A range",
    302: "See the Location",
    304: "Not modified",
    503: "Not ready",
}


def document(routes: Sequence[Route]) -> Json:
    """Return the OpenAPI document of a route table."""
    types = [route.body for route in routes if route.body is not None]
    types += [view for route in routes for view in route.responses.values() if view is not None]
    unique = [*dict.fromkeys(types), problems.Problem]
    _, schemas = msgspec.json.schema_components(unique, ref_template="#/components/schemas/{name}")
    paths: dict[str, Json] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Drivebay",
            "version": __version__,
            "description": "Upload straight to an S3-compatible store through presigned URLs. Every error is an "
            "RFC 9457 problem with a stable `code`.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "headers": _HEADERS,
            "securitySchemes": {"bearer": _BEARER},
        },
    }


def _operation(route: Route) -> Json:
    id_schema = _UUID_OR_ROOT if route.takes_root else _UUID
    parameters: list[Json] = [
        {"name": name, "in": "path", "required": True, **_PATH_PARAMETERS.get(name, id_schema)}
        for name in re.findall(r"{(\w+)}", route.path)
    ]
    parameters += [
        {"name": p.name, "in": p.where, "required": p.required, "schema": dict(p.schema), "description": p.description}
        for p in route.parameters
    ]
    operation: Json = {
        "operationId": route.operation,
        "summary": route.summary,
        "tags": [_tag(route)],
        "parameters": parameters,
        "responses": _responses(route),
        "security": [] if route.public else [{"bearer": [scope]} for scope in route.scopes or ()] or [{"bearer": []}],
    }
    if route.body is not None:
        content = {"application/json": {"schema": _ref(route.body)}}
        operation["requestBody"] = {"required": route.body_required, "content": content}
    if route.request_media_type is not None:
        body: Json = {"schema": {"type": "string", "format": "binary"}}
        operation["requestBody"] = {"required": False, "content": {route.request_media_type: body}}
    return operation


def _tag(route: Route) -> str:
    parts = route.path.strip("/").split("/")
    return {"signup": "accounts", "login": "accounts", "token": "accounts", "logout": "accounts", "me": "accounts"}.get(
        parts[1] if parts[0] == "v1" else "", parts[1] if parts[0] == "v1" else "operations"
    )


def _responses(route: Route) -> Json:
    responses: Json = {}
    for status, view in route.responses.items():
        names = (*route.fixed_headers, *route.headers) if status < 400 else _STATUS_HEADERS[status]
        if status == 304:
            names = tuple(name for name in names if name in _VALIDATORS)
        if 202 in route.responses and len(route.responses) > 1:
            # A response with 202 names the place of the later result (Location), or when to ask again (Retry-After).
            own = "Retry-After" if "Retry-After" in names else "Location"
            names = tuple(name for name in names if (name == own) is (status == 202))
        responses[str(status)] = {"description": _DESCRIPTIONS[status], "headers": _header_refs(names)}
        if view is not None:
            responses[str(status)]["content"] = {"application/json": {"schema": _ref(view)}}
        elif status in (200, 206) and route.method == "GET":
            responses[str(status)]["content"] = {route.response_media_type: {"schema": {"type": "string"}}}
    for status, kinds in _errors_by_status(route).items():
        if str(status) in responses:
            continue
        responses[str(status)] = {
            "description": "; ".join(f"`{kind.code}`: {kind.title}" for kind in kinds),
            "headers": _header_refs((*route.fixed_headers, *_STATUS_HEADERS.get(status, ()))),
            "content": {problems.MEDIA_TYPE: {"schema": _ref(problems.Problem)}},
        }
    return responses


def _header_refs(names: tuple[str, ...]) -> Json:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Request-Id", *names)}


def _errors_by_status(route: Route) -> dict[int, list[type[Error]]]:
    kinds: list[type[Error]] = list(route.errors)
    if not route.public:
        kinds += [Unauthenticated, InsufficientScope]
    if route.body is not None:
        kinds += [MalformedBody, TooLarge, UnsupportedMediaType]
    if route.body is not None or route.parameters or "{" in route.path:
        kinds.append(InvalidRequest)
    if route.limiter != UNLIMITED:
        kinds.append(RateLimited)
    if route.path not in ("/healthz", "/metrics"):
        kinds += [Unavailable, Internal]
    by_status: dict[int, list[type[Error]]] = {}
    for kind in dict.fromkeys(kinds):
        by_status.setdefault(kind.http, []).append(kind)
    return by_status


def _ref(view: type[msgspec.Struct]) -> Json:
    return {"$ref": f"#/components/schemas/{view.__name__}"}


# -- the page -------------------------------------------------------------------------------------

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24}"
    "h2{border-bottom:1px solid #d0d7de;margin-top:2.5rem}details{border:1px solid #d0d7de;border-radius:6px;"
    "margin:.5rem 0;padding:.5rem 1rem}summary{cursor:pointer}code,pre{font:14px ui-monospace,monospace}"
    "pre{background:#f6f8fa;padding:1rem;overflow:auto}.m{display:inline-block;min-width:4.5rem;font-weight:700}"
    "td,th{text-align:left;padding:.2rem 1rem .2rem 0;vertical-align:top}"
    "@media(prefers-color-scheme:dark){body{background:#0d1117;color:#e6edf3}pre{background:#161b22}}"
)
PAGE_POLICY = (
    "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; style-src 'sha256-"
    + base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    + "'"
)


def page(document: Json) -> bytes:
    """Return the document as one HTML page that loads no other resources."""
    sections: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            sections.setdefault(operation["tags"][0], []).append(_operation_html(method, path, operation))
    info = document["info"]
    body = "".join(f"<h2>{html.escape(tag)}</h2>{''.join(parts)}" for tag, parts in sections.items())
    schemas = "".join(
        f"<details><summary><code>{html.escape(name)}</code></summary><pre>{_pretty(schema)}</pre></details>"
        for name, schema in document["components"]["schemas"].items()
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{info["title"]} API</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>'
        f"<h1>{info['title']} {info['version']}</h1><p>{_inline(info['description'])} "
        f'JSON: <a href="openapi.json">openapi.json</a>.</p>{body}<h2>schemas</h2>{schemas}</body></html>'
    ).encode()


def _operation_html(method: str, path: str, operation: Json) -> str:
    rows = "".join(
        f"<tr><th><code>{html.escape(p['name'])}</code></th><td>{p['in']}</td><td>{_inline(p['description'])}</td></tr>"
        for p in operation["parameters"]
    )
    responses = "".join(
        f"<tr><th>{status}</th><td>{_inline(response['description'])}</td></tr>"
        for status, response in sorted(operation["responses"].items())
    )
    body = ""
    if "requestBody" in operation:
        ((media_type, content),) = operation["requestBody"]["content"].items()
        name = content["schema"].get("$ref", "").rpartition("/")[2] or media_type
        body = f"<p>Body: <code>{name}</code></p>"
    return (
        f'<details><summary><span class="m">{method.upper()}</span> <code>{html.escape(path)}</code> '
        f"{_inline(operation['summary'])}</summary>{body}<table>{rows}</table><table>{responses}</table></details>"
    )


def _inline(text: str) -> str:
    """Return text as HTML, with words in backticks as code."""
    return re.sub(r"`([^`\n]+)`", r"<code>\1</code>", html.escape(text))


def _pretty(schema: Json) -> str:
    return _inline(msgspec.json.format(msgspec.json.encode(schema), indent=2).decode())
