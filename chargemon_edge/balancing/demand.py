"""What the car on one connector takes, learned from the currents that the charger reports.

Without reported currents nothing is learned: every wired phase and the whole range count. What a car does not use is
given to others, but the car's own limit is lowered first, so that it can never take back more than it is allowed.
"""

from __future__ import annotations

from chargemon_edge.balancing.policy import Policy
from chargemon_edge.site.layout import Connector
from chargemon_edge.site.units import PerPhase

Terminals = tuple[bool, bool, bool]

# below this a reported current is noise
_NOTHING_MA = 500


class Demand:
    """The estimate for one running transaction."""

    def __init__(self, connector: Connector, policy: Policy) -> None:
        self._connector = connector
        self._policy = policy
        # the most the car was seen to want; None: as much as the connector gives
        self.cap_ma: int | None = None
        # the connector's own terminals that the car uses
        self.terminals: Terminals = connector.conductors
        # it draws nothing although it may
        self.satisfied = False
        # since when it draws more than it may
        self._over_since_s: float | None = None
        self._low_since_s: float | None = None
        self._low_peak_ma = 0
        self._nothing_since_s: float | None = None
        self._unused_since_s: list[float | None] = [None, None, None]

    def measured(self, at_terminals: PerPhase, limit_ma: int, ceiling_ma: int, settled: bool, now_s: float) -> None:
        """The charger reported these currents under this limit, while it may have held *ceiling_ma* at the most."""
        drawn_ma = max(at_terminals)
        self._look_at_excess(drawn_ma, ceiling_ma, now_s)
        self._look_at_phases(at_terminals, drawn_ma, now_s)
        if self.cap_ma is not None and drawn_ma >= self.cap_ma - self._policy.demand_reopen_ma:
            self.cap_ma += self._policy.demand_step_ma
            if self.cap_ma >= self._connector.max_ma:
                self.cap_ma = None
        may_charge = settled and limit_ma >= self._connector.min_ma
        self._look_at_nothing(drawn_ma, may_charge, now_s)
        if not may_charge or drawn_ma >= limit_ma - self._policy.demand_slack_ma:
            self._low_since_s = None
            return
        if self._low_since_s is None:
            self._low_since_s, self._low_peak_ma = now_s, 0
        self._low_peak_ma = max(self._low_peak_ma, drawn_ma)
        if now_s - self._low_since_s >= self._policy.demand_s:
            whole_ma = -(-self._low_peak_ma // 1000) * 1000
            cap_ma = max(whole_ma + self._policy.demand_margin_ma, self._connector.min_ma)
            self.cap_ma = cap_ma if cap_ma < self._connector.max_ma else None
            # look again from here: a car that tapers is followed down
            self._low_since_s = None

    def suspended(self, since_s: float, now_s: float) -> None:
        """The charger says that the car itself pauses, and reports no currents that would show it."""
        self.satisfied = now_s - since_s >= self._policy.satisfied_s

    def overdrawn(self, now_s: float) -> bool:
        """Whether it draws more than it may for longer than a car needs to follow."""
        return self._over_since_s is not None and now_s >= self._over_since_s + self._policy.overdraw_s

    @property
    def overdrawn_at_s(self) -> float | None:
        """From when on :meth:`overdrawn` will be true if nothing better is measured."""
        return None if self._over_since_s is None else self._over_since_s + self._policy.overdraw_s

    def _look_at_excess(self, drawn_ma: int, ceiling_ma: int, now_s: float) -> None:
        allowed_ma = ceiling_ma + max(ceiling_ma * self._policy.overdraw_percent // 100, _NOTHING_MA)
        if drawn_ma <= allowed_ma:
            self._over_since_s = None
        elif self._over_since_s is None:
            self._over_since_s = now_s

    def _look_at_phases(self, at_terminals: PerPhase, drawn_ma: int, now_s: float) -> None:
        used_ma = self._policy.phase_used_ma
        in_use = list(self.terminals)
        for terminal, wired in enumerate(self._connector.conductors):
            if not wired:
                continue
            if at_terminals[terminal] >= used_ma:
                self._unused_since_s[terminal] = None
                in_use[terminal] = True
            elif drawn_ma < used_ma:
                # a car that takes nothing at all says nothing about its phases
                self._unused_since_s[terminal] = None
            elif self._unused_since_s[terminal] is None:
                self._unused_since_s[terminal] = now_s
            elif now_s - (self._unused_since_s[terminal] or 0.0) >= self._policy.demand_s:
                in_use[terminal] = False
        self.terminals = (in_use[0], in_use[1], in_use[2])

    def _look_at_nothing(self, drawn_ma: int, may_charge: bool, now_s: float) -> None:
        if drawn_ma >= self._policy.phase_used_ma:
            self._nothing_since_s, self.satisfied = None, False
        elif drawn_ma < _NOTHING_MA and may_charge:
            if self._nothing_since_s is None:
                self._nothing_since_s = now_s
            elif now_s - self._nothing_since_s >= self._policy.satisfied_s:
                self.satisfied = True
