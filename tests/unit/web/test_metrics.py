"""Figures for a monitoring system: as its format wants them, and those of the site."""

from __future__ import annotations

import re

from chargemon_edge.control.upstream_records import Place, UpstreamStanding
from chargemon_edge.web.resources.metrics import text
from chargemon_edge.web.view import site_view
from tests.unit.web.example import NOW, PLAN, SITE, picture

AWAY = UpstreamStanding(
    name='odd "name"',
    broker="broker.example:8883",
    connected=False,
    since_utc_ms=NOW.utc_ms - 60_000,
    mqtt=None,
    head=Place(1, 12),
    acknowledged=Place(1, 5),
    backlog=7,
    oldest_utc_ms=NOW.utc_ms - 90_000,
    connections=3,
    refused={"not authorised (0x87)": 2},
    without_subscriber=4,
    error="cannot reach it",
    rival=False,
)


def test_every_figure_has_its_line_and_its_meaning() -> None:
    page = text(site_view(SITE, picture(), PLAN, NOW, 7), (AWAY,))
    lines = page.splitlines()
    labels = r'\{(\w+="([^"\\]|\\.)*",?)+\}'

    assert page.endswith("\n")
    for line in lines:
        assert re.fullmatch(rf"# (HELP|TYPE) chargemon_\w+ .+|chargemon_\w+({labels})? [0-9.e+-]+", line)
    assert f"chargemon_charge_points {len(SITE.charge_points)}" in lines
    assert 'chargemon_uplink_backlog_events{upstream="odd \\"name\\""} 7' in lines
    assert 'chargemon_uplink_oldest_seconds{upstream="odd \\"name\\""} 90' in lines
    assert 'chargemon_uplink_refused_total{upstream="odd \\"name\\"",reason="not authorised (0x87)"} 2' in lines
    assert 'chargemon_uplink_connected{upstream="odd \\"name\\""} 0' in lines


def test_what_there_is_none_of_has_no_line() -> None:
    assert "uplink" not in text(site_view(SITE, picture(), PLAN, NOW, 7), ())


def test_an_operator_that_is_away_for_long_refuses_or_has_a_rival_raises_an_alarm() -> None:
    def codes(**changes: object) -> set[str]:
        members = {name: getattr(AWAY, name) for name in AWAY.__struct_fields__} | changes
        view = site_view(SITE, picture(), PLAN, NOW, 7, upstreams=(UpstreamStanding(**members),))
        return {alarm.code for alarm in view.alarms if alarm.code.startswith("uplink")}

    assert codes() == set()
    assert codes(since_utc_ms=NOW.utc_ms - 600_000) == {"uplink_lost"}
    assert codes(connected=True, error=None) == set()
    assert codes(connected=True) == {"uplink_refused"}
    assert codes(connected=True, error=None, rival=True) == {"uplink_rival"}
