"""The terminal's view: 80 columns, and no control sequence of a charger ever reaches the terminal."""

from __future__ import annotations

import msgspec
import pytest

from chargemon_edge import SUPPORTED_UNTIL, __version__
from chargemon_edge.site import facts
from chargemon_edge.site.layout import Circuit, Site
from chargemon_edge.site.picture import SitePicture
from chargemon_edge.site.units import same_on_all
from chargemon_edge.web.status import WIDTH, render_status
from chargemon_edge.web.view import site_view
from tests.unit.web.example import NOW, PLAN, SITE, START, picture, status


def test_status_tells_the_site_in_eighty_columns() -> None:
    text = render_status(site_view(SITE, picture(), PLAN, NOW, 7))

    assert max(len(line) for line in text.splitlines()) <= WIDTH
    assert "meter grid: good, read 0.8 s ago" in text
    assert "main                       52.3 A   44.1 A   39.8 A  63 A" in text
    assert "GATE-1             Charging                     16.0 A         15.6 15.5 15.4 A" in text
    assert "shared fuse 'main' on L1" in text
    assert "WARNING: YARD is offline" in text


@pytest.mark.demand("S29")
def test_status_ends_with_the_version_and_the_end_of_its_support() -> None:
    text = render_status(site_view(SITE, picture(), PLAN, NOW, 7))

    assert text.endswith(f"\nchargemon-edge {__version__}, security updates until {SUPPORTED_UNTIL}\n")


@pytest.mark.demand("S16")
def test_texts_from_outside_cannot_steer_the_terminal() -> None:
    hostile = "\x1b[2J\x1b]0;owned\x07 no car\r\n"
    limits = {key: msgspec.structs.replace(limit, reason=hostile) for key, limit in PLAN.limits.items()}
    lost = facts.MeterLost(at=NOW, meter="grid", reason=hostile)
    faulted = status("GATE-1", 1, "Faulted", NOW, error_code=hostile)
    plan = msgspec.structs.replace(PLAN, limits=limits, why=hostile)

    text = render_status(site_view(SITE, picture([lost, faulted]), plan, NOW, 7))

    assert all(sign.isprintable() or sign == "\n" for sign in text)


def test_an_empty_site_says_so() -> None:
    site = Site(circuits=(Circuit(name="main", fuse_ma=same_on_all(63_000)),))

    text = render_status(site_view(site, SitePicture(started=START), None, NOW, 0))

    assert "no charge points are configured" in text
    assert "starting" in text
