"""What flows through the measured fuses that is not our chargers, and the room that leaves.

Room falls at once with the newest sample and rises only with the highest background of a whole window: dropping fast
and raising slowly without any tuning. Exported current is never room. Must never raise on a meter that is not good.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from chargemon_edge.balancing.policy import Policy
from chargemon_edge.balancing.rows import Rows
from chargemon_edge.site.facts import MeterRead
from chargemon_edge.site.layout import MeterPlace
from chargemon_edge.site.picture import MeterPicture
from chargemon_edge.site.units import ZERO, PerPhase

_NOTHING = MeterPicture()

# a sample, a charger's answer and its car's reaction take no longer than this together
_FOLLOWED_S = 8.0
# from then on the excess is doubled this often, so many times, starting with at least this
_INSIST_S = 5.0
_ROUNDS = 6
_INSIST_MA = 1_000


class Drawn(NamedTuple):
    """What our chargers behind one meter draw, on site phases (see :mod:`chargemon_edge.balancing.outlet`)."""

    likely_ma: PerPhase = ZERO
    cautious_ma: PerPhase = ZERO
    known_since_s: float = float("inf")
    """Since when the chargers' own figures are known: an older background is not forgotten before."""


class MeasuredCircuit:
    """One circuit with a meter.

    *state* is ``starting`` (no sample yet), ``good``, ``stale`` (nothing is raised), ``lost`` or ``back`` (samples
    again, not yet long enough to be trusted).
    """

    def __init__(self, place: MeterPlace, rows: Rows, policy: Policy) -> None:
        self.meter = place.name
        self.circuit = place.circuit
        self.state = "starting"
        self.reason: str | None = None
        # the newest sample is above the usable fuse or the power limit
        self.overloaded = False
        # the least that our chargers below draw, kept up to date by the regulator
        self.proven_ma = [0, 0, 0]
        self._rows = rows
        self._policy = policy
        self._where = rows.by_circuit[place.circuit]
        self._latest: MeterRead | None = None
        # since when each phase is overloaded without a break
        self._over_since_s: list[float | None] = [None, None, None]
        # background in each row of the circuit, one entry per sample, oldest first
        self._samples: deque[tuple[float, list[int]]] = deque()
        self._good_since_s: float | None = None
        # room per row as it was last; empty before the first good sample
        self._room_ma: dict[int, int] = {}
        # what was in force in each row of the circuit at the decisions within the window, oldest first
        self._in_force: deque[tuple[float, list[int]]] = deque()

    def look(self, picture: MeterPicture | None, started_s: float, now_s: float) -> None:
        """Take in the newest sample."""
        seen = picture or _NOTHING
        latest = seen.latest
        if latest is not None and latest is not self._latest and seen.lost_reason is None:
            self._take(latest)
        heard_s = started_s if self._latest is None else self._latest.at.mono_s
        silent_s = now_s - heard_s
        if seen.lost_reason is not None or silent_s > self._policy.meter_lost_s:
            self._lose(seen.lost_reason or f"no good reading for {self._policy.meter_lost_s:g} s")
        elif self._latest is None:
            self.state = "starting"
        elif self.state in ("lost", "back"):
            self._come_back(silent_s, now_s)
        else:
            self.state = "stale" if silent_s > self._policy.meter_stale_s else "good"

    def _take(self, latest: MeterRead) -> None:
        if self._latest is not None:
            gap_s = latest.at.mono_s - self._latest.at.mono_s
            if gap_s > self._policy.meter_lost_s:
                self._lose(f"no good reading for {gap_s:.0f} s")
            elif gap_s > self._policy.meter_stale_s:
                # coming back means readings without a gap
                self._good_since_s = None
        self._latest = latest
        if self._good_since_s is None:
            self._good_since_s = latest.at.mono_s
        background_ma = latest.current_ma.minus(PerPhase(*self.proven_ma)).largest(ZERO)
        self._samples.append((latest.at.mono_s, self._of_rows(background_ma)))
        oldest_s = latest.at.mono_s - max(self._policy.values_stale_s, self._policy.raise_window_s)
        while self._samples[0][0] < oldest_s:
            self._samples.popleft()
        for phase in range(3):
            if not self.over(phase):
                self._over_since_s[phase] = None
            elif self._over_since_s[phase] is None:
                self._over_since_s[phase] = latest.at.mono_s
        self.overloaded = any(since is not None for since in self._over_since_s) or self._over_power()

    def _lose(self, reason: str) -> None:
        self.state, self.reason = "lost", reason
        self.overloaded = False
        self._over_since_s = [None, None, None]
        self._samples.clear()
        self._room_ma.clear()
        self._in_force.clear()
        self._good_since_s = None

    def _come_back(self, silent_s: float, now_s: float) -> None:
        if silent_s > self._policy.meter_stale_s or self._good_since_s is None:
            self._good_since_s = None
            self.state = "lost"
        elif now_s - self._good_since_s >= self._policy.meter_back_s:
            self.state, self.reason = "good", None
        else:
            self.state = "back"

    def over(self, phase: int) -> bool:
        """Whether the newest sample is above the usable fuse on this phase."""
        latest = self._latest
        return latest is not None and latest.current_ma[phase] > self._rows.rows[self._where.phases[phase]].usable_ma

    def _over_power(self) -> bool:
        if self._where.power is None or self._latest is None:
            return False
        return sum(self._latest.current_ma) > self._rows.rows[self._where.power].usable_ma

    def _of_rows(self, background_ma: PerPhase) -> list[int]:
        values = [0] * len(self._rows.rows)
        self._rows.spread(self.circuit, background_ma, values)
        return [values[row] for row in self._where.indices]

    def room(self, into: list[int], in_force_ma: Sequence[int], drawn: Drawn, now_s: float) -> None:
        """Write the room of the circuit's rows *into* the list; *in_force_ma* is what all chargers may hold now.

        A row keeps the room that was in use within the window as long as it fits the newest sample, so that current
        can move from one charger to another; more than that needs the highest background of the window.
        """
        if self.state in ("starting", "lost") or self._latest is None:
            return
        now_ma = self._now(drawn)
        from_s = min(self._latest.at.mono_s - self._policy.raise_window_s, drawn.known_since_s)
        highest_ma = _highest(self._samples, from_s)
        self._in_force.append((now_s, [in_force_ma[row] for row in self._where.indices]))
        while self._in_force[0][0] < now_s - self._policy.raise_window_s:
            self._in_force.popleft()
        used_ma = _highest(self._in_force, float("-inf"))
        for row, present_ma, high_ma, used in zip(self._where.indices, now_ma, highest_ma, used_ma, strict=True):
            usable_ma = self._rows.rows[row].usable_ma
            if self.state == "back":
                into[row] = min(into[row], usable_ma - max(present_ma, high_ma))
                continue
            lasting_ma = min(self._room_ma.get(row, used), used)
            if self.state == "good":
                lasting_ma = max(lasting_ma, usable_ma - high_ma)
            self._room_ma[row] = into[row] = min(usable_ma - present_ma, lasting_ma)

    def _now(self, drawn: Drawn) -> list[int]:
        assert self._latest is not None
        measured_ma = self._latest.current_ma
        # above the fuse nobody is believed to have followed an increase yet
        cautiously = self._over_power()
        drawn_ma = [
            drawn.cautious_ma[phase] if cautiously or self.over(phase) else drawn.likely_ma[phase] for phase in range(3)
        ]
        background_ma = [measured_ma[phase] - drawn_ma[phase] + self._insisting_ma(phase) for phase in range(3)]
        return self._of_rows(PerPhase(*background_ma).largest(ZERO))

    def _insisting_ma(self, phase: int) -> int:
        """What is asked for on top, because the decreases asked for so far have not brought the current down in time.

        Some of what was given up was not drawn (a charger that reports no current), or somebody does not follow.
        """
        since_s = self._over_since_s[phase]
        if since_s is None or self._latest is None:
            return 0
        rounds = int((self._latest.at.mono_s - since_s - _FOLLOWED_S) / _INSIST_S + 1)
        if rounds <= 0:
            return 0
        excess_ma = self._latest.current_ma[phase] - self._rows.rows[self._where.phases[phase]].usable_ma
        return int(max(excess_ma, _INSIST_MA) * (2.0 ** min(rounds, _ROUNDS) - 1))


def _highest(entries: Iterable[tuple[float, list[int]]], from_s: float) -> list[int]:
    """Column by column the highest of the entries since *from_s*; the newest always counts."""
    columns = [values for at_s, values in entries if at_s >= from_s] or [values for _, values in entries][-1:]
    return [max(column) for column in zip(*columns, strict=True)]
