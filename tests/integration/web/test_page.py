"""The page in a real browser: what is shown, that it lives, that it stays inert and at home.

Needs Chromium; without one these tests are skipped, and the reason names the package.
"""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Route, ViewportSize, async_playwright, expect

from chargemon_edge import SUPPORTED_UNTIL, __version__
from chargemon_edge.site import facts
from chargemon_edge.site.facts import Moment
from chargemon_edge.site.token_facts import Role
from chargemon_edge.site.units import PerPhase, same_on_all
from tests.integration.web.running import Running, running
from tests.unit.web.example import PLAN, held, meter_read, reported, started, status

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine (Debian package: chromium)"),
    # one loop and one browser for the whole file: starting one takes longer than most of these tests
    pytest.mark.asyncio(loop_scope="module"),
]

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PHONE: ViewportSize = {"width": 360, "height": 780}
DESK: ViewportSize = {"width": 1280, "height": 900}


class Watched:
    """A page, and everything about it that must not happen."""

    def __init__(self, page: Page, site: Running) -> None:
        self.page = page
        self.site = site
        self.complaints: list[str] = []
        # complaints that the test brings about on purpose contain one of these
        self.meant: tuple[str, ...] = ()
        page.on("console", lambda message: self.complaints.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("dialog", lambda dialog: self.complaints.append(f"dialog: {dialog.message}"))

    async def guard(self, route: Route) -> None:
        """No request may leave this machine."""
        if route.request.url.startswith(f"{self.site.url}/"):
            await route.continue_()
        else:
            self.complaints.append(f"request to {route.request.url}")
            await route.abort()

    def now(self) -> Moment:
        """By the site's clock."""
        return Moment(self.site.clock.monotonic_s(), self.site.clock.utc_ms())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """One Chromium for all tests; each opens its own private window."""
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield chromium
        await chromium.close()


@asynccontextmanager
async def opened(browser: Browser, viewport: ViewportSize = DESK, scheme: Any = "light") -> AsyncIterator[Watched]:
    """The page of a running server, after its first snapshot; fails at the end if anything was complained about."""
    async with running() as site:
        page = await browser.new_page(viewport=viewport, color_scheme=scheme)
        watched = Watched(page, site)
        await page.route("**/*", watched.guard)
        await page.goto(site.url)
        await expect(page.locator("#connectors article")).to_have_count(6)
        try:
            yield watched
        finally:
            await page.close()
        assert [one for one in watched.complaints if not any(part in one for part in watched.meant)] == []


def card(page: Page, label: str) -> Any:
    """The card of a fuse or a connector."""
    return page.locator("article").filter(has=page.get_by_role("heading", name=label, exact=True))


@pytest.mark.demand("S29")
async def test_the_page_shows_the_site_and_follows_it(browser: Browser) -> None:
    async with opened(browser) as watched:
        page, site = watched.page, watched.site
        gate = card(page, "GATE-1")
        await expect(page.get_by_role("heading", level=1)).to_have_text("Depot Eastside")
        await expect(gate.locator(".chip")).to_have_text("Charging")
        await expect(gate.locator(".figures strong").first).to_have_text("16.0 A")
        await expect(gate.locator(".phase .value strong")).to_have_text(["15.6", "15.5", "15.4"])
        await expect(gate.locator(".reason")).to_have_text("Shared fuse 'main' on L1")
        await expect(card(page, "GARAGE-A/2").locator(".phase:visible")).to_have_count(1)
        await expect(card(page, "main").locator(".phase .value strong")).to_have_text(["52.3", "44.1", "39.8"])
        await expect(page.locator(".alarm", has_text="YARD is offline")).to_have_count(1)
        software = f"chargemon-edge {__version__} · security updates until {SUPPORTED_UNTIL}"
        await expect(page.locator("#software")).to_have_text(software)

        at = watched.now()
        site.present.apply(
            [
                meter_read(PerPhase(64_000, 61_000, -2_000), at),
                held("GATE-1", 1, 11, 9_000, at),
                reported("GATE-1", 1, same_on_all(8_900), 10_500, at),
                started("GARAGE-C", 1, 15, at),
                status("GARAGE-C", 1, "Charging", at),
                facts.LinkOpened(at=at, charge_point="YARD", remote="10.0.0.2"),
            ]
        )
        main = card(page, "main")
        await expect(main.locator(".phase .value strong")).to_have_text(["64.0", "61.0", "−2.0"], timeout=1_500)
        await expect(main.locator(".remark")).to_have_text(["over the fuse", "in the margin", "feeding in"])
        await expect(main.locator(".age")).to_have_text(re.compile(r"Meter read \d\.\d s ago"))
        await expect(gate.locator(".figures strong").first).to_have_text("9.0 A")
        await expect(gate.locator(".next")).to_have_text("16.0 A next")
        await expect(card(page, "GARAGE-C")).to_contain_text("The charger reports no current")
        await expect(card(page, "YARD").locator(".chip")).to_have_text("Free")
        await expect(page.locator(".alarm.critical")).to_contain_text("main: L1 above the fuse of 63 A.")


async def test_old_numbers_do_not_look_new(browser: Browser) -> None:
    async with opened(browser) as watched:
        page, main = watched.page, card(watched.page, "main")
        at = watched.now()
        aged = Moment(at.mono_s - 8, at.utc_ms - 8_000)
        watched.site.present.apply([meter_read(same_on_all(20_000), aged)])
        await expect(main.locator(".age")).to_have_text(re.compile(r"No data for 8\.\d s"))
        await expect(main).to_have_class(re.compile(r"\bold\b"))

        watched.site.present.apply([facts.MeterLost(at=at, meter="grid", reason="no answer")])

        await expect(page.locator(".alarm.critical")).to_contain_text("Meter grid is lost: no answer.")
        # the last reading keeps its place, greyed; its age counts on between the snapshots
        await expect(main.locator(".phase .value strong").first).to_have_text("20.0")
        await expect(main.locator(".age")).to_have_text(re.compile(r"No data for (9\.\d|1\d) s"), timeout=3_000)


async def test_the_page_says_within_five_seconds_that_the_daemon_is_gone(browser: Browser) -> None:
    async with opened(browser, PHONE) as watched:
        page, banner = watched.page, watched.page.locator("#connection")
        await expect(banner).to_be_hidden()
        began_s = asyncio.get_running_loop().time()
        await watched.site.server.stop()
        await expect(banner).to_be_visible(timeout=5_000)
        took_s = asyncio.get_running_loop().time() - began_s
        text = await banner.inner_text()
        grey = await page.locator("body").get_attribute("class")
        # the browser itself reports the refused connections
        watched.meant = ("ERR_",)

        assert took_s < 5
        assert re.match(r"Connection to the system lost\. What you see is .* old\.", text)
        assert grey == "silent"

        # back under the same address: the page finds it by itself
        async with running(port=watched.site.port):
            await expect(banner).to_be_hidden(timeout=8_000)
            await expect(page.locator("body")).to_have_class("")


HOSTILE = [
    "<script>document.title='owned'</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "javascript:alert(1)",
    "=cmd|' /C calc'!A0",
    "</script><b>bold</b>",
    "line\nbreak\x00\x1b[2J\u202ertl",
    "{{7*7}} ${7*7} %s",
]


@pytest.mark.demand("S16")
async def test_text_from_chargers_stays_text(browser: Browser) -> None:
    async with opened(browser) as watched:
        page, at = watched.page, watched.now()
        text = " ".join(HOSTILE)
        watched.site.present.apply(
            [
                facts.ChargePointBooted(at=at, charge_point="GATE-1", vendor=text, model=text),
                started("GATE-1", 1, 11, at, id_tag=text),
                facts.StatusReported(
                    at=at, charge_point="GATE-1", connector=1, status="Faulted", error_code=text, info=text
                ),
                facts.LimitRefused(at=at, charge_point="GATE-1", connector=1, limit_ma=9_000, outcome=text),
                facts.LinkOpened(at=at, charge_point=text, remote="10.0.0.9", known=False),
                facts.MeterLost(at=at, meter="grid", reason=text),
            ]
        )
        limits = {key: msgspec.structs.replace(limit, reason=text) for key, limit in PLAN.limits.items()}
        watched.site.present.set_plan(msgspec.structs.replace(PLAN, limits=limits, why=text))
        shown = card(page, "GATE-1")
        await expect(shown.locator(".trouble")).to_contain_text(text.splitlines()[0], use_inner_text=False)

        assert await page.title() == "Depot Eastside"
        assert await page.locator("article script, article img, article b, #alarms b, #alarms img").count() == 0
        assert await page.evaluate("[...document.querySelectorAll('*')].every((e) => !e.onload && !e.onerror)")


async def test_the_policy_of_the_page_is_in_force(browser: Browser) -> None:
    async with opened(browser) as watched:
        await watched.page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=alert(1)>')")
        await expect(watched.page.locator("img")).to_have_js_property("complete", True)
        blocked = [one for one in watched.complaints if "Content Security Policy" in one]
        watched.meant = ("Content Security Policy", "404")

        assert len(blocked) == 1


# every text against what is painted behind it (WCAG 2.2, 1.4.3: 4.5 to 1)
CONTRASTS = """() => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b]
    .map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (e) => {
    for (; e; e = e.parentElement) {
      const colour = parse(getComputedStyle(e).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  return [...document.querySelectorAll('body *')]
    .filter((e) => e.checkVisibility() && [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()))
    .map((e) => {
      const [a, b] = [light(parse(getComputedStyle(e).color)), light(behind(e))].sort((x, y) => y - x);
      return [e.textContent, (a + 0.05) / (b + 0.05)];
    })
    .filter(([_text, ratio]) => ratio < 4.5);
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_everything_can_be_read_on_a_small_phone(browser: Browser, scheme: str) -> None:
    async with opened(browser, PHONE, scheme) as watched:
        page, at = watched.page, watched.now()
        watched.site.present.apply(
            [
                meter_read(PerPhase(64_000, 61_000, 100_000), at),
                facts.StopKept(at=at, charge_point="YARD", transaction_id=9, doubt="unknown", raw=b""),
                facts.LinkOpened(at=at, charge_point="X" * 48, remote="10.0.0.9", known=False),
                facts.LimitRefused(at=at, charge_point="GATE-1", connector=1, limit_ma=9_000, outcome="NotSupported"),
            ]
        )
        await expect(page.locator(".alarm.critical")).to_have_count(1)

        assert await page.evaluate("document.documentElement.scrollWidth") == 360
        assert await page.evaluate(CONTRASTS) == []


async def test_a_hidden_tab_closes_its_stream_and_a_shown_one_opens_it(browser: Browser) -> None:
    async with opened(browser) as watched:
        page, api = watched.page, watched.site.server._api
        assert api.stream.listeners == 1
        hide = "(hidden) => { Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});"
        hide += " document.dispatchEvent(new Event('visibilitychange')); }"
        await page.evaluate(hide, True)
        async with asyncio.timeout(5):
            while api.stream.listeners:
                # the server notices at the next snapshot
                watched.site.present.apply([meter_read(same_on_all(1_000), watched.now())])
                await asyncio.sleep(0.05)
        await page.evaluate(hide, False)
        async with asyncio.timeout(5):
            while not api.stream.listeners:
                await asyncio.sleep(0.05)


async def test_from_elsewhere_the_page_wants_a_token_and_keeps_it_in_its_tab(browser: Browser) -> None:
    async with running() as site:
        right = await site.token(Role.VIEWER)
        page = await browser.new_page(viewport=PHONE)
        # what comes through a proxy does not come from this machine
        await page.set_extra_http_headers({"X-Forwarded-For": "192.0.2.7"})
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        await page.goto(site.url)
        field, cards = page.get_by_label("Access token"), page.locator("#connectors article")
        await expect(field).to_be_visible()
        await expect(cards).to_have_count(0)
        assert await page.evaluate(CONTRASTS) == []
        await field.fill("cme_wrong")
        await field.press("Enter")
        await expect(page.locator("#login .trouble")).to_contain_text("not known")
        await expect(cards).to_have_count(0)

        await field.fill(f" {right} ")
        await field.press("Enter")

        await expect(cards).to_have_count(6)
        await expect(field).to_be_hidden()
        site.present.apply([meter_read(same_on_all(33_000), Moment(site.clock.monotonic_s(), site.clock.utc_ms()))])
        await expect(card(page, "main").locator(".phase .value strong").first).to_have_text("33.0", timeout=1_500)
        await page.reload()
        await expect(cards).to_have_count(6)
        assert not [url for url in asked if "cme_" in url]
        await site.tokens.revoke("somebody", "a test")
        await page.reload()
        await expect(field).to_be_visible()
        await page.close()
