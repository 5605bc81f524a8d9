"""A raise whose charge point stays silent or away, in virtual time: it ends, and never with every way closed."""

from __future__ import annotations

import asyncio
from typing import Any

from chargemon_edge.control.certificates import Certificates
from chargemon_edge.control.key_rotation import KeyRotation
from chargemon_edge.control.ports import Answered, Offline, Outcome, TimedOut
from chargemon_edge.control.raise_steps import Step
from chargemon_edge.control.raising import LINK_S, RECONNECT_S, Raising, Wish
from chargemon_edge.ocpp.v16 import messages as m
from chargemon_edge.sim.virtual_loop import run_virtually
from chargemon_edge.site.access_facts import AccessRecord
from tests.unit.control.fakes import FakeChargePoints, FakeClock
from tests.unit.control.test_access_book import OLD, Desk, record

TAKES = Answered(response=m.ChangeConfigurationResponse(status="Accepted"), sent_mono_s=0.0)
RESETS = Answered(response=m.ResetResponse(status="Accepted"), sent_mono_s=0.0)
INSTALLS = Answered(response=m.InstallCertificateResponse(status="Accepted"), sent_mono_s=0.0)
OBEYS: dict[str, Outcome] = {"ChangeConfiguration": TAKES, "Reset": RESETS, "InstallCertificate": INSTALLS}


class Climb:
    """CP1 on profile 1 on its way to 2, with a charge point that answers as it is told to."""

    def __init__(self, **answers: Outcome) -> None:
        self.desk = Desk(record(security_profile=1, password_hash=OLD))
        self.charger = FakeChargePoints({**OBEYS, **answers})
        rotation = KeyRotation(self.desk.book, self.charger)
        certificates = Certificates(
            present=self.desk.present,
            journal=self.desk.journal,
            charge_points=self.charger,
            clock=FakeClock(),
            authority=None,
            knows=lambda _: True,
            renew_days=30,
        )
        self.raising = Raising(
            present=self.desk.present,
            charge_points=self.charger,
            book=self.desk.book,
            rotation=rotation,
            certificates=certificates,
            authority=None,
            configured=lambda _: 1,
            served=frozenset((0, 1, 2)),
        )

    @property
    def record(self) -> AccessRecord:
        found = self.desk.book.find("CP1")
        assert found is not None
        return found

    async def __aenter__(self) -> Climb:
        self._running = asyncio.create_task(self.raising.run())
        self.raising.begin(Wish(charge_point="CP1", to=2, by="a test", settings={"Address": "wss://box"}))
        return self

    async def __aexit__(self, *_how: Any) -> None:
        self._running.cancel()
        await asyncio.wait([self._running])

    def stands(self) -> tuple[str | None, int | None, int | None]:
        return self.record.raise_step, self.record.raising_to, self.record.security_profile


def test_one_that_does_not_come_back_is_overdue_and_finds_both_ways_open() -> None:
    async def main() -> None:
        async with Climb() as climb:
            await asyncio.sleep(RECONNECT_S - 1.0)
            assert climb.stands() == (Step.RECONNECT.value, 2, 1)
            await asyncio.sleep(2.0)
            assert climb.stands() == (Step.OVERDUE.value, 2, 1)
            # weeks later
            await asyncio.sleep(30 * 86_400.0)
            assert climb.stands() == (Step.OVERDUE.value, 2, 1)
            climb.desk.login(2, None)
            assert climb.stands() == (Step.DONE.value, None, 2)

    run_virtually(main())


def test_one_that_comes_in_time_is_done_at_once() -> None:
    async def main() -> None:
        async with Climb() as climb:
            await asyncio.sleep(1.0)
            climb.desk.login(2, None)
            assert climb.stands() == (Step.DONE.value, None, 2)
            await asyncio.sleep(2 * RECONNECT_S)
            assert climb.stands() == (Step.DONE.value, None, 2)

    run_virtually(main())


def test_a_profile_that_is_not_answered_may_have_been_taken() -> None:
    async def main() -> None:
        climb = Climb(ChangeConfiguration=TimedOut())
        # the settings before it are answered; only the profile is not
        climb.raising.begin(Wish(charge_point="CP1", to=2, by="a test"))
        running = asyncio.create_task(climb.raising.run())
        await asyncio.sleep(1.0)
        assert climb.stands() == (Step.RECONNECT.value, 2, 1)
        assert "Reset" not in [request.action for _, request in climb.charger.asked]
        running.cancel()
        await asyncio.wait([running])

    run_virtually(main())


def test_a_setting_that_is_not_answered_ends_it_with_the_old_way_alone() -> None:
    async def main() -> None:
        async with Climb(ChangeConfiguration=TimedOut()) as climb:
            await asyncio.sleep(1.0)
            assert climb.stands() == (Step.FAILED.value, None, 1)

    run_virtually(main())


def test_one_that_goes_in_between_is_awaited_for_a_while_and_then_asked_all_the_same() -> None:
    async def main() -> None:
        async with Climb(ChangeConfiguration=Offline()) as climb:
            climb.charger.links.clear()
            await asyncio.sleep(LINK_S - 1.0)
            assert climb.charger.asked == []
            await asyncio.sleep(LINK_S + 2.0)
            assert climb.stands() == (Step.FAILED.value, None, 1)

    run_virtually(main())
