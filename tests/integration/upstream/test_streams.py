"""Replays and telemetry over a real broker; several upstreams, each from its own place; what a broker refuses."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from pathlib import Path

import pytest

from chargemon_edge.control.ports import moment
from chargemon_edge.site import facts
from chargemon_edge.site.facts import Moment
from chargemon_edge.site.units import PerPhase
from chargemon_edge.site.upstream_facts import UpstreamHeard
from chargemon_edge.upstream import bridge, event_stream
from tests.integration.upstream.broker import Broker, listening
from tests.integration.upstream.running import Running, running, settings
from tests.waiting import until

REPLAY = "cm/v1/hof-7/in/replay"


async def test_what_is_missing_comes_again_and_what_is_not_there_is_said(tmp_path: Path, broker: Broker) -> None:
    with listening(broker) as operator:
        async with running(tmp_path, settings(broker.port)) as site:
            for number in range(1, 10):
                await site.commit(site.started(number))
            await until(lambda: len(operator.on("/hof-7/ev")) == 10)
            ep = operator.on("/hof-7/ev")[0].body["ep"]
            operator.say(REPLAY, {"id": "replay-001", "stream": "ev", "ep": ep, "from": 4, "to": 12, "max_rate": 200})
            await until(
                lambda: bool(operator.on("/ev/replay")) and operator.on("/ev/replay")[-1].body["k"] == "replay.end"
            )
            told = [message.body for message in operator.on("/ev/replay")]
            operator.say(REPLAY, {"id": "replay-002", "stream": "ev", "ep": 17, "from": 1, "to": 2})
            await until(lambda: len(operator.on("/ev/replay")) == len(told) + 2)

    originals = {message.body["s"]: message.body for message in operator.on("/hof-7/ev")}
    assert [one["s"] for one in told[:7]] == [4, 5, 6, 7, 8, 9, 10]
    for one in told[:7]:
        assert one.pop("rp") == "replay-001"
        original = dict(originals[one["s"]])
        original.pop("hist", None)
        assert one == original
    assert {name: told[7][name] for name in ("k", "why", "first", "last", "ep")} == {
        "k": "gap",
        "why": "not yet",
        "first": 11,
        "last": 12,
        "ep": ep,
    }
    assert (told[8]["k"], told[8]["sent"]) == ("replay.end", 7)
    assert operator.on("/ev/replay")[len(told)].body["why"] == "never was"


async def test_each_upstream_hears_what_it_wants_from_its_own_place(tmp_path: Path, broker: Broker) -> None:
    everything = settings(broker.port)
    starts = settings(broker.port, name="billing", site="hof-8", events=("tx.*",), state=False, telemetry=False)
    with listening(broker) as operator:
        async with running(tmp_path, everything) as site:
            await site.commit(site.started(1))
            await until(lambda: len(operator.on("/hof-7/ev")) == 2)
        async with running(tmp_path, everything, starts) as site:
            for number in range(2, 5):
                site.happen(
                    facts.StatusReported(
                        at=moment(site.clock),
                        charge_point="YARD",
                        connector=1,
                        status=f"S{number}",
                        error_code="NoError",
                    )
                )
                await site.commit(site.started(number))
            await until(lambda: len(operator.on("/hof-8/ev")) == 6 and len(operator.on("/hof-7/ev")) == 9)
            await until(lambda: all(one.backlog == 0 for one in site.uplink.standings()))

    heard = [message.body for message in operator.on("/hof-8/ev")]
    assert [one["k"] for one in heard] == ["sys.start", "tx.start", "sys.start", "tx.start", "tx.start", "tx.start"]
    # by the numbers passed over nothing seems to be missing
    last = dict.fromkeys({one["ep"] for one in heard}, 0)
    for one in heard:
        assert one["s"] == last[one["ep"]] + 1 + one.get("skip", 0)
        last[one["ep"]] = one["s"]
    assert sum(one.get("skip", 0) for one in heard) == 3


async def test_what_the_broker_refuses_is_counted_said_and_goes_when_it_takes_it(
    tmp_path: Path, broker: Broker
) -> None:
    """This mosquitto also hangs up on whoever publishes where it may not."""
    rules = tmp_path / "acl"
    own = [f"topic write cm/v1/hof-7/{one}" for one in ("status", "info", "state", "cp/+")]
    rules.write_text("\n".join(("topic read #", "user cm", "topic read cm/v1/hof-7/in/#", *own, "")))
    broker.stop()
    broker.configure((f"acl_file {rules}", "allow_anonymous true"))
    broker.start()
    with listening(broker) as operator:
        async with running(tmp_path, settings(broker.port, username="cm"), roll=0.02) as site:
            await until(
                lambda: "refused cm/v1/hof-7/ev: not authorised (0x87)" in (site.uplink.standings()[0].error or "")
            )
            standing = site.uplink.standings()[0]
            assert standing.refused["not authorised (0x87)"] >= 1
            assert standing.backlog == 1
            assert operator.on("/ev") == []
            rules.write_text("topic read #\nuser cm\ntopic readwrite cm/v1/hof-7/#\n")
            broker.reload()
            await until(lambda: bool(operator.on("/ev")))
            await until(lambda: site.uplink.standings()[0].backlog == 0)


async def test_where_nobody_listens_events_wait_if_that_is_wanted(
    tmp_path: Path, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "HELD_FIRST_S", 0.3)
    async with running(tmp_path, settings(broker.port, hold_if_no_subscriber=True)) as site:
        await until(lambda: site.uplink.standings()[0].without_subscriber > 0)
        await until(lambda: "nobody has subscribed" in (site.uplink.standings()[0].error or ""))
        assert site.uplink.standings()[0].backlog == 1
        with listening(broker) as operator:
            await until(lambda: bool(operator.on("/ev")), 20)
            await until(lambda: site.uplink.standings()[0].backlog == 0)


async def test_telemetry_comes_by_the_minute_in_columns(tmp_path: Path, broker: Broker) -> None:
    """Of the two minutes before: as after an outage, and when it is asked for."""
    async with running(tmp_path) as site:
        now = moment(site.clock)
        for minutes in (2, 1):
            at = Moment(now.mono_s - 60 * minutes, now.utc_ms - 60_000 * minutes)
            for power_w in (7000, 7400):
                values = facts.ValuesReported(
                    at=at,
                    charge_point="YARD",
                    connector=1,
                    transaction_id=7,
                    current_ma=PerPhase(10_000, 11_000, 0),
                    power_w=power_w,
                    energy_wh=1500 + power_w,
                )
                site.happen(values)
        first = now.utc_ms // 60_000 - 2
        site.happen(UpstreamHeard(at=now, upstream="operator", number=0, minute=first))
    with listening(broker) as operator:
        async with running(tmp_path, settings(broker.port)) as site:
            await until(lambda: len(operator.on("/tm/replay")) == 2)
            wish = {"id": "replay-tm1", "stream": "tm", "from": first - 1, "to": first, "max_rate": 200}
            operator.say(REPLAY, wish)
            await until(lambda: len(operator.on("/tm/replay")) == 5)

    batches = [message.body for message in operator.on("/tm/replay")]
    assert [(one["s"], one["prev"], one["step"], one["hist"]) for one in batches[:2]] == [
        (first, first, 60, True),
        (first + 1, first + 1, 60, True),
    ]
    assert dict(zip(batches[0]["cols"], batches[0]["rows"][0], strict=True)) == {
        "cp": "YARD",
        "c": 1,
        "tx": 7,
        "p": 7200,
        "i1": 10.0,
        "i2": 11.0,
        "i3": 0.0,
        "reg": 8900,
        "n": 2,
    }
    assert (batches[2]["k"], batches[2]["why"], batches[2]["last"]) == ("gap", "no longer kept", first - 1)
    assert batches[3]["rows"] == batches[0]["rows"]
    assert batches[4]["k"] == "replay.end"


async def test_warnings_go_to_whoever_wants_them(tmp_path: Path, broker: Broker) -> None:
    handlers = list(logging.getLogger("chargemon_edge").handlers)
    with listening(broker) as operator:
        async with running(
            tmp_path, settings(broker.port, log=True), settings(broker.port, name="other", site="hof-8")
        ) as site:
            await until(lambda: len(operator.on("/status")) == 2)
            await asyncio.to_thread(logging.getLogger("chargemon_edge.store").warning, "disk is short left=%d", 7)
            await until(lambda: bool(operator.on("/log")))
            assert site.uplink.standings()[0].refused == {}

    (said,) = operator.on("/log")
    assert (said.topic, said.retain) == ("cm/v1/hof-7/log", False)
    assert {name: said.body[name] for name in ("level", "code", "text")} == {
        "level": "warning",
        "code": "disk_is_short",
        "text": "disk is short left=7",
    }
    assert logging.getLogger("chargemon_edge").handlers == handlers


ACK = "cm/v1/hof-7/in/ack"


def held(site: Running) -> dict[str, int]:
    """Whom the disk keeps events for."""
    with contextlib.closing(sqlite3.connect(site.directory / "site.db")) as disk:
        return dict(disk.execute("SELECT upstream, number FROM upstream_hold"))


async def test_what_is_stored_upstream_is_remembered(
    tmp_path: Path, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bridge, "CURSOR_S", 0.05)
    sure = settings(broker.port, retain_until_ack=True)
    with listening(broker) as operator:
        async with running(tmp_path, sure, settings(broker.port, name="other", site="hof-8")) as site:
            await site.commit(site.started(1))
            await until(lambda: len(operator.on("/hof-7/ev")) == 2)
            assert held(site) == {"operator": 0}
            ep = operator.on("/hof-7/ev")[0].body["ep"]
            for wrong in (b"[]", b"", {"ev": {"ep": ep, "s": 9}}, {"ev": {"ep": ep - 1, "s": 1}}, {"ev": {"ep": ep}}):
                operator.say(ACK, wrong)
            # of an upstream that is not asked: nothing
            operator.say("cm/v1/hof-8/in/ack", {"ev": {"ep": ep, "s": 1}})
            await until(lambda: len(operator.on("/res")) == 4)
            assert {(one.body["id"], one.body["code"]) for one in operator.on("/res")} == {("ack", "malformed")}
            await site.commit(site.started(2))
            assert held(site) == {"operator": 0}
            operator.say(ACK, {"ev": {"ep": ep, "s": 2}}, retain=True)
            await until(lambda: held(site) == {"operator": ep + 2})
        # a later run knows it, also before the broker says it again; less than before changes nothing
        async with running(tmp_path, sure) as site:
            assert site.store.restored.upstream.holding == {"operator": ep + 2}
            await until(lambda: site.uplink.standings()[0].connected)
            operator.say(ACK, {"ev": {"ep": ep, "s": 1}}, retain=True)
            operator.say("cm/v1/hof-7/in/cmd", {})
            await until(lambda: len(operator.on("/res")) == 5)
            await site.commit(site.started(3))
            assert held(site) == {"operator": ep + 2}
            # it is not wanted any more
            site.uplink.replace((settings(broker.port),))
            await until(lambda: held(site) == {})
