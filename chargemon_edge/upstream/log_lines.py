"""Warnings and errors of the daemon's log for one upstream that wants them: few, and without secrets or id tags.

They are for whoever looks after many sites and wonders what one of them has; what must not be lost is an event. Nothing
listens to the log unless an upstream asks for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections import deque
from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

import msgspec
from msgspec import UNSET

from chargemon_edge.control.ports import Clock
from chargemon_edge.log import masked
from chargemon_edge.ocpp.timestamps import format_utc
from chargemon_edge.upstream.bodies import LogLine
from chargemon_edge.upstream.flow import Flow
from chargemon_edge.upstream.mqtt import Outgoing
from chargemon_edge.upstream.pacer import Allowance

RATE_PER_S = 1.0
BURST = 20
TEXT_MAX = 400
CODE_MAX = 60
_PACKAGE = "chargemon_edge"
# a shorter id tag stands in many words
_TAG_MIN = 4
_HIDDEN = "…"
# whatever a line calls a tag or a secret; and the login within an address
_NAMED_TAG = re.compile(r"\b((?:\w+_)?tag=)('[^']*'|\"[^\"]*\"|\S+)", re.IGNORECASE)
_NAMED_SECRET = re.compile(
    r"\b(\w*(?:password|secret|token|passwd|AuthorizationKey)=)('[^']*'|\"[^\"]*\"|\S+)", re.IGNORECASE
)
_LOGIN = re.compile(r"(?<=://)[^/@\s\"']+@")

_encode = msgspec.json.Encoder().encode


class _Line(NamedTuple):
    """A line that waits."""

    utc_ms: int
    level: int
    code: str
    text: str
    dropped: int


class LogLines(logging.Handler):
    """Hears the daemon's log while it follows; what is not said yet waits, within bounds, for a connection."""

    def __init__(self, clock: Clock, tags: Callable[[], Collection[str]]) -> None:
        """*tags*: id tags that may stand in a line and are to be masked; asked on the loop."""
        super().__init__(logging.WARNING)
        self._clock = clock
        self._tags = tags
        self._lines: deque[_Line] = deque()
        self._allowance = Allowance(clock, RATE_PER_S, BURST)
        self._dropped = 0
        self._loop = asyncio.get_running_loop()
        self._waits = asyncio.Event()

    def follow(self) -> Callable[[], None]:
        """Hear the log from now on; returns what ends that."""
        package = logging.getLogger(_PACKAGE)
        package.addHandler(self)
        return lambda: package.removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Called by :mod:`logging` with this handler's lock held, on any thread."""
        try:
            if len(self._lines) >= BURST or self._allowance.take():
                self._dropped += 1
                return
            line = _Line(self._clock.utc_ms(), record.levelno, code_of(record), _words(record), self._dropped)
            self._dropped = 0
            self._lines.append(line)
            with contextlib.suppress(RuntimeError):
                # the loop has ended
                self._loop.call_soon_threadsafe(self._waits.set)
        except Exception:  # noqa: BLE001 - as every handler of logging: a wrong log call must not end what it tells of
            self.handleError(record)

    async def run(self, flow: Flow, topic: str, publish: Callable[[Outgoing], object]) -> None:
        """Say over this connection what comes, until cancelled. *publish* sends at most once (QoS 0)."""
        while True:
            while not self._lines:
                self._waits.clear()
                await self._waits.wait()
            line = self._lines.popleft()
            body = LogLine(
                ts=format_utc(line.utc_ms),
                level="error" if line.level >= logging.ERROR else "warning",
                code=line.code,
                text=shown(line.text, self._tags())[:TEXT_MAX],
                dropped=line.dropped or UNSET,
            )
            message = Outgoing(topic=topic, payload=_encode(body))
            if flow.fits(message):
                publish(message)


def code_of(record: logging.LogRecord) -> str:
    """What a line is about, for programs: its words before the first value, the same for every line of its kind."""
    words = []
    for word in str(record.msg).split():
        if "=" in word or "%" in word:
            break
        words.append(word)
        if word.endswith(":"):
            break
    return re.sub(r"[^a-z0-9]+", "_", " ".join(words).lower()).strip("_")[:CODE_MAX] or "other"


def _words(record: logging.LogRecord) -> str:
    """The line without whole messages, and of an error its kind alone: its own words may quote anything."""
    args = record.args
    if isinstance(args, Mapping):
        args = {name: _short(value) for name, value in args.items()}
    elif args:
        args = tuple(map(_short, args))
    text = str(record.msg) % args if args else str(record.msg)
    kind = record.exc_info[0] if record.exc_info else None
    return text if kind is None else f"{text} ({kind.__name__})"


def _short(value: object) -> object:
    """What looks like a message of a charger or of upstream is left out."""
    if isinstance(value, int | float):
        return value
    value = str(value)
    return _HIDDEN if "{" in value or '"' in value else value


def shown(text: str, tags: Collection[str]) -> str:
    """*text* as it may leave the site."""
    text = text.encode("utf-8", "replace").decode()
    text = _NAMED_SECRET.sub(rf"\1{_HIDDEN}", _LOGIN.sub(f"{_HIDDEN}@", text))
    for tag in sorted(tags, key=len, reverse=True):
        if len(tag) >= _TAG_MIN:
            text = re.sub(re.escape(tag), lambda found: masked(found[0]), text, flags=re.IGNORECASE)
    return _NAMED_TAG.sub(lambda found: f"{found[1]}{_masked_once(found[2])}", text)


def _masked_once(tag: str) -> str:
    bare = tag.strip("'\"")
    return bare if _HIDDEN in bare else masked(bare)
