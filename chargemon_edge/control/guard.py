"""What nobody may do by hand: let a balanced charge point draw more than is proven safe. Pure; decides, sends nothing.

The proof of the balancer is that every connector at its fallback current is safe, always; whatever is above that it
grants as a lease. So a profile given by hand may never allow more than the fallback, on any phase, at any time, nor
more than the running transaction is allowed now; and it may not take the place of a profile of ours. Below that it is
sent as given: it can only lower. A charge point marked quiet is counted at its whole range and gets no limits of ours,
and one that is not part of the site is not balanced: there everything is sent as given.

Nor may anybody promise a car a charge point that is being given new firmware.
"""

from __future__ import annotations

import math

from chargemon_edge.balancing.plan import Plan
from chargemon_edge.ocpp.charging_profile import STACK_LEVEL, is_ours
from chargemon_edge.ocpp.v16 import messages as m
from chargemon_edge.site.layout import ChargePoint, Connector, ConnectorKey
from chargemon_edge.site.picture import SitePicture
from chargemon_edge.site.units import LOWEST_VOLTAGE_V


def objection(
    charge_point: ChargePoint | None, picture: SitePicture, plan: Plan | None, request: m.Request
) -> str | None:
    """Why *request* must not be sent there, in words for whoever asked; None: it may."""
    if charge_point is None:
        return None
    if isinstance(request, m.ReserveNowRequest | m.RemoteStartTransactionRequest):
        entry = picture.charge_points.get(charge_point.identity)
        if entry is not None and entry.updating is not None:
            return f"{entry.updating} is under way: it may restart at any moment, so nobody is sent there"
    if charge_point.quiet:
        return None
    given = given_profile(request)
    if given is None:
        return None
    connector, profile = given
    if is_ours(profile.charging_profile_id):
        return (
            f"chargingProfileId {profile.charging_profile_id} belongs to the balancing; take one outside 1000 to 3999"
        )
    if profile.charging_profile_purpose == "ChargePointMaxProfile":
        # the lowest limit counts (OCPP 1.6 §3.13.3): this one can only lower
        return None
    if profile.stack_level <= STACK_LEVEL:
        return f"stackLevel {STACK_LEVEL} belongs to the balancing; take a higher one"
    most_ma = _most_ma(charge_point, picture, plan, connector, profile)
    peak_ma = highest_ma(profile.charging_schedule)
    if peak_ma is not None and peak_ma <= most_ma:
        return None
    allows = "sets no limit" if peak_ma is None else f"allows up to {peak_ma / 1000:.1f} A on a phase"
    return (
        f"the profile {allows}, and no more than {most_ma / 1000:.1f} A is proven safe there by hand; to lower a whole "
        "charge point use a ChargePointMaxProfile; to test it by itself mark it quiet in the configuration"
    )


def doubts(charge_point: ChargePoint, request: m.Request) -> bool:
    """Whether a charge point that took *request* may no longer hold the profiles that we believe it holds."""
    if isinstance(request, m.ClearChargingProfileRequest):
        return _may_clear_ours(request)
    # only a quiet one is given profiles that may stand above ours
    return charge_point.quiet and given_profile(request) is not None


def given_profile(request: m.Request) -> tuple[int | None, m.ChargingProfile] | None:
    """The profile that *request* carries and for which connector (0: all; None: one that the charge point chooses)."""
    if isinstance(request, m.SetChargingProfileRequest):
        return request.connector_id, request.cs_charging_profiles
    if isinstance(request, m.RemoteStartTransactionRequest) and request.charging_profile is not None:
        return request.connector_id, request.charging_profile
    return None


def highest_ma(schedule: m.ChargingSchedule) -> int | None:
    """The most that *schedule* allows on one phase at any time; None: no limit at all.

    Watts count as if a single phase carried them at the lowest voltage of the supply: nobody knows how many the car
    uses.
    """
    limits = [period.limit for period in schedule.charging_schedule_period]
    if not limits:
        return None
    per_ma = LOWEST_VOLTAGE_V / 1000 if schedule.charging_rate_unit == "W" else 1 / 1000
    return math.ceil(max(limits) / per_ma - 1e-6)


def _most_ma(
    charge_point: ChargePoint,
    picture: SitePicture,
    plan: Plan | None,
    connector: int | None,
    profile: m.ChargingProfile,
) -> int:
    """The most that is safe by hand: on one connector, or on the weakest of those that it may be for."""
    one = None if connector is None else charge_point.connector(connector)
    concerned = charge_point.connectors if one is None else (one,)
    return min(_safe_ma(charge_point, each, picture, plan, profile) for each in concerned)


def _safe_ma(
    charge_point: ChargePoint, connector: Connector, picture: SitePicture, plan: Plan | None, profile: m.ChargingProfile
) -> int:
    running = picture.connector(charge_point.identity, connector.number).transaction
    if profile.charging_profile_purpose == "TxDefaultProfile" or running is None or plan is None:
        return connector.fallback_ma
    limit = plan.limits.get(ConnectorKey(charge_point.identity, connector.number))
    return connector.fallback_ma if limit is None else min(connector.fallback_ma, limit.limit_ma)


def _may_clear_ours(request: m.ClearChargingProfileRequest) -> bool:
    if request.id is not None and not is_ours(request.id):
        return False
    if request.charging_profile_purpose == "ChargePointMaxProfile":
        return False
    return request.stack_level is None or request.stack_level == STACK_LEVEL
