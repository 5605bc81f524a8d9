"""Who asks for a share, and who is counted because nobody can say what it will draw next.

Chosen where the rules leave a choice, always towards less current:

* An empty connector (Available or Unavailable, linked) counts nothing if its charger is known to hold the fallback as
  its default: a car that comes draws at most that, and is counted from its first notification on. Without that
  knowledge the whole range counts, also while it is empty.
* Any other connector without a transaction counts its fallback, or its whole range if that was never confirmed.
* Out of reach: the most it may hold until its lease is over, then its fallback.
* Not reached since our start: what the disk says until that lease must be over, then its fallback. One step more is
  kept free of increases, since the last one may not have reached the disk; nobody is lowered for that step.
* Refusing, unanswering or drawing more than it may: the most it may hold, or what it draws.
* A quiet charge point is never commanded: its whole range counts.
"""

from __future__ import annotations

from typing import NamedTuple

from chargemon_edge.balancing.command import LEASE_GRACE_S
from chargemon_edge.balancing.outlet import Outlet, Run
from chargemon_edge.balancing.policy import Policy
from chargemon_edge.balancing.rows import amperes
from chargemon_edge.site.picture import SitePicture

_EMPTY = {"Available", "Unavailable"}


class Counted(NamedTuple):
    """A connector that gets no share: what it is counted at, and why."""

    amount_ma: int
    source: str
    reason: str
    reachable: bool = False
    """It has a link and a transaction: it can be asked again to hold no more than that, or less."""
    doubt_ma: int = 0
    """It may hold so much more than that: nobody is raised into it, but nobody is lowered for it either."""


def standing(outlet: Outlet, picture: SitePicture, policy: Policy, now_s: float) -> Counted | None:
    """How *outlet* is counted; None: it asks for a share."""
    connector, entry, run = outlet.connector, outlet.entry, outlet.run
    if outlet.charge_point.quiet:
        return Counted(connector.max_ma, "connector", "quiet charge point: nothing is sent, its whole range is counted")
    if entry is None or not (entry.linked or entry.seen):
        return _unseen(outlet, picture, policy, now_s)
    if not entry.linked:
        return _out_of_reach(outlet, now_s)
    if run is None:
        return _without_transaction(outlet)
    if run.demand.overdrawn(now_s):
        return _overdrawn(outlet, run, policy, now_s)
    if run.command.refusals or run.command.silent(now_s):
        return _refusing(run, now_s)
    return None


def _unseen(outlet: Outlet, picture: SitePicture, policy: Policy, now_s: float) -> Counted:
    connector, known = outlet.connector, outlet.picture
    fallback_ma = known.fail_safe_ma
    if fallback_ma is None:
        return Counted(connector.max_ma, "connector", "not reached since our start: its whole range is counted")
    held, lease_s = known.held, float(outlet.charge_point.dead_man_s)
    amount_ma, doubt_ma = fallback_ma, 0
    if known.transaction is not None:
        if held is not None:
            lease_s, last_ma = held.lease_s, held.limit_ma
            amount_ma = max(amount_ma, held.fallback_ma)
        else:
            last_ma = connector.min_ma
        if now_s < picture.started.mono_s + lease_s + LEASE_GRACE_S:
            # its last increase may not have reached the disk
            amount_ma = max(amount_ma, last_ma)
            doubt_ma = max(0, min(last_ma + policy.raise_step_ma, connector.max_ma) - amount_ma)
    reason = f"not reached since our start: {amperes(amount_ma)} counted"
    return Counted(amount_ma, "fail-safe", reason, doubt_ma=doubt_ma)


def _out_of_reach(outlet: Outlet, now_s: float) -> Counted:
    known, connector = outlet.picture, outlet.connector
    if known.fail_safe_ma is None:
        return Counted(connector.max_ma, "connector", "out of reach without a fallback: its whole range is counted")
    if outlet.run is None:
        return Counted(known.fail_safe_ma, "fail-safe", "out of reach: its fallback current is counted")
    may_hold_ma = outlet.run.command.ceiling_ma(now_s)
    if may_hold_ma > known.fail_safe_ma:
        return Counted(may_hold_ma, "fail-safe", f"out of reach: may hold {amperes(may_hold_ma)} until it falls back")
    return Counted(known.fail_safe_ma, "fail-safe", "out of reach: its fallback current is counted")


def _without_transaction(outlet: Outlet) -> Counted:
    known, connector = outlet.picture, outlet.connector
    if known.fail_safe_ma is None:
        return Counted(connector.max_ma, "connector", "fallback current not confirmed yet: its whole range is counted")
    if known.status in _EMPTY:
        return Counted(0, "idle", "no car")
    return Counted(known.fail_safe_ma, "fail-safe", "no transaction runs: its fallback current is counted")


def _overdrawn(outlet: Outlet, run: Run, policy: Policy, now_s: float) -> Counted:
    newest = outlet.measured(policy, now_s)
    drawn_ma = max(newest[1]) if newest is not None else outlet.connector.max_ma
    allowed_ma = run.command.latest_ma(now_s)
    amount_ma = max(drawn_ma, run.command.ceiling_ma(now_s))
    reason = f"does not obey: draws {amperes(drawn_ma)} although told {amperes(allowed_ma)}; counted as drawn"
    return Counted(amount_ma, "connector", reason, reachable=True)


def _refusing(run: Run, now_s: float) -> Counted:
    amount_ma = run.command.ceiling_ma(now_s)
    refused = run.command.refused
    if refused is None:
        reason = f"answer overdue: {amperes(amount_ma)} counted until it answers"
    else:
        reason = f"took no limit ({refused.outcome}): {amperes(amount_ma)} counted until it takes one"
    return Counted(amount_ma, "connector", reason, reachable=True)
