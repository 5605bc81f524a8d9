"""What others let the site draw: from the broker into the picture, and out again only slowly."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chargemon_edge.control import site_limits
from chargemon_edge.site.units import PerPhase
from chargemon_edge.upstream import retained
from tests.integration.upstream.broker import Broker, Operator, listening
from tests.integration.upstream.running import running, settings
from tests.waiting import until

LIMIT = "cm/v1/hof-7/in/limit"
GROUP = "cm/v1/_g/north/limit"


def until_in(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")


def in_force(operator: Operator) -> dict[str, Any]:
    found = operator.on("/hof-7/state")
    return found[-1].body["limit"] if found else {}


async def test_a_limit_is_in_force_until_its_end_then_the_failsafe_then_slowly_nothing(
    tmp_path: Path, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    # looks often: the rules of how often are not what is shown here
    for module in (site_limits, retained):
        monkeypatch.setattr(module, "LOOK_S", 0.3)
    monkeypatch.setattr(retained, "GATHER_S", 0.1)
    upstream = settings(
        broker.port,
        limit=True,
        group="north",
        failsafe_a=20.0,
        failsafe_min_s=1,
        recovery_spread_s=0.0,
        ramp_a_per_min=6000.0,
        pace="live",
    )
    with listening(broker) as operator:
        async with running(tmp_path, upstream) as site:
            await until(lambda: bool(in_force(operator)))
            operator.say(LIMIT, {"n": 5, "until": until_in(3), "a": [32.0, 30.0, 24.0], "by": "desk"}, retain=True)
            await until(lambda: in_force(operator)["src"] == "upstream")
            assert in_force(operator) | {"until": ""} == {
                "a": [32.0, 30.0, 24.0],
                "src": "upstream",
                "n": 5,
                "until": "",
            }
            operator.say(LIMIT, {"n": 5, "until": until_in(60), "a": [40.0, 40.0, 40.0]})
            operator.say(LIMIT, {"n": 6, "until": until_in(-60), "a": [40.0, 40.0, 40.0]})
            operator.say(LIMIT, {"n": 7, "until": "later"})
            await until(lambda: len(operator.on("/res")) == 4)
            assert [(one.body["state"], one.body.get("code")) for one in operator.on("/res")] == [
                ("done", None),
                ("rejected", "old_number"),
                ("rejected", "expired"),
                ("rejected", "malformed"),
            ]
            # nobody renews it
            await until(lambda: in_force(operator)["src"] == "failsafe")
            assert in_force(operator)["a"] == [20.0, 20.0, 20.0]
            await until(lambda: in_force(operator)["src"] == "fuse")
            await until(lambda: site.present.picture.limits == {})

    kinds = [message.body["k"] for message in operator.on("/ev") if message.body["k"].startswith("limit.")]
    assert kinds == ["limit.set", "limit.failsafe", "limit.ended"]


async def test_the_least_of_several_counts_and_outlives_a_restart(tmp_path: Path, broker: Broker) -> None:
    upstream = settings(broker.port, limit=True, group="north", failsafe_a=10.0)
    with listening(broker) as operator:
        operator.say(GROUP, {"n": 1, "until": until_in(600), "a": [40.0, 20.0, 40.0]}, retain=True)
        async with running(tmp_path, upstream) as site:
            await until(lambda: bool(in_force(operator)) and in_force(operator)["src"] == "group")
            operator.say(LIMIT, {"n": 9, "until": until_in(600), "a": [30.0, 30.0, 30.0]})
            await until(lambda: in_force(operator)["a"] == [30.0, 20.0, 30.0])
            numbers = [limit.n for limit in site.present.picture.limits.values()]
        async with running(tmp_path, upstream) as site:
            assert {limit.source: limit.current_ma for limit in site.present.picture.limits.values()} == {
                "upstream operator": PerPhase(30_000, 30_000, 30_000),
                "group north": PerPhase(40_000, 20_000, 40_000),
            }
            await until(lambda: site.uplink.standings()[0].connected)
            # the retained one of the group comes again, and is not taken again
            await until(lambda: len(operator.on("/ev")) >= 4)
            assert [limit.n for limit in site.present.picture.limits.values()] == sorted(numbers)

    assert sum(message.body["k"] == "limit.set" for message in operator.on("/ev")) == 2


async def test_an_upstream_that_may_not_limit_the_site_does_not(tmp_path: Path, broker: Broker) -> None:
    with listening(broker) as operator:
        async with running(tmp_path, settings(broker.port)) as site:
            await until(lambda: bool(in_force(operator)))
            operator.say(LIMIT, {"n": 5, "until": until_in(60), "a": [1.0, 1.0, 1.0]})
            await until(lambda: bool(operator.on("/res")))
            assert operator.on("/res")[0].body["code"] == "not_allowed"
            assert site.present.picture.limits == {}
