"""Counts failures of many sources within a sliding window. Bounded memory; says only when, never whether."""

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


class FailureWindow:
    """Times of the last failures of many keys; the keys least recently failed are forgotten first."""

    def __init__(self, window_s: float, kept: int) -> None:
        self._window_s = window_s
        self._kept = kept
        self._times: OrderedDict[tuple[str, ...], deque[float]] = OrderedDict()

    def add(self, key: tuple[str, ...], now_s: float) -> None:
        """One more failure of *key*."""
        times = self._times.get(key)
        if times is None:
            times = self._times[key] = deque(maxlen=self._kept)
            if len(self._times) > _MAX_ENTRIES:
                self._times.popitem(last=False)
        times.append(now_s)
        self._times.move_to_end(key)

    def forget(self, key: tuple[str, ...]) -> None:
        """*key* begins anew."""
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
