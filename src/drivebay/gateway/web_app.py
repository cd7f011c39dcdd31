"""Serves the web app: its static files, and its page at every path that is not part of the API.

The page works at any path, so each view has a URL. The files are kept in memory, so requests for them are cheap and
need no concurrency limiter.
"""

from __future__ import annotations

from typing import Final

import falcon
import msgspec
from falcon.asgi import Response

from ..contract.storage import Disposition, Storage
from ..errors import Error
from ..web.assets import Asset, Assets
from ..web.content_security import origin_of, page_headers
from .http_request import Request
from .public_url import PublicUrls
from .route import Handler
from .settings import WebSettings

FILES_PREFIX: Final = "/web/"
_API: Final = ("/v1/", "/web/", "/.well-known/", "/docs/", "/openapi.json/", "/healthz/", "/readyz/", "/metrics/")
_IMMUTABLE: Final = "public, max-age=31536000, immutable"
_REVALIDATE: Final = "no-cache"
_ORIGIN_SAMPLE_KEY: Final = "web/origin"
_ORIGIN_SAMPLE_SECONDS: Final = 60


class PageConfig(msgspec.Struct):
    """The configuration of the app, which the page contains."""

    base: str
    name: str
    color: str
    signup: bool
    passwords: bool
    oidc: bool
    passkey_host: str
    mail: bool


class WebApp:
    """Serves the page and its files. `storage` signs a sample URL, which shows the origin of the store."""

    def __init__(self, assets: Assets, settings: WebSettings, storage: Storage, urls: PublicUrls) -> None:
        self._assets = assets
        self._settings = settings
        self._storage = storage
        self._urls = urls
        self._pages: dict[str, Asset] = {}
        self._store_origin: str | None = None

    async def respond(self, req: Request, resp: Response, **_: str) -> None:
        """Handle a request that matches no route of the API. Raises HTTPRouteNotFound if the web app does not have the
        path either."""
        if req.method not in ("GET", "HEAD"):
            raise falcon.HTTPRouteNotFound
        if req.path.startswith(FILES_PREFIX):
            self._respond_file(req, resp)
        elif f"{req.path}/".startswith(_API) or not _accepts_html(req):  # guard: web-api-paths
            raise falcon.HTTPRouteNotFound
        else:
            await self.respond_page(req, resp)

    def page_or_handler(self, handler: Handler) -> Handler:
        """Return a handler that serves the page to browsers and calls `handler` for other clients."""

        async def respond(req: Request, resp: Response, **params: str) -> None:
            if _accepts_html(req):
                await self.respond_page(req, resp)
                return
            resp.append_header("vary", "Accept")
            await handler(req, resp, **params)

        return respond

    async def respond_page(self, req: Request, resp: Response) -> None:
        """Respond with the page."""
        base = self._urls.path(req.scope)
        page = self._pages.get(base)
        if page is None:
            page = self._render(base)
            if len(self._pages) < 16:  # a trusted proxy may send any number of prefixes
                self._pages[base] = page
        resp.set_headers(page_headers(await self._find_store_origin()))
        _respond_asset(req, resp, page, _REVALIDATE)
        resp.set_header("vary", "Accept, Accept-Encoding")

    def _render(self, base: str) -> Asset:
        config = PageConfig(
            base=base,
            name=self._settings.name,
            color=self._settings.color,
            signup=self._settings.signup,
            passwords=self._settings.passwords,
            oidc=self._settings.oidc,
            passkey_host=self._settings.passkey_host,
            mail=self._settings.mail,
        )
        values = {"base": base, "name": config.name, "config": msgspec.json.encode(config).decode()}
        return self._assets.render_page(values)

    def _respond_file(self, req: Request, resp: Response) -> None:
        version, _, path = req.path.removeprefix(FILES_PREFIX).partition("/")
        asset = self._assets.files.get(path)
        if asset is None:
            raise falcon.HTTPRouteNotFound
        # During a deployment, a page may request the files of another release. Send the current files, but do not let
        # the browser keep them under this URL.
        is_current = version == self._assets.version  # guard: web-immutable
        resp.set_header("cross-origin-resource-policy", "same-origin")
        _respond_asset(req, resp, asset, _IMMUTABLE if is_current else _REVALIDATE)

    async def _find_store_origin(self) -> str | None:
        if self._store_origin is None:
            try:
                signed = await self._storage.presign_get(
                    _ORIGIN_SAMPLE_KEY, "origin", "text/plain", Disposition.ATTACHMENT, _ORIGIN_SAMPLE_SECONDS
                )
            except Error:  # without the origin the page works except for transfers, and the next request tries again
                return None
            self._store_origin = origin_of(signed.url)
        return self._store_origin


def _accepts_html(req: Request) -> bool:
    return "text/html" in req.accept


def _respond_asset(req: Request, resp: Response, asset: Asset, cache_control: str) -> None:
    resp.set_headers((("cache-control", cache_control), ("etag", asset.etag), ("vary", "Accept-Encoding")))
    resp.content_type = asset.media_type
    if asset.etag in (req.get_header("If-None-Match") or ""):
        resp.status = 304
        return
    body = asset.body
    if asset.compressed is not None and "gzip" in (req.get_header("Accept-Encoding") or ""):
        body = asset.compressed
        resp.set_header("content-encoding", "gzip")
    resp.data = body
