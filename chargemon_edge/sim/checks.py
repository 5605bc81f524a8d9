"""What must hold on the site at every moment, whatever goes wrong; shared by the demo and the tests.

Judges only what the far ends of the wires can see: fuses, cars, chargers and the transaction ids they were given. The
daemon is asked one thing only: whether it knows the transactions that run.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from chargemon_edge.sim.charger import Charger
from chargemon_edge.sim.outlet import Session
from chargemon_edge.sim.wiring import Fuse, Place, Wiring

# One slow period of the balancer, and what a slow charger and the meter's own second take
FITS_AFTER_S = 15.0
# While the fuse carries no more than it may, one more round: what part of its limit a car leaves unused is told only
# with its charger's next meter values, and a building that rises as a car stops looks to the meter like nothing at all
UNUSED_FITS_AFTER_S = 30.0
# What the meter itself does not see: it is no better than this
METER_NOISE_MA = 150
# A charger keeps its last limit for its dead-man time; a pilot signal and a clock need a moment more
DEAD_MAN_SLACK_S = 25.0
KNOWN_AFTER_S = 60.0
ABOVE_HOLDS_S_PER_H = 10.0
_LOOK_AT_TRANSACTIONS_EVERY_S = 30.0


class Violation(msgspec.Struct, frozen=True, kw_only=True):
    """Something that must never happen, did."""

    at_s: float
    """Seconds since the scenario's start."""
    rule: str
    detail: str

    def __str__(self) -> str:
        return f"{self.at_s:9.1f} s  {self.rule}: {self.detail}"


class Checks:
    """Looks at the wiring once a second; keeps what it found wrong."""

    def __init__(self, wiring: Wiring, *, dead_man_s: float, known: Callable[[Place], int | None]) -> None:
        """*known* gives the transaction id that the daemon has on an outlet, or None; -1: ask later, it is down."""
        self.violations: list[Violation] = []
        self.longest_excess_s = 0.0
        """How long commanded currents and background together stayed above a fuse."""
        self._wiring = wiring
        self._dead_man_s = dead_man_s
        self._known = known
        self._excess_since_s: dict[tuple[str, int], float] = {}
        self._alone_since_s: dict[str, float] = {}
        self._unknown_since_s: dict[str, float] = {}
        self._ids: dict[int, Session] = {}
        self._look_at_s = 0.0
        self._said: set[tuple[str, str]] = set()

    def observe(self, elapsed_s: float, now_s: float) -> None:
        """Judge the second that just passed."""
        for fuse in self._wiring.fuses.values():
            self._fits(fuse, elapsed_s, now_s)
        look = elapsed_s >= self._look_at_s
        if look:
            self._look_at_s = elapsed_s + _LOOK_AT_TRANSACTIONS_EVERY_S
        for place in self._wiring.places:
            if place.outlet.session is not None:
                self._limit(place, elapsed_s, now_s)
                if look:
                    self._transaction(place, elapsed_s)

    def finish(self, elapsed_s: float, recorded: Callable[[int], bool | None] | None = None) -> None:
        """Judge the whole. *recorded* tells what the daemon's disk knows: ended, running, or None for unknown."""
        hours = max(1.0, elapsed_s / 3_600.0)
        for fuse in self._wiring.fuses.values():
            for phase, breaker in enumerate(fuse.breakers):
                allowed_s = ABOVE_HOLDS_S_PER_H * hours
                if breaker.above_holds_s > allowed_s:
                    words = (
                        f"{fuse.circuit.name} L{phase + 1}: {breaker.above_holds_s:.0f} s, allowed {allowed_s:.0f} s"
                    )
                    self._found(elapsed_s, "seconds above 1.13 × the fuse", words)
        chargers = {place.charger.identity: place.charger for place in self._wiring.places}
        for charger in chargers.values():
            self._ids_of(charger, elapsed_s)
            if recorded is not None:
                self._kept(charger, elapsed_s, recorded)

    def _fits(self, fuse: Fuse, elapsed_s: float, now_s: float) -> None:
        name = fuse.circuit.name
        for phase in (0, 1, 2):
            if fuse.breakers[phase].tripped:
                self._found(elapsed_s, "breaker tripped", f"{name} L{phase + 1} at {fuse.total_ma[phase]} mA")
            commanded_ma = fuse.commanded_ma[phase]
            excess_ma = commanded_ma + fuse.background_ma[phase] - fuse.usable_ma[phase]
            key = (name, phase)
            # what nobody can lower now is judged by the dead-man rule instead
            if excess_ma <= METER_NOISE_MA or commanded_ma == 0 or fuse.reachable_ma[phase] == 0:
                self._excess_since_s.pop(key, None)
                continue
            since_s = max(self._excess_since_s.setdefault(key, now_s), fuse.rose_at_s[phase])
            self.longest_excess_s = max(self.longest_excess_s, now_s - since_s)
            overloaded = fuse.total_ma[phase] > fuse.usable_ma[phase]
            if now_s - since_s > (FITS_AFTER_S if overloaded else UNUSED_FITS_AFTER_S):
                words = (
                    f"{name} L{phase + 1}: commanded {commanded_ma} + background {fuse.background_ma[phase]} mA is "
                    f"{excess_ma} mA above {fuse.usable_ma[phase]} mA for {now_s - since_s:.0f} s"
                )
                self._found(elapsed_s, "commanded currents must fit", words)

    def _limit(self, place: Place, elapsed_s: float, now_s: float) -> None:
        charger, outlet, connector = place.charger, place.outlet, place.connector
        if 0 < outlet.limit_ma < connector.min_ma:
            self._found(elapsed_s, "never between 0 and the minimum", f"{place.key}: {outlet.limit_ma} mA")
        if not charger.alone or charger.personality.takes_profiles != "obeys":
            self._alone_since_s.pop(str(place.key), None)
            return
        alone_s = now_s - self._alone_since_s.setdefault(str(place.key), now_s)
        if alone_s > self._dead_man_s + DEAD_MAN_SLACK_S and outlet.limit_ma > connector.fallback_ma:
            words = (
                f"{place.key}: {outlet.limit_ma} mA after {alone_s:.0f} s alone, fallback {connector.fallback_ma} mA"
            )
            self._found(elapsed_s, "the dead man's limit", words)

    def _transaction(self, place: Place, elapsed_s: float) -> None:
        session, key = place.outlet.session, str(place.key)
        known = self._known(place)
        settled = place.charger.linked and len(place.charger.calls) == 0 and known != -1
        if session is None or not settled or (session.transaction_id is not None and known == session.transaction_id):
            self._unknown_since_s.pop(key, None)
            return
        since_s = self._unknown_since_s.setdefault(key, elapsed_s)
        if elapsed_s - since_s >= KNOWN_AFTER_S:
            words = f"{key}: the charger runs {session.transaction_id}, the daemon knows {known}"
            self._found(elapsed_s, "every car that charges has a transaction known to the daemon", words)

    def _ids_of(self, charger: Charger, elapsed_s: float) -> None:
        for session in charger.sessions:
            if session.transaction_id is None:
                continue
            first = self._ids.setdefault(session.transaction_id, session)
            if first is not session:
                words = f"{session.transaction_id} again, for {charger.identity} at {session.started_text}"
                self._found(elapsed_s, "transaction ids never repeat", words)

    def _kept(self, charger: Charger, elapsed_s: float, recorded: Callable[[int], bool | None]) -> None:
        """What was acknowledged is on disk: every start, and every stop that the charger no longer holds itself."""
        for session in charger.sessions:
            if session.transaction_id is None:
                continue
            ended = recorded(session.transaction_id)
            if ended is None or (session.ended and not ended and len(charger.calls) == 0):
                words = f"{session.transaction_id} of {charger.identity}: {'no start' if ended is None else 'no stop'}"
                self._found(elapsed_s, "nothing that was acknowledged is lost", words)

    def _found(self, elapsed_s: float, rule: str, detail: str) -> None:
        # one line for each place is enough: what goes on being wrong says nothing new
        place = (rule, detail.split(":")[0].split(" at ")[0])
        if place not in self._said:
            self._said.add(place)
            self.violations.append(Violation(at_s=elapsed_s, rule=rule, detail=detail))
