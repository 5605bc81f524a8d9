"""The site on a real mosquitto: what it says of itself, and every event exactly once in order."""

from __future__ import annotations

from pathlib import Path

from chargemon_edge.control.ports import moment
from chargemon_edge.site import facts
from tests.integration.upstream.broker import Broker, Operator, listening
from tests.integration.upstream.running import running, settings
from tests.waiting import until


def places(operator: Operator) -> list[tuple[int, int]]:
    """Of the events that came, without what came again."""
    found = dict.fromkeys((message.body["ep"], message.body["s"]) for message in operator.on("/ev"))
    return list(found)


async def test_the_site_says_that_it_is_there_and_what_it_is(tmp_path: Path, broker: Broker) -> None:
    with listening(broker) as operator:
        async with running(tmp_path, settings(broker.port)) as site:
            await until(lambda: operator.on("/cp/YARD") and operator.on("/ev"))
            site.happen(
                facts.StatusReported(
                    at=moment(site.clock), charge_point="YARD", connector=1, status="Charging", error_code="NoError"
                )
            )
            await until(lambda: operator.on("/cp/YARD")[-1].body["conns"][0].get("st") == "Charging")
            standing = site.uplink.standings()[0]

        assert operator.wait(lambda: operator.on("/status")[-1].body["why"] == "stopping")
        status = [message.body for message in operator.on("/status")]
        assert [(one["online"], one["why"]) for one in status] == [(True, "connected"), (False, "stopping")]
        info = operator.on("/info")[0].body
        assert [one["cp"] for one in info["cps"]] == [one.identity for one in site.present.site.charge_points]
        assert operator.on("/state")[0].body["limit"]["src"] == "fuse"
        assert operator.on("/ev")[0].body["k"] == "sys.start"
        assert (standing.connected, standing.mqtt, standing.backlog, standing.error) == (True, "5", 0, None)

    # who comes later finds what was retained
    with listening(broker, identifier="late") as late:
        assert late.wait(lambda: bool(late.on("/status")))
        assert late.on("/status")[0].retain
        assert late.on("/status")[0].body["online"] is False


async def test_every_event_comes_once_in_order_also_those_of_an_outage(tmp_path: Path, broker: Broker) -> None:
    with listening(broker) as operator:
        async with running(tmp_path, settings(broker.port)) as site:
            await until(lambda: site.uplink.standings()[0].connected)
            for number in range(1, 101):
                await site.commit(site.started(number))
            await until(lambda: len(places(operator)) == 101)
            broker.stop()
            for number in range(101, 301):
                await site.commit(site.started(number))
            await until(lambda: not site.uplink.standings()[0].connected)
            assert site.uplink.standings()[0].error is not None
            broker.start()
            await until(lambda: len(places(operator)) == 301, 30)
            await until(lambda: site.uplink.standings()[0].backlog == 0)
        # a restart goes on where the cursor stands
        async with running(tmp_path, settings(broker.port)) as site:
            await site.commit(site.started(301))
            await until(lambda: len(places(operator)) == 303)

    found = places(operator)
    (first, second) = sorted({ep for ep, _ in found})
    assert found == [*((first, s) for s in range(1, 302)), (second, 1), (second, 2)]
    events = [message.body for message in operator.on("/ev")]
    begun = next(event for event in events if event["ep"] == second)
    assert (begun["k"], begun["d"]["previous_ep"], begun["d"]["previous_s"]) == ("sys.start", first, 301)
    started = {event["d"]["transaction_id"] for event in events if event["k"] == "tx.start"}
    assert started == set(range(1, 302))
    assert any(event.get("hist") for event in events)


async def test_what_waits_is_counted_in_events_over_restarts(tmp_path: Path, broker: Broker) -> None:
    upstream = settings(broker.port, keepalive_s=60)
    for first in (1, 11):
        async with running(tmp_path, settings(1)) as site:
            for number in range(first, first + 10):
                await site.commit(site.started(number))
    with listening(broker) as operator:
        async with running(tmp_path, upstream) as site:
            await until(lambda: site.uplink.standings()[0].connected and operator.on("/status"))
            await until(lambda: site.uplink.standings()[0].backlog == 0)
    # three starts, and two times ten transactions
    assert operator.on("/status")[0].body["outbox"]["ev"] == 23


async def test_upstreams_come_and_go_while_others_go_on(tmp_path: Path, broker: Broker) -> None:
    one, other = settings(broker.port), settings(broker.port, name="second", site="hof-8")
    with listening(broker) as operator:
        async with running(tmp_path, one) as site:
            await until(lambda: len(operator.on("/hof-7/ev")) == 1)
            # else it would tell it again, as it may
            await until(lambda: site.uplink.standings()[0].acknowledged.s == 1)
            site.uplink.replace((one, other))
            await until(lambda: len(operator.on("/hof-8/ev")) == 1)
            site.uplink.replace((other,))
            await until(lambda: operator.on("/hof-7/status")[-1].body["why"] == "stopping")
            await site.commit(site.started(1))
            await until(lambda: len(operator.on("/hof-8/ev")) == 2)
            # whoever comes back goes on from its place
            site.uplink.replace((other, one))
            await until(lambda: len(operator.on("/hof-7/ev")) == 2)
            assert [standing.connections for standing in site.uplink.standings()] == [1, 1]

    assert [message.body["s"] for message in operator.on("/hof-7/ev")] == [1, 2]
