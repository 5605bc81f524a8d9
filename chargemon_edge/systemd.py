"""What systemd is told: READY, STATUS, WATCHDOG, STOPPING. Outside systemd every call does nothing."""

from __future__ import annotations

import os

import sdnotify


class Notifier:
    """The service's line to its manager."""

    def __init__(self) -> None:
        # outside systemd there is nobody to tell, and the library would leave its socket open
        self._line = sdnotify.SystemdNotifier() if "NOTIFY_SOCKET" in os.environ else None
        self._status = ""

    def ready(self, status: str) -> None:
        """The service serves; *status* is what ``systemctl status`` shows."""
        self._status = status
        self._notify(f"READY=1\nSTATUS={status}")

    def status(self, status: str) -> None:
        """What the service is doing, sent only when it differs."""
        if status != self._status:
            self._status = status
            self._notify(f"STATUS={status}")

    def alive(self) -> None:
        """Feed the watchdog; only after a real check."""
        self._notify("WATCHDOG=1")

    def stopping(self) -> None:
        """A clean stop has begun."""
        self._notify("STOPPING=1\nSTATUS=stopping")

    def _notify(self, words: str) -> None:
        if self._line is not None:
            self._line.notify(words)


def watchdog_period_s() -> float | None:
    """How often to feed the watchdog: a third of what the unit allows; None when no watchdog watches this process."""
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    watched_pid = os.environ.get("WATCHDOG_PID", str(os.getpid()))
    if not microseconds.isdigit() or watched_pid != str(os.getpid()):
        return None
    return int(microseconds) / 3_000_000
