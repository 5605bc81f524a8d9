"""Charge points and their connectors: what is known of each, from the configuration, the disk and what they said."""

from __future__ import annotations

from typing import Any

import msgspec

from chargemon_edge.control.ports import Clock, moment
from chargemon_edge.control.present import Present
from chargemon_edge.control.records import ConnectorNumber, Identity
from chargemon_edge.site.facts import ChargePointBooted, Moment
from chargemon_edge.site.layout import Connector
from chargemon_edge.site.picture import ChargePointPicture, ConnectorPicture
from chargemon_edge.site.token_facts import Role
from chargemon_edge.web.endpoints import Answer, Call, Endpoint, Nothing, Reply, not_found

_PATH = "/api/v1/charge-points"
_NOTHING_HEARD = ChargePointPicture()


class BootRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The last BootNotification. Its texts are as they were sent: show them as text, never as markup."""

    received_utc_ms: int
    vendor: str
    model: str
    serial_number: str | None
    firmware_version: str | None
    iccid: str | None
    imsi: str | None
    meter_type: str | None
    meter_serial_number: str | None


class ChargePointRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One charge point."""

    identity: str
    configured: bool
    """False: let in through the commissioning window; it charges nobody."""
    quiet: bool
    """The daemon sends it nothing by itself."""
    linked: bool
    link_changed_utc_ms: int | None
    """When the link was opened or lost; null: not since the daemon started."""
    link_reason: str | None
    """Why it was lost."""
    remote: str | None
    """The address of its last link since the daemon started."""
    boot: BootRecord | None
    updating: str | None
    """The firmware update that is under way, in words; null: none that we asked for."""
    connectors: tuple[int, ...]
    """Numbers of those that are configured or were heard of; 0 is the charge point itself."""


class ConnectorRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One connector."""

    charge_point: str
    connector: int
    configured: bool
    status: str | None
    """OCPP's own word; null: never reported."""
    error_code: str | None
    info: str | None
    status_utc_ms: int | None
    status_reported_utc_ms: int | None
    """The charge point's own time of it."""
    transaction_id: int | None
    """Of the running one."""
    energy_wh: int | None
    """The newest reading of its register."""
    held_limit_ma: int | None
    """The limit that it accepted last for the running transaction."""
    fail_safe_ma: int | None
    """What it is known to fall back to."""


class OneChargePoint(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which one."""

    identity: Identity


class OneConnector(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which one."""

    identity: Identity
    connector: ConnectorNumber


class ChargePoints:
    """The handlers."""

    def __init__(self, present: Present, clock: Clock) -> None:
        self._present = present
        self._clock = clock

    async def list(self, _call: Call[Nothing, Nothing]) -> Answer:
        """All: the configured ones in their order, then the others."""
        configured = self._present.site.charge_point_by_identity
        strangers = sorted(self._present.picture.charge_points.keys() - configured.keys())
        return Reply([self._record(identity) for identity in (*configured, *strangers)])

    async def show(self, call: Call[OneChargePoint, Nothing]) -> Answer:
        """One."""
        identity = call.parameters.identity
        return Reply(self._record(identity)) if self._is_known(identity) else not_found("such charge point")

    async def connectors(self, call: Call[OneChargePoint, Nothing]) -> Answer:
        """Its connectors."""
        identity = call.parameters.identity
        if not self._is_known(identity):
            return not_found("such charge point")
        return Reply([self._connector(identity, number) for number in self._numbers(identity)])

    async def connector(self, call: Call[OneConnector, Nothing]) -> Answer:
        """One of them."""
        identity, number = call.parameters.identity, call.parameters.connector
        if number not in self._numbers(identity):
            return not_found("such connector")
        return Reply(self._connector(identity, number))

    def _is_known(self, identity: str) -> bool:
        return (
            identity in self._present.site.charge_point_by_identity or identity in self._present.picture.charge_points
        )

    def _numbers(self, identity: str) -> tuple[int, ...]:
        place = self._present.site.charge_point_by_identity.get(identity)
        configured = () if place is None else tuple(one.number for one in place.connectors)
        heard_of = self._present.picture.charge_points.get(identity, _NOTHING_HEARD).connectors
        return tuple(sorted({*configured, *heard_of}))

    def _record(self, identity: str) -> ChargePointRecord:
        place = self._present.site.charge_point_by_identity.get(identity)
        entry = self._present.picture.charge_points.get(identity, _NOTHING_HEARD)
        return ChargePointRecord(
            identity=identity,
            configured=place is not None,
            quiet=place is not None and place.quiet,
            linked=entry.linked,
            link_changed_utc_ms=_utc_ms(entry.link_changed),
            link_reason=entry.link_reason,
            remote=entry.remote,
            boot=None if entry.boot is None else _boot(entry.boot),
            updating=entry.updating,
            connectors=self._numbers(identity),
        )

    def _connector(self, identity: str, number: int) -> ConnectorRecord:
        place = self._present.site.charge_point_by_identity.get(identity)
        entry = self._present.picture.connector(identity, number)
        return _connector(
            identity, number, None if place is None else place.connector(number), entry, moment(self._clock)
        )


def _connector(
    identity: str, number: int, place: Connector | None, entry: ConnectorPicture, now: Moment
) -> ConnectorRecord:
    running, held = entry.transaction, entry.held
    holds = held is not None and running is not None and held.transaction_id == running.transaction_id
    limit_ma = None
    if held is not None and holds:
        limit_ma = held.limit_ma if now.mono_s <= held.sent_mono_s + held.lease_s else held.fallback_ma
    return ConnectorRecord(
        charge_point=identity,
        connector=number,
        configured=place is not None,
        status=entry.status,
        error_code=entry.error_code,
        info=entry.info,
        status_utc_ms=_utc_ms(entry.status_at),
        status_reported_utc_ms=entry.status_reported_utc_ms,
        transaction_id=None if running is None else running.transaction_id,
        energy_wh=entry.energy_wh,
        held_limit_ma=limit_ma,
        fail_safe_ma=entry.fail_safe_ma,
    )


def _boot(fact: ChargePointBooted) -> BootRecord:
    return BootRecord(
        received_utc_ms=fact.at.utc_ms,
        vendor=fact.vendor,
        model=fact.model,
        serial_number=fact.serial_number,
        firmware_version=fact.firmware_version,
        iccid=fact.iccid,
        imsi=fact.imsi,
        meter_type=fact.meter_type,
        meter_serial_number=fact.meter_serial_number,
    )


def _utc_ms(at: Moment | None) -> int | None:
    return None if at is None else at.utc_ms


def endpoints(charge_points: ChargePoints) -> tuple[Endpoint[Any, Any], ...]:
    """Reading; how a charge point may connect has endpoints of its own."""
    return (
        Endpoint(
            method="GET",
            path=_PATH,
            summary="List the charge points",
            role=Role.VIEWER,
            parameters=Nothing,
            body=Nothing,
            answers={200: tuple[ChargePointRecord, ...]},
            handle=charge_points.list,
        ),
        Endpoint(
            method="GET",
            path=f"{_PATH}/{{identity}}",
            summary="Show a charge point",
            role=Role.VIEWER,
            parameters=OneChargePoint,
            body=Nothing,
            answers={200: ChargePointRecord},
            problems=(404,),
            handle=charge_points.show,
        ),
        Endpoint(
            method="GET",
            path=f"{_PATH}/{{identity}}/connectors",
            summary="List the connectors of a charge point",
            role=Role.VIEWER,
            parameters=OneChargePoint,
            body=Nothing,
            answers={200: tuple[ConnectorRecord, ...]},
            problems=(404,),
            handle=charge_points.connectors,
        ),
        Endpoint(
            method="GET",
            path=f"{_PATH}/{{identity}}/connectors/{{connector}}",
            summary="Show a connector",
            role=Role.VIEWER,
            parameters=OneConnector,
            body=Nothing,
            answers={200: ConnectorRecord},
            problems=(404,),
            handle=charge_points.connector,
        ),
    )
