"""What all transfers together may move in a second, shared fairly: whoever asks is served in turn. Pure."""

from __future__ import annotations

# so much may go out at once after a pause
_BURST_S = 0.05


class Bandwidth:
    """A line that carries *bytes_per_s*; None: as much as the network takes."""

    def __init__(self, bytes_per_s: int | None) -> None:
        self._bytes_per_s = bytes_per_s
        # when the line has carried all that was taken
        self._free_s = float("-inf")

    @property
    def limited(self) -> bool:
        """Whether there is anything to wait for."""
        return self._bytes_per_s is not None

    def take(self, count: int, now_s: float) -> float:
        """Take a turn for *count* bytes; returns how long to wait before they may move."""
        if self._bytes_per_s is None:
            return 0.0
        start_s = max(self._free_s, now_s - _BURST_S)
        self._free_s = start_s + count / self._bytes_per_s
        return max(0.0, start_s - now_s)
