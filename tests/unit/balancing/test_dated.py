"""Leases are dated: what they count for once our time of day was set."""

from __future__ import annotations

from chargemon_edge.balancing.command import TOLD_THE_TIME_S, Command
from chargemon_edge.balancing.policy import Policy
from chargemon_edge.site.facts import Moment
from chargemon_edge.site.layout import Connector
from chargemon_edge.site.picture import ChargePointPicture, ClockPicture, ConnectorPicture, HeldLimit, SitePicture

STARTED = Moment(0.0, 1_800_000_000_000)
CONNECTOR = Connector(number=1, circuit="main")


def looked(
    limit_ma: int,
    *,
    corrected_s: float,
    now_s: float,
    sent_s: float = 1_000.0,
    charge_point: ChargePointPicture | None = None,
) -> Command:
    """A command that the charger took at *sent_s*, looked at when our time was set at *corrected_s*."""
    held = HeldLimit(limit_ma=limit_ma, fallback_ma=6_000, transaction_id=5, sent_mono_s=sent_s, lease_s=120)
    command = Command(CONNECTOR, Policy())
    picture = SitePicture(started=STARTED, clock=ClockPicture(corrected_mono_s=corrected_s))
    command.look(picture, ConnectorPicture(held=held, fail_safe_ma=0), now_s, charge_point)
    return command


def test_a_lease_below_the_fallback_counts_as_over_once_the_time_was_set() -> None:
    never, before, after = float("-inf"), 900.0, 1_010.0

    assert looked(0, corrected_s=never, now_s=1_020).ceiling_ma(1_020) == 0
    assert looked(0, corrected_s=before, now_s=1_020).ceiling_ma(1_020) == 0
    assert looked(0, corrected_s=after, now_s=1_020).ceiling_ma(1_020) == 6_000
    assert looked(16_000, corrected_s=after, now_s=1_020).ceiling_ma(1_020) == 16_000


def test_it_is_renewed_when_the_charger_has_heard_of_the_new_time_and_not_before() -> None:
    corrected_s = 1_010.0
    told_s = corrected_s + TOLD_THE_TIME_S
    command = looked(16_000, corrected_s=corrected_s, now_s=told_s)

    assert not command.refresh_due(told_s - 0.1)
    assert command.refresh_due(told_s)
    assert not looked(16_000, corrected_s=corrected_s, now_s=told_s, sent_s=told_s).refresh_due(told_s + 1)


def test_who_was_not_told_may_be_at_its_fallback_and_is_sent_a_new_lease_once_it_was() -> None:
    corrected_s, sent_s, told_s = 1_010.0, 1_020.0, 1_060.0

    def seen(charge_point: ChargePointPicture) -> tuple[int, bool]:
        command = looked(0, corrected_s=corrected_s, now_s=told_s, sent_s=sent_s, charge_point=charge_point)
        return command.ceiling_ma(told_s), command.refresh_due(told_s)

    assert seen(ChargePointPicture()) == (0, False)
    assert seen(ChargePointPicture(behind_ms=3_600_000)) == (6_000, False)
    assert seen(ChargePointPicture(told_mono_s=told_s)) == (6_000, True)
    assert seen(ChargePointPicture(told_mono_s=sent_s - 1)) == (0, False)
