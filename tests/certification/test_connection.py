"""How a charge point gets in: subprotocol and password, on the plain listener."""

from __future__ import annotations

import pytest

from tests.certification.laboratory import Laboratory

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_085_basic_authentication(laboratory: Laboratory, identity: str) -> None:
    assert await laboratory.turned_away(identity, password=None) == 401
    assert await laboratory.turned_away(identity, password="not-the-password") == 401
    async with laboratory.connected(identity) as charge_point:
        assert (await charge_point.boot())["status"] == "Accepted"


async def test_088_subprotocol(laboratory: Laboratory, identity: str) -> None:
    assert await laboratory.turned_away(identity, subprotocols=("ocpp0.1",)) == 400
    async with laboratory.connected(identity, subprotocols=("ocpp0.1", "ocpp1.6")) as charge_point:
        assert charge_point.socket.subprotocol == "ocpp1.6"
        assert (await charge_point.boot())["status"] == "Accepted"
