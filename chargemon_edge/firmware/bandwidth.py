"""What all transfers together may move in a second, shared fairly, and in pieces of which size each moves. Pure."""

from __future__ import annotations

PIECE_MIN, PIECE_MAX = 32_768, 1_048_576
# so much may go out at once after a pause
_BURST_S = 0.05
# a piece that takes less is too small to be worth its turn, and one that takes more may be a disk that holds the loop
_QUICK_S, _SLOW_S = 0.005, 0.05


class Bandwidth:
    """A line that carries *bytes_per_s*; None: as much as the network takes."""

    def __init__(self, bytes_per_s: int | None) -> None:
        self._bytes_per_s = bytes_per_s
        # when the line has carried all that was taken
        self._free_s = float("-inf")

    @property
    def piece_max(self) -> int:
        """The largest piece that makes nobody else wait for long."""
        if self._bytes_per_s is None:
            return PIECE_MAX
        return max(PIECE_MIN, min(PIECE_MAX, int(self._bytes_per_s * _BURST_S)))

    def take(self, count: int, now_s: float) -> float:
        """Take a turn for *count* bytes; returns how long to wait before they may move."""
        if self._bytes_per_s is None:
            return 0.0
        start_s = max(self._free_s, now_s - _BURST_S)
        self._free_s = start_s + count / self._bytes_per_s
        return max(0.0, start_s - now_s)


class Pace:
    """The size of a transfer's next piece: as large as goes quickly, so that neither disk nor network holds others."""

    def __init__(self, piece_max: int) -> None:
        self._piece_max = piece_max
        self.piece_bytes = min(4 * PIECE_MIN, piece_max)

    def took(self, seconds: float) -> None:
        """The last piece took so long."""
        if seconds < _QUICK_S:
            self.piece_bytes = min(2 * self.piece_bytes, self._piece_max)
        elif seconds > _SLOW_S:
            self.piece_bytes = max(self.piece_bytes // 2, PIECE_MIN)
