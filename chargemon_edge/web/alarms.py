"""What a person should know of, worst first, each with what to do. Pure: reads only what the page shows as well.

An alarm stands as long as its cause does; it holds no state of its own, so two pages never disagree.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from chargemon_edge import SUPPORTED_UNTIL, __version__
from chargemon_edge.control.certification import Due
from chargemon_edge.control.keeping import StoreStanding
from chargemon_edge.control.not_taken import Instead, NotTaken
from chargemon_edge.control.upstream_records import UpstreamStanding
from chargemon_edge.site.picture import ClockPicture, SitePicture
from chargemon_edge.site.units import PerPhase
from chargemon_edge.web.shapes import (
    AlarmView,
    ChargePointView,
    CircuitView,
    ConnectorView,
    MeterView,
    Severity,
)

# after our own start every charger is away for a while: they come back at their own pace
RECONNECT_GRACE_S = 120.0
# an internet line may come back by itself
UPLINK_GRACE_S = 600.0
# a time service needs the network, and then a few questions
CLOCK_GRACE_S = 300.0

# of a file that is no configuration at all, nobody wants to read a thousand lines
MISTAKES_SHOWN_MAX = 20

NEXT_STEPS = (
    "write its fuses ([[circuit]]), meter and chargers into /etc/chargemon-edge/conf.d/site.toml (config.toml beside "
    "that folder explains every setting), then: chargemon-edge check-config, and: systemctl restart chargemon-edge"
)
"""What a fresh installation waits for."""

_RANK = {severity: rank for rank, severity in enumerate(Severity)}


def alarms(
    *,
    armed: bool | None,
    why: str,
    uptime_s: float,
    meters: Sequence[MeterView],
    circuits: Sequence[CircuitView],
    charge_points: Sequence[ChargePointView],
    connectors: Sequence[ConnectorView],
    picture: SitePicture,
    commissioning_s: float | None,
    without_login: Sequence[str],
    ending: Sequence[Due],
    not_taken: NotTaken | None,
    store: StoreStanding,
    upstreams: Sequence[UpstreamStanding],
    now_utc_ms: int,
) -> tuple[AlarmView, ...]:
    """All that stand; *armed* is None while nothing has been decided yet."""
    found = [
        *(alarm for circuit in circuits for alarm in _over_fuse(circuit)),
        *(() if not_taken is None else _not_taken(not_taken)),
        *(
            _not_armed(armed, why)
            if not_taken is not None or circuits or any(one.configured for one in charge_points)
            else _not_described()
        ),
        *_store(store),
        *(alarm for meter in meters for alarm in _meter(meter)),
        *(alarm for connector in connectors for alarm in _connector(connector)),
        *(alarm for charge_point in charge_points for alarm in _link(charge_point, uptime_s)),
        *_clock(picture.clock, uptime_s),
        *_without_login(without_login),
        *(alarm for due in ending for alarm in _certificate(due, now_utc_ms)),
        *_support(now_utc_ms),
        *(_campaign(number, why) for number, why in picture.stopped_campaigns.items()),
        *(alarm for upstream in upstreams for alarm in _upstream(upstream, uptime_s, now_utc_ms)),
        *_office(picture.kept_stops, commissioning_s),
    ]
    # stable: within one severity the order above holds
    return tuple(sorted(found, key=lambda alarm: _RANK[alarm.severity]))


def _over_fuse(circuit: CircuitView) -> Iterator[AlarmView]:
    if circuit.measured_ma is None:
        return
    # without the current itself: it changes with every sample, and whoever hears the page read out would hear each
    over = [
        f"L{index + 1}"
        for index, (measured, fuse) in enumerate(zip(circuit.measured_ma, circuit.fuse_ma, strict=True))
        if measured > fuse
    ]
    if over:
        yield AlarmView(
            code="over_fuse",
            severity=Severity.CRITICAL,
            subject=circuit.name,
            what=f"{circuit.name}: {' and '.join(over)} above the fuse of {_fuse(circuit.fuse_ma)}.",
            advice="The cars are being lowered. If it lasts longer than a minute, switch off other loads.",
        )


def _not_taken(not_taken: NotTaken) -> Iterator[AlarmView]:
    what = f"{not_taken.summary[0].upper()}{not_taken.summary[1:]}."
    if not_taken.in_force is Instead.BEFORE:
        yield AlarmView(
            code="configuration_refused",
            severity=Severity.WARNING,
            subject="configuration",
            what=what,
            advice="Mend what is listed, try with: chargemon-edge check-config, then: systemctl reload chargemon-edge",
        )
    else:
        yield AlarmView(
            code="configuration_mistakes",
            severity=Severity.CRITICAL,
            subject="configuration",
            what=what,
            advice="Mend what is listed, try with: chargemon-edge check-config, then: systemctl restart chargemon-edge",
        )
    for number, mistake in enumerate(not_taken.mistakes[:MISTAKES_SHOWN_MAX], start=1):
        yield AlarmView(
            code="configuration_mistake",
            severity=Severity.WARNING,
            subject=f"configuration {number}",
            what=mistake,
            advice="And more: chargemon-edge check-config" if number == MISTAKES_SHOWN_MAX else "",
        )


def _not_described() -> Iterator[AlarmView]:
    yield AlarmView(
        code="not_described",
        severity=Severity.NOTICE,
        subject="site",
        what="The site is not described yet; nobody may connect.",
        advice=f"To begin, {NEXT_STEPS}.",
    )


def _not_armed(armed: bool | None, why: str) -> Iterator[AlarmView]:
    if armed is False:
        yield AlarmView(
            code="not_armed",
            severity=Severity.CRITICAL,
            subject="balancing",
            what=f"Load balancing is off: {why.rstrip('.')}.",
            advice="No limits are sent. Correct the configuration, then run: chargemon-edge check-config",
        )


def _store(store: StoreStanding) -> Iterator[AlarmView]:
    if store.trouble is not None:
        yield AlarmView(
            code="disk_trouble",
            severity=Severity.CRITICAL,
            subject="disk",
            what=f"The disk does not take records: {store.trouble.rstrip('.')}.",
            advice="Chargers keep their limits. See 'the disk is full' and 'the disk cannot be written' in the manual.",
        )
    for name in store.put_aside:
        lost = (
            "What came after the last backup may be missing" if name.startswith("site.") else "Its readings are missing"
        )
        yield AlarmView(
            code="database_damaged",
            severity=Severity.WARNING,
            subject=name,
            what=f"A database was damaged and put aside: {name}.",
            advice=f"{lost}. Copy the file away if somebody is to look into it, then delete it.",
        )
    last = store.last_backup
    if store.backup_trouble is not None:
        since = "there is none" if last is None else f"the last one is of {_date(last.made_utc_ms)}"
        yield AlarmView(
            code="backup_missing",
            severity=Severity.WARNING,
            subject="backup",
            what=f"No backup could be made; {since}.",
            advice=f"{store.backup_trouble.rstrip('.')}. Try: chargemon-edge backup",
        )


def _date(utc_ms: int) -> str:
    return datetime.fromtimestamp(utc_ms / 1000, UTC).date().isoformat()


def _meter(meter: MeterView) -> Iterator[AlarmView]:
    if meter.state == "lost":
        yield AlarmView(
            code="meter_lost",
            severity=Severity.CRITICAL,
            subject=meter.name,
            what=f"Meter {meter.name} is lost: {meter.reason}.",
            advice="The cars are held at their fallback current. Check the meter's supply, cable and address.",
        )
    elif meter.state == "stale":
        yield AlarmView(
            code="meter_stale",
            severity=Severity.WARNING,
            subject=meter.name,
            what=f"Meter {meter.name} has not answered for a few seconds.",
            advice="No car gets more current until it answers.",
        )


def _connector(connector: ConnectorView) -> Iterator[AlarmView]:
    if connector.overdraws and connector.measured_ma is not None and connector.allowed_ma is not None:
        yield AlarmView(
            code="overdraws",
            severity=Severity.CRITICAL,
            subject=connector.label,
            what=f"{connector.label} draws {_amperes(max(connector.measured_ma))}"
            f" though {_amperes(connector.allowed_ma)} are allowed.",
            advice="The others get less for it. Check that this charger accepts limits from the network.",
        )
    if connector.refused is not None:
        yield AlarmView(
            code="limit_refused",
            severity=Severity.WARNING,
            subject=connector.label,
            what=f"{connector.label} did not take the limit of {_amperes(connector.refused.limit_ma)}"
            f" ({connector.refused.outcome}).",
            advice="Its old limit is still counted. Check that smart charging is switched on in the charger.",
        )
    if connector.linked and connector.state == "faulted":
        yield AlarmView(
            code="faulted",
            severity=Severity.WARNING,
            subject=connector.label,
            what=f"{connector.label} reports a fault: {connector.error_code or 'no code given'}.",
            advice="See the charger's manual for this fault.",
        )


def _link(charge_point: ChargePointView, uptime_s: float) -> Iterator[AlarmView]:
    name = charge_point.identity
    if charge_point.linked and not charge_point.configured:
        yield AlarmView(
            code="not_configured",
            severity=Severity.NOTICE,
            subject=name,
            what=f"{name} is connected but not in the configuration, so it charges nobody.",
            advice="Describe it in /etc/chargemon-edge/conf.d: a [[charge_point]] with its circuit, and a "
            "password_file unless one was set here (chargemon-edge charger password). Then: systemctl reload "
            "chargemon-edge",
        )
    if charge_point.linked or not charge_point.configured or charge_point.updating is not None:
        # one that restarts into new firmware is expected back; its verdict says if it does not come
        return
    if charge_point.seen:
        why = f": {charge_point.link_reason}" if charge_point.link_reason else ""
        what = f"{name} is offline{why}."
    elif uptime_s >= RECONNECT_GRACE_S:
        what = f"{name} has not connected since the daemon started."
    else:
        return
    yield AlarmView(
        code="offline",
        severity=Severity.WARNING,
        subject=name,
        what=what,
        advice="Its current stays reserved. Check its supply, network and the address of this system in it.",
    )


def _clock(clock: ClockPicture, uptime_s: float) -> Iterator[AlarmView]:
    if not clock.trusted and uptime_s >= CLOCK_GRACE_S:
        yield AlarmView(
            code="clock_unknown",
            severity=Severity.WARNING,
            subject="clock",
            what="The time is not known to be right: no time service has set this machine's clock.",
            advice="Limits do not depend on it; records are dated anew once it is known. Install chrony or "
            "systemd-timesyncd, or set it with timedatectl and run: chargemon-edge api POST clock/confirm",
        )
    if clock.machine_ahead_ms:
        # rounded: the words stay the same while the clock runs on
        yield AlarmView(
            code="clock_apart",
            severity=Severity.WARNING,
            subject="clock",
            what=f"This machine's clock was set {_apart(clock.machine_ahead_ms)}, and no time service confirms it.",
            advice="It is not followed. If it is right now: chargemon-edge api POST clock/confirm; else correct it.",
        )


def _apart(ahead_ms: int) -> str:
    seconds, way = abs(ahead_ms) // 1000, "forward" if ahead_ms > 0 else "back"
    for name, size_s in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * size_s:
            return f"{way} by {seconds // size_s} {name}"
    return f"{way} by {seconds} seconds"


def _without_login(identities: Sequence[str]) -> Iterator[AlarmView]:
    # One for all of them, and a notice: somebody has chosen it, it stands for years, and must neither bury what has
    # just happened nor keep the health of the site at attention
    if identities:
        yield AlarmView(
            code="without_login",
            severity=Severity.NOTICE,
            subject="chargers",
            what=f"Let in without any login (security profile 0): {', '.join(identities)}.",
            advice="Whoever reaches the network can pose as them. Give them a password where they can send one.",
        )


def _certificate(due: Due, now_utc_ms: int) -> Iterator[AlarmView]:
    whose = f"charge point {due.use}" if due.of_charge_point else f"this system ({due.use})"
    # the date, not the days that are left: the words stay the same for as long as the cause does
    ends = _date(due.ends_utc_ms)
    if due.of_charge_point:
        advice = (
            "It is asked for a new one while it is connected, unless it is marked quiet, and has taken none. Ask it: "
            "chargemon-edge call IDENTITY ExtendedTriggerMessage "
            '\'{"requestedMessage": "SignChargePointCertificate"}\''
        )
    else:
        advice = (
            "What is made here is renewed in time, but for the roots; own files must be replaced. Look: "
            "chargemon-edge api GET certificates"
        )
    if now_utc_ms < due.ends_utc_ms:
        yield AlarmView(
            code="certificate_ends",
            severity=Severity.WARNING,
            subject=due.use,
            what=f"The certificate of {whose} ends on {ends}.",
            advice=advice,
        )
    else:
        yield AlarmView(
            code="certificate_ended",
            severity=Severity.WARNING,
            subject=due.use,
            what=f"The certificate of {whose} has ended on {ends}.",
            advice=advice,
        )


def _support(now_utc_ms: int) -> Iterator[AlarmView]:
    if _date(now_utc_ms) > SUPPORTED_UNTIL:
        yield AlarmView(
            code="support_ended",
            severity=Severity.WARNING,
            subject="software",
            what=f"Security updates for this version (chargemon-edge {__version__}) ended on {SUPPORTED_UNTIL}.",
            advice="Install a newer one: settings, transactions and chargers stay.",
        )


def _campaign(number: int, why: str) -> AlarmView:
    return AlarmView(
        code="campaign_stopped",
        severity=Severity.WARNING,
        subject=f"campaign {number}",
        what=f"Firmware campaign {number} has stopped: {why}.",
        advice=f"Look: chargemon-edge firmware campaign show {number}; then resume or cancel it.",
    )


def _upstream(upstream: UpstreamStanding, uptime_s: float, now_utc_ms: int) -> Iterator[AlarmView]:
    name = upstream.name
    if upstream.rival:
        yield AlarmView(
            code="uplink_rival",
            severity=Severity.WARNING,
            subject=name,
            what=f"Somebody else connects to the broker of {name} as this site.",
            advice="Two boxes have the same client id. Give each its own site (or client_id) in its configuration.",
        )
    if upstream.connected:
        if upstream.error is not None:
            yield AlarmView(
                code="uplink_refused",
                severity=Severity.WARNING,
                subject=name,
                what=f"The broker of {name} does not take what it is sent: {upstream.error}.",
                advice="Nothing is lost: events wait here. Look: chargemon-edge uplink",
            )
        return
    away_s = uptime_s if upstream.since_utc_ms is None else (now_utc_ms - upstream.since_utc_ms) / 1000
    if away_s >= UPLINK_GRACE_S:
        why = f": {upstream.error}" if upstream.error else ""
        yield AlarmView(
            code="uplink_lost",
            severity=Severity.WARNING,
            subject=name,
            what=f"The operator {name} is not connected{why}.",
            advice="Charging goes on, and nothing is lost: events wait here. Look: chargemon-edge uplink",
        )


def _office(kept_stops: int, commissioning_s: float | None) -> Iterator[AlarmView]:
    if commissioning_s is not None:
        yield AlarmView(
            code="commissioning_open",
            severity=Severity.NOTICE,
            subject="commissioning",
            what="Unknown chargers are let in for the moment.",
            advice="Close the window when you are done: chargemon-edge commissioning close",
        )
    if kept_stops:
        yield AlarmView(
            code="stops_kept",
            severity=Severity.NOTICE,
            subject="transactions",
            what=f"{kept_stops} ended transactions match no start and wait for a person."
            if kept_stops > 1
            else "One ended transaction matches no start and waits for a person.",
            advice="Look: chargemon-edge api GET 'kept-stops?settled=false'; then api POST kept-stops/NUMBER/settle.",
        )


def _amperes(current_ma: int) -> str:
    return f"{current_ma / 1000:.1f} A"


def _fuse(fuse_ma: PerPhase) -> str:
    if len(set(fuse_ma)) == 1:
        return f"{fuse_ma.l1 / 1000:g} A"
    return " / ".join(f"{one / 1000:g}" for one in fuse_ma) + " A"
