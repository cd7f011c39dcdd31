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
"""Called with the request, the response, and the fields of the path by name, such as `id`."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter or a header. `where` is `query` or `header`. `schema` is JSON Schema."""

    name: str
    where: str
    schema: Mapping[str, Any]
    description: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """One operation: `handler` handles `method` at `path`.

    - `responses`: the JSON types of successful responses, by status.
    - `headers`: the names of headers that the handler sets, for the OpenAPI document.
    - `errors`: the documented errors, in addition to the errors of every route.
    - `public`: whether the route needs no token.
    - `scopes`: an API token needs one of these. `NO_API_TOKEN` is for a route that only a session may call. With None,
      no API token may call the route, and a test fails, because every route needs a decision.
    - `limiter`: the name of the concurrency limiter.
    - `fixed_headers`: the headers of every response, also of errors. The dispatcher sets them.
    - `request_media_type`: the media type of a request body that is not JSON.
    - `response_media_type`: the media type of a response to GET that has no JSON type.
    - `access`: the role that the operation needs in the drive of the request. None: the operation is not about a drive.
    - `body_required`: whether the JSON body is required.
    - `takes_root`: whether `id` may be `root`, the root folder of the drive.
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
    takes_root: bool = False
