"""An endpoint of the API as data: route, role, shapes and handler in one value.

The router (``dispatch``), the OpenAPI document (``openapi``) and the documentation are all made from these values, so
that none of them can say what another does not do.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any, Generic, Literal, TypeVar

import msgspec
from aiohttp import web

from chargemon_edge.site.token_facts import Role
from chargemon_edge.web.shapes import ProblemView

# more than any resource needs; those that take files or long lists say so themselves
BODY_BYTES_MAX = 16 * 1024

Parameters = TypeVar("Parameters", bound=msgspec.Struct)
Body = TypeVar("Body")


class Nothing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No parameters, or no body."""


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks."""

    name: str
    """For records: ``token NAME``, ``command line``, or ``this machine`` for the page's own questions."""
    role: Role


class Call(Generic[Parameters, Body]):
    """One request, understood: what a handler is given."""

    __slots__ = ("body", "caller", "parameters", "request")

    def __init__(self, parameters: Parameters, body: Body, caller: Caller, request: web.Request) -> None:
        self.parameters = parameters
        self.body = body
        self.caller = caller
        # for streams and downloads alone; everything else is in the other members
        self.request = request


class Reply(msgspec.Struct, frozen=True):
    """An answer. *body* is of the shape the endpoint declares for *status*: encoded as JSON, or bytes for a Media."""

    body: object = None
    status: int = 200
    headers: Mapping[str, str] = MappingProxyType({})


class Media(msgspec.Struct, frozen=True):
    """An answer that is not JSON."""

    content_type: str


Answer = Reply | ProblemView | web.StreamResponse


class Endpoint(msgspec.Struct, Generic[Parameters, Body], frozen=True, kw_only=True):
    """One method of one path."""

    method: Literal["GET", "PUT", "POST", "DELETE"]
    path: str
    """``/api/v1/…``; a name in braces is a member of *parameters*, and so is each member of the query."""
    summary: str
    """One line, for the document; the first word is a verb."""
    role: Role
    """Who may call it; the Unix socket may call everything."""
    open_on_loopback: bool = False
    """Answered without a token to a caller on this machine. Only for what the page needs; never to change something."""
    parameters: type[Parameters]
    body: type[Body]
    """What the JSON body is decoded to; :class:`Nothing`: there is none. ``msgspec.Raw``: any JSON."""
    takes: Media | None = None
    """The body is a file: the handler reads it from the request, as long as it is. *body* is Nothing then."""
    rules: str = ""
    """What a body (or parameter) must keep to beyond what a schema can say, one sentence: it gets 400 otherwise."""
    answers: Mapping[int, Any]
    """Success by status: a type, :class:`Media`, or None for an empty body."""
    problems: tuple[int, ...] = ()
    """Statuses of problems that are this endpoint's own; those of login, limits and wrong input are always there."""
    body_bytes_max: int = BODY_BYTES_MAX
    handle: Callable[[Call[Parameters, Body]], Awaitable[Answer]]

    @property
    def has_body(self) -> bool:
        """Whether it reads one."""
        return self.body is not Nothing

    @property
    def needs_body(self) -> bool:
        """Whether it does not do without: a body left out counts as an empty object."""
        try:
            msgspec.convert({}, self.body)
        except msgspec.ValidationError:
            return True
        return False


def problem(status: int, title: str, detail: str) -> ProblemView:
    """A problem of an endpoint's own (RFC 9457); *status* must be among its ``problems``."""
    return ProblemView(title=title, status=status, detail=detail)


def not_found(what: str) -> ProblemView:
    """404, for a thing that is not there."""
    return problem(404, "not found", f"there is no {what}")


def not_stored(error: Exception) -> ProblemView:
    """503, for a wish that did not get to the disk: nothing of it is in force."""
    return problem(503, "not stored", f"nothing was changed: {error}")
