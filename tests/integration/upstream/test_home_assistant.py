"""The site in Home Assistant, on a real mosquitto: devices come, can be set, come again when asked, and go."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from tests.integration.upstream.broker import Broker, Operator, listening
from tests.integration.upstream.running import running, settings
from tests.unit.web.example import SITE
from tests.waiting import until

OWN = "homeassistant/device/cm-hof-7/"


def devices(operator: Operator) -> dict[str, bytes]:
    """The latest of each; those that were removed are not there."""
    found = {one.topic.removeprefix(OWN): one.payload for one in operator.messages if one.topic.startswith(OWN)}
    return {topic.removesuffix("/config"): payload for topic, payload in found.items() if payload}


async def test_devices_come_and_go(tmp_path: Path, broker: Broker) -> None:
    upstream = settings(broker.port, home_assistant="homeassistant", commands=("limit",))
    count = 1 + len(SITE.circuits) + len(SITE.charge_points)
    with listening(broker) as operator:
        # left by an earlier configuration
        operator.say(
            f"{OWN}cp-OLD/config",
            {
                "device": {"identifiers": ["x"]},
                "origin": {"name": "x"},
                "components": {"x": {"platform": "sensor", "unique_id": "x"}},
            },
            retain=True,
        )
        operator.say(
            "homeassistant/device/cm-other/cp-OTHER/config",
            {
                "device": {"identifiers": ["y"]},
                "origin": {"name": "x"},
                "components": {"x": {"platform": "sensor", "unique_id": "y"}},
            },
            retain=True,
        )
        async with running(tmp_path, upstream) as site:
            await until(lambda: len(devices(operator)) == count and "cp-OLD" not in devices(operator))
            assert "cp-YARD" in devices(operator)

            said = len(operator.on("/config"))
            operator.say("homeassistant/status", b"online")
            await until(lambda: len(operator.on("/config")) == said + count)

            # the charge point at the yard is taken down
            site.present.site = replace(SITE, charge_points=SITE.charge_points[:-1])
            await until(lambda: "cp-YARD" not in devices(operator))
            assert len(devices(operator)) == count - 1

    with listening(broker, identifier="late") as late:
        assert late.wait(lambda: len(devices(late)) == count - 1)
        assert all(one.retain for one in late.messages)
        # that of another site is left alone
        assert late.wait(lambda: any(one.topic.startswith("homeassistant/device/cm-other") for one in late.messages))
