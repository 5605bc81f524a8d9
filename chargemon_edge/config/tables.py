"""The configuration file's own tables, in an electrician's units; each becomes a noun of the site."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from chargemon_edge.config.reader import as_per_phase
from chargemon_edge.control.charger_models import SiteSays
from chargemon_edge.site.cards import IdTag
from chargemon_edge.site.charger_model import Quirks
from chargemon_edge.site.layout import ChargePoint, Circuit, Connector
from chargemon_edge.site.units import PerPhase, Rotation, milliamperes_from_amperes

Amperes = Annotated[float, msgspec.Meta(ge=0, le=10_000)]
# Unconstrained here, checked with the layout: msgspec 0.22 crashes on a union of a constrained number and a tuple
AmperesPerPhase = float | tuple[float, float, float]


class SiteTable(msgspec.Struct, frozen=True, kw_only=True):
    """``[site]``"""

    name: str = "site"


class LogTable(msgspec.Struct, frozen=True, kw_only=True):
    """``[log]``"""

    level: Literal["debug", "info", "warning", "error"] = "info"


class AuthorisationTable(msgspec.Struct, frozen=True, kw_only=True):
    """``[authorisation]``"""

    accept_unknown: bool = False
    local_lists: bool = True


class CircuitTable(msgspec.Struct, frozen=True, kw_only=True):
    """``[[circuit]]``: one fuse."""

    name: str
    parent: str | None = None
    fuse_a: AmperesPerPhase
    margin_a: Amperes = 0.0
    background_a: AmperesPerPhase | None = None
    max_power_w: Annotated[int, msgspec.Meta(ge=0)] | None = None
    unbalance_a: Amperes | None = None

    def noun(self) -> Circuit:
        """The circuit, in mA."""
        return Circuit(
            name=self.name,
            parent=self.parent,
            fuse_ma=_per_phase_ma(self.fuse_a),
            margin_ma=milliamperes_from_amperes(self.margin_a),
            background_ma=None if self.background_a is None else _per_phase_ma(self.background_a),
            max_power_w=self.max_power_w,
            unbalance_ma=None if self.unbalance_a is None else milliamperes_from_amperes(self.unbalance_a),
        )


class ConnectorTable(msgspec.Struct, frozen=True, kw_only=True):
    """``[[charge_point.connector]]``: one outlet as it is wired."""

    number: int
    circuit: str
    phases: Literal[1, 2, 3] = 3
    rotation: Rotation = Rotation.L1L2L3
    min_a: Amperes = 6.0
    max_a: Amperes = 32.0
    step_a: Amperes = 0.1
    fallback_a: Amperes = 6.0
    weight: Annotated[int, msgspec.Meta(ge=1, le=100)] = 1
    priority: Annotated[int, msgspec.Meta(ge=0, le=9)] = 0

    def noun(self) -> Connector:
        """The connector, in mA. One phase means its terminal L1, two its terminals L1 and L2."""
        return Connector(
            number=self.number,
            circuit=self.circuit,
            conductors=(True, self.phases >= 2, self.phases >= 3),
            rotation=self.rotation,
            min_ma=milliamperes_from_amperes(self.min_a),
            max_ma=milliamperes_from_amperes(self.max_a),
            step_ma=milliamperes_from_amperes(self.step_a),
            fallback_ma=milliamperes_from_amperes(self.fallback_a),
            weight=self.weight,
            priority=self.priority,
        )


class ChargePointTable(msgspec.Struct, frozen=True, kw_only=True):
    """``[[charge_point]]``: one charger and how it may connect."""

    identity: Annotated[str, msgspec.Meta(min_length=1, max_length=48)]
    password_file: str | None = None
    security_profile: Annotated[int, msgspec.Meta(ge=0, le=3)] | None = None
    allow_without_password: bool = False
    subprotocol_optional: bool | None = None
    websocket_ping: bool | None = None
    sources: tuple[str, ...] = ()
    start_answer_delay_s: Annotated[float, msgspec.Meta(ge=0, le=10)] | None = None
    model: str | None = None
    quiet: bool = False
    dead_man_s: Annotated[int, msgspec.Meta(ge=60, le=600)] = 120
    quirks: Quirks = Quirks()
    configuration: Mapping[str, str] = {}
    connector: tuple[ConnectorTable, ...] = ()

    def says(self) -> SiteSays:
        """What the site says of its model; three quirks can also be written without the table."""
        short = {
            "subprotocol_optional": self.subprotocol_optional,
            "websocket_ping": self.websocket_ping,
            "start_answer_delay_s": self.start_answer_delay_s,
            "configuration": {**(self.quirks.configuration or {}), **self.configuration} or None,
        }
        said = {name: value for name, value in short.items() if value is not None}
        return SiteSays(quirks=msgspec.structs.replace(self.quirks, **said), model=self.model)

    def noun(self) -> ChargePoint:
        """The charge point as the site knows it."""
        return ChargePoint(
            identity=self.identity,
            connectors=tuple(one.noun() for one in self.connector),
            quiet=self.quiet,
            dead_man_s=self.dead_man_s,
        )


class IdTagTable(msgspec.Struct, frozen=True, kw_only=True):
    """``[[id_tag]]``: a card that is known."""

    id_tag: Annotated[str, msgspec.Meta(min_length=1, max_length=20)]
    blocked: bool = False
    expires: datetime.datetime | None = None
    parent_id_tag: Annotated[str, msgspec.Meta(max_length=20)] | None = None

    def noun(self) -> IdTag:
        """The tag; an expiry without a zone counts as UTC."""
        return IdTag(
            id_tag=self.id_tag,
            status="Blocked" if self.blocked else "Accepted",
            expiry_utc_ms=None if self.expires is None else _utc_ms(self.expires),
            parent_id_tag=self.parent_id_tag,
        )


def _utc_ms(moment: datetime.datetime) -> int:
    zoned = moment if moment.tzinfo is not None else moment.replace(tzinfo=datetime.UTC)
    return round(zoned.timestamp() * 1000)


def _per_phase_ma(value: float | tuple[float, float, float]) -> PerPhase:
    return PerPhase(*(milliamperes_from_amperes(one) for one in as_per_phase(value)))
