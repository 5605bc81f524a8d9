"""The routes: what may be asked, and what every answer carries. Read-only over TCP; the Unix socket may do more.

Nothing here changes the site but the commissioning window, and that route exists on the Unix socket alone.
"""

from __future__ import annotations

import logging

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from chargemon_edge.control.commissioning import Commissioning
from chargemon_edge.control.ports import Clock, moment
from chargemon_edge.control.present import Present
from chargemon_edge.web import hosts
from chargemon_edge.web.pages import add_pages
from chargemon_edge.web.settings import WebSettings
from chargemon_edge.web.shapes import CommissioningView, ProblemView, SiteView
from chargemon_edge.web.stream import Stream
from chargemon_edge.web.view import health_view, site_view

_log = logging.getLogger(__name__)

# no page of another origin may run in, frame or read ours; nothing is fetched from elsewhere
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Server": "chargemon-edge",
}


class _Window(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    minutes: int = 10


class Api:
    """The answers; each listener has an application that routes to them."""

    def __init__(
        self,
        settings: WebSettings,
        present: Present,
        clock: Clock,
        commissioning: Commissioning,
        *,
        meter_stale_s: float,
    ) -> None:
        self._settings = settings
        self._meter_stale_s = meter_stale_s
        self._present = present
        self._clock = clock
        self._commissioning = commissioning
        self.stream = Stream(present, clock, lambda: msgspec.json.encode(self._view()), settings.streams_max)

    def for_network(self, machine: str) -> web.Application:
        """The page and the read-only API; *machine* is this machine's own name."""
        names = hosts.names_of(machine, self._settings.allowed_hosts)
        application = web.Application(middlewares=[_guard(names), _problems], client_max_size=4096)
        application.on_response_prepare.append(_add_headers)
        self._add_readers(application)
        add_pages(application)
        return application

    def for_command_line(self) -> web.Application:
        """The same API, and what only somebody on this machine may do. File permissions guard it."""
        application = web.Application(middlewares=[_problems], client_max_size=4096)
        application.on_response_prepare.append(_add_headers)
        self._add_readers(application)
        application.router.add_get("/api/v1/commissioning", self._window)
        application.router.add_post("/api/v1/commissioning", self._open_window)
        application.router.add_delete("/api/v1/commissioning", self._close_window)
        return application

    def _add_readers(self, application: web.Application) -> None:
        application.router.add_get("/api/v1/site", self._site)
        application.router.add_get("/api/v1/events", self._events, allow_head=False)
        application.router.add_get("/api/v1/health", self._health)

    def _view(self) -> SiteView:
        return site_view(
            self._present.site,
            self._present.picture,
            self._present.plan,
            moment(self._clock),
            self._present.version,
            meter_stale_s=self._meter_stale_s,
            commissioning_s=self._remaining_s(),
        )

    def _remaining_s(self) -> float | None:
        return self._commissioning.remaining_s() or None

    async def _site(self, _request: web.Request) -> web.StreamResponse:
        return _json(self._view())

    async def _health(self, _request: web.Request) -> web.StreamResponse:
        return _json(health_view(self._view()))

    async def _events(self, request: web.Request) -> web.StreamResponse:
        if self.stream.full:
            return _problem(503, "too many live pages", "close one, or ask /api/v1/site from time to time")
        return await self.stream.serve(request)

    async def _window(self, _request: web.Request) -> web.StreamResponse:
        return _json(CommissioningView(remaining_s=self._remaining_s()))

    async def _open_window(self, request: web.Request) -> web.StreamResponse:
        try:
            wanted = msgspec.json.decode(await request.read() or b"{}", type=_Window)
        except msgspec.DecodeError as error:
            return _problem(400, "not understood", str(error))
        try:
            self._commissioning.open(wanted.minutes)
        except ValueError as error:
            return _problem(400, "not allowed", str(error))
        return await self._window(request)

    async def _close_window(self, request: web.Request) -> web.StreamResponse:
        self._commissioning.close()
        return await self._window(request)


def _json(body: msgspec.Struct, status: int = 200, content_type: str = "application/json") -> web.Response:
    return web.Response(
        status=status,
        body=msgspec.json.encode(body),
        headers={"Content-Type": content_type, "Cache-Control": "no-store"},
    )


def _problem(status: int, title: str, detail: str) -> web.Response:
    return _json(ProblemView(title=title, status=status, detail=detail), status, "application/problem+json")


async def _add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_HEADERS)


def _guard(names: frozenset[str]) -> Middleware:
    """Answers only who calls us by one of our names, and no script of another site."""

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        transport = request.transport
        local = None if transport is None else transport.get_extra_info("sockname")
        if local is None or not hosts.is_allowed(request.headers.get("Host", ""), names, local[0]):
            return _problem(421, "not served under this name", "add the name to allowed_hosts in the configuration")
        from_elsewhere = request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site")
        if from_elsewhere and request.path.startswith("/api/"):
            return _problem(403, "not for other sites", "the API answers pages of this system only")
        return await handler(request)

    return guard


@web.middleware
async def _problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as error:
        answer = _problem(error.status, error.reason, f"{request.method} {request.path}")
        if "Allow" in error.headers:
            answer.headers["Allow"] = error.headers["Allow"]
        return answer
    except Exception:  # noqa: BLE001 -- the edge: our own bug costs one answer, never the site
        _log.exception("request failed path=%s", request.path)
        return _problem(500, "our own mistake", "the log has the details")
