"""The page's files, read once and served from memory: a small fixed set, so no path from a request meets the disk."""

from __future__ import annotations

import hashlib
from pathlib import Path

from aiohttp import web

_FOLDER = Path(__file__).parent / "static"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


def add_pages(application: web.Application) -> None:
    """Route every file of the page, ``index.html`` as ``/``."""
    for file in sorted(_FOLDER.iterdir()):
        if file.suffix in _TYPES:
            path = "/" if file.name == "index.html" else f"/{file.name}"
            application.router.add_get(path, _File(file.read_bytes(), _TYPES[file.suffix]).answer)


class _File:
    def __init__(self, body: bytes, content_type: str) -> None:
        self._body = body
        etag = hashlib.sha256(body).hexdigest()[:16]
        # a browser asks each time and hears "not modified": after an upgrade no page runs with an old half
        self._headers = {"Content-Type": content_type, "Cache-Control": "no-cache", "ETag": f'"{etag}"'}

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("If-None-Match") == self._headers["ETag"]:
            return web.Response(status=304, headers=self._headers)
        return web.Response(body=self._body, headers=self._headers)
