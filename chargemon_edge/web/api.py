"""The two applications: the same table of endpoints behind two doors, and what every answer carries."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from chargemon_edge.control.certificates import ending
from chargemon_edge.control.not_taken import NotTaken
from chargemon_edge.control.ports import moment
from chargemon_edge.site.facts import Fact
from chargemon_edge.web import hosts
from chargemon_edge.web.access import Access
from chargemon_edge.web.dispatch import add_routes, problem_response, problems
from chargemon_edge.web.pages import add_pages
from chargemon_edge.web.resources.live import Live, render
from chargemon_edge.web.settings import WebSettings
from chargemon_edge.web.shapes import ProblemView, SiteView
from chargemon_edge.web.stream import Stream
from chargemon_edge.web.table import Rooms, table
from chargemon_edge.web.view import site_view

# no page of another origin may run in, frame or read ours; nothing is fetched from elsewhere
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Server": "chargemon-edge",
}


class Api:
    """Builds the application of each listener."""

    def __init__(
        self,
        settings: WebSettings,
        rooms: Rooms,
        report: Callable[[Fact], None],
        *,
        meter_stale_s: float,
    ) -> None:
        self._settings = settings
        self.meter_stale_s = meter_stale_s
        self.not_taken: NotTaken | None = None
        self._rooms = rooms
        self._access = Access(rooms.tokens, rooms.clock, report)
        self.stream = Stream(rooms.present, rooms.clock, render(self._view), settings.streams_max)
        self._endpoints = table(Live(self._view, self.stream), rooms)

    def for_network(self, machine: str) -> web.Application:
        """The page and the API; *machine* is this machine's own name."""
        names = hosts.names_of(machine, self._settings.allowed_hosts)
        application = web.Application(middlewares=[problems, _guard(names)])
        application.on_response_prepare.append(_add_headers)
        add_routes(application, self._endpoints, self._access.over_network)
        add_pages(application)
        return application

    def for_command_line(self) -> web.Application:
        """The same API without a login: file permissions guard the socket."""
        application = web.Application(middlewares=[problems])
        application.on_response_prepare.append(_add_headers)
        add_routes(application, self._endpoints, self._access.over_socket)
        return application

    def _view(self) -> SiteView:
        rooms, present = self._rooms, self._rooms.present
        now = moment(rooms.clock)
        return site_view(
            present.site,
            present.picture,
            present.plan,
            now,
            present.version,
            meter_stale_s=self.meter_stale_s,
            commissioning_s=rooms.commissioning.remaining_s() or None,
            without_login=rooms.charger_access.without_login(present.site.charge_point_by_identity),
            store=rooms.keeping.standing(),
            ending=ending(rooms.authority, rooms.certificates, now.utc_ms),
            not_taken=self.not_taken,
            upstreams=rooms.upstreams.standings(),
        )


async def _add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_HEADERS)


def _guard(names: frozenset[str]) -> Middleware:
    """Answers only who calls us by one of our names, and no script of another site."""

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        transport = request.transport
        local = None if transport is None else transport.get_extra_info("sockname")
        if local is None or not hosts.is_allowed(request.headers.get("Host", ""), names, local[0]):
            return problem_response(
                ProblemView(
                    title="not served under this name",
                    status=421,
                    detail="add the name to allowed_hosts in the configuration",
                )
            )
        if request.path.startswith("/api/") and _from_elsewhere(request, names, local[0]):
            return problem_response(
                ProblemView(title="not for other sites", status=403, detail="the API answers pages of this system only")
            )
        return await handler(request)

    return guard


def _from_elsewhere(request: web.Request, names: frozenset[str], local_address: str) -> bool:
    """Whether a browser says that a page of another site asks."""
    if request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site"):
        return True
    origin = request.headers.get("Origin")
    return origin is not None and not hosts.is_allowed(origin.partition("://")[2], names, local_address)
