"""Counts failed logins per source and per identity within a sliding window, and says who must wait. Bounded memory.

A source counts as one with each identity it tries: a charger with a wrong password behind the same router as others,
or somebody who attacks its identity from elsewhere, must not lock the right ones out. So a source is stopped
for an identity it failed for, and its *wrong* logins are answered "too many" once it failed often enough at all.
"""

from __future__ import annotations

from chargemon_edge.control.failures import FailureWindow


class LoginThrottle:
    """Failures by source, by identity, and by both."""

    def __init__(self, failures: int, window_s: float) -> None:
        self._failures = failures
        self._by_source = FailureWindow(window_s, failures)
        # enough to tell one source's failures from those of the rest
        self._by_identity = FailureWindow(window_s, 2 * failures)
        self._by_both = FailureWindow(window_s, failures)

    def wait_s(self, source: str, identity: str, now_s: float) -> float:
        """Seconds this source must wait before a login as *identity* is looked at; 0: now.

        While *identity* is under attack from other sources, one failure is all that this one gets.
        """
        both = (source, identity)
        elsewhere = self._by_identity.count((identity,), now_s) - self._by_both.count(both, now_s)
        return self._by_both.wait_s(both, 1 if elsewhere >= self._failures else self._failures, now_s)

    def source_wait_s(self, source: str, now_s: float) -> float:
        """Seconds until this source, when a login of it fails, is told the true reason again; 0: now."""
        return self._by_source.wait_s((source,), self._failures, now_s)

    def failed(self, source: str, identity: str | None, now_s: float) -> None:
        """Count a failure; *identity* is None when it names no charge point that is known."""
        self._by_source.add((source,), now_s)
        if identity is not None:
            self._by_identity.add((identity,), now_s)
            self._by_both.add((source, identity), now_s)

    def succeeded(self, source: str, identity: str) -> None:
        """A right login from here clears what this source did wrong with this identity."""
        self._by_both.forget((source, identity))
