"""From the picture and the plan to what the page shows. Pure: knows no clock, no socket, no asyncio.

Everything shown is taken from one picture, so that the numbers on a page belong together. What is not known is null:
a zero would be read as "no current".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from chargemon_edge.balancing.plan import CircuitUse, ConnectorLimit, Plan
from chargemon_edge.control.certification import Due
from chargemon_edge.control.keeping import StoreStanding
from chargemon_edge.control.not_taken import NotTaken
from chargemon_edge.control.upstream_records import UpstreamStanding
from chargemon_edge.log import masked
from chargemon_edge.site.facts import Moment, ValuesReported
from chargemon_edge.site.layout import ChargePoint, Circuit, Connector, ConnectorKey, MeterPlace, Site
from chargemon_edge.site.picture import ChargePointPicture, ConnectorPicture, MeterPicture, SitePicture, Transaction
from chargemon_edge.site.units import ZERO, PerPhase, site_phases, to_site_frame
from chargemon_edge.web import states
from chargemon_edge.web.alarms import alarms
from chargemon_edge.web.shapes import (
    ChargePointView,
    CircuitView,
    ConnectorView,
    HealthView,
    MeterView,
    RefusedView,
    Severity,
    SiteView,
    TransactionView,
    UplinkView,
)

# a charger's reported current is not shown as the present one after this: chargers report at most every minute
VALUES_OLD_S = 120.0
# load-balancing: more than a tenth above the limit, longer than the slowest car takes to follow
OVERDRAW_PERCENT = 110
OVERDRAW_AFTER_S = 7.0

_NO_STORE = StoreStanding()
_NO_METER = MeterPicture()
_NO_CHARGE_POINT = ChargePointPicture()


def site_view(
    site: Site,
    picture: SitePicture,
    plan: Plan | None,
    now: Moment,
    version: int,
    *,
    meter_stale_s: float = 3.0,
    commissioning_s: float | None = None,
    without_login: Sequence[str] = (),
    ending: Sequence[Due] = (),
    not_taken: NotTaken | None = None,
    store: StoreStanding = _NO_STORE,
    upstreams: Sequence[UpstreamStanding] = (),
) -> SiteView:
    """Everything the page shows, at *now*.

    *without_login*: who gets in on security profile 0; *ending*: certificates within their warning time; *not_taken*:
    what is wrong with the configuration's files; *store*: how the disk stands; *upstreams*: how the operators above the
    site do.
    """
    meters = tuple(_meters(site, picture, now, meter_stale_s))
    charge_points = tuple(_charge_points(site, picture, now))
    connectors = tuple(_connectors(site, picture, plan, now))
    circuits = _circuits(site, plan, meters, connectors)
    uptime_s = max(0.0, now.mono_s - picture.started.mono_s)
    why = "starting: nothing decided yet" if plan is None else plan.why
    raised = alarms(
        armed=None if plan is None else plan.armed,
        why=why,
        uptime_s=uptime_s,
        meters=meters,
        circuits=circuits,
        charge_points=charge_points,
        connectors=connectors,
        picture=picture,
        commissioning_s=commissioning_s,
        without_login=without_login,
        ending=ending,
        not_taken=not_taken,
        store=store,
        upstreams=upstreams,
        now_utc_ms=now.utc_ms,
    )
    return SiteView(
        version=version,
        at_utc_ms=now.utc_ms,
        site=site.name,
        uptime_s=round(uptime_s, 1),
        armed=plan is not None and plan.armed,
        why=why,
        commissioning_s=None if commissioning_s is None else round(commissioning_s, 1),
        last_backup_utc_ms=None if store.last_backup is None else store.last_backup.made_utc_ms,
        uplinks=tuple(map(_uplink, upstreams)),
        alarms=raised,
        meters=meters,
        circuits=circuits,
        charge_points=charge_points,
        connectors=connectors,
    )


def _meters(site: Site, picture: SitePicture, now: Moment, stale_s: float) -> Iterator[MeterView]:
    for place in site.meters:
        yield _meter(place, picture.meters.get(place.name, _NO_METER), now, stale_s)


def _uplink(one: UpstreamStanding) -> UplinkView:
    return UplinkView(name=one.name, connected=one.connected, backlog=one.backlog, error=one.error)


def health_view(view: SiteView) -> HealthView:
    """The same in one line, for a monitor."""
    attention = any(alarm.severity is not Severity.NOTICE for alarm in view.alarms)
    configured = [charge_point for charge_point in view.charge_points if charge_point.configured]
    return HealthView(
        status="attention" if attention else "ok",
        armed=view.armed,
        meters_good=sum(meter.state == "good" for meter in view.meters),
        meters=len(view.meters),
        charge_points_linked=sum(charge_point.linked for charge_point in configured),
        charge_points=len(configured),
        uptime_s=view.uptime_s,
    )


def _meter(place: MeterPlace, entry: MeterPicture, now: Moment, stale_s: float) -> MeterView:
    latest = entry.latest
    age_s = None if latest is None else max(0.0, now.mono_s - latest.at.mono_s)
    if entry.lost_reason is not None:
        state = "lost"
    elif age_s is None:
        state = "none"
    else:
        state = "stale" if age_s > stale_s else "good"
    return MeterView(
        name=place.name,
        circuit=place.circuit,
        state=state,
        stale_after_s=stale_s,
        age_s=None if age_s is None else round(age_s, 2),
        reason=entry.lost_reason,
        current_ma=None if latest is None else latest.current_ma,
        voltage_mv=None if latest is None else latest.voltage_mv,
        power_w=None if latest is None else latest.power_w,
    )


def _circuits(
    site: Site, plan: Plan | None, meters: tuple[MeterView, ...], connectors: tuple[ConnectorView, ...]
) -> tuple[CircuitView, ...]:
    return tuple(
        _circuit(site, circuit, depth, meters, connectors, None if plan is None else plan.circuits.get(circuit.name))
        for top in site.circuits
        if top.parent is None
        for circuit, depth in _downwards(site, top, 0)
    )


def _downwards(site: Site, circuit: Circuit, depth: int) -> Iterator[tuple[Circuit, int]]:
    yield circuit, depth
    for below in site.circuits:
        if below.parent == circuit.name:
            yield from _downwards(site, below, depth + 1)


def _circuit(
    site: Site,
    circuit: Circuit,
    depth: int,
    meters: tuple[MeterView, ...],
    connectors: tuple[ConnectorView, ...],
    use: CircuitUse | None,
) -> CircuitView:
    meter = next((one for one in meters if one.circuit == circuit.name), None)
    charging, unknown = ZERO, 0
    for connector in connectors:
        if connector.transaction is None or not _is_behind(site, connector.circuit, circuit.name):
            continue
        if connector.measured_ma is None:
            unknown += 1
        else:
            charging = charging.plus(connector.measured_ma)
    margin = circuit.margin_ma
    less_margin = PerPhase(*(max(0, fuse - margin) for fuse in circuit.fuse_ma))
    return CircuitView(
        name=circuit.name,
        parent=circuit.parent,
        depth=depth,
        fuse_ma=circuit.fuse_ma,
        usable_ma=less_margin if use is None else use.usable_ma,
        meter=None if meter is None else meter.name,
        measured_ma=meter.current_ma if meter is not None and meter.state in ("good", "stale") else None,
        charging_ma=charging,
        charging_unknown=unknown,
        background_ma=None if use is None else use.background_ma,
        reserved_ma=None if use is None else use.reserved_ma,
        granted_ma=None if use is None else use.granted_ma,
    )


def _is_behind(site: Site, inner: str, outer: str) -> bool:
    return any(circuit.name == outer for circuit in site.path_to_root(inner))


def _charge_points(site: Site, picture: SitePicture, now: Moment) -> Iterator[ChargePointView]:
    strangers = [identity for identity in picture.charge_points if identity not in site.charge_point_by_identity]
    for identity in [*site.charge_point_by_identity, *sorted(strangers)]:
        entry = picture.charge_points.get(identity, _NO_CHARGE_POINT)
        changed, boot = entry.link_changed, entry.boot
        yield ChargePointView(
            identity=identity,
            configured=identity in site.charge_point_by_identity,
            linked=entry.linked,
            seen=entry.seen,
            link_changed_s=None if changed is None else round(max(0.0, now.mono_s - changed.mono_s), 1),
            link_reason=entry.link_reason,
            vendor=None if boot is None else boot.vendor,
            model=None if boot is None else boot.model,
            firmware_version=None if boot is None else boot.firmware_version,
            updating=entry.updating,
        )


def _connectors(site: Site, picture: SitePicture, plan: Plan | None, now: Moment) -> Iterator[ConnectorView]:
    for charge_point in site.charge_points:
        whole = picture.charge_points.get(charge_point.identity, _NO_CHARGE_POINT)
        for connector in charge_point.connectors:
            key = ConnectorKey(charge_point.identity, connector.number)
            entry = picture.connector(charge_point.identity, connector.number)
            limit = None if plan is None else plan.limits.get(key)
            updating = whole.updating is not None and entry.transaction is None
            yield _connector(charge_point, connector, entry, limit, now, linked=whole.linked, updating=updating)


def _connector(
    charge_point: ChargePoint,
    connector: Connector,
    entry: ConnectorPicture,
    limit: ConnectorLimit | None,
    now: Moment,
    *,
    linked: bool,
    updating: bool,
) -> ConnectorView:
    number, identity = connector.number, charge_point.identity
    target_ma = None if limit is None or entry.transaction is None else limit.limit_ma
    shown = states.state(entry.status, linked=linked, waits=target_ma == 0, updating=updating)
    values = _present_values(entry, now)
    measured = None
    if values is not None and values.current_ma is not None:
        measured = to_site_frame(connector.rotation, values.current_ma)
    return ConnectorView(
        charge_point=identity,
        connector=number,
        label=identity if len(charge_point.connectors) == 1 else f"{identity}/{number}",
        circuit=connector.circuit,
        phases=site_phases(connector.rotation, connector.conductors),
        rotation=connector.rotation.value,
        min_ma=connector.min_ma,
        max_ma=connector.max_ma,
        fallback_ma=connector.fallback_ma,
        linked=linked,
        state=shown.code,
        words=shown.words,
        error_code=None if entry.error_code == "NoError" else entry.error_code,
        info=entry.info or None,
        transaction=None if entry.transaction is None else _transaction(entry.transaction, entry.energy_wh, now),
        allowed_ma=_allowed_ma(entry, now),
        target_ma=target_ma,
        measured_ma=measured,
        measured_age_s=None if values is None else round(max(0.0, now.mono_s - values.at.mono_s), 1),
        power_w=None if values is None else values.power_w,
        source=None if limit is None else limit.source,
        reason=None if limit is None else limit.reason,
        refused=None
        if entry.refused is None
        else RefusedView(limit_ma=entry.refused.limit_ma, outcome=entry.refused.outcome),
        overdraws=_overdraws(entry, now),
    )


def _transaction(running: Transaction, energy_wh: int | None, now: Moment) -> TransactionView:
    drawn_wh = None if energy_wh is None else energy_wh - running.meter_start_wh
    return TransactionView(
        transaction_id=running.transaction_id,
        id_tag=masked(running.id_tag),
        id_tag_status=running.id_tag_status,
        duration_s=max(0, int(now.mono_s - running.received.mono_s)),
        # a register that went backwards says nothing about this transaction
        energy_wh=drawn_wh if drawn_wh is not None and drawn_wh >= 0 else None,
        adopted=running.adopted,
    )


def _present_values(entry: ConnectorPicture, now: Moment) -> ValuesReported | None:
    """The newest live values if they belong to the running transaction and are not old."""
    values, running = entry.values, entry.transaction
    if values is None or running is None or now.mono_s - values.at.mono_s > VALUES_OLD_S:
        return None
    if values.transaction_id not in (None, running.transaction_id) or values.at.mono_s < running.received.mono_s:
        return None
    return values


def _allowed_ma(entry: ConnectorPicture, now: Moment) -> int | None:
    held, running = entry.held, entry.transaction
    if running is None:
        return None
    if held is None or held.transaction_id != running.transaction_id:
        return entry.fail_safe_ma
    return held.limit_ma if now.mono_s <= held.sent_mono_s + held.lease_s else held.fallback_ma


def _overdraws(entry: ConnectorPicture, now: Moment) -> bool:
    values, allowed_ma, held = _present_values(entry, now), _allowed_ma(entry, now), entry.held
    if values is None or values.current_ma is None or allowed_ma is None or held is None:
        return False
    if values.at.mono_s < held.sent_mono_s + OVERDRAW_AFTER_S:
        return False
    # half an ampere more: below that a pause is a pause, whatever the charger's own electronics draw
    return max(values.current_ma) * 100 > allowed_ma * OVERDRAW_PERCENT + 50_000
