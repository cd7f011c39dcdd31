"""A row of the route table: a method at a path, who answers it, and what the OpenAPI document says of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import msgspec

from ..errors import Error
from .answer import Answer
from .request import Call
from .room import WORK

Handler: TypeAlias = Callable[[Call], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter or header; `schema` is JSON Schema."""

    name: str
    where: str
    schema: Mapping[str, Any]
    description: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """`handler` answers `method` at `path`; the rest is for the document.

    `answers` are the shapes of successes by status, `headers` what these carry besides. `errors` are the
    failures it documents beside those that every route can have. A route that is not `public` needs a token.
    `room` is where its requests are counted, and refused when there are too many. `always` are headers of every answer,
    good or bad. `streams` is the media type of a body that is bytes.
    """

    method: str
    path: str
    operation: str
    summary: str
    handler: Handler
    answers: Mapping[int, type[msgspec.Struct] | None]
    body: type[msgspec.Struct] | None = None
    parameters: tuple[Parameter, ...] = ()
    headers: tuple[str, ...] = ()
    errors: tuple[type[Error], ...] = ()
    public: bool = False
    room: str = WORK
    always: Mapping[str, str] = field(default_factory=dict)
    streams: str | None = None
