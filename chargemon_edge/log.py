"""Log lines: as entries with fields to journald, with times to a terminal.

One canonical line per thing that an electrician cares about, ``what key=value …``; frames only at DEBUG. Secrets are
never logged and id tags only masked.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Callable

PRIORITY = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}
"""syslog's"""


class _RoomFormatter(logging.Formatter):
    """Names the room a line comes from, without the package's own name."""

    _second = -1
    _second_text = ""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        """Lines come in bursts: one second is put into words once."""
        second = int(record.created)
        if second != self._second:
            self._second, self._second_text = second, super().formatTime(record, datefmt)
        return self._second_text

    def format(self, record: logging.LogRecord) -> str:
        record.room = record.name.removeprefix("chargemon_edge.")
        return super().format(record)


class _PriorityFormatter(_RoomFormatter):
    """Puts the syslog priority before each line, for a journal that reads standard error."""

    def format(self, record: logging.LogRecord) -> str:
        priority = PRIORITY.get(record.levelno, 6)
        return "\n".join(f"<{priority}>{line}" for line in super().format(record).splitlines())


def configure(level: str, to_journal: Callable[[logging.Handler], logging.Handler] | None = None) -> None:
    """Send everything from *level* upward to standard error, in the form its reader expects.

    Where that is a journal, *to_journal* makes the handler that writes to it, given the one to fall back to.
    """
    handler: logging.Handler = logging.StreamHandler(sys.stderr)
    if _stderr_is_journal():
        handler.setFormatter(_PriorityFormatter("%(room)s: %(message)s"))
        if to_journal is not None:
            with contextlib.suppress(OSError):
                handler = to_journal(handler)
                handler.setFormatter(_RoomFormatter("%(room)s: %(message)s"))
    else:
        handler.setFormatter(_RoomFormatter("%(asctime)s %(levelname)-7s %(room)s: %(message)s", "%H:%M:%S"))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # nobody reads which thread, process or source line wrote a line; finding out costs half of writing it
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None  # the documented way: logging howto, "Optimization"
    # the libraries' own chatter helps nobody on site
    for library in ("asyncio", "aiohttp", "pymodbus", "paho"):
        logging.getLogger(library).setLevel(logging.WARNING)


def set_level(level: str) -> None:
    """Send everything from *level* upward from now on."""
    logging.getLogger().setLevel(level.upper())


def masked(id_tag: str) -> str:
    """An id tag as logs and pages may show it: enough to recognise one's own card, not enough to copy it.

    What is no printable sign is shown as U+FFFD: chargers choose this text.
    """
    shown = f"{id_tag[:2]}…{id_tag[-2:]}" if len(id_tag) >= 8 else f"{id_tag[:1]}…"
    return shown if shown.isprintable() else "".join(sign if sign.isprintable() else "\ufffd" for sign in shown)


def _stderr_is_journal() -> bool:
    stream = os.environ.get("JOURNAL_STREAM", "")
    device, _, inode = stream.partition(":")
    if not (device.isdigit() and inode.isdigit()):
        return False
    stat = os.fstat(sys.stderr.fileno())
    return (stat.st_dev, stat.st_ino) == (int(device), int(inode))
