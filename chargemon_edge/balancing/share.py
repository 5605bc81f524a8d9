"""From the division to what is given now: in steps, nothing for trifles, and never before others have come down.

The division says what everyone should have in the end. Here an increase becomes a step of it, and only of room that is
free even if no decrease under way is followed. Must never give more than the division, nor raise before it shrank.
"""

from __future__ import annotations

from collections.abc import Sequence

from chargemon_edge.balancing.allocate import Contender, Grant
from chargemon_edge.balancing.command import Command
from chargemon_edge.balancing.outlet import Outlet, Run
from chargemon_edge.balancing.policy import Policy
from chargemon_edge.balancing.rows import Memberships, add_load

# slow periods are never exact: the next increase need not wait for another one because of that
_EARLY = 0.9


class Share:
    """One asking connector on its way through one decision."""

    def __init__(self, outlet: Outlet, run: Run, contender: Contender, now_s: float) -> None:
        self.outlet = outlet
        self.run = run
        self.contender = contender
        self.latest_ma = run.command.latest_ma(now_s)
        self.ceiling_ma = run.command.ceiling_ma(now_s)
        # filled in on the way
        self.grant = Grant(0, None)
        self.given_ma = 0
        self.held_back: str | None = None
        self.turned_away: str | None = None
        self.capped_by: tuple[str, str] | None = None

    @property
    def command(self) -> Command:
        """What it was told."""
        return self.run.command

    @property
    def loads(self) -> Memberships:
        """The rows it takes from."""
        return self.contender.rows

    def on_grid(self, limit_ma: int) -> int:
        """The largest current on its grid that is not above *limit_ma*; 0 if that is below its minimum."""
        one = self.contender
        if limit_ma < one.min_ma:
            return 0
        return limit_ma - (limit_ma - one.min_ma) % one.step_ma


def give(shares: Sequence[Share], room_ma: Sequence[int], sure_ma: Sequence[int], policy: Policy, now_s: float) -> None:
    """Decide what each share (in rank order, with its grant) is given now.

    *room_ma* is what each row leaves to them, *sure_ma* what is left of that without any doubt: only into the latter
    somebody may be raised.
    """
    for share in shares:
        share.given_ma = _step(share, policy, now_s)
    _spare_trifles(shares, room_ma, policy)
    _grow(shares, sure_ma, policy)


def _step(share: Share, policy: Policy, now_s: float) -> int:
    target_ma, latest_ma = share.grant.limit_ma, share.latest_ma
    if target_ma <= latest_ma:
        return target_ma
    if share.command.in_flight or now_s - share.command.raised_s < policy.raise_period_s * _EARLY:
        share.held_back = "the last change is still being followed"
        return latest_ma
    if share.command.restored:
        share.held_back = "first told again what it held before our restart"
        return latest_ma
    if latest_ma < share.contender.min_ma:
        share.held_back = "rises in steps"
        return share.contender.min_ma
    step_ma = share.on_grid(min(target_ma, latest_ma + policy.raise_step_ma))
    if step_ma < target_ma:
        share.held_back = "rises in steps"
    return step_ma if step_ma - latest_ma >= policy.min_change_ma else latest_ma


def _spare_trifles(shares: Sequence[Share], room_ma: Sequence[int], policy: Policy) -> None:
    """A small decrease is dropped where no row needs it."""
    left_ma = list(room_ma)
    for share in shares:
        add_load(left_ma, share.loads, -share.given_ma)
    for share in shares:
        more_ma = share.latest_ma - share.given_ma
        small = 0 < more_ma < policy.min_change_ma and share.given_ma > 0
        if not small or share.latest_ma > share.contender.max_ma:
            continue
        if all(left_ma[row] >= weight * more_ma for row, weight in share.loads):
            add_load(left_ma, share.loads, -more_ma)
            share.given_ma = share.latest_ma


def _grow(shares: Sequence[Share], sure_ma: Sequence[int], policy: Policy) -> None:
    """Increases only from what is free even if every charger still holds the most that it may hold."""
    left_ma = list(sure_ma)
    for share in shares:
        add_load(left_ma, share.loads, -share.ceiling_ma)
    for share in shares:
        wanted_ma = share.given_ma
        if wanted_ma <= share.latest_ma:
            continue
        free_ma = min((left_ma[row] // weight for row, weight in share.loads), default=wanted_ma)
        if wanted_ma > share.ceiling_ma + max(0, free_ma):
            share.held_back = "others must come down first"
            wanted_ma = share.on_grid(share.ceiling_ma + max(0, free_ma))
            if share.latest_ma >= share.contender.min_ma and wanted_ma < share.latest_ma + policy.min_change_ma:
                wanted_ma = share.latest_ma
        share.given_ma = max(wanted_ma, share.latest_ma)
        add_load(left_ma, share.loads, -max(0, share.given_ma - share.ceiling_ma))
