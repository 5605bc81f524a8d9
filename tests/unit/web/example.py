"""A site of six connectors behind 3 x 63 A, as facts made it: cars charging, waiting, paused, one charger away."""

from __future__ import annotations

from collections.abc import Iterable

from chargemon_edge.balancing.plan import CircuitUse, ConnectorLimit, Plan
from chargemon_edge.site import facts
from chargemon_edge.site.facts import Fact, Moment
from chargemon_edge.site.fold import apply
from chargemon_edge.site.layout import ChargePoint, Circuit, Connector, ConnectorKey, MeterPlace, Site
from chargemon_edge.site.picture import SitePicture
from chargemon_edge.site.units import ZERO, PerPhase, Rotation, same_on_all

START = Moment(1_000.0, 1_790_000_000_000)
TAG = "04A2B3C4D5"


def after(seconds: float) -> Moment:
    """Both clocks so long after the daemon's start."""
    return Moment(START.mono_s + seconds, START.utc_ms + round(seconds * 1000))


NOW = after(3_600.0)

SITE = Site(
    name="Depot Eastside",
    circuits=(
        Circuit(name="main", fuse_ma=same_on_all(63_000), margin_ma=3_000, background_ma=same_on_all(30_000)),
        Circuit(name="garage", parent="main", fuse_ma=same_on_all(40_000), margin_ma=1_000),
    ),
    charge_points=(
        ChargePoint(identity="GATE-1", connectors=(Connector(number=1, circuit="main"),)),
        ChargePoint(
            identity="GARAGE-A",
            connectors=(
                Connector(number=1, circuit="garage", rotation=Rotation.L2L3L1),
                Connector(number=2, circuit="garage", conductors=(True, False, False), rotation=Rotation.L3L1L2),
            ),
        ),
        ChargePoint(identity="GARAGE-B", connectors=(Connector(number=1, circuit="garage"),)),
        ChargePoint(identity="GARAGE-C", connectors=(Connector(number=1, circuit="garage", rotation=Rotation.L3L1L2),)),
        ChargePoint(identity="YARD", connectors=(Connector(number=1, circuit="main", max_ma=16_000),)),
    ),
    meters=(MeterPlace(name="grid", circuit="main"),),
)


def started(charge_point: str, connector: int, transaction_id: int, at: Moment, **changes: object) -> Fact:
    """A transaction with an accepted tag."""
    fields: dict[str, object] = {
        "at": at,
        "charge_point": charge_point,
        "connector": connector,
        "transaction_id": transaction_id,
        "id_tag": TAG,
        "id_tag_status": "Accepted",
        "meter_start_wh": 1_000_000,
        "started_utc_ms": at.utc_ms,
        "started_text": "2026-09-21T14:13:20Z",
    }
    return facts.TransactionStarted(**(fields | changes))  # type: ignore[arg-type]  # fields are given by name


def reported(charge_point: str, connector: int, current_ma: PerPhase, energy_wh: int, at: Moment) -> Fact:
    """Live values of a running transaction."""
    power_w = round(sum(current_ma) * 230 / 1000)
    return facts.ValuesReported(
        at=at,
        charge_point=charge_point,
        connector=connector,
        current_ma=current_ma,
        power_w=power_w,
        energy_wh=1_000_000 + energy_wh,
    )


def held(charge_point: str, connector: int, transaction_id: int, limit_ma: int, at: Moment) -> Fact:
    """A limit that the charger accepted, for two minutes."""
    return facts.LimitHeld(
        at=at,
        charge_point=charge_point,
        connector=connector,
        transaction_id=transaction_id,
        limit_ma=limit_ma,
        fallback_ma=6_000,
        lease_s=120,
        sent_mono_s=at.mono_s,
    )


def status(charge_point: str, connector: int, word: str, at: Moment, error_code: str = "NoError") -> Fact:
    """A StatusNotification."""
    return facts.StatusReported(
        at=at, charge_point=charge_point, connector=connector, status=word, error_code=error_code
    )


def meter_read(current_ma: PerPhase, at: Moment) -> Fact:
    """A good sample of the grid meter."""
    return facts.MeterRead(at=at, meter="grid", current_ma=current_ma, voltage_mv=same_on_all(231_000))


def story() -> list[Fact]:
    """All that happened until :data:`NOW`."""
    links = [
        facts.LinkOpened(at=after(4 + i), charge_point=one.identity, remote="10.0.0.2")
        for i, one in enumerate(SITE.charge_points)
    ]
    return [
        *links,
        facts.ChargePointBooted(
            at=after(5), charge_point="GATE-1", vendor="Acme", model="Wall 22", firmware_version="1.4"
        ),
        status("GATE-1", 1, "Charging", after(100)),
        started("GATE-1", 1, 11, after(99)),
        held("GATE-1", 1, 11, 16_000, after(3_560)),
        reported("GATE-1", 1, PerPhase(15_600, 15_500, 15_400), 10_420, after(3_592)),
        status("GARAGE-A", 1, "Charging", after(1_800)),
        started("GARAGE-A", 1, 12, after(1_800)),
        held("GARAGE-A", 1, 12, 13_000, after(3_570)),
        reported("GARAGE-A", 1, PerPhase(12_700, 12_600, 12_500), 3_150, after(3_595)),
        status("GARAGE-A", 2, "SuspendedEVSE", after(3_000)),
        started("GARAGE-A", 2, 13, after(2_990)),
        held("GARAGE-A", 2, 13, 0, after(3_580)),
        reported("GARAGE-A", 2, ZERO, 0, after(3_596)),
        status("GARAGE-B", 1, "SuspendedEV", after(3_100)),
        started("GARAGE-B", 1, 14, after(200)),
        held("GARAGE-B", 1, 14, 6_000, after(3_550)),
        reported("GARAGE-B", 1, ZERO, 22_870, after(3_597)),
        status("GARAGE-C", 1, "Available", after(10)),
        status("YARD", 1, "Available", after(11)),
        facts.LinkClosed(at=after(3_300), charge_point="YARD", reason="no sign of life for 75 s"),
        meter_read(PerPhase(52_300, 44_100, 39_800), after(3_599.2)),
    ]


def picture(more: Iterable[Fact] = ()) -> SitePicture:
    """The picture at :data:`NOW`, with *more* folded in."""
    folded = SitePicture(started=START)
    for fact in [*story(), *more]:
        folded = apply(folded, fact)
    return folded


def _limit(limit_ma: int, source: str, reason: str) -> ConnectorLimit:
    return ConnectorLimit(limit_ma=limit_ma, source=source, reason=reason)


PLAN = Plan(
    at_mono_s=NOW.mono_s - 4,
    armed=True,
    why="balancing",
    limits={
        ConnectorKey("GATE-1", 1): _limit(16_000, "main", "shared fuse 'main' on L1"),
        ConnectorKey("GARAGE-A", 1): _limit(14_000, "garage", "shared fuse 'garage' on L2"),
        ConnectorKey("GARAGE-A", 2): _limit(0, "waiting", "waiting: turn 1 of 1 on 'main', L3"),
        ConnectorKey("GARAGE-B", 1): _limit(6_000, "car", "car takes no current; minimum kept ready"),
        ConnectorKey("GARAGE-C", 1): _limit(0, "idle", "no car"),
        ConnectorKey("YARD", 1): _limit(6_000, "fail-safe", "offline: fallback current is reserved"),
    },
    circuits={
        "main": CircuitUse(
            fuse_ma=same_on_all(63_000),
            usable_ma=same_on_all(60_000),
            background_ma=PerPhase(24_100, 15_900, 11_700),
            reserved_ma=same_on_all(6_000),
            granted_ma=same_on_all(36_000),
        ),
        "garage": CircuitUse(
            fuse_ma=same_on_all(40_000),
            usable_ma=same_on_all(39_000),
            background_ma=ZERO,
            reserved_ma=ZERO,
            granted_ma=same_on_all(20_000),
        ),
    },
)
