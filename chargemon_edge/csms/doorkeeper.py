"""Decides, from a request's head and what TLS has shown, whether a charge point may come in. No I/O.

Security white paper: profile 0 none, 1 Basic authentication, 2 Basic over TLS, 3 a certificate of its own. A charge
point has one profile, and while it is being raised the next one as well; a listener with another is no way in for it.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from chargemon_edge.control.failures import source_key
from chargemon_edge.control.password_hash import key_id
from chargemon_edge.control.ports import AccessRecords, Ordinary, QuirksOf
from chargemon_edge.csms.credentials import Credentials, basic_password
from chargemon_edge.csms.handshake import (
    LOGIN_REFUSED,
    UNKNOWN_IDENTITY,
    WRONG_PROFILE,
    Admitted,
    RefusalError,
    Refused,
    RequestHead,
    admit,
    too_many,
    websocket_request,
    within,
)
from chargemon_edge.csms.listener import ShownCertificate
from chargemon_edge.csms.password_checks import PasswordChecks
from chargemon_edge.csms.settings import ChargePointAccess
from chargemon_edge.csms.throttle import LoginThrottle
from chargemon_edge.site.access_facts import AccessRecord


class Question(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Whether *password* is one of *kept*, which takes too long to find out here; see :meth:`Doorkeeper.answered`."""

    head: RequestHead
    access: ChargePointAccess
    profiles: frozenset[int]
    websocket_key: str
    kept: tuple[str, ...]
    password: bytes


class _Login(msgspec.Struct, frozen=True):
    """A right one: with which profile, and with which kept password."""

    profile: int
    kept: str | None = None


class Doorkeeper:
    """Knows who may come in. Counts failures; asks for nothing but the time."""

    def __init__(
        self,
        charge_points: Iterable[ChargePointAccess],
        credentials: Credentials,
        throttle: LoginThrottle,
        models: QuirksOf | None = None,
        *,
        records: AccessRecords | None = None,
        checks: PasswordChecks | None = None,
    ) -> None:
        self._charge_points = {charge_point.identity: charge_point for charge_point in charge_points}
        self._credentials = credentials
        self._throttle = throttle
        self._models = models or Ordinary()
        self._records = records
        self._checks = checks or PasswordChecks()

    def judge(self, head: RequestHead, now_s: float, *, commissioning: bool) -> Admitted | Refused | Question:
        """Let the peer in, say why not, or have a password looked at first."""
        try:
            identity, key = websocket_request(head)
        except RefusalError as refusal:
            return refusal.refused
        record = None if self._records is None else self._records.find(identity)
        access = self._charge_points.get(identity) or _recorded_alone(record)
        if access is None:
            if not commissioning:
                return self._unknown(head, identity, now_s)
            fault = None if head.certificate is None else self._fault(head.certificate, identity)
            if fault is not None:
                return Refused(status=401, why=fault, event=LOGIN_REFUSED, identity=identity)
            return self._admit(head, ChargePointAccess(identity=identity), key, _Login(min(head.profiles)), known=False)
        open_to = ways(access, record)
        profiles = open_to & head.profiles
        if not profiles:
            return self._wrong_way(head, identity, open_to, now_s)
        return self._log_in(head, access, record, profiles, key, now_s)

    def answered(self, question: Question, kept: str | None, now_s: float) -> Admitted | Refused:
        """Which of the kept passwords it was, or None."""
        if kept is None:
            if 0 in question.profiles and question.access.allow_without_password:
                login: _Login | str = _Login(0)
            else:
                login = "wrong password"
        else:
            login = _Login(max(question.profiles), kept)
        return self._judged(question.head, question.access, question.websocket_key, login, now_s)

    def _unknown(self, head: RequestHead, identity: str, now_s: float) -> Refused:
        source = source_key(head.source)
        wait_s = self._throttle.source_wait_s(source, now_s)
        self._throttle.failed(source, None, now_s)
        if wait_s > 0:
            return too_many(identity, wait_s)
        return Refused(status=404, why="identity is not configured", event=UNKNOWN_IDENTITY, identity=identity)

    def _wrong_way(self, head: RequestHead, identity: str, open_to: frozenset[int], now_s: float) -> Refused:
        # not counted: a charger that was raised and tries its old way first must not be stopped on its new one
        wait_s = self._throttle.source_wait_s(source_key(head.source), now_s)
        if wait_s > 0:
            return too_many(identity, wait_s)
        why = f"comes with security profile {_either(head.profiles)}; {_either(open_to)} is demanded of it"
        return Refused(status=403, why=why, event=WRONG_PROFILE, identity=identity)

    def _log_in(
        self,
        head: RequestHead,
        access: ChargePointAccess,
        record: AccessRecord | None,
        profiles: frozenset[int],
        key: str,
        now_s: float,
    ) -> Admitted | Refused | Question:
        wait_s = self._throttle.wait_s(source_key(head.source), access.identity, now_s)
        if wait_s > 0:
            return too_many(access.identity, wait_s)
        login = self._login(head, access, record, profiles)
        if isinstance(login, _Asked):
            return Question(
                head=head,
                access=access,
                profiles=profiles,
                websocket_key=key,
                kept=login.kept,
                password=login.password,
            )
        return self._judged(head, access, key, login, now_s)

    def _judged(
        self, head: RequestHead, access: ChargePointAccess, key: str, login: _Login | str, now_s: float
    ) -> Admitted | Refused:
        source, identity = source_key(head.source), access.identity
        if isinstance(login, _Login):
            self._throttle.succeeded(source, identity)
            return self._admit(head, access, key, login, known=True)
        wait_s = self._throttle.source_wait_s(source, now_s)
        self._throttle.failed(source, identity, now_s)
        if wait_s > 0:
            return too_many(identity, wait_s)
        challenge = (("WWW-Authenticate", 'Basic realm="charge points", charset="UTF-8"'),)
        return Refused(status=401, why=login, event=LOGIN_REFUSED, identity=identity, headers=challenge)

    def _admit(
        self, head: RequestHead, access: ChargePointAccess, key: str, login: _Login, *, known: bool
    ) -> Admitted | Refused:
        return admit(
            head,
            access,
            key,
            known=known,
            quirks=self._models.quirks(access.identity),
            profile=login.profile,
            kept=None if login.kept is None else key_id(login.kept),
        )

    def _login(
        self, head: RequestHead, access: ChargePointAccess, record: AccessRecord | None, profiles: frozenset[int]
    ) -> _Login | _Asked | str:
        """What it logs in with, or why that is no login."""
        if access.sources and not within(head.source, access.sources):
            return "address is outside the networks allowed for it"
        if 3 in profiles:
            if head.certificate is None:
                return "no certificate"
            return self._fault(head.certificate, access.identity) or _Login(3)
        without = 0 in profiles and access.allow_without_password
        if without and not within(head.source, access.sources):
            return "a login without a password must come from a private network, or from one listed for it"
        try:
            password = _password(head, access.identity)
        except ValueError as error:
            return _Login(0) if without else str(error)
        found = self._match(access.identity, record, password)
        if isinstance(found, _Login):
            return _Login(max(profiles), found.kept)
        if without and not isinstance(found, _Asked):
            return _Login(0)
        return found

    def _fault(self, certificate: ShownCertificate, identity: str) -> str | None:
        fault = certificate.fault(identity)
        if fault is None and self._records is not None and self._records.revoked(identity, certificate.serial):
            return f"its certificate was revoked (serial {certificate.serial})"
        return fault

    def _match(self, identity: str, record: AccessRecord | None, password: bytes) -> _Login | _Asked | str:
        kept = () if record is None else tuple(one for one in (record.password_hash, *record.pending) if one)
        # a password that was set here, or that the charge point has been given, takes the place of the file's
        by_file = (record is None or record.password_hash is None) and self._credentials.protects(identity)
        if by_file and self._credentials.match(identity, password):
            return _Login(1)
        if not kept:
            return "wrong password" if by_file else "no password is configured for it"
        known = self._checks.known(kept, password)
        return _Asked(kept, password) if known is None else _Login(1, known)


class _Asked(msgspec.Struct, frozen=True):
    kept: tuple[str, ...]
    password: bytes


def ways(access: ChargePointAccess, record: AccessRecord | None) -> frozenset[int]:
    """The profiles that are open to it: its own, never below the configured one, and the one it is being raised to."""
    if record is None:
        return frozenset((access.profile,))
    own = max(access.profile, record.security_profile or 0)
    return frozenset((own,)) if record.raising_to is None else frozenset((own, max(own, record.raising_to)))


def _recorded_alone(record: AccessRecord | None) -> ChargePointAccess | None:
    """A charge point that only a record knows; without a profile there it needs a password."""
    if record is None:
        return None
    profile = 1 if record.security_profile is None else record.security_profile
    return ChargePointAccess(
        identity=record.charge_point, security_profile=profile, allow_without_password=profile == 0
    )


def _password(head: RequestHead, identity: str) -> bytes:
    header = head.one("authorization")
    if header is None:
        raise ValueError("no credentials")
    return basic_password(header, identity)


def _either(profiles: frozenset[int]) -> str:
    return " or ".join(str(one) for one in sorted(profiles))
