"""Log lines: as entries with fields to journald, with times to a terminal.

One canonical line per thing that an electrician cares about, ``what key=value …``; frames only at DEBUG. Secrets are
never logged and id tags only masked.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, TextIO

PRIORITY = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}
"""syslog's"""

_LEVEL_NAMES = {level: logging.getLevelName(level) for level in PRIORITY}

_PACKAGE = "chargemon_edge."


class _Record(logging.LogRecord):
    """A record without what nobody reads: which thread, process and source line wrote it. Half as dear to make."""

    relativeCreated = 0.0
    pathname = filename = module = funcName = ""
    lineno = 0
    thread = threadName = process = processName = taskName = None
    exc_info = exc_text = stack_info = None

    def __init__(
        self,
        name: str,
        level: int,
        _pathname: str,
        _lineno: int,
        msg: object,
        args: Any,
        exc_info: Any,
        _func: str | None = None,
        sinfo: str | None = None,
        **_: object,
    ) -> None:
        """As the class above it is made."""
        self.name = name
        self.msg = msg
        # one mapping as the only argument is what names in the text are looked up in
        self.args = args[0] if args and len(args) == 1 and isinstance(args[0], Mapping) and args[0] else args
        self.levelno = level
        self.levelname = _LEVEL_NAMES.get(level) or logging.getLevelName(level)
        if exc_info or sinfo:
            self.exc_info, self.stack_info = exc_info, sinfo
        self.created = created = time.time()
        self.msecs = created % 1 * 1000


class _RoomFormatter(logging.Formatter):
    """Names the room a line comes from, without the package's own name."""

    def __init__(self, *, times: bool = False) -> None:
        super().__init__(datefmt="%H:%M:%S")
        self._times = times
        # what lines begin with, by logger and level: there are few of each
        self._beginnings: dict[tuple[str, int], str] = {}
        # lines come in bursts: one second is put into words once
        self._second = -1
        self._second_text = ""

    def format(self, record: logging.LogRecord) -> str:
        """The line, and below it where an error came from."""
        place = (record.name, record.levelno)
        beginning = self._beginnings.get(place)
        if beginning is None:
            room = record.name.removeprefix(_PACKAGE)
            beginning = self._beginnings[place] = f" {record.levelname:<7} {room}: " if self._times else f"{room}: "
        text = beginning + record.getMessage()
        if self._times:
            second = int(record.created)
            if second != self._second:
                self._second, self._second_text = second, self.formatTime(record, self.datefmt)
            text = self._second_text + text
        if record.exc_info:
            text = f"{text}\n{self.formatException(record.exc_info)}"
        return f"{text}\n{record.stack_info}" if record.stack_info else text


class _PriorityFormatter(_RoomFormatter):
    """Puts the syslog priority before each line, for a journal that reads standard error."""

    def format(self, record: logging.LogRecord) -> str:
        priority = PRIORITY.get(record.levelno, 6)
        return "\n".join(f"<{priority}>{line}" for line in super().format(record).splitlines())


class Unfiltered(logging.Handler):
    """A handler that nobody puts filters on, and so is not asked for any."""

    def handle(self, record: logging.LogRecord) -> bool:
        """Called by :mod:`logging` for each record."""
        assert self.lock is not None
        # as a context it takes three times as long
        self.lock.acquire()
        try:
            self.emit(record)
        finally:
            self.lock.release()
        return True


class _Lines(Unfiltered, logging.StreamHandler[TextIO]):
    """Writes to a stream that sends each line on by itself, as standard error does."""

    def emit(self, record: logging.LogRecord) -> None:
        """Called by :mod:`logging` with its lock held."""
        try:
            stream = self.stream
            stream.write(f"{self.format(record)}\n")
            if not getattr(stream, "line_buffering", False):
                stream.flush()
        except Exception:  # noqa: BLE001 - as every handler of logging: a wrong log call must not end what it tells of
            self.handleError(record)


# the handler that configure() has made, as root's handlers are while nobody else listens
_alone: list[logging.Handler] = []


class _Logger(logging.Logger):
    """Hands an everyday line straight to the only handler there is; its way through logging takes as long again."""

    def info(self, msg: object, *args: object, **more: Any) -> None:
        """Handlers below root see warnings and what is worse, but not this."""
        if more or not _alone or self.root.handlers != _alone:
            super().info(msg, *args, **more)
        elif self.isEnabledFor(logging.INFO):
            _alone[0].handle(_Record(self.name, logging.INFO, "", 0, msg, args, None))


logging.setLoggerClass(_Logger)


def configure(level: str, to_journal: Callable[[logging.Handler], logging.Handler] | None = None) -> None:
    """Send everything from *level* upward to standard error, in the form its reader expects.

    Where that is a journal, *to_journal* makes the handler that writes to it, given the one to fall back to.
    """
    handler: logging.Handler = _Lines(sys.stderr)
    if _stderr_is_journal():
        handler.setFormatter(_PriorityFormatter())
        if to_journal is not None:
            with contextlib.suppress(OSError):
                handler = to_journal(handler)
                handler.setFormatter(_RoomFormatter())
    else:
        handler.setFormatter(_RoomFormatter(times=True))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    _alone[:] = [handler]
    logging.setLogRecordFactory(_Record)
    # looking for the source line costs more than writing the line
    logging._srcfile = None  # the documented way: logging howto, "Optimization"
    # the libraries' own chatter helps nobody on site
    for library in ("asyncio", "aiohttp", "pymodbus", "paho"):
        logging.getLogger(library).setLevel(logging.WARNING)


def set_level(level: str) -> None:
    """Send everything from *level* upward from now on."""
    logging.getLogger().setLevel(level.upper())


def masked(id_tag: str) -> str:
    """An id tag as logs and pages may show it: enough to recognise one's own card, not enough to copy it."""
    return inert(f"{id_tag[:2]}…{id_tag[-2:]}" if len(id_tag) >= 8 else f"{id_tag[:1]}…")


def inert(text: str) -> str:
    """Without anything that a terminal would obey: U+FFFD for each sign that is not printable. Strangers wrote it."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)


def _stderr_is_journal() -> bool:
    stream = os.environ.get("JOURNAL_STREAM", "")
    device, _, inode = stream.partition(":")
    if not (device.isdigit() and inode.isdigit()):
        return False
    stat = os.fstat(sys.stderr.fileno())
    return (stat.st_dev, stat.st_ino) == (int(device), int(inode))
