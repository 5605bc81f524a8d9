"""Security profiles 1 and 2: a new password for the charge point."""

from __future__ import annotations

import json
import secrets

import pytest

from tests.certification.charge_point import PASSWORD
from tests.certification.laboratory import Laboratory

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize(
    ("octets", "logs_in_with"), [(16, "text"), (20, "octets")], ids=["as hexadecimal text", "as the octets it spells"]
)
async def test_073_new_basic_authentication_password(
    laboratory: Laboratory, identity: str, octets: int, logs_in_with: str
) -> None:
    key = secrets.token_hex(octets).upper()
    async with laboratory.connected(identity) as charge_point:
        wish = {"key": "AuthorizationKey", "value": key}
        await laboratory.sent_as_given(charge_point, "ChangeConfiguration", wish, status="Accepted")

    new: str | bytes = key if logs_in_with == "text" else bytes.fromhex(key)
    async with laboratory.connected(identity, password=new) as charge_point:
        assert (await charge_point.boot())["status"] == "Accepted"
    await laboratory.soon_turned_away(identity, password=PASSWORD)
    async with laboratory.connected(identity, password=new) as charge_point:
        assert (await charge_point.boot())["status"] == "Accepted"
    assert key not in json.dumps(await laboratory.get(f"/operations?charge_point={identity}"))


async def test_073_new_password_that_the_charge_point_rejects(laboratory: Laboratory, identity: str) -> None:
    key = secrets.token_hex(16)
    async with laboratory.connected(identity) as charge_point:
        wish = {"key": "AuthorizationKey", "value": key}
        await laboratory.sent_as_given(charge_point, "ChangeConfiguration", wish, status="Rejected")
    assert await laboratory.turned_away(identity, password=key) == 401
    async with laboratory.connected(identity) as charge_point:
        assert (await charge_point.boot())["status"] == "Accepted"
