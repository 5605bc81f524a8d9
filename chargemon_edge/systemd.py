"""What systemd is told (READY, STATUS, WATCHDOG, RELOADING, STOPPING) and what it hands over (listening sockets).

Outside systemd every call does nothing and nothing is handed over.
"""

from __future__ import annotations

import os
import socket
import time

import sdnotify

# sd_listen_fds(3): the first descriptor handed over
_FIRST_DESCRIPTOR = 3


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

    def reloading(self) -> None:
        """The configuration is read anew; :meth:`ready` ends it (sd_notify(3))."""
        self._notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}\nSTATUS=reading the configuration")

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


def inherited_sockets() -> dict[str, tuple[socket.socket, ...]]:
    """Listening sockets that socket units hold open for this process, by their FileDescriptorName; to be asked once.

    systemd keeps them open while the daemon is replaced: who connects meanwhile waits and is not refused.
    """
    count, pid = os.environ.pop("LISTEN_FDS", ""), os.environ.pop("LISTEN_PID", "")
    names = os.environ.pop("LISTEN_FDNAMES", "").split(":")
    if pid != str(os.getpid()) or not count.isdigit():
        return {}
    found: dict[str, tuple[socket.socket, ...]] = {}
    for index in range(int(count)):
        listener = socket.socket(fileno=_FIRST_DESCRIPTOR + index)
        listener.set_inheritable(False)
        name = names[index] if index < len(names) else ""
        found[name] = (*found.get(name, ()), listener)
    return found
