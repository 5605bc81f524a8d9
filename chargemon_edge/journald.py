"""Log records as journal entries with fields, over journald's own socket: no library of systemd is needed for it.

A record's format (``link opened cp=%s remote=%s``) says what happened and which fields it has: the words become
CHARGEMON_EVENT and a MESSAGE_ID, each ``key=%s`` a field CHARGEMON_KEY. Only the format decides, never what a peer
sent.
Must never hold up the event loop: when journald does not take an entry at once, it is counted and told of later.
"""

from __future__ import annotations

import errno
import logging
import re
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from chargemon_edge.log import PRIORITY, Unfiltered

SOCKET = Path("/run/systemd/journal/socket")
IDENTIFIER = "chargemon-edge"

# of the MESSAGE_IDs; another one would make every stored journal unfindable
_NAMESPACE = uuid.UUID("6f0c3a52-6d0b-5e53-9a0e-0b7a4b1f4c11")
_WORDS_MAX = 6
# a datagram of this size fits the smallest send buffer that Linux gives
_MESSAGE_MAX_BYTES = 65_536
_SHAPES_MAX = 1_000

_CONVERSION = re.compile(r"%[-#0 +]*\d*(?:\.\d+)?([a-zA-Z%])")
_KEY = re.compile(r"([A-Za-z][A-Za-z0-9_]*)=[\"']?$")


class Shape(NamedTuple):
    """What a record's format alone tells."""

    event: str
    """Its first words, joined: ``link-opened``."""
    keys: tuple[tuple[int, str, str], ...]
    """(index of the argument, conversion, name of the field)"""


def shape_of(template: str) -> Shape:
    """The event and fields of a log line's format."""
    keys: list[tuple[int, str, str]] = []
    index = 0
    for found in _CONVERSION.finditer(template):
        if found[1] == "%":
            continue
        key = _KEY.search(template[: found.start()])
        if key is not None:
            keys.append((index, found[0], f"CHARGEMON_{key[1].upper()}"))
        index += 1
    return Shape("-".join(_words(template)), tuple(keys))


def _words(template: str) -> Iterator[str]:
    """The words before the first field; a field in front of them lends its name."""
    count = 0
    for token in template.split():
        key, is_field, _ = token.partition("=")
        if (is_field or "%" in token) and count:
            return
        if "%" in token and not is_field:
            continue
        word = re.sub(r"[^a-z0-9-]", "", key.lower())
        if word:
            yield word
            count += 1
        if token.endswith((":", ";", ",")) or count == _WORDS_MAX:
            return


def message_id(event: str) -> str:
    """The MESSAGE_ID of an event: the same in every version that calls it so."""
    return uuid.uuid5(_NAMESPACE, event).hex


class JournalHandler(Unfiltered):
    """Sends each record to journald; to *fallback* when journald cannot be reached."""

    def __init__(self, fallback: logging.Handler, path: Path = SOCKET) -> None:
        """Raises OSError if there is no journal at *path*."""
        super().__init__()
        self._fallback = fallback
        self._entries: dict[tuple[str, str, int], _Entry] = {}
        self._lost = 0
        self._line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            self._line.setblocking(False)
            self._line.connect(str(path))
        except OSError:
            self._line.close()
            raise

    def emit(self, record: logging.LogRecord) -> None:
        """Called by :mod:`logging` with its lock held."""
        try:
            self._send(record)
        except BlockingIOError:
            self._lost += 1
        except OSError:
            self._fallback.handle(record)
        except Exception:  # noqa: BLE001 - as every handler of logging: a wrong log call must not end what it tells of
            self.handleError(record)

    def close(self) -> None:
        """Close the socket."""
        self._line.close()
        super().close()

    def _send(self, record: logging.LogRecord) -> None:
        message = self.format(record)
        if self._lost:
            message += f" ({self._lost} lines before this one were lost: the journal did not keep up)"
        fields = self._fields(record)
        encoded = message.encode("utf-8", "backslashreplace")[:_MESSAGE_MAX_BYTES]
        try:
            self._line.send(_field("MESSAGE", encoded) + fields)
        except OSError as error:
            if error.errno != errno.EMSGSIZE:
                raise
            self._line.send(_field("MESSAGE", encoded[:1024]))
        self._lost = 0

    def _fields(self, record: logging.LogRecord) -> bytes:
        place = (str(record.msg), record.name, record.levelno)
        entry = self._entries.get(place)
        if entry is None:
            entry = _Entry(shape_of(place[0]), record)
            if len(self._entries) < _SHAPES_MAX:
                self._entries[place] = entry
        return entry.fields(record.args if isinstance(record.args, tuple) else (record.args,))


class _Entry:
    """What all entries of one format, room and level have in common."""

    def __init__(self, shape: Shape, record: logging.LogRecord) -> None:
        constant = {
            "PRIORITY": str(PRIORITY.get(record.levelno, 6)),
            "SYSLOG_IDENTIFIER": IDENTIFIER,
            "CHARGEMON_ROOM": record.name.removeprefix("chargemon_edge."),
        }
        if shape.event:
            constant |= {"CHARGEMON_EVENT": shape.event, "MESSAGE_ID": message_id(shape.event)}
        self._head = "".join(f"{name}={value}\n" for name, value in constant.items())
        # a field holds the text that the message holds, but for quotes
        self._keys = [
            (index, "%s" if conversion[-1] in "sra" else conversion, name) for index, conversion, name in shape.keys
        ]
        body = "".join(f"{name}={conversion}\n" for _, conversion, name in self._keys)
        self._whole = self._head.replace("%", "%%") + body
        self._lines = self._whole.count("\n")

    def fields(self, arguments: tuple[Any, ...]) -> bytes:
        """Of an entry with these arguments."""
        if len(arguments) == len(self._keys):
            text = self._whole % arguments
            # else a value has line breaks, and must not look like another field
            if text.count("\n") == self._lines:
                return _encoded(text)
        return _encoded(self._head) + b"".join(
            _field(name, _encoded(conversion % (arguments[index],)))
            for index, conversion, name in self._keys
            if index < len(arguments)
        )


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")


def _field(name: str, value: bytes) -> bytes:
    """One field of journald's native protocol; a value with line breaks goes by its length."""
    if b"\n" not in value:
        return name.encode() + b"=" + value + b"\n"
    return name.encode() + b"\n" + len(value).to_bytes(8, "little") + value + b"\n"
