"""Facts into the picture: what a reader took stays as it was, and a part asked for alone is the part of the whole."""

from __future__ import annotations

import random

import msgspec

from chargemon_edge.site import facts
from chargemon_edge.site.facts import Fact, Moment
from chargemon_edge.site.fold import Fold, apply
from chargemon_edge.site.picture import ChargePointPicture, SitePicture
from chargemon_edge.site.units import same_on_all

IDENTITIES = ("CP1", "CP2", "CP3")


def at(number: int) -> Moment:
    return Moment(float(number), 1_700_000_000_000 + number)


def some_fact(rng: random.Random, number: int) -> Fact:
    """One of the kinds that change the picture, for one of a few places."""
    now, charge_point, connector = at(number), rng.choice(IDENTITIES), rng.randrange(3)
    values = facts.ValuesReported(
        at=now,
        charge_point=charge_point,
        connector=connector,
        energy_wh=rng.choice((None, number)),
        live=number % 2 > 0,
    )
    started = facts.TransactionStarted(
        at=now,
        charge_point=charge_point,
        connector=connector,
        transaction_id=rng.randrange(4),
        id_tag="TAG",
        id_tag_status="Accepted",
        meter_start_wh=number,
        started_utc_ms=None,
        started_text="",
    )
    stopped = facts.TransactionStopped(
        at=now,
        charge_point=charge_point,
        connector=connector,
        transaction_id=rng.randrange(4),
        meter_stop_wh=None,
        stopped_utc_ms=None,
        reason="Local",
    )
    status = facts.StatusReported(
        at=now, charge_point=charge_point, connector=connector, status="Charging", error_code="NoError"
    )
    held = facts.FailSafeHeld(at=now, charge_point=charge_point, connector=connector, fallback_ma=number)
    opened = facts.LinkOpened(at=now, charge_point=charge_point, remote="192.0.2.1:1")
    closed = facts.LinkClosed(at=now, charge_point=charge_point, reason="gone")
    read = facts.MeterRead(at=now, meter="grid", current_ma=same_on_all(number))
    lost = facts.MeterLost(at=now, meter="grid", reason="silent")
    kept = facts.StopKept(at=now, charge_point=charge_point, transaction_id=9, doubt="unknown", raw=b"{}")
    presented = facts.IdTagPresented(at=now, charge_point=charge_point, id_tag="TAG", status="Accepted")
    return rng.choice((values, started, stopped, status, held, opened, closed, read, lost, kept, presented))


def running_on(entry: ChargePointPicture | None, transaction_id: int) -> int | None:
    """The slow way: by the finished picture."""
    connectors = {} if entry is None else entry.connectors
    running = {number: one.transaction for number, one in connectors.items() if one.transaction is not None}
    return next((number for number, one in running.items() if one.transaction_id == transaction_id), None)


def test_the_picture_does_not_depend_on_who_looked_meanwhile() -> None:
    rng = random.Random(7)
    fold = Fold(SitePicture(started=at(0)))
    one_by_one = SitePicture(started=at(0))
    taken: list[tuple[SitePicture, bytes]] = []
    for number in range(1, 600):
        fact = some_fact(rng, number)
        fold.add(fact)
        one_by_one = apply(one_by_one, fact)
        for identity in IDENTITIES:
            entry = one_by_one.charge_points.get(identity)
            apart = fold.apart(identity)
            assert (apart is None) == (entry is None)
            if apart is not None and entry is not None:
                assert msgspec.structs.replace(apart, connectors=entry.connectors) == entry
            assert [fold.running_on(identity, number) for number in range(4)] == [
                running_on(entry, number) for number in range(4)
            ]
            assert fold.charge_point(identity) == entry
            for connector in range(3):
                assert fold.connector(identity, connector) == one_by_one.connector(identity, connector)
        if rng.random() < 0.2:
            assert fold.picture == one_by_one
            taken.append((fold.picture, msgspec.json.encode(fold.picture)))

    assert all(msgspec.json.encode(picture) == as_taken for picture, as_taken in taken)
    assert len({as_taken for _, as_taken in taken}) > 50


def test_what_did_not_change_is_the_same_object() -> None:
    fold = Fold(SitePicture(started=at(0)))
    for identity in IDENTITIES:
        fold.add(facts.LinkOpened(at=at(1), charge_point=identity, remote="192.0.2.1:1"))
    before = fold.picture

    fold.add(facts.StatusReported(at=at(2), charge_point="CP2", connector=1, status="Faulted", error_code="Other"))
    after = fold.picture

    assert fold.picture is after
    assert after.charge_points["CP1"] is before.charge_points["CP1"]
    assert before.connector("CP2", 1).status is None
    assert after.connector("CP2", 1).status == "Faulted"


def test_a_fact_that_changes_nothing_leaves_the_picture_alone() -> None:
    fold = Fold(SitePicture(started=at(0)))
    before = fold.picture

    fold.add(facts.IdTagPresented(at=at(1), charge_point="CP1", id_tag="TAG", status="Invalid"))
    fold.add(facts.ValuesReported(at=at(2), charge_point="CP1", connector=1, live=False))

    assert fold.picture is before
