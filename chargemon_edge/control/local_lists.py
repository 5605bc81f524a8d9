"""Keeps each charge point's list of cards as the site's cards are, and its cache free of cards that lost their right.

The daemon is on site and answers within milliseconds; a list helps while it is down. So all of this is patient: it
begins well after a contact, asks one question at a time behind limits and operations, and backs off. A charge point
that has nothing to be told is asked nothing; a quiet one never, unless a person asks for it (:meth:`LocalLists.push`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping

import msgspec
from msgspec.structs import replace

from chargemon_edge.control.configuration_plan import AsRead
from chargemon_edge.control.id_tags import IdTags
from chargemon_edge.control.ports import Answered, CallErrored, ChargePoints, Clock, Journal, Outcome, in_words, moment
from chargemon_edge.control.present import Present
from chargemon_edge.ocpp import list_abilities
from chargemon_edge.ocpp.list_abilities import Abilities
from chargemon_edge.ocpp.local_list import Limits, WantedList, next_change_utc_ms, next_update, wanted
from chargemon_edge.ocpp.v16 import messages as m
from chargemon_edge.site import card_facts, facts
from chargemon_edge.site.cards import IdTag, LocalListState, status_of
from chargemon_edge.site.clock_facts import ClockCorrected
from chargemon_edge.site.device_facts import ConfigurationRead, KeyRead
from chargemon_edge.site.facts import Fact

log = logging.getLogger(__name__)

# after the charge point's own boot messages, the fail-safe, and the questions of contact.py and configuration.py
_SETTLE_S = 30.0
# several cards that change together make one update
_GATHER_S = 2.0
_DEADLINE_S = 10.0
_BACKOFF_S = (60.0, 300.0, 1800.0, 3600.0)
_NEVER_MS = 2**62
# CALLERRORs by which a charge point says that it knows no such thing
_UNKNOWN_TO_IT = ("NotImplemented", "NotSupported")

_KEYS = frozenset(key.casefold() for key in list_abilities.KEYS)
_OCCASIONS = (facts.LinkOpened, facts.ChargePointBooted, facts.LinkClosed)
_CARDS = (card_facts.IdTagPut, card_facts.IdTagRemoved)
_STATES = (
    card_facts.LocalListHeld,
    card_facts.LocalListRefused,
    card_facts.LocalListUnsupported,
    card_facts.CacheCleared,
)


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How one charge point's list stands."""

    state: LocalListState
    abilities: Abilities | None
    """None: its keys were never read."""
    supported: bool | None
    entries_wanted: int
    left_out: int
    up_to_date: bool
    """It accepted exactly what it shall hold."""
    last_outcome: str | None
    """Of the last question, in words; None: none was asked since the daemon started."""
    by_itself: bool
    """Whether the daemon keeps it without being asked."""


class LocalLists:
    """One conversation per charge point, begun by each link, each boot and each change of cards."""

    def __init__(
        self,
        *,
        present: Present,
        charge_points: ChargePoints,
        journal: Journal,
        clock: Clock,
        id_tags: IdTags,
        enabled: bool = True,
        restored: Mapping[str, LocalListState] | None = None,
        revoked_utc_ms: int = 0,
        keys: Callable[[str], AsRead] = lambda _charge_point: AsRead(),
    ) -> None:
        """*keys*: a charge point's configuration keys as last read, by anyone."""
        self._present = present
        self._charge_points = charge_points
        self._journal = journal
        self._clock = clock
        self._id_tags = id_tags
        self._enabled = enabled
        self._states = dict(restored or {})
        self._revoked_utc_ms = revoked_utc_ms
        self._keys = keys
        # what the last conversation went by; and who answers GetConfiguration with a CALLERROR
        self._went_by: dict[str, Abilities] = {}
        self._tells_nothing: set[str] = set()
        self._last: dict[str, str] = {}
        # whom to talk to (again), and how long to wait first
        self._due: dict[str, float] = {}
        self._someone_due = asyncio.Event()
        self._talks: dict[str, asyncio.Task[None]] = {}
        # who is being told; a person may ask at the same time
        self._locks: dict[str, asyncio.Lock] = {}
        # by limits: from when until when (UTC) it holds, and the list
        self._made: dict[Limits, tuple[int, int, WantedList]] = {}
        # for whom cards have changed since their conversation began
        self._again: set[str] = set()
        present.follow(self._state_changed, _STATES)
        present.follow(self._contact, _OCCASIONS)
        present.follow(self._cards_changed, _CARDS)
        present.follow(self._keys_read, (ConfigurationRead,))
        present.follow(self._redate, (ClockCorrected,))

    async def run(self) -> None:
        """Bring up whoever needs it, until cancelled."""
        async with asyncio.TaskGroup() as talks:
            while True:
                await self._someone_due.wait()
                self._someone_due.clear()
                due, self._due = self._due, {}
                for identity, wait_s in due.items():
                    talk = self._talks.pop(identity, None)
                    if talk is not None:
                        talk.cancel()
                    if self._may_be_asked(identity) and self._charge_points.linked(identity):
                        self._talks[identity] = talks.create_task(self._talk(identity, wait_s))

    def replace(self, enabled: bool, before: Iterable[IdTag]) -> None:
        """Keep lists from now on, or no longer; the cards of the configuration were *before*, and may be others now."""
        self._enabled = enabled
        at = moment(self._clock)
        now = {tag.id_tag: tag for tag in self._id_tags.tags()}
        for tag in before:
            still = now.get(tag.id_tag)
            if status_of(tag, at.utc_ms) == "Accepted" and (still is None or status_of(still, at.utc_ms) != "Accepted"):
                self._revoked_utc_ms = at.utc_ms
        self._summon_all()

    async def push(self, identity: str) -> None:
        """Bring up one charge point now, whatever it said before; :meth:`standing` tells with what success."""
        self._tells_nothing.discard(identity)
        state = self._state(identity)
        if state.unsupported_firmware is not None:
            self._states[identity] = replace(state, unsupported_firmware=None)
        await self._bring_up(identity, asked_for=True)

    def standing(self, identity: str) -> Standing:
        """How things are, for those who look."""
        abilities = self._known_abilities(identity)
        list_wanted = self._wanted(Limits() if abilities is None else abilities.limits)
        state = self._state(identity)
        supported: bool | None = None
        if state.unsupported_firmware is not None:
            supported = False
        elif state.held is not None:
            supported = True
        elif abilities is not None:
            supported = abilities.supported
        return Standing(
            state=state,
            abilities=abilities,
            supported=supported,
            entries_wanted=len(list_wanted.entries),
            left_out=list_wanted.left_out,
            up_to_date=state.held is not None and state.held.entries == list_wanted.digests,
            last_outcome=self._last.get(identity),
            by_itself=self._enabled and self._may_be_asked(identity),
        )

    # --- occasions

    def _contact(self, fact: Fact) -> None:
        assert isinstance(fact, _OCCASIONS)
        if isinstance(fact, facts.ChargePointBooted):
            # it may have other firmware
            self._tells_nothing.discard(fact.charge_point)
        if fact.charge_point in self._talks or self._may_be_asked(fact.charge_point):
            self._summon(fact.charge_point, _SETTLE_S)

    def _cards_changed(self, fact: Fact) -> None:
        if isinstance(fact, card_facts.IdTagRemoved) or (
            isinstance(fact, card_facts.IdTagPut) and status_of(fact.tag, fact.at.utc_ms) != "Accepted"
        ):
            self._revoked_utc_ms = max(self._revoked_utc_ms, fact.at.utc_ms)
        self._summon_all()

    def _keys_read(self, fact: Fact) -> None:
        """Its list may have been switched on, or be larger than it was."""
        assert isinstance(fact, ConfigurationRead)
        before = self._went_by.get(fact.charge_point)
        if before is not None and before != self._known_abilities(fact.charge_point):
            self._soon(fact.charge_point)

    def _redate(self, fact: Fact) -> None:
        """Which cards have expired may be seen differently now."""
        assert isinstance(fact, ClockCorrected)
        self._revoked_utc_ms = fact.moved(self._revoked_utc_ms)
        for identity, state in self._states.items():
            changed = state.changed_utc_ms
            self._states[identity] = replace(
                state,
                changed_utc_ms=None if changed is None else fact.moved(changed),
                cache_cleared_utc_ms=fact.moved(state.cache_cleared_utc_ms),
            )
        self._summon_all()

    def _summon_all(self) -> None:
        self._made.clear()
        for identity in self._present.site.charge_point_by_identity:
            self._soon(identity)

    def _soon(self, identity: str) -> None:
        talk = self._talks.get(identity)
        if talk is None or talk.done():
            self._summon(identity, _GATHER_S)
        else:
            # it goes on when it is through; if it waits because of a refusal, that is reason enough to wait
            self._again.add(identity)

    def _summon(self, identity: str, wait_s: float) -> None:
        self._due[identity] = max(wait_s, self._due.get(identity, 0.0))
        self._someone_due.set()

    def _state_changed(self, fact: Fact) -> None:
        assert isinstance(fact, _STATES)
        before = self._state(fact.charge_point)
        if isinstance(fact, card_facts.CacheCleared):
            self._states[fact.charge_point] = replace(before, cache_cleared_utc_ms=fact.at.utc_ms)
            return
        self._states[fact.charge_point] = LocalListState(
            held=fact.held if isinstance(fact, card_facts.LocalListHeld) else None,
            changed_utc_ms=fact.at.utc_ms,
            unsupported_firmware=fact.firmware_version if isinstance(fact, card_facts.LocalListUnsupported) else None,
            cache_cleared_utc_ms=before.cache_cleared_utc_ms,
        )

    # --- a conversation

    async def _talk(self, identity: str, wait_s: float) -> None:
        while True:
            await asyncio.sleep(wait_s)
            self._again.discard(identity)
            if not await self._insist(identity) or identity not in self._again:
                return
            wait_s = _GATHER_S

    async def _insist(self, identity: str) -> bool:
        for pause_s in (*_BACKOFF_S, None):
            if await self._bring_up(identity, asked_for=False):
                return True
            if pause_s is not None:
                await asyncio.sleep(pause_s)
        log.warning("local list given up until the next contact cp=%s last=%r", identity, self._last.get(identity))
        return False

    async def _bring_up(self, identity: str, *, asked_for: bool) -> bool:
        """Whether nothing is left to be tried again."""
        async with self._locks.setdefault(identity, asyncio.Lock()):
            list_due = asked_for or (self._enabled and self._list_may_differ(identity))
            if not list_due and not self._cache_due(identity):
                return True
            abilities = None if asked_for else self._known_abilities(identity)
            abilities = abilities or await self._ask_abilities(identity)
            if abilities is None:
                return False
            self._went_by[identity] = abilities
            done = True
            if abilities.cache and self._cache_due(identity):
                done = await self._clear_cache(identity)
            if list_due and abilities.enabled:
                if not abilities.supported:
                    self._unsupported(identity, "not among its feature profiles")
                else:
                    done = await self._update(identity, abilities.limits) and done
            return done

    async def _ask_abilities(self, identity: str) -> Abilities | None:
        outcome = await self._ask(identity, m.GetConfigurationRequest(key=list_abilities.KEYS))
        if isinstance(outcome, Answered) and isinstance(outcome.response, m.GetConfigurationResponse):
            told = outcome.response.configuration_key or ()
            read = ConfigurationRead(
                at=moment(self._clock),
                charge_point=identity,
                keys=tuple(KeyRead(key=one.key, value=one.value, readonly=one.readonly) for one in told),
                unknown=tuple(outcome.response.unknown_key or ()),
                whole=False,
            )
            self._note(read)
            return list_abilities.abilities({one.key: one.value for one in told})
        if isinstance(outcome, CallErrored):
            # it tells nothing; that denies nothing
            self._tells_nothing.add(identity)
            return Abilities()
        return None

    def _known_abilities(self, identity: str) -> Abilities | None:
        """By the keys as last read; None: they were not, or nobody asked for these."""
        read = self._keys(identity)
        told = {one.key: one.value for one in read.keys.values()}
        heard = {name.casefold() for name in (*told, *read.unknown)}
        if read.whole_utc_ms is not None or not heard.isdisjoint(_KEYS):
            return list_abilities.abilities(told)
        return Abilities() if identity in self._tells_nothing else None

    async def _clear_cache(self, identity: str) -> bool:
        outcome = await self._ask(identity, m.ClearCacheRequest())
        if isinstance(outcome, Answered) and in_words(outcome) == "Accepted":
            self._note(card_facts.CacheCleared(at=moment(self._clock), charge_point=identity))
            return True
        return False

    async def _update(self, identity: str, limits: Limits) -> bool:
        """Make it hold what it shall; whether nothing is left to be tried again."""
        for _ in range(2):
            version = await self._ask_version(identity)
            if version is None:
                return self._state(identity).unsupported_firmware is not None
            refusal = await self._send(identity, limits, version)
            if refusal is None:
                return True
            status = in_words(refusal)
            if status in _UNKNOWN_TO_IT:
                return self._unsupported(identity, status)
            if not isinstance(refusal, Answered | CallErrored):
                return False
            log.warning("local list refused cp=%s answer=%s", identity, status)
            self._note(card_facts.LocalListRefused(at=moment(self._clock), charge_point=identity, outcome=status))
            if status != "VersionMismatch":
                return False
            # somebody else has been at it meanwhile: ask anew, once, and replace it whole
        return False

    async def _send(self, identity: str, limits: Limits, version: int) -> Outcome | None:
        """Part after part, to a list of this *version*; the outcome that was not an acceptance, or None: it holds all.

        What it holds gets to the disk in the end alone: after a crash in between, its version is not the one we know.
        """
        held: card_facts.LocalListHeld | None = None
        try:
            while True:
                following = next_update(self._wanted(limits), self._state(identity).held, version, limits)
                if following is None:
                    log.info("local list held cp=%s version=%d", identity, version)
                    return None
                request, after = following
                outcome = await self._ask(identity, request)
                if in_words(outcome) != "Accepted":
                    return outcome
                held = card_facts.LocalListHeld(at=moment(self._clock), charge_point=identity, held=after)
                self._present.apply((held,))
                version = after.version
        finally:
            if held is not None:
                self._journal.record((held,))

    async def _ask_version(self, identity: str) -> int | None:
        """What it says it holds; None: no answer, or it supports no lists (then that is noted)."""
        outcome = await self._ask(identity, m.GetLocalListVersionRequest())
        if isinstance(outcome, Answered) and isinstance(outcome.response, m.GetLocalListVersionResponse):
            if outcome.response.list_version >= 0:
                return outcome.response.list_version
            self._unsupported(identity, "version -1")
        elif isinstance(outcome, CallErrored) and outcome.code in _UNKNOWN_TO_IT:
            self._unsupported(identity, outcome.code)
        return None

    def _unsupported(self, identity: str, why: str) -> bool:
        self._last[identity] = why
        log.info("local list not supported cp=%s why=%r: not asked again with this firmware", identity, why)
        self._note(
            card_facts.LocalListUnsupported(
                at=moment(self._clock), charge_point=identity, firmware_version=self._firmware(identity)
            )
        )
        return True

    # --- what is known

    def _may_be_asked(self, identity: str) -> bool:
        return self._present.site.may_be_asked(identity)

    def _list_may_differ(self, identity: str) -> bool:
        """Whether there is anything to be told: not before the first card, and not where lists are not supported."""
        state = self._state(identity)
        if state.unsupported_firmware is not None and state.unsupported_firmware == self._firmware(identity):
            return False
        return state.held is not None or any(True for _ in self._id_tags.tags())

    def _cache_due(self, identity: str) -> bool:
        return self._state(identity).cache_cleared_utc_ms < self._revoked_utc_ms

    def _wanted(self, limits: Limits) -> WantedList:
        """The same one until a card changes or expires: a long list is sent in many parts to many charge points."""
        now_ms = self._clock.utc_ms()
        known = self._made.get(limits)
        if known is None or not known[0] <= now_ms < known[1]:
            tags = list(self._id_tags.tags())
            until_ms = next_change_utc_ms(tags, now_ms)
            known = self._made[limits] = (
                now_ms,
                _NEVER_MS if until_ms is None else until_ms,
                wanted(tags, now_ms, limits),
            )
        return known[2]

    def _state(self, identity: str) -> LocalListState:
        return self._states.get(identity, LocalListState())

    def _firmware(self, identity: str) -> str:
        entry = self._present.picture.charge_points.get(identity)
        return "" if entry is None or entry.boot is None else entry.boot.firmware_version or ""

    async def _ask(self, identity: str, request: m.Request) -> Outcome:
        outcome = await self._charge_points.call(identity, request, _DEADLINE_S)
        self._last[identity] = f"{request.action}: {in_words(outcome)}"
        return outcome

    def _note(self, fact: Fact) -> None:
        self._journal.record((fact,))
        self._present.apply((fact,))
