"""Who asks: the holder of a token, the page on this machine, or somebody with access to the Unix socket.

A right token is always taken, whatever others at its address do wrong: it cannot be guessed, and whoever holds it must
not be locked out. What is throttled are the wrong ones: after five a minute a source hears 429, and the log nothing.
"""

from __future__ import annotations

import ipaddress
import logging
import math
from collections.abc import Callable
from typing import Any

from aiohttp import web

from chargemon_edge.control.failures import FailureWindow, source_key
from chargemon_edge.control.ports import Clock, moment
from chargemon_edge.control.tokens import Tokens
from chargemon_edge.site.facts import Fact, SecurityEvent
from chargemon_edge.site.token_facts import Role
from chargemon_edge.web.dispatch import problem_response
from chargemon_edge.web.endpoints import Caller, Endpoint
from chargemon_edge.web.shapes import ProblemView

_log = logging.getLogger(__name__)

FAILURES_MAX = 5
WINDOW_S = 60.0
# a token has 47 characters; hashing more would be work for a stranger
TOKEN_LENGTH_MAX = 200

_ON_THE_SOCKET = Caller(name="command line", role=Role.INSTALLER)
_ON_THIS_MACHINE = Caller(name="this machine", role=Role.VIEWER)


class Access:
    """The two doors."""

    def __init__(self, tokens: Tokens, clock: Clock, report: Callable[[Fact], None]) -> None:
        self._tokens = tokens
        self._clock = clock
        self._report = report
        self._failures = FailureWindow(WINDOW_S, FAILURES_MAX)

    def over_socket(self, _request: web.Request, _endpoint: Endpoint[Any, Any]) -> Caller | web.Response:
        """The Unix socket: its file's permissions have decided already."""
        return _ON_THE_SOCKET

    def over_network(self, request: web.Request, endpoint: Endpoint[Any, Any]) -> Caller | web.Response:
        """TCP: a token, but for what is open to this machine itself."""
        header = request.headers.get("Authorization")
        if header is None:
            if endpoint.open_on_loopback and is_local(request):
                return _ON_THIS_MACHINE
            return _unauthorised("send a token: Authorization: Bearer …", error=None)
        scheme, _, token = header.strip().partition(" ")
        known = None
        if scheme.lower() == "bearer" and len(token) <= TOKEN_LENGTH_MAX:
            known = self._tokens.find(token.strip())
        if known is None:
            return self._refused(request)
        if not known.role.covers(endpoint.role):
            detail = f"this needs the role {endpoint.role.value}; the token {known.name!r} has {known.role.value}"
            return problem_response(ProblemView(title="not allowed", status=403, detail=detail))
        return Caller(name=f"token {known.name}", role=known.role)

    def _refused(self, request: web.Request) -> web.Response:
        source = source_key(request.remote or "")
        now = moment(self._clock)
        wait_s = self._failures.wait_s((source,), FAILURES_MAX, now.mono_s)
        if wait_s > 0:
            return problem_response(
                ProblemView(title="too many failures", status=429, detail="too many wrong tokens from this address"),
                {"Retry-After": str(math.ceil(wait_s))},
            )
        self._failures.add((source,), now.mono_s)
        detail = f"{request.method} {request.path[:100]!r}"
        _log.warning("token refused source=%s asked=%s", source, detail)
        self._report(SecurityEvent(at=now, event="token refused", source=source, detail=detail))
        return _unauthorised("this token is not known, was revoked, or has expired", error="invalid_token")


def is_local(request: web.Request) -> bool:
    """Whether the question comes from this machine for itself: not through a proxy that says it asks for others."""
    if "Forwarded" in request.headers or "X-Forwarded-For" in request.headers:
        return False
    transport = request.transport
    ends = [None if transport is None else transport.get_extra_info(name) for name in ("peername", "sockname")]
    return all(isinstance(end, tuple) and _is_loopback(end[0]) for end in ends)


def _is_loopback(address: str) -> bool:
    parsed = ipaddress.ip_address(address.partition("%")[0])
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return (parsed if mapped is None else mapped).is_loopback


def _unauthorised(detail: str, *, error: str | None) -> web.Response:
    """RFC 6750 §3: no error code when no token was shown."""
    challenge = 'Bearer realm="chargemon-edge"' + ("" if error is None else f', error="{error}"')
    return problem_response(
        ProblemView(title="login needed", status=401, detail=detail), {"WWW-Authenticate": challenge}
    )
