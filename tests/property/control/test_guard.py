"""Whatever profiles people give a balanced charge point: composed as the specification says, nothing is ever raised.

The composition is the simulated charger's own reading of OCPP 1.6 §3.13 on plain JSON, which shares no code with ours.
"""

from __future__ import annotations

import json
import os
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chargemon_edge.balancing.plan import ConnectorLimit, Plan
from chargemon_edge.control import guard
from chargemon_edge.ocpp.charging_profile import tx_default_profile, tx_profile
from chargemon_edge.ocpp.v16 import codec
from chargemon_edge.ocpp.v16 import messages as m
from chargemon_edge.sim.charging_profiles import ProfileStore, read_profile
from chargemon_edge.site import facts
from chargemon_edge.site.facts import Moment
from chargemon_edge.site.fold import apply
from chargemon_edge.site.layout import ChargePoint, Connector, ConnectorKey
from chargemon_edge.site.picture import SitePicture

START_MS = 1_800_000_000_000
START_S = START_MS / 1000
LEASE_S = 120
AT = Moment(1000.0, START_MS)
TIMES = ["2027-01-15T07:00:00Z", "2027-01-15T08:00:30Z", "2027-01-15T08:01:30Z", "2027-01-16T08:00:00Z"]
_PURPOSES = ["TxProfile", "TxProfile", "TxDefaultProfile", "TxDefaultProfile", "ChargePointMaxProfile"]
FEW = settings(
    max_examples=int(os.environ.get("CHARGEMON_EXAMPLES", "100")), suppress_health_check=[HealthCheck.too_slow]
)


def put_into(store: ProfileStore, request: m.SetChargingProfileRequest) -> None:
    payload = json.loads(codec.encode(request))
    store.put(read_profile(payload["connectorId"], payload["csChargingProfiles"]))


@st.composite
def profiles(draw: st.DrawFn) -> dict[str, Any]:
    """A sound csChargingProfiles of any kind."""

    def maybe(name: str, values: st.SearchStrategy[Any]) -> dict[str, Any]:
        return {name: draw(values)} if draw(st.integers(0, 3)) == 3 else {}

    starts = sorted(draw(st.sets(st.integers(1, 200), max_size=2)))
    unit = draw(st.sampled_from("AAW"))
    # around what is allowed, on one phase at 207 V and on three at 230 V
    limits = st.sampled_from(
        [0.0, 5.9, 6.0, 6.1, 7.0, 7.1, 8.0, 8.1, 16.0] if unit == "A" else [0.0, 1242.0, 1243.0, 1656.0, 3726.0, 6000.0]
    )
    periods = [
        {"startPeriod": start, "limit": draw(limits), "numberPhases": draw(st.sampled_from([1, 1, 3]))}
        for start in (0, *starts)
    ]
    return {
        "chargingProfileId": draw(st.sampled_from([1, 2, 3, 4, 5, 6, 1001, 2001, 3001])),
        **maybe("transactionId", st.just(7)),
        "stackLevel": draw(st.sampled_from([1, 2, 3, 0])),
        "chargingProfilePurpose": draw(st.sampled_from(_PURPOSES)),
        "chargingProfileKind": draw(st.sampled_from(["Absolute", "Relative", "Recurring"])),
        **maybe("recurrencyKind", st.sampled_from(["Daily", "Weekly"])),
        **maybe("validFrom", st.sampled_from(TIMES)),
        **maybe("validTo", st.sampled_from(TIMES)),
        "chargingSchedule": {
            **maybe("duration", st.integers(0, 300)),
            **maybe("startSchedule", st.sampled_from(TIMES)),
            "chargingRateUnit": unit,
            "chargingSchedulePeriod": periods,
        },
    }


@FEW
@given(
    wishes=st.lists(st.tuples(st.sampled_from([1, 1, 0, 2]), profiles()), min_size=1, max_size=6),
    fallbacks_ma=st.tuples(*[st.sampled_from([0, 6_000, 8_000])] * 2),
    allowed_ma=st.sampled_from([0, 6_000, 7_000, 16_000]),
    running=st.booleans(),
)
def test_what_the_guard_lets_out_raises_nothing(
    wishes: list[tuple[int, dict[str, Any]]], fallbacks_ma: tuple[int, int], allowed_ma: int, running: bool
) -> None:
    connectors = tuple(
        Connector(number=number, circuit="main", fallback_ma=fallback_ma)
        for number, fallback_ma in enumerate(fallbacks_ma, 1)
    )
    charge_point = ChargePoint(identity="CP1", connectors=connectors)
    limit = ConnectorLimit(limit_ma=allowed_ma, source="fuse", reason="")
    plan = Plan(at_mono_s=0.0, armed=True, why="balancing", limits={ConnectorKey("CP1", 1): limit})
    picture = SitePicture(started=AT)
    store = ProfileStore()
    for one in connectors:
        put_into(store, tx_default_profile(connector=one.number, fallback_ma=one.fallback_ma))
    if running:
        picture = apply(picture, _started())
        ours = tx_profile(
            connector=1,
            transaction_id=7,
            limit_ma=allowed_ma,
            fallback_ma=fallbacks_ma[0],
            lease_s=LEASE_S,
            now_utc_ms=START_MS,
        )
        put_into(store, ours)

    for connector, profile in wishes:
        body = json.dumps({"connectorId": connector, "csChargingProfiles": profile}).encode()
        request = codec.decode_command("SetChargingProfile", body)
        if guard.objection(charge_point, picture, plan, request) is None:
            assert isinstance(request, m.SetChargingProfileRequest)
            put_into(store, request)

    for after_s in (0, 1, 29, 31, 61, 89, 91, 119, 121, 199, 3600, 86_400):
        for one in connectors:
            # without a running transaction: what one would draw that begins now
            held_a, _ = store.limit_a(one.number, START_S + after_s, START_S)
            leased = running and one.number == 1 and after_s < LEASE_S
            assert held_a is not None
            assert held_a * 1000 <= (allowed_ma if leased else one.fallback_ma) + 1e-6


def _started() -> facts.Fact:
    return facts.TransactionStarted(
        at=AT,
        charge_point="CP1",
        connector=1,
        transaction_id=7,
        id_tag="A",
        id_tag_status="Accepted",
        meter_start_wh=0,
        started_utc_ms=START_MS,
        started_text="",
    )
