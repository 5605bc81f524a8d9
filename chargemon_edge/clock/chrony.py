"""Asks chronyd on this machine whether it has set the clock: one datagram there, one back (its ``tracking`` report).

chronyd leaves no file behind that a sandboxed daemon may read, but it answers every local user on UDP port 323.
"""

from __future__ import annotations

import secrets
import socket
import struct

from chargemon_edge.clock.site_clock import Heard

PORT = 323
# it is on the same machine: whoever waits longer waits for nobody
_TIMEOUT_S = 0.05
_VERSION, _REQUEST, _REPLY = 6, 1, 2
_TRACKING, _TRACKING_REPLY = 33, 5
# version, kind, 2 spare, command, reply, status, 3 spare, sequence, 2 spare
_HEAD = struct.Struct(">BBBBHHHHHHIII")
# version, kind, 2 spare, command, attempt, sequence, 2 spare
_QUESTION = struct.Struct(">BBBBHHIII")
# reference id, address, its family, stratum, leap status, time of the last update (high, low, nanoseconds)
_BODY = struct.Struct(">I16sHHHHIII")
_LENGTH = 104
_NOT_SYNCHRONISED = 3
_NO_HIGH_SECONDS = 0x7FFFFFFF


def chrony_heard(utc_ms: int, port: int = PORT) -> Heard | None:
    """chronyd, if it runs here and keeps the clock; None also if it does not answer at once.

    Blocks for a twentieth of a second at most, and not at all where nothing listens. *utc_ms*: the clock now.
    """
    number = secrets.randbits(32)
    question = _QUESTION.pack(_VERSION, _REQUEST, 0, 0, _TRACKING, 0, number, 0, 0).ljust(_LENGTH, b"\0")
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
            line.settimeout(_TIMEOUT_S)
            line.connect(("127.0.0.1", port))
            line.send(question)
            answer = line.recv(1024)
    except OSError:
        return None
    return _understood(answer, number, utc_ms)


def _understood(answer: bytes, number: int, utc_ms: int) -> Heard | None:
    if len(answer) < _HEAD.size + _BODY.size:
        return None
    version, kind, _, _, _, reply, status, _, _, _, sequence, _, _ = _HEAD.unpack_from(answer)
    if (version, kind, reply, status, sequence) != (_VERSION, _REPLY, _TRACKING_REPLY, 0, number):
        return None
    _, _, _, _, _, leap, high, low, _ = _BODY.unpack_from(answer, _HEAD.size)
    if leap == _NOT_SYNCHRONISED:
        return None
    heard_s = low if high == _NO_HIGH_SECONDS else (high << 32) | low
    # it keeps the clock between two answers of its servers, too
    return Heard("chrony", min(utc_ms, heard_s * 1000) if heard_s else utc_ms)
