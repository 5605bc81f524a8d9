"""The picture of the site → the retained messages, and when one says enough that is new. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import UNSET, UnsetType

from chargemon_edge.balancing.plan import Plan
from chargemon_edge.ocpp.timestamps import format_utc
from chargemon_edge.site.facts import Moment, ValuesReported
from chargemon_edge.site.layout import ChargePoint, Circuit, ConnectorKey, Site
from chargemon_edge.site.picture import ChargePointPicture, ConnectorPicture, SitePicture
from chargemon_edge.site.site_limit import SiteLimit, cap
from chargemon_edge.site.units import ZERO, PerPhase, same_on_all, site_phases, to_site_frame
from chargemon_edge.upstream.bodies import (
    Balancing,
    ChargePointInfo,
    ChargePointState,
    CircuitInfo,
    CircuitState,
    ConnectorInfo,
    ConnectorState,
    Grid,
    LimitInForce,
    Phases,
    State,
    Vehicles,
    known,
)
from chargemon_edge.upstream.settings import Pace

# a charge point's own figures do not count as present after this
VALUES_OLD_S = 120.0


class Rhythm(msgspec.Struct, frozen=True, kw_only=True):
    """How often what is sent."""

    state_s: float
    """The shortest time between two states of the site; a new limit goes at once."""
    metering_s: float
    """… between two messages of a charge point with nothing new but measured values."""
    telemetry_s: int
    state_refresh_s: float = 300.0
    charge_point_refresh_s: float = 900.0
    status_refresh_s: float = 300.0


RHYTHMS: Mapping[Pace, Rhythm] = {
    "live": Rhythm(state_s=5, metering_s=10, telemetry_s=60),
    "normal": Rhythm(state_s=15, metering_s=30, telemetry_s=60),
    "lte": Rhythm(state_s=60, metering_s=300, telemetry_s=300),
}


def amperes(current_ma: PerPhase) -> Phases:
    """mA as the messages have it: A to one decimal."""
    return (round(current_ma.l1 / 1000, 1), round(current_ma.l2 / 1000, 1), round(current_ma.l3 / 1000, 1))


def state_body(site: Site, picture: SitePicture, plan: Plan | None, now: Moment) -> State | None:
    """The site at a glance; None while it is not described."""
    if not site.circuits:
        return None
    charging = waiting = 0
    current_ma, power_w = ZERO, 0
    for key, connector in site.connectors.items():
        entry = picture.connector(key.charge_point, key.number)
        if entry.transaction is None:
            continue
        limit = None if plan is None else plan.limits.get(key)
        if limit is not None and limit.limit_ma == 0:
            waiting += 1
        else:
            charging += 1
        values = present_values(entry, now)
        if values is not None and values.current_ma is not None:
            current_ma = current_ma.plus(to_site_frame(connector.rotation, values.current_ma))
        if values is not None and values.power_w is not None:
            power_w += values.power_w
    return State(
        ts=format_utc(now.utc_ms),
        ev=Vehicles(i=amperes(current_ma), p=power_w),
        limit=limit_in_force(site, tuple(picture.limits.values()), now),
        bal=Balancing(why="starting" if plan is None else plan.why, charging=charging, waiting=waiting),
        circuits=tuple(_circuit(circuit, site, picture, plan) for circuit in site.circuits),
        grid=_grid(site, picture, now),
    )


def _circuit(circuit: Circuit, site: Site, picture: SitePicture, plan: Plan | None) -> CircuitState:
    use = None if plan is None else plan.circuits.get(circuit.name)
    meters = [picture.meters.get(place.name) for place in site.meters if place.circuit == circuit.name]
    read = next((one.latest for one in meters if one is not None and one.lost_reason is None), None)
    return CircuitState(
        name=circuit.name,
        offered=UNSET if use is None else amperes(use.granted_ma),
        i=UNSET if read is None else amperes(read.current_ma),
    )


def _grid(site: Site, picture: SitePicture, now: Moment) -> Grid | UnsetType:
    name = next((place.name for place in site.meters if place.circuit == site.root.name), None)
    meter = None if name is None else picture.meters.get(name)
    if meter is None or meter.latest is None or meter.lost_reason is not None:
        return UNSET
    latest = meter.latest
    return Grid(
        i=amperes(latest.current_ma),
        age=round(max(0.0, now.mono_s - latest.at.mono_s), 1),
        p=UNSET if latest.power_w is None else sum(latest.power_w),
    )


def limit_in_force(site: Site, limits: Sequence[SiteLimit], now: Moment) -> LimitInForce:
    """What bounds the site: its main fuse, its installer's power limit, or somebody upstream."""
    root = site.root
    fuse_ma = root.fuse_ma.minus(same_on_all(root.margin_ma))
    found = cap(tuple(limits), now.mono_s)
    lowered = found.current_ma is not None and fuse_ma.smallest(found.current_ma) != fuse_ma
    power_w = found.power_w
    by = found.current_source if lowered else None
    if root.max_power_w is not None and (power_w is None or root.max_power_w < power_w):
        power_w = root.max_power_w
    elif by is None and power_w is not None:
        by = found.power_source
    current_ma = fuse_ma if found.current_ma is None else fuse_ma.smallest(found.current_ma)
    if by is None:
        return LimitInForce(
            a=amperes(current_ma), src="fuse" if root.max_power_w is None else "config", p=known(power_w)
        )
    in_force = by.stage == "in force"
    return LimitInForce(
        a=amperes(current_ma),
        src=by.kind if in_force else "failsafe",
        p=known(power_w),
        n=by.n,
        until=UNSET if by.stage == "ending" else format_utc(by.until_utc_ms),
    )


def charge_point_body(
    identity: str, wired: ChargePoint | None, entry: ChargePointPicture, plan: Plan | None, now: Moment
) -> ChargePointState:
    """One charge point; *wired*: as it is configured, None for a stranger."""
    numbers = {number for number in entry.connectors if number > 0}
    if wired is not None:
        numbers |= {connector.number for connector in wired.connectors}
    boot = entry.boot
    return ChargePointState(
        ts=format_utc(now.utc_ms),
        online=entry.linked,
        conns=tuple(_connector(identity, number, wired, entry, plan, now) for number in sorted(numbers)),
        vendor=UNSET if boot is None else boot.vendor,
        model=UNSET if boot is None else boot.model,
        fw=UNSET if boot is None else known(boot.firmware_version),
    )


_UNHEARD = ConnectorPicture()
UNHEARD_CHARGE_POINT = ChargePointPicture()


def _connector(
    identity: str,
    number: int,
    wired: ChargePoint | None,
    charge_point: ChargePointPicture,
    plan: Plan | None,
    now: Moment,
) -> ConnectorState:
    entry = charge_point.connectors.get(number, _UNHEARD)
    connector = None if wired is None else wired.connector(number)
    values = present_values(entry, now)
    current_ma = None if values is None else values.current_ma
    if current_ma is not None and connector is not None:
        current_ma = to_site_frame(connector.rotation, current_ma)
    limit = None if plan is None or entry.transaction is None else plan.limits.get(ConnectorKey(identity, number))
    return ConnectorState(
        id=number,
        st=known(entry.status),
        err=UNSET if entry.error_code in (None, "NoError") else entry.error_code,
        tx=UNSET if entry.transaction is None else entry.transaction.transaction_id,
        p=UNSET if values is None else known(values.power_w),
        i=UNSET if current_ma is None else amperes(current_ma),
        e=_energy_wh(entry),
        offer=UNSET if limit is None else round(limit.limit_ma / 1000, 1),
        why=UNSET if limit is None else limit.reason,
        cap=UNSET if entry.cap is None else entry.cap.limit_ma / 1000,
    )


def _energy_wh(entry: ConnectorPicture) -> int | UnsetType:
    if entry.transaction is None or entry.energy_wh is None:
        return UNSET
    drawn_wh = entry.energy_wh - entry.transaction.meter_start_wh
    return drawn_wh if drawn_wh >= 0 else UNSET


def present_values(entry: ConnectorPicture, now: Moment) -> ValuesReported | None:
    """What a connector draws now, if its charge point has said so lately of the running transaction."""
    values, running = entry.values, entry.transaction
    if values is None or running is None or now.mono_s - values.at.mono_s > VALUES_OLD_S:
        return None
    if values.transaction_id not in (None, running.transaction_id) or values.at.utc_ms < running.received.utc_ms:
        return None
    return values


def circuits(site: Site) -> tuple[CircuitInfo, ...]:
    """For the birth."""
    meters = {place.circuit: place.name for place in site.meters}
    return tuple(
        CircuitInfo(
            name=circuit.name,
            fuse=amperes(circuit.fuse_ma),
            parent=known(circuit.parent),
            meter=known(meters.get(circuit.name)),
        )
        for circuit in site.circuits
    )


def charge_points(site: Site) -> tuple[ChargePointInfo, ...]:
    """For the birth."""
    return tuple(
        ChargePointInfo(
            cp=one.identity,
            conns=tuple(
                ConnectorInfo(
                    id=connector.number,
                    circuit=connector.circuit,
                    max=connector.max_ma / 1000,
                    phases=site_phases(connector.rotation, connector.conductors),
                )
                for connector in one.connectors
            ),
        )
        for one in site.charge_points
    )


# ------------------------------------------------------------ what is new

CURRENT_A = 1.0
POWER_W = 250
ENERGY_WH = 100


def state_is_urgent(old: State, new: State) -> bool:
    """Whether somebody should hear at once: another limit or another way of balancing."""
    return old.limit != new.limit or old.bal.why != new.bal.why


def state_moved(old: State, new: State, fuse_a: float) -> bool:
    """Whether it differs by more than noise."""
    band_a = max(CURRENT_A, fuse_a * 0.02)
    if (old.bal, old.limit, old.grid is UNSET) != (new.bal, new.limit, new.grid is UNSET):
        return True
    if _moved(old.ev.i, new.ev.i, band_a) or abs(old.ev.p - new.ev.p) >= POWER_W:
        return True
    return (
        not isinstance(old.grid, UnsetType)
        and not isinstance(new.grid, UnsetType)
        and (_moved(old.grid.i, new.grid.i, band_a) or _far(old.grid.p, new.grid.p, POWER_W))
    )


def charge_point_is_urgent(old: ChargePointState, new: ChargePointState) -> bool:
    """Whether something other than a measured value or the balancer's offer is new."""
    return _settled(old) != _settled(new)


def _settled(body: ChargePointState) -> tuple[object, ...]:
    return (
        body.online,
        body.vendor,
        body.model,
        body.fw,
        tuple((one.id, one.st, one.err, one.tx) for one in body.conns),
    )


def charge_point_moved(old: ChargePointState, new: ChargePointState) -> bool:
    """Whether measured values or offers differ by more than noise."""
    return len(old.conns) != len(new.conns) or any(
        _connector_moved(before, after) for before, after in zip(old.conns, new.conns, strict=True)
    )


def _connector_moved(old: ConnectorState, new: ConnectorState) -> bool:
    if isinstance(old.i, UnsetType) or isinstance(new.i, UnsetType):
        moved = old.i is not new.i
    else:
        moved = _moved(old.i, new.i, CURRENT_A)
    return (
        moved
        or _far(old.p, new.p, POWER_W)
        or _far(old.e, new.e, ENERGY_WH)
        or old.offer != new.offer
        or (old.why, old.cap) != (new.why, new.cap)
    )


def _moved(old: Phases, new: Phases, band_a: float) -> bool:
    return any(abs(before - after) >= band_a for before, after in zip(old, new, strict=True))


def _far(old: float | UnsetType, new: float | UnsetType, band: float) -> bool:
    if isinstance(old, UnsetType) or isinstance(new, UnsetType):
        return old is not new
    return abs(old - new) >= band
