"""Counts failed logins per source and per identity within a sliding window, and says who must wait. Bounded memory.

A source counts as one with each identity it tries: a charger with a wrong password behind the same router as others,
or somebody who attacks its identity from elsewhere, must not lock the right ones out. So a source is stopped
for an identity it failed for, and its *wrong* logins are answered "too many" once it failed often enough at all.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict, deque

_MAX_ENTRIES = 4_096


def source_key(address: str) -> str:
    """What counts as one source: an IPv4 address, or an IPv6 network of 64 bits."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.version == 4:
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False).network_address)


class _Window:
    """Times of the last failures of many keys; the keys least recently failed are forgotten first."""

    def __init__(self, window_s: float, kept: int) -> None:
        self._window_s = window_s
        self._kept = kept
        self._times: OrderedDict[tuple[str, ...], deque[float]] = OrderedDict()

    def add(self, key: tuple[str, ...], now_s: float) -> None:
        times = self._times.get(key)
        if times is None:
            times = self._times[key] = deque(maxlen=self._kept)
            if len(self._times) > _MAX_ENTRIES:
                self._times.popitem(last=False)
        times.append(now_s)
        self._times.move_to_end(key)

    def forget(self, key: tuple[str, ...]) -> None:
        self._times.pop(key, None)

    def count(self, key: tuple[str, ...], now_s: float) -> int:
        """Failures of *key* within the window, as far as they are kept."""
        times = self._times.get(key)
        if times is None:
            return 0
        while times and times[0] <= now_s - self._window_s:
            times.popleft()
        if not times:
            del self._times[key]
        return len(times)

    def wait_s(self, key: tuple[str, ...], allowed: int, now_s: float) -> float:
        """How long until fewer than *allowed* failures lie within the window; 0: they do now."""
        count = self.count(key, now_s)
        return 0.0 if count < allowed else self._times[key][count - allowed] + self._window_s - now_s


class LoginThrottle:
    """Failures by source, by identity, and by both."""

    def __init__(self, failures: int, window_s: float) -> None:
        self._failures = failures
        self._by_source = _Window(window_s, failures)
        # enough to tell one source's failures from those of the rest
        self._by_identity = _Window(window_s, 2 * failures)
        self._by_both = _Window(window_s, failures)

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
