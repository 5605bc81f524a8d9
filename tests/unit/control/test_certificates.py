"""Charge points' certificates: who is asked for a new one and when, and what is told of those that end."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace

from chargemon_edge.control.certificates import ASK_AGAIN_S, DAY_MS, Certificates, ending
from chargemon_edge.control.certification import Authority, Due
from chargemon_edge.control.ports import Answered
from chargemon_edge.control.present import Present
from chargemon_edge.ocpp.v16 import messages as m
from chargemon_edge.site.access_facts import CertificateIssued, CertificateTaken
from chargemon_edge.site.facts import Fact, Moment
from chargemon_edge.site.layout import Site
from chargemon_edge.site.picture import SitePicture
from tests.unit.control.fakes import UTC_MS, FakeChargePoints, FakeClock, FakeJournal, two_chargers
from tests.unit.keys.certificates import SetClock, keyring

AT = Moment(1000.0, UTC_MS)
RENEW_DAYS = 60
ENDS_UTC_MS = UTC_MS + 100 * DAY_MS


def issued(charge_point: str = "CP1", serial: str = "a1", ends_utc_ms: int = ENDS_UTC_MS) -> CertificateIssued:
    return CertificateIssued(at=AT, charge_point=charge_point, serial=serial, ends_utc_ms=ends_utc_ms, sha256="00")


def taken(charge_point: str = "CP1", serial: str = "a1") -> CertificateTaken:
    return CertificateTaken(at=AT, charge_point=charge_point, serial=serial)


class Desk:
    """Certificates of two linked charge points; CP1 has one that ends in a hundred days."""

    def __init__(
        self,
        *facts: Fact,
        authority: Authority | None = None,
        site: Site | None = None,
        known: frozenset[str] = frozenset(("CP1", "CP2")),
    ) -> None:
        self.clock = FakeClock()
        refused = m.ExtendedTriggerMessageResponse(status="Rejected")
        self.charge_points = FakeChargePoints({"ExtendedTriggerMessage": Answered(response=refused, sent_mono_s=0.0)})
        self.certificates = Certificates(
            present=Present(site or two_chargers(), SitePicture(started=AT)),
            journal=FakeJournal(),
            charge_points=self.charge_points,
            clock=self.clock,
            authority=authority,
            knows=known.__contains__,
            renew_days=RENEW_DAYS,
            restored=facts or (issued(), taken()),
        )

    def after_days(self, days: float) -> Desk:
        """The same, that long after the beginning."""
        self.clock.now_s = 1000.0 + days * 86_400
        return self

    def due(self) -> list[str]:
        return self.certificates.due()

    def ending(self, authority: Authority | None = None) -> list[Due]:
        return ending(authority, self.certificates, self.clock.utc_ms())


@pytest.mark.parametrize(("days", "due"), [(0, []), (39.9, []), (40, ["CP1"]), (100, ["CP1"]), (400, ["CP1"])])
def test_it_is_due_from_renew_days_before_its_end_and_stays_so(days: float, due: list[str]) -> None:
    assert Desk().after_days(days).due() == due


def test_only_a_certificate_that_was_taken_is_renewed() -> None:
    assert Desk(issued()).after_days(99).due() == []
    assert Desk(issued(), taken(serial="another")).after_days(99).due() == []


def test_the_newest_that_was_taken_counts() -> None:
    newer = issued(serial="b2", ends_utc_ms=ENDS_UTC_MS + 365 * DAY_MS)

    assert Desk(issued(), taken(), newer).after_days(99).due() == ["CP1"]
    assert Desk(issued(), taken(), newer, taken(serial="b2")).after_days(99).due() == []


def test_who_is_away_is_asked_when_it_comes_back() -> None:
    desk = Desk().after_days(50)
    desk.charge_points.links.clear()
    assert desk.due() == []

    desk.charge_points.links.add("CP1")
    assert desk.due() == ["CP1"]


def test_a_quiet_charge_point_is_never_asked() -> None:
    site = two_chargers()
    quiet = replace(site, charge_points=tuple(replace(one, quiet=True) for one in site.charge_points))

    assert Desk(site=quiet).after_days(99).due() == []


def test_one_that_refuses_is_asked_once_a_day(tmp_path: Path) -> None:
    desk = Desk(authority=keyring(tmp_path)).after_days(50)

    async def first_look() -> None:
        running = asyncio.create_task(desk.certificates.run())
        while not desk.charge_points.asked:
            await asyncio.sleep(0)
        running.cancel()
        await asyncio.wait([running])

    asyncio.run(first_look())

    assert [identity for identity, _ in desk.charge_points.asked] == ["CP1"]
    assert desk.due() == []
    desk.clock.now_s += ASK_AGAIN_S - 1
    assert desk.due() == []
    desk.clock.now_s += 1
    assert desk.due() == ["CP1"]


def test_a_charge_points_certificate_is_told_once_renewing_has_not_worked_for_long() -> None:
    due = Due(use="CP1", of_charge_point=True, ends_utc_ms=ENDS_UTC_MS)

    assert Desk().after_days(79.9).ending() == []
    assert Desk().after_days(80).ending() == [due]
    assert Desk().after_days(400).ending() == [due]


def test_a_charge_point_that_is_gone_raises_no_alarm_for_ever() -> None:
    assert Desk(known=frozenset()).after_days(400).ending() == []


def test_this_systems_own_are_told_soonest_first(tmp_path: Path) -> None:
    ring, begun_ms = keyring(tmp_path), SetClock().utc_ms()
    desk = Desk(known=frozenset())

    def uses_after(days: float) -> list[str]:
        return [one.use for one in ending(ring, desk.certificates, begun_ms + round(days * DAY_MS))]

    assert uses_after(825 - RENEW_DAYS - 1) == []
    assert uses_after(825 - 1) == ["server ecdsa", "server rsa"]
    assert uses_after(20 * 365 - 364) == ["server ecdsa", "server rsa", "root ecdsa", "root rsa"]
