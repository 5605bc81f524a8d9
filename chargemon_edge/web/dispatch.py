"""From a request to its endpoint and back: login, limits, decoding, problems. The same for every endpoint.

The order is: who asks, may they, what do they ask. So a stranger learns nothing from the way a wrong question fails.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from chargemon_edge.control.records import HistoryUnavailableError
from chargemon_edge.web.endpoints import Answer, Call, Caller, Endpoint, Media, Reply
from chargemon_edge.web.shapes import ProblemView

_log = logging.getLogger(__name__)

# what a body may take to arrive; the largest is small
BODY_TIMEOUT_S = 10.0

Admit = Callable[[web.Request, Endpoint[Any, Any]], Caller | web.Response]


def add_routes(application: web.Application, endpoints: Iterable[Endpoint[Any, Any]], admit: Admit) -> None:
    """Route every endpoint; *admit* says who asks, or answers in the endpoint's stead."""
    for endpoint in endpoints:
        handler = _handler(endpoint, admit)
        if endpoint.method == "GET":
            streams = any(isinstance(shape, Media) for shape in endpoint.answers.values())
            application.router.add_get(endpoint.path, handler, allow_head=not streams)
        else:
            application.router.add_route(endpoint.method, endpoint.path, handler)


def _handler(endpoint: Endpoint[Any, Any], admit: Admit) -> Handler:
    decoder = msgspec.json.Decoder(endpoint.body)

    async def handle(request: web.Request) -> web.StreamResponse:
        caller = admit(request, endpoint)
        if isinstance(caller, web.Response):
            return caller
        parameters = _parameters(endpoint, request)
        if isinstance(parameters, ProblemView):
            return problem_response(parameters)
        body: object = None
        if endpoint.has_body:
            text = await _body(request, endpoint.body_bytes_max)
            if isinstance(text, ProblemView):
                return problem_response(text)
            try:
                # a body that may be empty may be left out
                body = _decoded(decoder, text or b"{}")
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                return problem_response(_not_understood(f"body: {error}"))
        try:
            answer = await endpoint.handle(Call(parameters, body, caller, request))
        except HistoryUnavailableError as error:
            answer = ProblemView(title="not available now", status=503, detail=str(error))
        return _response(endpoint, answer)

    return handle


def _parameters(endpoint: Endpoint[Any, Any], request: web.Request) -> msgspec.Struct | ProblemView:
    given: dict[str, str] = dict(request.match_info)
    for name, text in request.query.items():
        if name in given:
            return _not_understood(f"{name} is given twice")
        given[name] = text
    try:
        parameters: msgspec.Struct = msgspec.convert(given, endpoint.parameters, strict=False)
    except msgspec.ValidationError as error:
        return _not_understood(f"parameters: {error}")
    for name, text in given.items():
        # taken as "not given" by msgspec, which would widen a filter
        if text.lower() == "null" and getattr(parameters, name) is None:
            return _not_understood(f"{name}: null is not a value")
    return parameters


async def _body(request: web.Request, bytes_max: int) -> bytes | ProblemView:
    too_large = ProblemView(title="too large", status=413, detail=f"the body may have {bytes_max} bytes here")
    if (request.content_length or 0) > bytes_max:
        return too_large
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > bytes_max:
                    return too_large
    except TimeoutError:
        return ProblemView(title="too slow", status=408, detail=f"no whole body within {BODY_TIMEOUT_S:g} s")
    return bytes(body)


def _decoded(decoder: msgspec.json.Decoder[Any], text: bytes) -> object:
    """As the endpoint declares it. To JSON Schema 17.0 is an integer, and some languages write it so."""
    try:
        return decoder.decode(text)
    except msgspec.ValidationError:
        return msgspec.convert(_with_integers(msgspec.json.decode(text)), decoder.type)


def _with_integers(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _with_integers(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_with_integers(element) for element in value]
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value


def _not_understood(detail: str) -> ProblemView:
    return ProblemView(title="not understood", status=400, detail=detail)


def _response(endpoint: Endpoint[Any, Any], answer: Answer) -> web.StreamResponse:
    if isinstance(answer, ProblemView):
        return problem_response(answer)
    if not isinstance(answer, Reply):
        return answer
    shape = endpoint.answers.get(answer.status)
    headers = {"Cache-Control": "no-store", **answer.headers}
    if isinstance(shape, Media):
        assert isinstance(answer.body, bytes)
        return web.Response(
            status=answer.status, body=answer.body, headers={"Content-Type": shape.content_type, **headers}
        )
    if answer.body is None:
        return web.Response(status=answer.status, headers=headers)
    return web.Response(
        status=answer.status,
        body=msgspec.json.encode(answer.body),
        headers={"Content-Type": "application/json", **headers},
    )


def problem_response(problem: ProblemView, headers: Mapping[str, str] | None = None) -> web.Response:
    """A problem on its way out."""
    return web.Response(
        status=problem.status,
        body=msgspec.json.encode(problem),
        headers={"Content-Type": "application/problem+json", "Cache-Control": "no-store", **(headers or {})},
    )


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Make a problem of whatever aiohttp refuses, and of our own mistakes."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        detail = f"{request.method} {request.path}"
        headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else None
        return problem_response(ProblemView(title=error.reason, status=error.status, detail=detail), headers)
    except Exception:  # noqa: BLE001 -- the edge: our own bug costs one answer, never the site
        _log.exception("request failed path=%s", request.path)
        return problem_response(ProblemView(title="our own mistake", status=500, detail="the log has the details"))
