"""Discovery messages: as Home Assistant documents them, with templates that find what is published and ask for what is
understood."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from jinja2 import Environment
from msgspec.structs import replace

from chargemon_edge.site.layout import Site
from chargemon_edge.upstream import site_states
from chargemon_edge.upstream.home_assistant import pages
from chargemon_edge.upstream.requests import Command, LimitArguments, LimitWish
from chargemon_edge.upstream.settings import UpstreamSettings, mistakes
from tests.unit.upstream.home_assistant_schema import complaints
from tests.unit.web.example import NOW, PLAN, SITE, picture

SETTINGS = UpstreamSettings(
    name="home",
    host="localhost",
    site="hof-7",
    home_assistant="homeassistant",
    commands=("limit", "availability"),
    limit=True,
    failsafe_a=16.0,
)
PICTURE = picture()
# as Home Assistant has them
TEMPLATES = Environment()
TEMPLATES.globals.update(
    now=lambda: datetime(2026, 11, 25, 12, tzinfo=UTC),
    utcnow=lambda: datetime(2026, 11, 25, 12, tzinfo=UTC),
    timedelta=timedelta,
)


def told(settings: UpstreamSettings = SETTINGS, site: Site = SITE) -> dict[str, Any]:
    """The messages by the device's part of the topic."""
    return {topic.split("/")[3]: json.loads(payload) for topic, payload in pages(site, settings).items()}


def published(topic: str) -> Any:
    """What is said on a topic of the example site."""
    if topic.endswith("/state"):
        body: Any = site_states.state_body(SITE, PICTURE, PLAN, NOW)
    else:
        identity = topic.rpartition("/")[2]
        wired, entry = SITE.charge_point_by_identity[identity], PICTURE.charge_points.get(identity)
        body = site_states.charge_point_body(identity, wired, entry or site_states.UNHEARD_CHARGE_POINT, PLAN, NOW)
    return json.loads(msgspec.json.encode(body))


def test_the_site_its_circuits_and_charge_points_are_devices() -> None:
    found = told()

    assert set(found) == {
        "site",
        *(f"circuit-{circuit.name}" for circuit in SITE.circuits),
        *(f"cp-{one.identity}" for one in SITE.charge_points),
    }
    for page in found.values():
        assert page["device"].get("via_device", "cm-hof-7-site") == "cm-hof-7-site"
    unique = [one["unique_id"] for page in found.values() for one in page["components"].values()]
    assert len(set(unique)) == len(unique)


def test_every_message_is_what_home_assistant_takes() -> None:
    odd = replace(SITE.charge_points[0], identity="Tor 1/ä'\"")
    site = replace(SITE, charge_points=(odd, *SITE.charge_points[1:]))

    for topic, payload in pages(site, SETTINGS).items():
        assert complaints(topic, payload) == []


def test_a_message_that_it_does_not_take_is_found() -> None:
    topic, payload = next(iter(pages(SITE, SETTINGS).items()))
    good = json.loads(payload)

    assert complaints("homeassistant/device/a b/config", payload) != []
    assert complaints(topic, json.dumps({**good, "origin": {}}).encode()) != []
    for wrong in (
        {"platform": "sensor"},
        {"platform": "sensor", "unique_id": "x", "device_class": "power"},
        {"platform": "switch", "unique_id": "x"},
    ):
        assert complaints(topic, json.dumps({**good, "components": {"x": wrong}}).encode()) != []


def test_the_templates_find_what_is_published() -> None:
    seen: dict[str, str] = {}
    for device, page in told().items():
        for key, one in page["components"].items():
            body = published(page["state_topic"])
            seen[f"{device} {key}"] = TEMPLATES.from_string(one["value_template"]).render(value_json=body)

    state = published("cm/v1/hof-7/state")
    assert seen["site vehicles_power"] == str(state["ev"]["p"])
    # what is not known stays unknown
    assert seen["site grid_power"] == "None"
    assert seen["site grid_l2"] == str(state["grid"]["i"][1])
    assert seen["site limit_source"] == state["limit"]["src"]
    assert seen["circuit-garage offered_l1"] == str(state["circuits"][1]["offered"][0])
    assert seen["circuit-garage measured_l1"] == "None"
    garage = published("cm/v1/hof-7/cp/GARAGE-A")["conns"]
    assert seen["cp-GARAGE-A c2_status"] == garage[1]["st"]
    assert seen["cp-GARAGE-A c1_power"] == str(garage[0]["p"])
    assert seen["cp-GARAGE-A c1_car"] == "ON"
    assert seen["cp-GARAGE-A c1_enabled"] == "Operative"
    assert float(seen["cp-YARD c1_limit"]) == 16.0


def test_what_is_set_is_a_command_that_is_understood() -> None:
    components = told()["cp-GARAGE-A"]["components"]

    def rendered(key: str, value: object) -> bytes:
        return TEMPLATES.from_string(components[key]["command_template"]).render(value=value).encode()

    limit = msgspec.json.decode(rendered("c2_limit", 10), type=Command)
    assert (limit.op, limit.tgt.cp, limit.tgt.c, limit.by) == ("limit", "GARAGE-A", 2, "Home Assistant")
    assert msgspec.convert(limit.args, LimitArguments).a == 10
    switch = msgspec.json.decode(rendered("c1_enabled", components["c1_enabled"]["payload_off"]), type=Command)
    assert (switch.op, switch.args) == ("availability", {"type": "Inoperative"})
    site = told()["site"]["components"]["set_limit"]
    wish = msgspec.json.decode(
        TEMPLATES.from_string(site["command_template"]).render(value=20).encode(), type=LimitWish
    )
    assert wish.a == [20, 20, 20]
    assert wish.until == "2026-11-26T12:00:00+00:00"


def test_only_what_is_allowed_is_offered() -> None:
    found = told(replace(SETTINGS, commands=(), limit=False))

    platforms = {one["platform"] for page in found.values() for one in page["components"].values()}
    assert platforms == {"sensor", "binary_sensor"}


@pytest.mark.parametrize("changes", [{"home_assistant": "a/b"}, {"state": False}, {"retain": False}])
def test_settings_that_cannot_work_are_refused(changes: dict[str, Any]) -> None:
    assert mistakes(SETTINGS) == []
    assert len(mistakes(replace(SETTINGS, **changes))) == 1
