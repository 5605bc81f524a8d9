"""The read-only API over TCP: what it answers, to whom, and what every answer carries."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import aiohttp
import msgspec
import pytest

from chargemon_edge.site.access_facts import CertificateIssued, CertificateTaken
from chargemon_edge.web.shapes import HealthView, ProblemView, SiteView
from tests.integration.web.running import Running, running

PATHS = ["/", "/page.js", "/page.css", "/icon.svg", "/api/v1/site", "/api/v1/health", "/nothing"]


async def test_the_site_is_answered_as_documented() -> None:
    async with running() as site, aiohttp.ClientSession(site.url) as browser, browser.get("/api/v1/site") as answer:
        view = msgspec.json.decode(await answer.read(), type=SiteView)

    assert answer.content_type == "application/json"
    assert view.site == "Depot Eastside"
    assert len(view.connectors) == 6
    assert view.version == site.present.version


async def _alarms(site: Running) -> dict[str, str]:
    async with aiohttp.ClientSession(site.url) as browser, browser.get("/api/v1/site") as answer:
        view = msgspec.json.decode(await answer.read(), type=SiteView)
    return {alarm.code: alarm.what for alarm in view.alarms}


@pytest.mark.demand("S9")
async def test_who_gets_in_without_a_login_is_named_until_that_way_is_closed() -> None:
    async with running() as site:
        before = await _alarms(site)
        for identity in ("OPEN-1", "OPEN-2"):
            assert await site.charger_access.write(identity, profile=0, password=None, by="a test") is None
        both = await _alarms(site)
        assert await site.charger_access.write("OPEN-1", profile=1, password=None, by="a test") is None
        one = await _alarms(site)

    assert "without_login" not in before
    assert both["without_login"].endswith("(security profile 0): OPEN-1, OPEN-2.")
    assert one["without_login"].endswith("(security profile 0): OPEN-2.")


async def test_a_certificate_that_a_charger_has_taken_is_told_when_it_has_ended() -> None:
    async with running() as site:
        at = site.present.picture.started
        issued = CertificateIssued(at=at, charge_point="YARD", serial="a1", ends_utc_ms=0, sha256="00")
        site.present.apply([issued])
        before = await _alarms(site)
        site.present.apply([CertificateTaken(at=at, charge_point="YARD", serial="a1")])
        after = await _alarms(site)

    assert "certificate_ended" not in before
    assert after["certificate_ended"] == "The certificate of charge point YARD has ended on 1970-01-01."


async def test_health_is_answered_in_one_line() -> None:
    async with running() as site, aiohttp.ClientSession(site.url) as browser, browser.get("/api/v1/health") as answer:
        health = msgspec.json.decode(await answer.read(), type=HealthView)

    assert (health.status, health.charge_points_linked) == ("attention", 4)


@pytest.mark.parametrize("path", PATHS)
async def test_every_answer_is_locked_down(path: str) -> None:
    async with running() as site, aiohttp.ClientSession(site.url) as browser, browser.get(path) as answer:
        headers = answer.headers

    assert headers["Content-Security-Policy"].startswith("default-src 'self';")
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Server"] == "chargemon-edge"
    assert "Access-Control-Allow-Origin" not in headers


@pytest.mark.parametrize("path", [*PATHS, "/api/v1/events"])
@pytest.mark.parametrize("host", ["evil.example", "evil.example:8180", "0.0.0.0", "10.9.9.9"])
async def test_a_foreign_name_is_not_answered_on_any_route(path: str, host: str) -> None:
    async with (
        running() as site,
        aiohttp.ClientSession(site.url) as browser,
        browser.get(path, headers={"Host": host}) as answer,
    ):
        problem = msgspec.json.decode(await answer.read(), type=ProblemView)

    assert answer.status == problem.status == 421
    assert answer.content_type == "application/problem+json"
    assert "connectors" not in problem.detail


async def test_a_configured_name_is_answered() -> None:
    async with (
        running(allowed_hosts=("depot.lan",)) as site,
        aiohttp.ClientSession(site.url) as browser,
        browser.get("/api/v1/site", headers={"Host": "depot.lan:80"}) as answer,
    ):
        assert answer.status == 200


@pytest.mark.parametrize("path", ["/api/v1/site", "/api/v1/events", "/api/v1/health"])
@pytest.mark.parametrize("where", ["cross-site", "same-site"])
async def test_a_script_of_another_site_gets_nothing(path: str, where: str) -> None:
    async with (
        running() as site,
        aiohttp.ClientSession(site.url) as browser,
        browser.get(path, headers={"Sec-Fetch-Site": where}) as answer,
    ):
        assert answer.status == 403


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("path", [*PATHS[:-1], "/api/v1/events", "/api/v1/commissioning"])
async def test_nothing_can_be_changed_without_a_token(method: str, path: str, tmp_path: Path) -> None:
    async with running(tmp_path) as site, aiohttp.ClientSession(site.url) as browser:
        async with browser.request(method, path, json={"minutes": 5}) as answer:
            problem = msgspec.json.decode(await answer.read(), type=ProblemView)

        assert answer.status == problem.status
        assert answer.status == (401 if path.endswith("commissioning") and method in ("POST", "DELETE") else 405)
        assert not site.commissioning.is_open()


async def test_the_files_of_the_page_are_asked_for_again_only_when_they_changed() -> None:
    async with running() as site, aiohttp.ClientSession(site.url) as browser:
        async with browser.get("/page.css") as first:
            etag = first.headers["ETag"]
        async with browser.get("/page.css", headers={"If-None-Match": etag}) as second:
            body = await second.read()

    assert first.headers["Cache-Control"] == "no-cache"
    assert (second.status, body) == (304, b"")


async def test_no_path_leads_out_of_the_page() -> None:
    async with running() as site:
        for path in (
            "/../server.py",
            "/%2e%2e/server.py",
            "/static/page.js",
            "/index.html/../../view.py",
            "//etc/passwd",
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
            writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            answer = await reader.read()
            writer.close()
            await writer.wait_closed()

            assert answer.startswith(b"HTTP/1.1 404"), path


async def test_our_own_mistake_costs_one_answer(caplog: pytest.LogCaptureFixture) -> None:
    async with running() as site, aiohttp.ClientSession(site.url) as browser:
        good = site.present.site
        site.present.site = None  # type: ignore[assignment]  # a bug of ours, as it might look
        async with browser.get("/api/v1/site") as answer:
            problem = msgspec.json.decode(await answer.read(), type=ProblemView)
        site.present.site = good
        async with browser.get("/api/v1/site") as after:
            assert after.status == 200

    assert answer.status == 500
    assert "Traceback" not in problem.detail
    assert re.search("request failed path=/api/v1/site", caplog.text)


async def test_rubbish_instead_of_http_is_refused_and_others_are_served() -> None:
    async with running() as site, aiohttp.ClientSession(site.url) as browser:
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
        writer.write(b"\x16\x03\x01\x02\x00" + b"\xff" * 2000 + b"\r\n\r\n")
        answer = await asyncio.wait_for(reader.read(), 5)
        writer.close()
        await writer.wait_closed()
        async with browser.get("/api/v1/health") as after:
            assert after.status == 200

    assert answer == b"" or answer.startswith((b"HTTP/1.1 400", b"HTTP/1.0 400"))


async def test_a_port_that_is_taken_is_named() -> None:
    async with running() as site:
        with pytest.raises(OSError, match=f"127.0.0.1 port {site.port}"):
            async with running(port=site.port):
                pass
