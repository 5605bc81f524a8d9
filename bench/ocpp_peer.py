"""The reference peer: a minimal central system on the PyPI packages ``ocpp`` and ``websockets``, without any storage.

Both with their defaults and logging at INFO, as the documentation of ``ocpp`` shows its central system; the daemon it
is compared with logs at INFO too. Prints ``ready PORT``.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import websockets.asyncio.server as websockets_server
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call_result
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

_transaction_ids = itertools.count(1)
Handler = TypeVar("Handler", bound=Callable[..., Any])
_answers: Callable[[str], Callable[[Handler], Handler]] = on
_ACCEPTED = {"status": "Accepted"}


def _now() -> str:
    return datetime.now(UTC).isoformat()


class Peer(ChargePoint):  # type: ignore[misc]  # the library has no type hints
    """Answers the eight requests of the session, and keeps nothing."""

    @_answers("BootNotification")
    def boot(self, **_: Any) -> Any:
        return call_result.BootNotification(current_time=_now(), interval=300, status="Accepted")

    @_answers("StatusNotification")
    def status(self, **_: Any) -> Any:
        return call_result.StatusNotification()

    @_answers("Authorize")
    def authorize(self, **_: Any) -> Any:
        return call_result.Authorize(id_tag_info=_ACCEPTED)

    @_answers("StartTransaction")
    def start_transaction(self, **_: Any) -> Any:
        return call_result.StartTransaction(transaction_id=next(_transaction_ids), id_tag_info=_ACCEPTED)

    @_answers("MeterValues")
    def meter_values(self, **_: Any) -> Any:
        return call_result.MeterValues()

    @_answers("Heartbeat")
    def heartbeat(self, **_: Any) -> Any:
        return call_result.Heartbeat(current_time=_now())

    @_answers("StopTransaction")
    def stop_transaction(self, **_: Any) -> Any:
        return call_result.StopTransaction(id_tag_info=_ACCEPTED)


async def _serve(connection: ServerConnection) -> None:
    assert connection.request is not None
    identity = connection.request.path.rpartition("/")[2]
    try:
        await Peer(identity, connection).start()
    except ConnectionClosed:
        return


async def _main() -> None:
    logging.basicConfig(level=logging.INFO)
    subprotocols = [Subprotocol("ocpp1.6")]
    async with websockets_server.serve(_serve, "127.0.0.1", 0, subprotocols=subprotocols) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        print("ready", port, flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main())
