"""The OpenAPI 3.1 document and a page to read it on, both made from the route table."""

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
    Internal,
    InvalidRequest,
    MalformedBody,
    TooLarge,
    Unauthenticated,
    Unavailable,
    UnsupportedMediaType,
)
from . import problems
from .route import Route

Json = dict[str, Any]

_HEADERS: Json = {
    "X-Request-Id": {"description": "the client's if it is sane", "schema": {"type": "string"}, "required": True},
    "ETag": {"description": "a strong one (RFC 9110)", "schema": {"type": "string"}, "required": True},
    "Location": {"description": "where it is", "schema": {"type": "string"}, "required": True},
    "Repr-Digest": {
        "description": "RFC 9530: the SHA-256 of the file's bytes, if it is known",
        "schema": {"type": "string"},
    },
    "Upload-Offset": {"description": "bytes that are kept", "schema": {"type": "integer", "minimum": 0}},
    "Upload-Length": {
        "description": "bytes of the file, once known",
        "schema": {"type": "integer", "minimum": 0},
    },
    "Upload-Defer-Length": {"description": "1 while the length is not known", "schema": {"const": "1"}},
    "Upload-Metadata": {"description": "as it was told", "schema": {"type": "string"}},
    "Upload-Expires": {"description": "when an unfinished upload is given up", "schema": {"type": "string"}},
    "Drivebay-File": {"description": "the file's id, once it is one", "schema": {"type": "string", "format": "uuid"}},
    "Tus-Extension": {"description": "of tus 1.0", "schema": {"type": "string"}, "required": True},
    "Tus-Max-Size": {"description": "bytes of the largest file", "schema": {"type": "integer"}, "required": True},
    "Tus-Checksum-Algorithm": {"description": "of tus 1.0", "schema": {"type": "string"}, "required": True},
    "Tus-Resumable": {"description": "the protocol's version", "schema": {"type": "string"}, "required": True},
    "Tus-Version": {"description": "the versions there are", "schema": {"type": "string"}, "required": True},
    "Retry-After": {"description": "seconds", "schema": {"type": "integer", "minimum": 1}, "required": True},
    "WWW-Authenticate": {"description": "RFC 6750", "schema": {"type": "string"}, "required": True},
}
_BY_STATUS = {401: ("WWW-Authenticate",), 423: ("Retry-After",), 429: ("Retry-After",), 503: ("Retry-After",)}
_WORDS = {200: "OK", 201: "Created", 204: "Done", 302: "See the Location", 503: "Not ready"}


def document(routes: Sequence[Route]) -> Json:
    types = [route.body for route in routes if route.body is not None]
    types += [shape for route in routes for shape in route.answers.values() if shape is not None]
    wanted = [*dict.fromkeys(types), problems.Problem]
    _, schemas = msgspec.json.schema_components(wanted, ref_template="#/components/schemas/{name}")
    paths: dict[str, Json] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Drivebay",
            "version": __version__,
            "description": "Upload straight to an S3-compatible store through signed URLs. Every error is an "
            "RFC 9457 problem with a stable `code`.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "headers": _HEADERS,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _operation(route: Route) -> Json:
    parameters: list[Json] = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "format": "uuid"},
            "description": "a UUID",
        }
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
        "security": [] if route.public else [{"bearer": []}],
    }
    if route.body is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": _ref(route.body)}}}
    if route.streams is not None:
        body: Json = {"schema": {"type": "string", "format": "binary"}}
        operation["requestBody"] = {"required": False, "content": {route.streams: body}}
    return operation


def _tag(route: Route) -> str:
    parts = route.path.strip("/").split("/")
    return {"signup": "accounts", "login": "accounts", "token": "accounts", "logout": "accounts", "me": "accounts"}.get(
        parts[1] if parts[0] == "v1" else "", parts[1] if parts[0] == "v1" else "operations"
    )


def _responses(route: Route) -> Json:
    found: Json = {}
    for status, shape in route.answers.items():
        more = (*route.always, *route.headers) if status < 400 else _BY_STATUS[status]
        found[str(status)] = {"description": _WORDS[status], "headers": _carried(more)}
        if shape is not None:
            found[str(status)]["content"] = {"application/json": {"schema": _ref(shape)}}
        elif status == 200 and route.method == "GET":
            found[str(status)]["content"] = {"text/plain": {"schema": {"type": "string"}}}
    for status, kinds in _failures(route).items():
        if str(status) in found:
            continue
        found[str(status)] = {
            "description": "; ".join(f"`{kind.code}`: {kind.title}" for kind in kinds),
            "headers": _carried((*route.always, *_BY_STATUS.get(status, ()))),
            "content": {problems.MEDIA_TYPE: {"schema": _ref(problems.Problem)}},
        }
    return found


def _carried(more: tuple[str, ...]) -> Json:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Request-Id", *more)}


def _failures(route: Route) -> dict[int, list[type[Error]]]:
    kinds: list[type[Error]] = list(route.errors)
    if not route.public:
        kinds.append(Unauthenticated)
    if route.body is not None:
        kinds += [MalformedBody, TooLarge, UnsupportedMediaType]
    if route.body is not None or route.parameters or "{" in route.path:
        kinds.append(InvalidRequest)
    if route.path not in ("/healthz", "/metrics"):
        kinds += [Unavailable, Internal]
    found: dict[int, list[type[Error]]] = {}
    for kind in dict.fromkeys(kinds):
        found.setdefault(kind.http, []).append(kind)
    return found


def _ref(shape: type[msgspec.Struct]) -> Json:
    return {"$ref": f"#/components/schemas/{shape.__name__}"}


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
    """The document as one HTML page that loads nothing."""
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
        f"<h1>{info['title']} {info['version']}</h1><p>{html.escape(info['description'])} "
        f'As a document: <a href="/openapi.json">openapi.json</a>.</p>{body}<h2>shapes</h2>{schemas}</body></html>'
    ).encode()


def _operation_html(method: str, path: str, operation: Json) -> str:
    rows = "".join(
        f"<tr><th><code>{html.escape(p['name'])}</code></th><td>{p['in']}</td>"
        f"<td>{html.escape(p['description'])}</td></tr>"
        for p in operation["parameters"]
    )
    answers = "".join(
        f"<tr><th>{status}</th><td>{html.escape(answer['description'])}</td></tr>"
        for status, answer in sorted(operation["responses"].items())
    )
    sent = ""
    if "requestBody" in operation:
        ((media_type, content),) = operation["requestBody"]["content"].items()
        name = content["schema"].get("$ref", "").rpartition("/")[2] or media_type
        sent = f"<p>Body: <code>{name}</code></p>"
    return (
        f'<details><summary><span class="m">{method.upper()}</span> <code>{html.escape(path)}</code> '
        f"{html.escape(operation['summary'])}</summary>{sent}<table>{rows}</table><table>{answers}</table></details>"
    )


def _pretty(schema: Json) -> str:
    return html.escape(msgspec.json.format(msgspec.json.encode(schema), indent=2).decode())
