"""What the machine tells of its clock: whether a time service has set it, who kept it while the power was off, which
boot this is. Reads only; what cannot be read says nothing.

The kernel knows best, but a sandbox that may not set the clock may not ask it either; then the time services are asked
themselves.
"""

from __future__ import annotations

import ctypes
import functools
import os
from collections.abc import Callable
from pathlib import Path

from chargemon_edge.clock.chrony import chrony_heard
from chargemon_edge.clock.site_clock import Heard

TIMESYNCD = Path("/run/systemd/timesync/synchronized")
BOOT = "CHARGEMON_BOOT_ID"
"""Set by the unit: /proc is closed to the daemon."""

_TIME_ERROR = 5
_NOT_SYNCHRONISED = 0x40


class _Timex(ctypes.Structure):
    """The beginning of struct timex (adjtimex(2)), and room for the rest of it."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    )


def kernel_synchronised() -> bool | None:
    """Whether the kernel's clock is being kept by a time service; None: it may not be asked here."""
    timex = _Timex(modes=0)
    try:
        state = _adjtimex()(ctypes.byref(timex))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != _TIME_ERROR and not timex.status & _NOT_SYNCHRONISED


@functools.cache
def _adjtimex() -> Callable[[object], int]:
    function: Callable[[object], int] = ctypes.CDLL(None).adjtimex
    return function


def heard(utc_ms: int, told_by: Path | None = None) -> Heard | None:
    """The time service that has set this machine's clock, which says *utc_ms*.

    *told_by*: a file whose presence and date say so, in place of everything else.
    """
    if told_by is not None:
        return _dated("time service", told_by)
    if kernel_synchronised():
        return Heard("kernel", utc_ms)
    return _dated("systemd-timesyncd", TIMESYNCD) or chrony_heard(utc_ms)


def _dated(service: str, path: Path) -> Heard | None:
    try:
        return Heard(service, path.stat().st_mtime_ns // 1_000_000)
    except OSError:
        return None


def kept_by_hardware(folder: Path = Path("/sys/class/rtc")) -> bool:
    """Whether the kernel took its time from a hardware clock when it started."""
    for clock in folder.glob("rtc*/hctosys"):
        try:
            if clock.read_text().strip() == "1":
                return True
        except OSError:
            continue
    return False


def boot() -> str:
    """This boot of the machine, different from every other; empty if nothing tells."""
    told = os.environ.get(BOOT)
    if told:
        return told
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip().replace("-", "")
    except OSError:
        return ""
