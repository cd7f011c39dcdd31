"""The app: the route table and its own description, behind one door."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from uuid import UUID

import msgspec

from ..contract.auth import Auth
from ..contract.files import Files
from ..contract.storage import Storage
from . import openapi
from .address import Addresses
from .answer import Answer, Sender
from .asgi import App
from .cors import Origins
from .door import Door
from .identity import Identity
from .operations import Check
from .paths import Paths
from .request import Call
from .room import rooms
from .route import Route
from .routes import table
from .settings import Settings


def create(
    auth: Auth,
    files: Files,
    storage: Storage,
    settings: Settings,
    *,
    now: Callable[[], datetime],
    new_id: Callable[[], UUID],
    checks: Mapping[str, Check] | None = None,
) -> App:
    """The ASGI app. `checks` are more things that `/readyz` tries."""
    routes = table(auth, files, storage, settings, now=now, checks=checks or {})
    return Door(
        Paths((*routes, *_description(routes))),
        Identity(auth, settings, now),
        Addresses(settings.trusted_proxies),
        Origins(settings.allowed_origins),
        Sender(hsts=settings.hsts),
        rooms(settings.max_requests),
        new_id,
        settings.body_within.total_seconds(),
    )


def document(routes: tuple[Route, ...]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(openapi.document(routes)), indent=2)


def _description(routes: tuple[Route, ...]) -> tuple[Route, Route]:
    described = openapi.document(routes)
    as_json = Answer(200, msgspec.json.encode(described))
    as_page = Answer(200, openapi.page(described), media_type="text/html; charset=utf-8", policy=openapi.PAGE_POLICY)

    async def show_document(_: Call) -> Answer:
        return as_json

    async def show_page(_: Call) -> Answer:
        return as_page

    return (
        Route("GET", "/openapi.json", "openapi", "This document", show_document, {200: None}, public=True),
        Route("GET", "/docs", "docs", "This document as a page", show_page, {200: None}, public=True),
    )
