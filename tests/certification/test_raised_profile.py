"""Security: the profile of a charge point is raised by hand, step by step, and never goes back."""

from __future__ import annotations

import pytest

from tests.certification.charge_point import ChargePoint
from tests.certification.laboratory import Laboratory

pytestmark = pytest.mark.asyncio(loop_scope="module")
SECURITY_PROFILE = 1
ALSO_TLS = True
REFUSED = (401, 403)


async def _told(laboratory: Laboratory, charge_point: ChargePoint, profile: int) -> None:
    """The new profile, and a hard reset."""
    wish = {"key": "SecurityProfile", "value": str(profile)}
    await laboratory.sent_as_given(charge_point, "ChangeConfiguration", wish, status="Accepted")
    await laboratory.sent_as_given(charge_point, "Reset", {"type": "Hard"}, status="Accepted")


async def test_083_raise_the_security_profile(laboratory: Laboratory, identity: str) -> None:
    async with laboratory.connected(identity) as charge_point:
        assert (await charge_point.boot())["status"] == "Accepted"
        await _told(laboratory, charge_point, 2)

    async with laboratory.connected(identity, 2) as charge_point:
        assert (await charge_point.boot())["status"] == "Accepted"
        await laboratory.soon_turned_away(identity, 1)
        key, chain = await laboratory.certified(charge_point, identity)
        await _told(laboratory, charge_point, 3)

    tls = laboratory.tls()
    laboratory.show(tls, key, chain)
    async with laboratory.connected(identity, 3, tls=tls) as charge_point:
        assert (await charge_point.boot())["status"] == "Accepted"
        await laboratory.soon_turned_away(identity, 2)
        assert await laboratory.turned_away(identity, 1) in REFUSED


async def test_083_raise_that_the_charge_point_rejects(laboratory: Laboratory, identity: str) -> None:
    async with laboratory.connected(identity) as charge_point:
        wish = {"key": "SecurityProfile", "value": "2"}
        await laboratory.sent_as_given(charge_point, "ChangeConfiguration", wish, status="Rejected")
    assert await laboratory.turned_away(identity, 2) in REFUSED
    async with laboratory.connected(identity) as charge_point:
        assert (await charge_point.boot())["status"] == "Accepted"
