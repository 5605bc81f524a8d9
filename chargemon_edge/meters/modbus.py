"""The only file that knows pymodbus: reads registers over Modbus TCP, one request in flight.

It keeps one connection open, waits longer and longer before a new one, and never sleeps: a read that must not be tried
yet fails at once. Every failure is a :class:`ReadFailed` with what a person should do about it.
"""

from __future__ import annotations

import asyncio
import logging

from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException
from pymodbus.pdu import ExceptionResponse
from pymodbus.pdu.register_message import (
    ReadHoldingRegistersRequest,
    ReadHoldingRegistersResponse,
    ReadInputRegistersRequest,
    ReadInputRegistersResponse,
)

_log = logging.getLogger(__name__)

BACKOFF_S = (1.0, 2.0, 5.0, 10.0)
_ATTEMPTS = 2
# After so many requests without any answer the connection is taken for dead, though nobody closed it
_SILENT_REQUESTS_MAX = 10
# A frame's head up to the function code, and its longest length field: unit, function, byte count, 125 words
_HEAD_BYTES = 8
_LENGTH_MAX = 253

# Modbus application protocol 1.1b3, §7
_EXCEPTIONS = {
    1: ("illegal function", "try the map with the other function code (3 or 4)"),
    2: ("illegal data address", "check the map's block starts (counted from 0) and lengths"),
    3: ("illegal data value", "read shorter blocks"),
    4: ("server device failure", "look at the meter itself"),
    5: ("acknowledge", "raise timeout_s"),
    6: ("server device busy", "poll less often or look for a second master"),
    10: ("gateway path unavailable", "check the gateway's serial port settings"),
    11: ("gateway target failed to respond", "check unit, the serial line and the meter's power"),
}


class ReadFailed(Exception):
    """No registers: *why* for the record, *advice* for whoever stands before the meter.

    *why* names no address: it becomes part of a fact, and the meter's name is enough there.
    """

    def __init__(self, why: str, advice: str) -> None:
        super().__init__(why)
        self.why = why
        self.advice = advice


class NotConnected(ReadFailed):
    """No connection, and none could be made or may be tried yet."""


class NoAnswer(ReadFailed):
    """The request and its repetition met silence."""


class ExceptionAnswer(ReadFailed):
    """The meter or gateway refused the request with *code*."""

    def __init__(self, code: int) -> None:
        name, advice = _EXCEPTIONS.get(code, ("unknown exception", "look into the meter's manual"))
        super().__init__(f"exception {code} ({name})", advice)
        self.code = code


class Rubbish(ReadFailed):
    """What came back is no answer to a Modbus TCP request for registers."""


class _InputRegisters(ReadInputRegistersResponse):
    """Keeps the words as they came: they are decoded once, by the map."""

    words = b""

    def decode(self, data: bytes) -> None:
        """Take what follows the byte count."""
        self.words = data[1:]

    def __str__(self) -> str:
        # pymodbus makes this text for every answer, wanted or not
        return f"{len(self.words)} bytes"


class _HoldingRegisters(ReadHoldingRegistersResponse):
    """The same for function code 3."""

    words = b""
    decode = _InputRegisters.decode
    __str__ = _InputRegisters.__str__


class RegisterSource:
    """One unit behind one TCP address. Not for use by two tasks at once: one request is in flight."""

    def __init__(self, host: str, port: int, unit: int, *, function_code: int, timeout_s: float) -> None:
        self.address = f"{host}:{port}"
        self._reach = f"check the meter's power and that {self.address} is its address"
        self._host = host
        self._port = port
        self._unit = unit
        self._function_code = function_code
        self._timeout_s = timeout_s
        # Lives on the loop of the first read
        self._client: AsyncModbusTcpClient | None = None
        # Connections since the last answer; their number sets the wait before the next one
        self._failures = 0
        self._next_try_s = 0.0
        # Requests in a row that nothing answered
        self._silent = 0
        # What was wrong with the stream that was cut last; None while it is sound
        self._rubbish: str | None = None
        # Why there is no connection, told again while the next one has to wait; None while there is one
        self._gone: ReadFailed | None = None

    async def read(self, start: int, count: int) -> bytes:
        """The words of registers *start* … *start* + *count* - 1 as on the wire. Raises :class:`ReadFailed`."""
        client = await self._connected()
        for _ in range(_ATTEMPTS):
            if not client.connected:
                break
            words = await self._attempt(client, start, count)
            if words is not None:
                self._silent = self._failures = 0
                return words
        if not client.connected:
            raise self._lost(
                NotConnected("the meter closed the connection", "many meters serve few masters: look for another one")
            )
        silence = NoAnswer(
            f"no answer from unit {self._unit} within {self._timeout_s:g} s",
            "check unit, the serial line behind a gateway, and whether another master is asking",
        )
        raise self._lost(silence) if self._silent >= _SILENT_REQUESTS_MAX else silence

    def close(self) -> None:
        """Drop the connection; a later read makes a new one."""
        if self._client is not None:
            self._client.close()
        self._silent = 0

    async def _connected(self) -> AsyncModbusTcpClient:
        client = self._client or self._new_client()
        if client.connected:
            return client
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        if now_s < self._next_try_s:
            raise self._gone or NotConnected("no connection", self._reach)
        # Counted as a failure until an answer comes: a meter that takes connections but serves none is not hurried
        self._next_try_s = now_s + BACKOFF_S[min(self._failures, len(BACKOFF_S) - 1)]
        self._failures += 1
        connected = await client.connect()
        _pass_on_cancellation()
        if not connected:
            silent = loop.time() - now_s >= 0.9 * self._timeout_s
            why = "no answer" if silent else "refused or unreachable"
            raise self._lost(NotConnected(f"no connection: {why}", self._reach))
        self._rubbish = self._gone = None
        _log.debug("connected to %s", self.address)
        return client

    def _lost(self, cause: ReadFailed) -> ReadFailed:
        """Drop the connection for that cause."""
        self.close()
        self._gone = cause
        return cause

    async def _attempt(self, client: AsyncModbusTcpClient, start: int, count: int) -> bytes | None:
        """One request; None means silence. Each attempt has its own transaction id, so that no late answer fits."""
        ask = ReadInputRegistersRequest if self._function_code == 4 else ReadHoldingRegistersRequest
        request = ask(address=start, count=count, dev_id=self._unit)
        try:
            answer = await client.execute(False, request)
        except ModbusException:
            self._silent += 1
            if self._rubbish is not None:
                advice = f"check that {self.address} is a Modbus TCP device"
                raise self._lost(Rubbish(self._rubbish, advice)) from None
            return None
        finally:
            _pass_on_cancellation()
        if isinstance(answer, ExceptionResponse):
            self._silent = self._failures = 0
            raise ExceptionAnswer(answer.exception_code)
        words = getattr(answer, "words", b"")
        if answer.transaction_id != request.transaction_id or len(words) != 2 * count:
            raise self._lost(
                Rubbish(
                    "an answer came to another request than the one that was sent",
                    "look for a gateway that mixes up its masters",
                )
            )
        return bytes(words)

    def _new_client(self) -> AsyncModbusTcpClient:
        # What happens on the wire is told here, once and in our words
        logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL + 1)
        self._client = AsyncModbusTcpClient(
            self._host,
            port=self._port,
            timeout=self._timeout_s,
            retries=0,
            reconnect_delay=0,
            trace_packet=self._inspect,
        )
        # Only this class decides when a silent connection is given up
        self._client.set_max_no_responses(1 << 30)
        self._client.register(_InputRegisters)
        self._client.register(_HoldingRegisters)
        return self._client

    def _inspect(self, sending: bool, data: bytes) -> bytes:
        """Look at each packet on its way; lets nothing through that would upset the library."""
        if sending or not data:
            return data
        if self._rubbish is None:
            self._rubbish = _fault(data)
            if self._rubbish is not None:
                _log.debug("%s sent %s", self.address, data[:32].hex(" "))
                # In the middle of unknown bytes there is no next frame to be found
                self.close()
        return b"" if self._rubbish is not None else data


def _pass_on_cancellation() -> None:
    """Stop here if this task was told to stop while the library waited.

    It waits with :func:`asyncio.wait_for`, which before Python 3.12 swallows a cancellation that meets an answer; the
    task would then run for ever.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _fault(data: bytes) -> str | None:
    """Why *data* cannot be the beginning of answers to reads of registers (MBAP head, function, byte count)."""
    at = 0
    while len(data) - at >= _HEAD_BYTES:
        protocol = int.from_bytes(data[at + 2 : at + 4], "big")
        length = int.from_bytes(data[at + 4 : at + 6], "big")
        function = data[at + 7]
        if protocol != 0 or not 3 <= length <= _LENGTH_MAX:
            return "what came is not Modbus TCP"
        if function & 0x7F not in (3, 4):
            return f"an answer to function {function & 0x7F} came, which nobody asked"
        if function & 0x80 and length != 3:
            return "an exception answer of the wrong length came"
        if not function & 0x80 and len(data) > at + _HEAD_BYTES and data[at + _HEAD_BYTES] != length - 3:
            return "an answer came whose byte count and length differ"
        at += 6 + length
    return None
