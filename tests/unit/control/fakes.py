"""The other side of control's ports, written by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from chargemon_edge.control.authorisation import AuthorisationSettings
from chargemon_edge.control.cards import Cards
from chargemon_edge.control.commissioning import Commissioning
from chargemon_edge.control.ports import LinkEnds, Outcome, Refusal
from chargemon_edge.control.present import Present
from chargemon_edge.control.requests import Requests
from chargemon_edge.control.upstream_records import UpstreamStanding
from chargemon_edge.ocpp.v16 import messages as m
from chargemon_edge.site.cards import NO_RULES, IdTag, RestoredCards, TagRules
from chargemon_edge.site.charger_model import Quirks
from chargemon_edge.site.clock_facts import ClockCorrected
from chargemon_edge.site.facts import Fact, Moment, TransactionStarted, TransactionStopped
from chargemon_edge.site.layout import ChargePoint, Circuit, Connector, Site
from chargemon_edge.site.picture import SitePicture
from chargemon_edge.site.units import same_on_all

UTC_MS = 1_800_000_000_000


def corrected(at: Moment, by_ms: int) -> ClockCorrected:
    """Our time was moved by a time service."""
    return ClockCorrected(
        at=at, boot="", by_ms=by_ms, offset_ms=0, source="chrony", doubted_since_utc_ms=None, before_utc_ms=0
    )


class FakeClock:
    """Stands until it is moved."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def monotonic_s(self) -> float:
        return self.now_s

    def utc_ms(self) -> int:
        return UTC_MS + round((self.now_s - 1000) * 1000)


class FakeJournal:
    """Keeps what it is given; commits wait until :meth:`flush`, unless *at_once*."""

    def __init__(self, *, at_once: bool = True) -> None:
        self.at_once = at_once
        self.committed: list[Fact] = []
        self.recorded: list[Fact] = []
        self.waiting: list[tuple[Sequence[Fact], Callable[[Exception | None], None]]] = []

    def commit(self, new: Sequence[Fact], done: Callable[[Exception | None], None]) -> None:
        self.waiting.append((new, done))
        if self.at_once:
            self.flush()

    def flush(self, error: Exception | None = None) -> None:
        waiting, self.waiting = self.waiting, []
        for new, done in waiting:
            if error is None:
                self.committed.extend(new)
            done(error)

    def record(self, new: Iterable[Fact]) -> None:
        self.recorded.extend(new)

    def find_start(
        self, charge_point: str, connector: int, id_tag: str, started_text: str, meter_start_wh: int
    ) -> TransactionStarted | None:
        for fact in self.committed:
            if isinstance(fact, TransactionStarted) and (
                (fact.charge_point, fact.connector, fact.id_tag, fact.started_text, fact.meter_start_wh)
                == (charge_point, connector, id_tag, started_text, meter_start_wh)
            ):
                return fact
        return None

    def find_transaction(self, transaction_id: int) -> tuple[TransactionStarted, TransactionStopped | None] | None:
        started = [
            f for f in self.committed if isinstance(f, TransactionStarted) and f.transaction_id == transaction_id
        ]
        stopped = [
            f for f in self.committed if isinstance(f, TransactionStopped) and f.transaction_id == transaction_id
        ]
        return (started[0], stopped[0] if stopped else None) if started else None


class FakeChargePoints:
    """Remembers what was asked and answers from *answers*, by action."""

    def __init__(self, answers: dict[str, Outcome]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, m.Request]] = []
        self.offered: list[tuple[str, int, m.Request, Callable[[Outcome], None]]] = []
        self.links = {"CP1", "CP2"}

    def linked(self, charge_point: str) -> bool:
        return charge_point in self.links

    def ends(self, charge_point: str) -> LinkEnds | None:
        return LinkEnds(theirs="127.0.0.1", ours="192.0.2.1", profile=1) if charge_point in self.links else None

    async def call(self, charge_point: str, request: m.Request, deadline_s: float) -> Outcome:
        assert deadline_s > 0
        self.asked.append((charge_point, request))
        return self.answers[request.action]

    def offer_limit(
        self, charge_point: str, connector: int, request: m.Request, done: Callable[[Outcome], None]
    ) -> None:
        self.offered.append((charge_point, connector, request, done))

    def disconnect(self, charge_point: str, reason: str) -> None:
        self.links.discard(charge_point)


class FakeUpstreams:
    """Operators as a test wants them to stand."""

    def __init__(self) -> None:
        self.all: list[UpstreamStanding] = []

    def standings(self) -> Sequence[UpstreamStanding]:
        return self.all


class FakeModels:
    """Every charge point has these quirks."""

    def __init__(self, **quirks: Any) -> None:
        self.of_all = Quirks(**quirks)

    def quirks(self, charge_point: str) -> Quirks:
        return self.of_all


class House:
    """Requests with everything behind it."""

    def __init__(self, *, at_once: bool = True) -> None:
        self.clock = FakeClock()
        self.journal = FakeJournal(at_once=at_once)
        self.present = Present(two_chargers(), SitePicture(started=Moment(1000.0, UTC_MS)))
        self.window = Commissioning(self.clock)
        tags = (
            IdTag(id_tag="CARD-A", parent_id_tag="FLEET"),
            IdTag(id_tag="OLD", expiry_utc_ms=UTC_MS - 1),
            IdTag(id_tag="BAD", status="Blocked"),
        )
        # by charge point, what its model does to id tags
        self.tag_rules: dict[str, TagRules] = {}
        self.cards = Cards(
            AuthorisationSettings(id_tags=tags),
            self.present,
            FakeChargePoints({}),
            self.journal,
            self.clock,
            RestoredCards(),
            rules_of=lambda charge_point: self.tag_rules.get(charge_point, NO_RULES),
        )
        self.authorisation = self.cards.authorisation
        self.requests = Requests(
            present=self.present,
            journal=self.journal,
            authorisation=self.authorisation,
            commissioning=self.window,
            clock=self.clock,
            next_transaction_id=77,
            heartbeat_interval_s=300,
        )
        self.requests.link_opened("CP1", "127.0.0.1", known=True)

    def ask(self, request: m.Request, *, charge_point: str = "CP1", raw: bytes = b"{}") -> list[m.Response | Refusal]:
        """The replies so far to *request*: one, or none while it waits."""
        replies: list[m.Response | Refusal] = []
        self.requests.requested(charge_point, request, raw, replies.append)
        return replies


def two_chargers() -> Site:
    """A main fuse of 32 A and two charge points of one connector each."""
    return Site(
        circuits=(Circuit(name="main", fuse_ma=same_on_all(32_000)),),
        charge_points=tuple(
            ChargePoint(identity=identity, connectors=(Connector(number=1, circuit="main"),))
            for identity in ("CP1", "CP2")
        ),
    )
