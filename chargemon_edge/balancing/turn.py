"""Whose turn it is: how long a connector has had or waited for current, and how much charge it was served.

Kept per running transaction. Must never look at identities: equal claims are settled by who came first.
"""

from __future__ import annotations

from collections import deque

from chargemon_edge.balancing.policy import Policy

_SLICE_S = 900.0


class Turn:
    """One running transaction's place in the order."""

    def __init__(self, policy: Policy, plugged_in: float) -> None:
        self._policy = policy
        # when it came, by our records; smaller goes first
        self.plugged_in = plugged_in
        # since when it has current, or has none any more
        self.on_since_s: float | None = None
        self.off_since_s: float | None = None
        self._waiting_since_s: float | None = None
        # classes gained by waiting; kept while its turn lasts
        self._aged = 0
        self._looked_s: float | None = None
        # slices of a quarter of an hour: number and mA·s served in it
        self._served: deque[tuple[int, float]] = deque()

    def look(self, limit_ma: int, drawn_ma: int, now_s: float) -> None:
        """It may draw *limit_ma* now and took *drawn_ma* since the last look."""
        if limit_ma > 0:
            if self.on_since_s is None:
                self.on_since_s, self.off_since_s, self._waiting_since_s = now_s, None, None
        else:
            if self.on_since_s is not None:
                self.on_since_s, self.off_since_s = None, now_s
            if self._waiting_since_s is None:
                self._waiting_since_s, self._aged = now_s, 0
            elif self._policy.ageing_s:
                self._aged = int((now_s - self._waiting_since_s) / self._policy.ageing_s)
        if self._looked_s is not None and drawn_ma > 0:
            self._serve(drawn_ma * (now_s - self._looked_s), now_s)
        self._looked_s = now_s

    def _serve(self, charge_ma_s: float, now_s: float) -> None:
        number = int(now_s // _SLICE_S)
        if self._served and self._served[-1][0] == number:
            charge_ma_s += self._served.pop()[1]
        self._served.append((number, charge_ma_s))
        oldest = number - int(self._policy.served_window_s // _SLICE_S)
        while self._served[0][0] <= oldest:
            self._served.popleft()

    def served_ma_s(self, now_s: float) -> float:
        """What one conductor was served within the window; per conductor, so that one-phase cars gain nothing."""
        oldest = int(now_s // _SLICE_S) - int(self._policy.served_window_s // _SLICE_S)
        return sum(charge for number, charge in self._served if number > oldest)

    def keeps(self, now_s: float) -> bool:
        """Whether it began so recently that nobody of any class may take its turn."""
        return self.on_since_s is not None and now_s - self.on_since_s < self._policy.min_on_s

    def has_turn(self, now_s: float) -> bool:
        """Whether its turn still lasts."""
        if self.on_since_s is None:
            return False
        return self._policy.rotation_s == 0 or now_s - self.on_since_s < self._policy.rotation_s

    def rests(self, now_s: float) -> bool:
        """Whether it was paused so recently that it must not start again."""
        return self.off_since_s is not None and now_s - self.off_since_s < self._policy.min_off_s

    def aged(self, now_s: float) -> int:
        """By how many classes it has moved up."""
        return self._aged if self.on_since_s is None or self.has_turn(now_s) else 0

    def rank(self, satisfied: bool, now_s: float) -> tuple[float, ...]:
        """Its place within its class; smaller goes first."""
        return (satisfied, not self.has_turn(now_s), self.served_ma_s(now_s), self.plugged_in)
