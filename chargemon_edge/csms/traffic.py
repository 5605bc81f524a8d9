"""How much one charge point may send: a token bucket, as one number. No I/O."""

from __future__ import annotations


class Allowance:
    """*burst* messages at once, *rate_per_s* in the long run."""

    __slots__ = ("_ahead_s", "_empty_at_s", "_step_s")

    def __init__(self, rate_per_s: float, burst: int) -> None:
        self._step_s = 1.0 / rate_per_s
        # how far the earning may lie in the future when one more is taken
        self._ahead_s = (burst - 1) * self._step_s
        # when all that was taken is earned again; in the past: the bucket is full
        self._empty_at_s = float("-inf")

    def take(self, now_s: float) -> float:
        """Count one message, which is still allowed; returns how long to wait before the next one (0: not at all)."""
        start = self._empty_at_s
        self._empty_at_s = earned = (start if start > now_s else now_s) + self._step_s
        wait_s = earned - now_s - self._ahead_s
        # less is rounding
        return wait_s if wait_s > 1e-6 else 0.0
