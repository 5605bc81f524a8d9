"""A transaction is closed by hand only when nothing speaks for a car that still charges."""

from __future__ import annotations

import asyncio

import pytest

from chargemon_edge.control.closing import Closing, NotClosedError
from chargemon_edge.ocpp.v16 import messages as m
from chargemon_edge.site import facts
from chargemon_edge.site.facts import Moment
from tests.unit.control.fakes import UTC_MS, House

START = m.StartTransactionRequest(connector_id=1, id_tag="CARD-A", meter_start=100, timestamp="2027-01-15T08:00:00Z")
AT = Moment(1000.0, UTC_MS)


class Scene(House):
    """CP1 has started transaction 77."""

    def __init__(self) -> None:
        super().__init__()
        self.closing = Closing(self.present, self.journal, self.clock)
        self.ask(START)

    def close(self, transaction_id: int = 77) -> bool:
        return asyncio.run(self.closing.close(transaction_id, "token A"))

    def says(self, status: str) -> None:
        fact = facts.StatusReported(at=AT, charge_point="CP1", connector=1, status=status, error_code="NoError")
        self.present.apply((fact,))

    def holds(self) -> None:
        held = facts.LimitHeld(
            at=AT,
            charge_point="CP1",
            connector=1,
            transaction_id=77,
            limit_ma=16_000,
            fallback_ma=6_000,
            lease_s=120.0,
            sent_mono_s=1000.0,
        )
        self.present.apply((held,))


def test_it_ends_durably_and_says_by_whom() -> None:
    scene = Scene()
    scene.says("Available")

    assert scene.close()
    stopped = scene.journal.committed[-1]
    assert isinstance(stopped, facts.TransactionStopped)
    assert (stopped.transaction_id, stopped.reason) == (77, "closed by hand (token A)")
    assert scene.present.picture.connector("CP1", 1).transaction is None


def test_its_late_stop_is_confirmed_and_kept() -> None:
    scene = Scene()
    scene.close()

    stop = m.StopTransactionRequest(meter_stop=900, timestamp="2027-01-15T09:00:00Z", transaction_id=77)
    assert isinstance(scene.ask(stop, raw=b"late")[0], m.StopTransactionResponse)
    assert isinstance(scene.journal.committed[-1], facts.StopKept)


@pytest.mark.parametrize("status", ["Charging", "SuspendedEV", "SuspendedEVSE"])
def test_one_that_goes_on_is_not_closed(status: str) -> None:
    scene = Scene()
    scene.says(status)

    with pytest.raises(NotClosedError, match="RemoteStopTransaction"):
        scene.close()
    assert scene.present.picture.connector("CP1", 1).transaction is not None


def test_out_of_reach_its_last_limit_must_have_run_out() -> None:
    scene = Scene()
    scene.says("Charging")
    scene.holds()
    scene.requests.link_closed("CP1", "gone")

    with pytest.raises(NotClosedError, match="try again in 125 s"):
        scene.close()
    scene.clock.now_s += 126
    assert scene.close()


def test_one_that_is_not_known_or_has_ended_is_said_to() -> None:
    scene = Scene()

    assert not scene.close(5)
    assert scene.close()
    with pytest.raises(NotClosedError, match="ended already"):
        scene.close()


def test_a_disk_that_fails_leaves_it_open() -> None:
    scene = Scene()
    scene.journal.at_once = False

    async def act() -> None:
        closing = asyncio.create_task(scene.closing.close(77, "token A"))
        await asyncio.sleep(0)
        scene.journal.flush(OSError("disk full"))
        with pytest.raises(OSError, match="disk full"):
            await closing

    asyncio.run(act())
    assert scene.present.picture.connector("CP1", 1).transaction is not None
