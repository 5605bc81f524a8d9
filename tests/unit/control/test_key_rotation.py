"""A new key, interrupted between any two of its steps: the charge point gets in with whichever it has."""

from __future__ import annotations

import asyncio

import pytest

from chargemon_edge.control.access_wishes import AccessWishes
from chargemon_edge.control.certificates import Certificates
from chargemon_edge.control.key_rotation import PENDING_MAX, KeyRotation, Rotation
from chargemon_edge.control.password_hash import canonical, hashed, matches
from chargemon_edge.control.ports import Answered, Busy, CallErrored, Offline, Outcome, TimedOut
from chargemon_edge.control.raising import Raising
from chargemon_edge.ocpp.v16 import messages as m
from chargemon_edge.site.access_facts import AccessRecord
from chargemon_edge.site.facts import Moment
from tests.unit.control.fakes import FakeChargePoints, FakeClock
from tests.unit.control.test_access_book import OLD, Desk, record


def status(text: str) -> Outcome:
    response = m.ChangeConfigurationResponse(status=text)  # type: ignore[arg-type]  # also what the schema does not know
    return Answered(response=response, sent_mono_s=0.0)


class Charger(FakeChargePoints):
    """Takes the key, and may be interrupted before it answers."""

    def __init__(self, outcome: Outcome, *, dies: bool = False) -> None:
        super().__init__({"ChangeConfiguration": outcome})
        self.dies = dies
        self.key = ""

    async def call(self, charge_point: str, request: m.Request, deadline_s: float) -> Outcome:
        assert isinstance(request, m.ChangeConfigurationRequest)
        assert request.key == "AuthorizationKey"
        self.key = request.value
        if self.dies:
            raise KeyboardInterrupt
        return await super().call(charge_point, request, deadline_s)


def rotate(desk: Desk, charger: Charger) -> Rotation:
    return asyncio.run(KeyRotation(desk.book, charger).rotate("CP1", "command line"))


def test_an_accepted_key_opens_beside_the_old_one_until_it_was_used() -> None:
    desk, charger = Desk(record(password_hash=OLD)), Charger(status("Accepted"))

    assert rotate(desk, charger) is Rotation.ACCEPTED
    assert len(bytes.fromhex(charger.key)) == 16
    found = desk.book.find("CP1")
    assert found is not None
    assert found.password_hash == OLD
    (pending,) = found.pending
    assert matches(pending, charger.key.encode())
    assert matches(pending, charger.key.lower().encode())
    assert matches(pending, bytes.fromhex(charger.key))
    assert desk.login(1, pending) == record(password_hash=pending)


@pytest.mark.demand("S13")
def test_it_is_durable_before_it_is_sent() -> None:
    """Killed while the charge point has the key and we have no answer."""
    desk, charger = Desk(record(password_hash=OLD)), Charger(status("Accepted"), dies=True)
    with pytest.raises(KeyboardInterrupt):
        rotate(desk, charger)

    found = desk.after_a_crash().find("CP1")
    assert found is not None
    assert found.password_hash == OLD
    assert [matches(one, charger.key.encode()) for one in found.pending] == [True]


def test_a_disk_that_fails_sends_nothing() -> None:
    async def main() -> None:
        desk, charger = Desk(record(password_hash=OLD), at_once=False), Charger(status("Accepted"))
        rotation = asyncio.create_task(KeyRotation(desk.book, charger).rotate("CP1", "x"))
        while not desk.journal.waiting:
            await asyncio.sleep(0.001)
        desk.journal.flush(OSError("full"))
        assert await rotation is Rotation.NOT_STORED
        assert charger.key == ""

    asyncio.run(main())


@pytest.mark.parametrize(
    ("outcome", "came", "both_open"),
    [
        (status("RebootRequired"), Rotation.ACCEPTED, True),
        (status("Rejected"), Rotation.REFUSED, False),
        (status("NotSupported"), Rotation.REFUSED, False),
        (CallErrored(code="InternalError", description=""), Rotation.REFUSED, False),
        (TimedOut(), Rotation.UNANSWERED, True),
        (Offline(), Rotation.UNANSWERED, True),
        (Busy(), Rotation.UNANSWERED, True),
    ],
)
def test_what_each_answer_means(outcome: Outcome, came: Rotation, both_open: bool) -> None:
    desk, charger = Desk(record(password_hash=OLD)), Charger(outcome)

    assert rotate(desk, charger) is came
    found = desk.book.find("CP1")
    assert found is not None
    assert found.password_hash == OLD
    assert bool(found.pending) is both_open


def test_unanswered_keys_all_open_and_are_limited() -> None:
    desk, charger, keys = Desk(record(password_hash=OLD)), Charger(TimedOut()), []
    for _ in range(PENDING_MAX):
        assert rotate(desk, charger) is Rotation.UNANSWERED
        keys.append(charger.key)
    assert rotate(desk, charger) is Rotation.TOO_MANY

    found = desk.book.find("CP1")
    assert found is not None
    assert [matches(kept, key.encode()) for kept, key in zip(found.pending, keys, strict=True)] == [True] * PENDING_MAX


def test_nobody_is_asked_who_is_not_there() -> None:
    charger = Charger(status("Accepted"))
    charger.links.clear()

    assert rotate(Desk(), charger) is Rotation.OFFLINE


# ---------------------------------------------------------------- keys and profiles that people set by hand


class ByHand:
    """What Commands would ask the books."""

    def __init__(self, *records: AccessRecord, configured: int = 1) -> None:
        self.desk = Desk(*records)
        charger = Charger(status("Accepted"))
        rotation = KeyRotation(self.desk.book, charger)
        certificates = Certificates(
            present=self.desk.present,
            journal=self.desk.journal,
            charge_points=charger,
            clock=FakeClock(),
            authority=None,
            knows=lambda _: True,
            renew_days=30,
        )
        raising = Raising(
            present=self.desk.present,
            charge_points=charger,
            book=self.desk.book,
            rotation=rotation,
            certificates=certificates,
            authority=None,
            configured=lambda _: configured,
            served=frozenset((0, 1, 2)),
        )
        self.books = AccessWishes(self.desk.book, raising)

    def set(self, key: str, value: str, outcome: Outcome) -> AccessRecord | None:
        request, at = m.ChangeConfigurationRequest(key=key, value=value), Moment(1000.0, 0)
        self.desk.present.apply(self.books.asked("CP1", request, "a person", at))
        self.desk.present.apply(self.books.ended("CP1", request, outcome, at))
        return self.desk.book.find("CP1")


def test_a_key_set_by_hand_opens_too() -> None:
    found = ByHand(record(password_hash=OLD)).set("authorizationKEY", "00FF41AA", status("Accepted"))

    assert found is not None
    assert found.password_hash == OLD
    assert [matches(one, b"\x00\xffA\xaa") for one in found.pending] == [True]
    refused = ByHand(record(password_hash=OLD)).set("AuthorizationKey", "00FF41AA", status("Rejected"))
    assert refused == record(password_hash=OLD)


@pytest.mark.demand("S11")
@pytest.mark.parametrize(
    ("value", "outcome", "raising_to"),
    [
        ("2", status("Accepted"), 2),
        ("2", TimedOut(), 2),
        ("2", status("Rejected"), None),
        ("2", Offline(), None),
        # not served, not the next, lower, no profile at all
        ("3", status("Accepted"), None),
        ("1", status("Accepted"), None),
        ("0", status("Accepted"), None),
        ("x", status("Accepted"), None),
    ],
)
def test_a_profile_set_by_hand_opens_the_next_way_and_never_a_lower_one(
    value: str, outcome: Outcome, raising_to: int | None
) -> None:
    found = ByHand().set("SecurityProfile", value, outcome)

    assert (None if found is None else found.raising_to) == raising_to
    assert found is None or found.security_profile is None


def test_other_keys_are_nobodys_business_here() -> None:
    assert ByHand().set("HeartbeatInterval", "2", status("Accepted")) is None


# ---------------------------------------------------------------- kept passwords


@pytest.mark.demand("S12")
def test_a_kept_password_tells_nothing_and_two_are_never_alike() -> None:
    one, other = hashed(b"canary", bytes(16)), hashed(b"canary", bytes(15) + b"\x01")

    assert "canary" not in one + other
    assert one.split(":")[5] != other.split(":")[5]
    assert matches(one, b"canary")
    assert not matches(one, b"Canary")
    assert not matches(one, b"")


@pytest.mark.parametrize(
    ("given", "octets"),
    [
        (b"00ff", b"\x00\xff"),
        (b"00FF", b"\x00\xff"),
        (b"00f", b"00f"),
        (b"secret", b"secret"),
        (b"", b""),
        (b"\xff", b"\xff"),
    ],
)
def test_hexadecimal_digits_stand_for_octets(given: bytes, octets: bytes) -> None:
    assert canonical(given) == octets


@pytest.mark.parametrize("kept", ["", "scrypt:1", "md5:14:8:1:00:00", "scrypt:x:8:1:00:00", "scrypt:14:8:1:zz:00"])
def test_rubbish_in_the_database_is_an_error_not_a_match(kept: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        matches(kept, b"")
