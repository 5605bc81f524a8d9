"""Who gets a RemoteStartTransaction after an accepted card: models that wait for one, and nobody twice."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from chargemon_edge.control.ports import Answered
from chargemon_edge.control.present import Present
from chargemon_edge.control.remote_start import RemoteStart
from chargemon_edge.ocpp.v16 import messages as m
from chargemon_edge.sim.virtual_loop import run_virtually
from chargemon_edge.site import facts
from chargemon_edge.site.cards import TagRules
from chargemon_edge.site.facts import Moment
from chargemon_edge.site.picture import SitePicture
from tests.unit.control.fakes import UTC_MS, FakeChargePoints, FakeClock, FakeModels, two_chargers

AT = Moment(1000.0, UTC_MS)
PREPARING = facts.StatusReported(at=AT, charge_point="CP1", connector=1, status="Preparing", error_code="NoError")
ACCEPTED = Answered(response=m.RemoteStartTransactionResponse(status="Accepted"), sent_mono_s=0.0)


def shown(id_tag: str = "CARD_SN1", status: str = "Accepted") -> facts.IdTagPresented:
    return facts.IdTagPresented(at=AT, charge_point="CP1", id_tag=id_tag, status=status)


def started() -> facts.TransactionStarted:
    return facts.TransactionStarted(
        at=AT,
        charge_point="CP1",
        connector=1,
        transaction_id=1,
        id_tag="CARD",
        id_tag_status="Accepted",
        meter_start_wh=0,
        started_utc_ms=None,
        started_text="",
    )


def sent(*new: facts.Fact, quiet: bool = False, later: tuple[facts.Fact, ...] = (), **quirks: Any) -> list[m.Request]:
    charge_points = FakeChargePoints({"RemoteStartTransaction": ACCEPTED})
    site = two_chargers()
    if quiet:
        quieter = tuple(msgspec.structs.replace(one, quiet=True) for one in site.charge_points)
        site = msgspec.structs.replace(site, charge_points=quieter)
    present = Present(site, SitePicture(started=AT))

    async def scene() -> None:
        remote_start = RemoteStart(
            present=present,
            charge_points=charge_points,
            clock=FakeClock(),
            models=FakeModels(**quirks),
            rules_of=lambda _charge_point: TagRules(cut_at="_"),
        )
        running = asyncio.create_task(remote_start.run())
        await asyncio.sleep(0)
        present.apply(new)
        await asyncio.sleep(1)
        present.apply(later)
        await asyncio.sleep(10)
        present.apply([fact for fact in new if isinstance(fact, facts.IdTagPresented)])
        await asyncio.sleep(10)
        running.cancel()

    run_virtually(scene())
    return [request for _, request in charge_points.asked]


def test_the_connector_that_waits_is_started_once_for_the_plain_card() -> None:
    assert sent(PREPARING, shown(), remote_start=True) == [
        m.RemoteStartTransactionRequest(connector_id=1, id_tag="CARD")
    ]


def test_nobody_else_is_started() -> None:
    assert sent(PREPARING, shown()) == []
    assert sent(PREPARING, shown(), remote_start=True, quiet=True) == []
    assert sent(PREPARING, shown(status="Blocked"), remote_start=True) == []
    assert sent(shown(), remote_start=True) == []
    assert sent(PREPARING, shown(), remote_start=True, later=(started(),)) == []
