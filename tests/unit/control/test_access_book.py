"""Records of access: what a login proves, what a crash leaves, and that a profile is never lowered."""

from __future__ import annotations

import asyncio
import itertools

import pytest
from msgspec.structs import replace

from chargemon_edge.control.access_book import AccessBook
from chargemon_edge.control.password_hash import hashed, key_id
from chargemon_edge.control.present import Present
from chargemon_edge.site.access_facts import AccessRecord, AccessRecorded, CertificateRevoked
from chargemon_edge.site.facts import LinkOpened, Moment
from chargemon_edge.site.picture import SitePicture
from tests.unit.control.fakes import UTC_MS, FakeClock, FakeJournal, two_chargers

OLD, FIRST, SECOND = (hashed(key, bytes([number]) * 16) for number, key in enumerate((b"old", b"first", b"second")))


class Desk:
    """A book with a journal that can be made to wait."""

    def __init__(self, *records: AccessRecord, at_once: bool = True) -> None:
        self.journal = FakeJournal(at_once=at_once)
        self.present = Present(two_chargers(), SitePicture(started=Moment(1000.0, UTC_MS)))
        self.book = AccessBook(self.present, self.journal, FakeClock(), records)

    def login(self, profile: int, kept: str | None, *, known: bool = True) -> AccessRecord | None:
        key = None if kept is None else key_id(kept)
        at = Moment(1000.0, UTC_MS)
        self.present.apply(
            [LinkOpened(at=at, charge_point="CP1", remote="x", known=known, security_profile=profile, key=key)]
        )
        return self.book.find("CP1")

    def after_a_crash(self) -> AccessBook:
        """What another start finds: what was durable, and nothing else."""
        durable = {
            fact.record.charge_point: fact.record for fact in self.journal.committed if isinstance(fact, AccessRecorded)
        }
        return Desk(*durable.values()).book


def record(**changes: object) -> AccessRecord:
    return replace(AccessRecord(charge_point="CP1"), **changes)


def test_the_old_key_is_forgotten_when_the_new_one_was_used() -> None:
    desk = Desk(record(password_hash=OLD, pending=(FIRST,)))

    assert desk.login(1, OLD) == record(password_hash=OLD, pending=(FIRST,))
    assert desk.login(1, FIRST) == record(password_hash=FIRST)
    assert desk.after_a_crash().find("CP1") == record(password_hash=FIRST)


def test_a_key_sent_later_stays_on_its_way_and_an_earlier_one_does_not() -> None:
    assert Desk(record(password_hash=OLD, pending=(FIRST, SECOND))).login(1, FIRST) == record(
        password_hash=FIRST, pending=(SECOND,)
    )
    assert Desk(record(password_hash=OLD, pending=(FIRST, SECOND))).login(1, SECOND) == record(password_hash=SECOND)


def test_a_login_whose_proof_is_not_durable_yet_closes_nothing() -> None:
    desk = Desk(record(password_hash=OLD, pending=(FIRST,)), at_once=False)
    before = desk.login(1, FIRST)

    assert before == record(password_hash=OLD, pending=(FIRST,))
    desk.journal.flush()
    assert desk.book.find("CP1") == record(password_hash=FIRST)


def test_a_failing_disk_leaves_both_keys_open() -> None:
    desk = Desk(record(password_hash=OLD, pending=(FIRST,)), at_once=False)
    desk.login(1, FIRST)
    desk.journal.flush(OSError("full"))

    assert desk.book.find("CP1") == record(password_hash=OLD, pending=(FIRST,))
    desk.journal.at_once = True
    assert desk.login(1, FIRST) == record(password_hash=FIRST)


def test_arriving_at_the_new_profile_closes_the_old_one_and_nothing_else_does() -> None:
    raising = record(security_profile=1, raising_to=2, raise_step="reconnect")
    desk = Desk(raising)

    assert desk.login(1, None) == raising
    assert desk.login(2, None, known=False) == raising
    assert desk.login(2, None) == record(security_profile=2, raise_step="done")
    assert desk.login(2, None) == record(security_profile=2, raise_step="done")


def test_changes_on_their_way_to_the_disk_do_not_lose_each_other() -> None:
    async def main() -> None:
        desk = Desk(at_once=False)
        one = asyncio.create_task(
            desk.book.change("CP1", lambda before: replace(before, pending=(*before.pending, FIRST)), by="a", why="1")
        )
        other = asyncio.create_task(
            desk.book.change("CP1", lambda before: replace(before, pending=(*before.pending, SECOND)), by="a", why="2")
        )
        await asyncio.sleep(0)
        assert desk.book.find("CP1") is None
        assert isinstance(await desk.book.remove("CP1", "a"), Exception)
        desk.journal.flush()
        assert (await one, await other) == (None, None)
        assert desk.book.find("CP1") == record(pending=(FIRST, SECOND))

    asyncio.run(main())


def test_a_change_that_is_not_durable_never_was() -> None:
    async def main() -> None:
        desk = Desk(at_once=False)
        change = asyncio.create_task(
            desk.book.change("CP1", lambda before: replace(before, password_hash=OLD), by="a", why="1")
        )
        await asyncio.sleep(0)
        desk.journal.flush(OSError("full"))
        assert isinstance(await change, OSError)
        assert desk.book.find("CP1") is None
        desk.journal.at_once = True
        assert (
            await desk.book.change("CP1", lambda before: replace(before, security_profile=1), by="a", why="2") is None
        )
        assert desk.book.find("CP1") == record(security_profile=1)

    asyncio.run(main())


@pytest.mark.demand("S11")
@pytest.mark.parametrize(("before", "after"), list(itertools.product(range(4), repeat=2)))
def test_no_change_lowers_a_profile(before: int, after: int) -> None:
    """S11."""
    desk = Desk(record(security_profile=before))
    if after < before:
        with pytest.raises(AssertionError, match="never lowered"):
            desk.book.changed("CP1", lambda one: replace(one, security_profile=after), by="x", why="y")
    else:
        desk.book.changed("CP1", lambda one: replace(one, security_profile=after), by="x", why="y")


@pytest.mark.demand("S11")
def test_no_login_lowers_a_profile() -> None:
    """S11."""
    for own, raising_to, came in itertools.product(range(4), (None, 0, 1, 2, 3), range(4)):
        found = Desk(record(security_profile=own, raising_to=raising_to)).login(came, None)

        assert found is not None
        assert (found.security_profile or 0) >= own


def test_a_revoked_certificate_is_refused_once_that_is_durable_and_after_a_restart() -> None:
    async def main() -> None:
        desk = Desk(at_once=False)
        revoking = asyncio.create_task(desk.book.revoke("CP1", ["a1", "b2"], "a test"))
        while not desk.journal.waiting:
            await asyncio.sleep(0)
        assert not desk.book.revoked("CP1", "a1")
        desk.journal.flush()
        assert await revoking is None
        assert desk.book.revoked("CP1", "a1")
        assert desk.book.revoked("CP1", "b2")
        # a serial number is one only together with whom it was made for
        assert not desk.book.revoked("CP2", "a1")
        # once more changes nothing
        assert await desk.book.revoke("CP1", ["a1"], "another") is None
        kept = [fact for fact in desk.journal.committed if isinstance(fact, CertificateRevoked)]
        assert [(fact.serial, fact.by) for fact in kept] == [("a1", "a test"), ("b2", "a test")]
        again = AccessBook(desk.present, desk.journal, FakeClock(), (), kept)
        assert again.revoked("CP1", "b2")

    asyncio.run(main())


def test_a_revocation_that_is_not_durable_refuses_nobody() -> None:
    async def main() -> None:
        desk = Desk(at_once=False)
        revoking = asyncio.create_task(desk.book.revoke("CP1", ["a1"], "a test"))
        while not desk.journal.waiting:
            await asyncio.sleep(0)
        desk.journal.flush(OSError("full"))
        assert isinstance(await revoking, OSError)
        assert not desk.book.revoked("CP1", "a1")

    asyncio.run(main())
