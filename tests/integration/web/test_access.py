"""Tokens over TCP: what opens what, for whom, and what the others are told."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from chargemon_edge.site.facts import SecurityEvent
from chargemon_edge.site.token_facts import Role
from chargemon_edge.web.endpoints import Endpoint
from chargemon_edge.web.shapes import ProblemView
from tests.integration.web.running import Running, running
from tests.unit.web.route_table import endpoints

EVERY = endpoints()


def concrete(endpoint: Endpoint[Any, Any]) -> str:
    """Its path with something in place of each parameter."""
    return re.sub(r"\{\w+\}", "1", endpoint.path)


async def ask(
    site: Running, method: str, path: str, token: str | None = None, **more: Any
) -> tuple[int, bytes, Mapping[str, str]]:
    headers = dict(more.pop("headers", {}))
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    async with (
        aiohttp.ClientSession(site.url) as client,
        client.request(method, path, headers=headers, **more) as answer,
    ):
        body = b"" if answer.content_type == "text/event-stream" else await answer.read()
        return answer.status, body, answer.headers


@pytest.mark.parametrize("endpoint", EVERY, ids=lambda one: f"{one.method} {one.path}")
async def test_without_a_token_only_the_page_is_answered_and_only_on_this_machine(endpoint: Endpoint[Any, Any]) -> None:
    async with running() as site:
        here, _, _ = await ask(site, endpoint.method, concrete(endpoint))
        forwarded, body, headers = await ask(
            site, endpoint.method, concrete(endpoint), headers={"X-Forwarded-For": "192.0.2.1"}
        )

    assert here == (200 if endpoint.open_on_loopback else 401)
    assert forwarded == 401
    assert headers["WWW-Authenticate"] == 'Bearer realm="chargemon-edge"'
    assert msgspec.json.decode(body, type=ProblemView).title == "login needed"


@pytest.mark.parametrize(
    ("endpoint", "role"),
    [(endpoint, role) for endpoint in EVERY for role in Role if not role.covers(endpoint.role)],
    ids=lambda one: one.value if isinstance(one, Role) else f"{one.method} {one.path}",
)
async def test_a_role_that_is_not_enough_is_told_which_one_is(endpoint: Endpoint[Any, Any], role: Role) -> None:
    async with running() as site:
        status, body, _ = await ask(site, endpoint.method, concrete(endpoint), await site.token(role))

    assert status == 403
    assert f"needs the role {endpoint.role.value}" in msgspec.json.decode(body, type=ProblemView).detail


def test_only_reading_is_ever_open() -> None:
    assert {endpoint.method for endpoint in EVERY if endpoint.open_on_loopback} == {"GET"}


async def test_an_installer_makes_and_revokes_tokens() -> None:
    async with running() as site:
        installer = await site.token(Role.INSTALLER, "installer")
        wish = {"name": "grafana", "role": "viewer", "expires_utc_ms": 4_000_000_000_000}
        status, body, _ = await ask(site, "POST", "/api/v1/tokens", installer, json=wish)
        made = msgspec.json.decode(body)
        assert (status, made["role"]) == (201, "viewer")
        again, body, _ = await ask(site, "POST", "/api/v1/tokens", installer, json=wish)
        assert (again, msgspec.json.decode(body)["title"]) == (409, "not made")
        assert (await ask(site, "GET", "/api/v1/openapi.json", made["token"]))[0] == 200

        status, body, _ = await ask(site, "GET", "/api/v1/tokens", installer)
        assert [(one["name"], one["issued_by"]) for one in msgspec.json.decode(body)] == [
            ("grafana", "token installer"),
            ("installer", "a test"),
        ]
        assert made["token"].encode() not in body
        status, body, _ = await ask(site, "GET", "/api/v1/tokens/grafana", installer)
        assert (status, msgspec.json.decode(body)["expired"]) == (200, False)

        assert (await ask(site, "DELETE", "/api/v1/tokens/grafana", installer))[0] == 204
        assert (await ask(site, "DELETE", "/api/v1/tokens/grafana", installer))[0] == 404
        assert (await ask(site, "GET", "/api/v1/tokens/grafana", installer))[0] == 404
        assert (await ask(site, "GET", "/api/v1/openapi.json", made["token"]))[0] == 401


@pytest.mark.parametrize(
    "wish",
    [
        {},
        {"name": "a"},
        {"name": "", "role": "viewer"},
        {"name": "a/b", "role": "viewer"},
        {"name": "a\nb", "role": "viewer"},
        {"name": "a\n", "role": "viewer"},
        {"name": "a" * 41, "role": "viewer"},
        {"name": "a", "role": "root"},
        {"name": "a", "role": "viewer", "more": 1},
    ],
)
async def test_a_wish_that_makes_no_sense_makes_no_token(wish: dict[str, object]) -> None:
    async with running() as site:
        status, _, _ = await ask(site, "POST", "/api/v1/tokens", await site.token(Role.INSTALLER), json=wish)

        assert status == 400
        assert len(site.tokens.known()) == 1


@pytest.mark.parametrize(
    "header",
    ["Bearer", "Bearer ", "Bearer x", "Basic eDp5", "bearer cme_" + "A" * 43, "Bearer " + "x" * 6000, "Bearer \xff"],
)
async def test_what_is_no_token_is_refused(header: str) -> None:
    async with running() as site:
        status, body, headers = await ask(site, "GET", "/api/v1/site", headers={"Authorization": header})

    assert status == 401, body
    assert 'error="invalid_token"' in headers["WWW-Authenticate"]


async def test_guessing_is_stopped_noted_and_harms_nobody_else() -> None:
    async with running() as site:
        right = await site.token(Role.VIEWER)
        statuses = [(await ask(site, "GET", "/api/v1/tokens", f"cme_{number}"))[0] for number in range(8)]
        _, _, headers = await ask(site, "GET", "/api/v1/tokens", "cme_x")
        with_right, _, _ = await ask(site, "GET", "/api/v1/commissioning", right)
        open_to_all, _, _ = await ask(site, "GET", "/api/v1/site")

    assert statuses == [401] * 5 + [429] * 3
    assert 1 <= int(headers["Retry-After"]) <= 60
    assert (with_right, open_to_all) == (200, 200)
    noted = [fact for fact in site.noticed if isinstance(fact, SecurityEvent)]
    assert [(fact.event, fact.source) for fact in noted] == [("token refused", "127.0.0.1")] * 5
    assert "cme_" not in repr(noted)


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.2"},
    ],
    ids=lambda headers: str(headers),
)
async def test_a_page_of_another_site_changes_nothing_even_with_a_token(headers: dict[str, str]) -> None:
    async with running() as site:
        installer = await site.token(Role.INSTALLER)
        status, _, _ = await ask(site, "POST", "/api/v1/commissioning", installer, headers=headers)

        assert status == 403
        assert not site.commissioning.is_open()


async def test_a_whole_number_may_be_written_as_a_fraction_without_one() -> None:
    async with running() as site:
        installer = await site.token(Role.INSTALLER)
        whole, _, _ = await ask(site, "POST", "/api/v1/commissioning", installer, data=b'{"minutes": 17.0}')
        remaining_s = site.commissioning.remaining_s()
        broken, _, _ = await ask(site, "POST", "/api/v1/commissioning", installer, data=b'{"minutes": 17.5}')
        text, _, _ = await ask(site, "POST", "/api/v1/commissioning", installer, data=b'{"minutes": "17"}')

    assert (whole, broken, text) == (200, 400, 400)
    assert 1000 < remaining_s <= 1020


async def test_a_page_of_ours_may() -> None:
    async with running() as site:
        installer = await site.token(Role.INSTALLER)
        status, _, _ = await ask(site, "POST", "/api/v1/commissioning", installer, headers={"Origin": site.url})

        assert status == 200
        assert site.commissioning.is_open()


async def test_the_socket_wants_no_token(tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        connector = aiohttp.UnixConnector(site.unix)
        async with (
            aiohttp.ClientSession(connector=connector) as client,
            client.post("http://localhost/api/v1/tokens", json={"name": "first", "role": "installer"}) as answer,
        ):
            assert answer.status == 201

        assert [token.by for token in site.tokens.known()] == ["command line"]


async def test_a_question_with_unknown_or_doubled_parameters_is_refused() -> None:
    async with running() as site:
        assert (await ask(site, "GET", "/api/v1/site?nonsense=1"))[0] == 400
        token = await site.token(Role.INSTALLER)
        assert (await ask(site, "GET", "/api/v1/tokens/a?name=b", token))[0] == 400
