"""One daemon for each module; in it, for each test, a charge point named after the case, on its link."""

from __future__ import annotations

import logging
import zlib
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.certification.charge_point import ChargePoint
from tests.certification.laboratory import Complaints, Laboratory, running
from tests.conftest import watched_threads


@pytest.fixture(autouse=True, scope="module")
def _no_thread_left_behind() -> Iterator[None]:
    """In place of the one for each test: the daemon's threads begin in some test and end with the module."""
    yield from watched_threads()


def identity_of(test: str) -> str:
    """Of the charge point that belongs to this test alone, so that the records of no two tests meet."""
    return f"LAB-{test.removeprefix('test_')[:20]}-{zlib.crc32(test.encode()):08x}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def laboratory(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Laboratory]:
    identities = [identity_of(item.name) for item in request.session.items if item.path == request.path]
    profile: int = getattr(request.module, "SECURITY_PROFILE", 1)
    tls: bool = getattr(request.module, "ALSO_TLS", False)
    folder = tmp_path_factory.mktemp("daemon")
    async with running(folder, identities, profile=profile, tls=tls) as laboratory:
        yield laboratory


@pytest.fixture
def identity(request: pytest.FixtureRequest) -> str:
    return identity_of(request.node.name)


@pytest_asyncio.fixture(loop_scope="module")
async def charge_point(laboratory: Laboratory, identity: str) -> AsyncIterator[ChargePoint]:
    async with laboratory.connected(identity) as charge_point:
        yield charge_point
        charge_point.was_asked_nothing_more()


@pytest.fixture(autouse=True)
def _no_bug_is_logged() -> Iterator[None]:
    complaints = Complaints()
    logging.getLogger().addHandler(complaints)
    yield
    logging.getLogger().removeHandler(complaints)
    assert complaints.bugs == []
