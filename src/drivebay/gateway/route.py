"""A row of the route table: a method of a path, its handler, and its description in the OpenAPI document."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import msgspec

from ..contract.auth import Scope
from ..errors import Error
from .access_rules import AccessRule
from .concurrency import DEFAULT_LIMITER

NO_API_TOKEN: Final[tuple[Scope, ...]] = ()
"""The scopes of a route that only a session may call."""

Handler: TypeAlias = Callable[..., Awaitable[None]]
"""Called with the request, the response, and `id` if the path has one."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter or a header. `where` is `query` or `header`; `schema` is JSON Schema."""

    name: str
    where: str
    schema: Mapping[str, Any]
    description: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """One operation: `handler` answers `method` at `path`.

    `responses` are the JSON types of successes by status. `headers` are the names of headers that the handler sets, for
    the OpenAPI document. `errors` are the documented failures besides those that every route has. A route that is not
    `public` needs a token. `scopes` are the scopes of API tokens, any of which suffices; `NO_API_TOKEN` for a route
    that only a session may call. None, which a test refuses, allows no API token either. `limiter` is the name of its
    concurrency limiter. `fixed_headers` are the headers that the dispatcher sets on every response, also on failures.
    `request_media_type` is the media type of a request body that is not JSON, `response_media_type` that of a response
    to GET without a type. `access` is the role that the operation needs in the drive of the request, if it is about a
    drive. `body_required`:
    the JSON body may not be left out.
    """

    method: str
    path: str
    operation: str
    summary: str
    handler: Handler
    responses: Mapping[int, type[msgspec.Struct] | None]
    body: type[msgspec.Struct] | None = None
    body_required: bool = True
    parameters: tuple[Parameter, ...] = ()
    headers: tuple[str, ...] = ()
    errors: tuple[type[Error], ...] = ()
    public: bool = False
    scopes: tuple[Scope, ...] | None = None
    limiter: str = DEFAULT_LIMITER
    fixed_headers: Mapping[str, str] = field(default_factory=dict)
    request_media_type: str | None = None
    access: AccessRule | None = None
    response_media_type: str = "text/plain"
