"""What the balancer decided, with its reasons, and the orders that carry it to the chargers."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from chargemon_edge.site.layout import ConnectorKey
from chargemon_edge.site.units import PerPhase


class ConnectorLimit(msgspec.Struct, frozen=True, kw_only=True):
    """What one connector is meant to hold, and why."""

    limit_ma: int
    """0: it waits or pauses."""
    source: str
    """What bound it: a circuit's name, ``connector``, ``car``, ``limit`` (somebody's), ``meter``, ``fail-safe``,
    ``waiting``, ``idle``."""
    reason: str
    """One plain sentence for the page and the log."""


class CircuitUse(msgspec.Struct, frozen=True, kw_only=True):
    """How one fuse is used, per phase, in mA."""

    fuse_ma: PerPhase
    usable_ma: PerPhase
    """The fuse less its margin."""
    background_ma: PerPhase
    """What is not our chargers, as counted for raising."""
    reserved_ma: PerPhase
    """For chargers that cannot be commanded now or have not confirmed."""
    granted_ma: PerPhase
    """What the connectors' limits add up to."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """A limit to send now, for the transaction that runs on the connector."""

    key: ConnectorKey
    transaction_id: int
    limit_ma: int
    fallback_ma: int
    lease_s: int
    reason: str
    refresh: bool = False
    """The limit is unchanged: only the lease is renewed."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The whole decision at one moment."""

    at_mono_s: float
    armed: bool
    why: str
    """Why balancing is not armed, or what state it is in (``balancing``, ``meter lost: …``, ``starting: …``)."""
    limits: Mapping[ConnectorKey, ConnectorLimit] = {}
    circuits: Mapping[str, CircuitUse] = {}


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """A plan and what must be sent for it: decreases before increases, in the order given."""

    plan: Plan
    orders: tuple[Order, ...] = ()
