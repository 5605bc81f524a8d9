"""Brings a charge point from one security profile to the next without a visit: the conversation behind raise_steps.

Each step is durable before the charge point is asked for anything; see :mod:`.raise_steps` for what may go wrong where.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping

import msgspec
from msgspec.structs import replace

from chargemon_edge.control.access_book import THIS_SYSTEM, AccessBook
from chargemon_edge.control.certificates import Certificates
from chargemon_edge.control.certification import Authority
from chargemon_edge.control.key_rotation import KeyRotation, Rotation
from chargemon_edge.control.ports import Answered, ChargePoints, Outcome, TimedOut
from chargemon_edge.control.present import Present
from chargemon_edge.control.raise_steps import ENDED, FIRST, OPEN_TO_BOTH, Event, Step, advance
from chargemon_edge.ocpp.v16 import messages as m
from chargemon_edge.site.access_facts import AccessRecord

log = logging.getLogger(__name__)

DEADLINE_S = 30.0
# a hard reset and whatever the charge point does before it dials again
RECONNECT_S = 600.0
# and before the next question, when it has gone after the last one
LINK_S = 120.0
HIGHEST = 3


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """A raise that somebody wants."""

    charge_point: str
    to: int
    by: str
    settings: Mapping[str, str] = {}
    """Configuration keys to set before the profile: where a model needs its new address told, for one."""
    root: str = "ecdsa"
    """Which of our roots it gets for profile 2: ``ecdsa`` or ``rsa``."""


class Raising:
    """One raise at a time for each charge point. Lives on the event loop; look after it with :meth:`run`."""

    def __init__(
        self,
        *,
        present: Present,
        charge_points: ChargePoints,
        book: AccessBook,
        rotation: KeyRotation,
        certificates: Certificates,
        authority: Authority | None,
        configured: Callable[[str], int | None],
        served: frozenset[int],
    ) -> None:
        """*configured*: a charge point's profile in the configuration; *served*: profiles with a listener."""
        self._present = present
        self._charge_points = charge_points
        self._book = book
        self._rotation = rotation
        self._certificates = certificates
        self._authority = authority
        self.configured = configured
        self.served = served
        self._wishes: asyncio.Queue[Wish] = asyncio.Queue(1_000)
        self._running: set[str] = set()

    async def run(self) -> None:
        """Carry out raises, until cancelled."""
        async with asyncio.TaskGroup() as work:
            for record in self._book.known():
                if record.raise_step is not None and (step := Step(record.raise_step)) not in ENDED:
                    self._running.add(record.charge_point)
                    work.create_task(self._resume(record, step))
            while True:
                work.create_task(self._raise(await self._wishes.get()))

    # ------------------------------------------------------------ what is wanted

    def profile(self, charge_point: str) -> int | None:
        """Its security profile now; None: nobody knows such a charge point."""
        record, configured = self._book.find(charge_point), self.configured(charge_point)
        if record is None:
            return configured
        recorded = record.security_profile
        if recorded is None:
            # a charge point that only a record knows needs a password
            return 1 if configured is None else configured
        return max(recorded, configured or 0)

    def next_is(self, charge_point: str, profile: int) -> bool:
        """Whether *profile* is the next for it and has a listener."""
        now = self.profile(charge_point)
        return now is not None and profile == now + 1 and profile in self.served

    def refusal(self, wish: Wish) -> str | None:
        """Why it cannot begin now; None: it can."""
        now = self.profile(wish.charge_point)
        if now is None:
            return "nobody knows such a charge point"
        if not now < wish.to <= HIGHEST:
            return f"its security profile is {now} already; it is never lowered"
        if wish.settings and wish.to != now + 1:
            return "settings go with one step at a time"
        if missing := [profile for profile in range(now + 1, wish.to + 1) if profile not in self.served]:
            key = "tls_port" if missing[0] == 2 else "mutual_tls_port"
            return f"no listener serves profile {missing[0]}: set {key} in [chargers] and restart"
        if wish.charge_point in self._running:
            return "a raise of it is under way; end that first"
        if not self._charge_points.linked(wish.charge_point):
            return "it is not connected"
        entry = self._present.picture.charge_points.get(wish.charge_point)
        if entry is not None and any(one.transaction is not None for one in entry.connectors.values()):
            return "a transaction runs on it, which its reset would end"
        return None

    def begin(self, wish: Wish) -> None:
        """Start it; ask :meth:`refusal` first."""
        assert self.refusal(wish) is None
        self._running.add(wish.charge_point)
        self._wishes.put_nowait(wish)

    async def give_up(self, charge_point: str, by: str) -> Exception | None:
        """Close the new way again. A charge point that has taken it already is locked out: a person decides that."""
        return await self._book.change(
            charge_point,
            lambda before: replace(before, raising_to=None, raise_step=Step.FAILED.value),
            by=by,
            why="the raise was given up; only the old way is open",
        )

    # ------------------------------------------------------------ how it goes

    async def _raise(self, wish: Wish) -> None:
        try:
            while (now := self.profile(wish.charge_point)) is not None and now < wish.to:
                if not await self._one_profile(wish, now + 1):
                    return
        finally:
            self._running.discard(wish.charge_point)

    async def _resume(self, record: AccessRecord, step: Step) -> None:
        """After a restart of ours: what the charge point was told nobody knows for sure."""
        wish = Wish(charge_point=record.charge_point, to=record.raising_to or 0, by=THIS_SYSTEM)
        try:
            after = await self._stepped(wish, advance(step, Event.RESTARTED), "the daemon was restarted")
            if after is Step.RECONNECT:
                await self._go_on(wish, after, wish.to)
        finally:
            self._running.discard(record.charge_point)

    async def _one_profile(self, wish: Wish, target: int) -> bool:
        step = await self._stepped(wish, FIRST[target], f"raising to security profile {target}")
        return await self._go_on(wish, step, target)

    async def _go_on(self, wish: Wish, step: Step, target: int) -> bool:
        while step not in ENDED and step is not Step.OVERDUE:
            if step is Step.PROFILE:
                # open before it is told, and durable: it may come at any moment from here on
                await self._open(wish, target)
            event = await self._do(wish, step, target)
            step = await self._stepped(wish, advance(step, event), f"{step.value}: {event.value}")
        return step is Step.DONE

    async def _stepped(self, wish: Wish, step: Step, why: str) -> Step:
        """Write down where it stands. Done is written by the login that proves it (:mod:`.access_book`)."""
        if step is Step.DONE:
            return step

        def change(before: AccessRecord) -> AccessRecord:
            # it may have come, or somebody given it up, meanwhile
            if before.raising_to is None and step in OPEN_TO_BOTH and step is not Step.PROFILE:
                return before
            return replace(
                before, raise_step=step.value, raising_to=before.raising_to if step in OPEN_TO_BOTH else None
            )

        error = await self._book.change(wish.charge_point, change, by=wish.by, why=f"{why}; now: {step.value}")
        return Step.FAILED if error is not None and step not in OPEN_TO_BOTH else step

    async def _open(self, wish: Wish, target: int) -> None:
        await self._book.change(
            wish.charge_point,
            lambda before: replace(before, raising_to=target),
            by=wish.by,
            why=f"security profile {target} is open to it as well",
        )

    async def _do(self, wish: Wish, step: Step, target: int) -> Event:
        identity = wish.charge_point
        if step is not Step.RECONNECT:
            # some restart after each of these
            await self._await_link(identity)
        if step is Step.KEY:
            return _ROTATED.get(await self._rotation.rotate(identity, wish.by, reconnect=False), Event.REFUSED)
        if step is Step.ROOT:
            return await self._install_root(wish)
        if step is Step.CERTIFICATE:
            return Event.ACCEPTED if await self._certificates.renew(identity) else Event.REFUSED
        if step is Step.SETTINGS:
            for key, value in wish.settings.items():
                event = await self._set(identity, key, value)
                if event is not Event.ACCEPTED:
                    return event
            return Event.ACCEPTED
        if step is Step.PROFILE:
            record = self._book.find(identity)
            if record is None or record.raising_to != target:
                # it could not be made durable
                return Event.REFUSED
            return await self._set(identity, "SecurityProfile", str(target))
        if step is Step.RESET:
            return _event(await self._charge_points.call(identity, m.ResetRequest(type="Hard"), DEADLINE_S))
        return await self._await_arrival(identity, target)

    async def _install_root(self, wish: Wish) -> Event:
        pem = None if self._authority is None else self._authority.server_root_pem(wish.root)
        if pem is None:
            # a certificate of the operator's own whose root chargers are expected to know
            return Event.ACCEPTED
        request = m.InstallCertificateRequest(certificate_type="CentralSystemRootCertificate", certificate=pem)
        return _event(await self._charge_points.call(wish.charge_point, request, DEADLINE_S))

    async def _set(self, identity: str, key: str, value: str) -> Event:
        request = m.ChangeConfigurationRequest(key=key, value=value)
        return _event(await self._charge_points.call(identity, request, DEADLINE_S))

    async def _await_link(self, identity: str) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LINK_S):
                version = 0
                while not self._charge_points.linked(identity):
                    version = await self._present.changed(version)

    async def _await_arrival(self, identity: str, target: int) -> Event:
        try:
            async with asyncio.timeout(RECONNECT_S):
                version = 0
                while (self.profile(identity) or 0) < target:
                    record = self._book.find(identity)
                    if record is None or record.raising_to != target:
                        # given up
                        return Event.UNANSWERED
                    version = await self._present.changed(version)
        except TimeoutError:
            return Event.UNANSWERED
        return Event.CAME


_ROTATED = {Rotation.ACCEPTED: Event.ACCEPTED, Rotation.UNANSWERED: Event.UNANSWERED}
_TAKEN = ("Accepted", "RebootRequired")


def _event(outcome: Outcome) -> Event:
    if isinstance(outcome, Answered):
        return Event.ACCEPTED if getattr(outcome.response, "status", None) in _TAKEN else Event.REFUSED
    # what is offline or busy was never told; nothing else is unsure
    return Event.UNANSWERED if isinstance(outcome, TimedOut) else Event.REFUSED
