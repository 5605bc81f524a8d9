"""What control and the world ask of each other, and nothing of how it is done. Tests write these by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, final

import msgspec

from chargemon_edge.control.records import (
    EventQuery,
    EventRecord,
    KeptStopQuery,
    KeptStopRecord,
    MeterValueQuery,
    MeterValueRecord,
    OperationQuery,
    OperationRecord,
    Page,
    Paging,
    SecurityEventQuery,
    SecurityEventRecord,
    TransactionQuery,
    TransactionRecord,
)
from chargemon_edge.control.upstream_records import RestoredUpstream
from chargemon_edge.ocpp.charging_profile import FIRST_FREE_PROFILE_ID
from chargemon_edge.ocpp.v16.messages import Request, Response
from chargemon_edge.site.access_facts import AccessRecord, CertificateRevoked
from chargemon_edge.site.cards import RestoredCards
from chargemon_edge.site.charger_model import Quirks
from chargemon_edge.site.facts import Fact, Moment, TransactionStarted, TransactionStopped
from chargemon_edge.site.file_facts import Delivery, Ticket
from chargemon_edge.site.file_protocol import FileProtocol
from chargemon_edge.site.image import Image
from chargemon_edge.site.operation_facts import ChargingProfileStored
from chargemon_edge.site.picture import SitePicture
from chargemon_edge.site.rollout import RestoredCampaigns
from chargemon_edge.site.token_facts import TokenIssued


class Clock(Protocol):
    """Two clocks: durations from the monotonic one, records from UTC."""

    def monotonic_s(self) -> float:
        """Seconds; the event loop's own time."""
        ...

    def utc_ms(self) -> int:
        """Milliseconds since 1970 UTC."""
        ...


def moment(clock: Clock) -> Moment:
    """Both clocks now."""
    return Moment(clock.monotonic_s(), clock.utc_ms())


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """The charge point's CALLRESULT. ``Rejected`` and its kin are answers too: *response.status* says."""

    response: Response
    sent_mono_s: float
    """When the CALL was written to the socket."""


class CallErrored(msgspec.Struct, frozen=True, kw_only=True):
    """The charge point's CALLERROR, or an answer that no reading of the specification allows."""

    code: str
    description: str
    details: str = "{}"


class TimedOut(msgspec.Struct, frozen=True, kw_only=True):
    """Sent, and no answer within the deadline or before the link closed."""


class Offline(msgspec.Struct, frozen=True, kw_only=True):
    """No link; nothing was sent."""


class Superseded(msgspec.Struct, frozen=True, kw_only=True):
    """A newer limit for the same connector took this one's place before it was sent."""


class Busy(msgspec.Struct, frozen=True, kw_only=True):
    """Too many calls wait for this charge point already; nothing was sent."""


Outcome = Answered | CallErrored | TimedOut | Offline | Superseded | Busy


def in_words(outcome: Outcome) -> str:
    """An outcome as log and page say it: the charge point's own status or error code, ``no answer`` or ``offline``."""
    if isinstance(outcome, Answered):
        return str(getattr(outcome.response, "status", "answered"))
    if isinstance(outcome, CallErrored):
        return outcome.code
    # busy and superseded: nothing was sent either
    return "no answer" if isinstance(outcome, TimedOut) else "offline"


@final
class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """A request that gets a CALLERROR instead of a confirmation."""

    code: str
    """One of OCPP-J 1.6 §4.2.3's error codes."""
    description: str


class Reception(Protocol):
    """Where the chargers' edge hands in what happened there. Every method returns at once."""

    def link_opened(
        self, charge_point: str, remote: str, *, known: bool, profile: int = 0, key: str | None = None
    ) -> None:
        """An authenticated link stands and may be used: with which security profile, and with which kept password
        (password_hash.key_id)."""
        ...

    def link_closed(self, charge_point: str, reason: str) -> None:
        """The link that was opened last is gone (a replaced link reports nothing: its successor stands)."""
        ...

    def requested(
        self, charge_point: str, request: Request, raw: bytes, reply: Callable[[Response | Refusal], None]
    ) -> None:
        """A valid CALL came, *raw* is its payload. *reply* is called exactly once, now or after the commit it needs."""
        ...

    def noticed(self, event: str, source: str, detail: str) -> None:
        """A security event: refused login, unknown identity, second connection."""
        ...

    def commissioning(self) -> bool:
        """Whether the time-boxed window that lets unknown charge points in is open now."""
        ...


class QuirksOf(Protocol):
    """What is known of the charge points' models."""

    def quirks(self, charge_point: str) -> Quirks:
        """How it differs from an ordinary charger; nothing is known of a stranger."""
        ...


class Ordinary:
    """Knows no quirk of anybody."""

    def quirks(self, charge_point: str) -> Quirks:
        """None."""
        return Quirks()


class AccessRecords(Protocol):
    """How charge points get in, beside and beyond the configuration."""

    def find(self, charge_point: str) -> AccessRecord | None:
        """Its record now, if it has one."""
        ...

    def revoked(self, charge_point: str, serial: str) -> bool:
        """Whether its certificate with that serial number (hexadecimal) opens nothing any more."""
        ...


class RecordedFrame(msgspec.Struct, frozen=True, kw_only=True):
    """One frame, or a note about the one before it."""

    at_utc_ms: int
    way: str
    """``from charge point``, ``to charge point`` or ``note``."""
    bytes: int
    """As it was on the wire."""
    text: str
    """Without secrets, id tags masked."""


class Repairs(msgspec.Struct, frozen=True, kw_only=True):
    """How often a charge point's messages needed one kind of repair since the daemon started."""

    kind: str
    count: int
    last_utc_ms: int


class Frames(Protocol):
    """The last frames of charge points."""

    def frames(self, charge_point: str) -> list[RecordedFrame]:
        """Oldest first."""
        ...

    def repairs(self, charge_point: str) -> list[Repairs]:
        """The most frequent first."""
        ...


class ChargePoints(Protocol):
    """The charge points that are connected now."""

    def linked(self, charge_point: str) -> bool:
        """Whether it has a link."""
        ...

    async def call(self, charge_point: str, request: Request, deadline_s: float) -> Outcome:
        """Send *request* when the link is free; exactly one outcome, never an exception but cancellation."""
        ...

    def offer_limit(self, charge_point: str, connector: int, request: Request, done: Callable[[Outcome], None]) -> None:
        """Put *request* into the connector's slot: the newest wins, and goes before any waiting call.

        *done* is called exactly once, on the loop.
        """
        ...


class Links(ChargePoints, Protocol):
    """The same, for who decides which links may stand."""

    def disconnect(self, charge_point: str, reason: str) -> None:
        """End its link, if it has one; what waits on it fails."""
        ...


class LinkEnds(msgspec.Struct, frozen=True, kw_only=True):
    """Between which addresses a charge point's link runs."""

    theirs: str
    """The charge point's address, as we see it."""
    ours: str
    """The address that it has dialled: files are offered there too."""
    profile: int
    """The security profile that it came with."""


class FileOffer(msgspec.Struct, frozen=True, kw_only=True):
    """Where a charge point can fetch or deliver one file; the address is nowhere else."""

    ticket_id: str
    """What :class:`~chargemon_edge.site.file_facts.FileProgressed`, ``TransferEnded`` and ``TicketEnded`` call it."""
    url: str
    """For an upload: of a folder, with a slash at its end."""
    protocol: FileProtocol
    expires_utc_ms: int


class NotOffered(msgspec.Struct, frozen=True, kw_only=True):
    """No address can be given."""

    reason: str


class FileVisits(Protocol):
    """Who serves files to sockets that come to the chargers' listeners and want no WebSocket."""

    def concerns(self, target: str) -> bool:
        """Whether a request for *target* is one for files."""
        ...

    def take(self, transport: asyncio.Transport, received: bytes) -> bool:
        """The socket is theirs from now on, with all that was *received* of it; False: there is no room for it."""
        ...


class Whereabouts(Protocol):
    """Where charge points are, as their links show."""

    def ends(self, charge_point: str) -> LinkEnds | None:
        """Of its link now; None: it has none."""
        ...


class FirmwareFiles(Protocol):
    """Files for and from charge points. What becomes of an offer is told as facts (:mod:`..site.file_facts`)."""

    def images(self) -> Sequence[Image]:
        """The library, newest first."""
        ...

    def image(self, image_id: str) -> Image | None:
        """One of them."""
        ...

    def keep(self, user: Callable[[str], str | None]) -> None:
        """Ask *user* before an image is removed: why the image of that id is still needed, or None."""
        ...

    def protocols(self, charge_point: str) -> Sequence[FileProtocol]:
        """Those that it and this box both speak, the best first; by its quirks, by what it says, else by its link."""
        ...

    async def offer_image(
        self, charge_point: str, image_id: str, *, good_for_s: float, by: str, protocol: FileProtocol | None = None
    ) -> FileOffer | NotOffered:
        """An address at which *charge_point*, and nobody else, can fetch the image; *protocol*: that one, not the
        best. Earlier offers of an image to it end."""
        ...

    async def offer_upload(
        self, charge_point: str, purpose: str, *, good_for_s: float, by: str, protocol: FileProtocol | None = None
    ) -> FileOffer | NotOffered:
        """An address at which *charge_point* can deliver one file."""
        ...

    def withdraw(self, ticket_id: str) -> None:
        """That address opens nothing any more; what runs there is cut."""
        ...


class SignatureChecks(Protocol):
    """What knows signatures of firmware."""

    async def fault(self, sha256: bytes, signature: str, certificate: str) -> str | None:
        """Why *signature* (base64) with *certificate* (PEM) does not vouch for the file of that digest; None: it
        does."""
        ...


class CertificateSigner(Protocol):
    """The certificate authority, as far as a charge point's own certificate goes."""

    def sign(self, charge_point: str, csr: str) -> bool:
        """Whether this signing request (PKCS #10, PEM) is accepted; if so, its certificate goes out by itself.

        Returns at once; what it does takes place after the answer has gone out.
        """
        ...


class GivenProfile(msgspec.Struct, frozen=True, kw_only=True):
    """An operation that gave a charge point a profile, as its record holds it."""

    charge_point: str
    action: str
    payload: str


class RestoredOperations(msgspec.Struct, frozen=True, kw_only=True):
    """What the disk knew of operations and of named charging profiles."""

    next_number: int = 1
    next_profile_id: int = FIRST_FREE_PROFILE_ID
    profiles: tuple[ChargingProfileStored, ...] = ()
    given: tuple[GivenProfile, ...] = ()
    """Those that a running transaction may still have, oldest first."""


class RestoredFiles(msgspec.Struct, frozen=True, kw_only=True):
    """What the disk knew of files for and from charge points."""

    images: tuple[Image, ...] = ()
    tickets: tuple[Ticket, ...] = ()
    """Those that have not ended."""
    deliveries: tuple[Delivery, ...] = ()
    """Oldest first."""
    next_delivery: int = 1


class RestoredClock(msgspec.Struct, frozen=True, kw_only=True):
    """What the disk knew of the time."""

    newest_utc_ms: int | None
    """When it was written last; None: never."""
    boot: str
    """The boot of the machine since which it was."""
    offset_ms: int
    """Wall time less monotonic time, then."""
    source: str | None
    doubted_since_utc_ms: int | None


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """What the disk knew at start."""

    picture: SitePicture
    next_transaction_id: int
    tokens: tuple[TokenIssued, ...] = ()
    devices: tuple[Fact, ...] = ()
    """Of configuration keys: the facts that say what is known."""
    operations: RestoredOperations = RestoredOperations()
    cards: RestoredCards = RestoredCards()
    access: tuple[AccessRecord, ...] = ()
    revoked: tuple[CertificateRevoked, ...] = ()
    upstream: RestoredUpstream = RestoredUpstream()
    certificates: tuple[Fact, ...] = ()
    """What is known of charge points' certificates, as the facts that told of it."""
    files: RestoredFiles = RestoredFiles()
    campaigns: RestoredCampaigns = RestoredCampaigns()


class Journal(Protocol):
    """Where facts become rows."""

    def commit(self, new: Sequence[Fact], done: Callable[[Exception | None], None]) -> None:
        """Make these durable; *done* is called once, on the loop, after the flush or with the reason it failed."""
        ...

    def record(self, new: Iterable[Fact]) -> None:
        """Write these behind: with the next commit, or when the write budget allows. May be lost in a crash."""
        ...

    def find_start(
        self, charge_point: str, connector: int, id_tag: str, started_text: str, meter_start_wh: int
    ) -> TransactionStarted | None:
        """The recorded start that this request repeats, if any (running or ended)."""
        ...

    def find_transaction(self, transaction_id: int) -> tuple[TransactionStarted, TransactionStopped | None] | None:
        """A transaction by id, with its stop if it has ended."""
        ...


class History(Protocol):
    """What was, from disk. Raises HistoryUnavailableError: too slow, too much at once, or a failing disk."""

    async def transactions(self, query: TransactionQuery) -> Page[TransactionRecord]:
        """Ended and running ones."""
        ...

    async def transaction(self, transaction_id: int) -> TransactionRecord | None:
        """One by id."""
        ...

    async def meter_values(self, query: MeterValueQuery) -> Page[MeterValueRecord]:
        """As the charge points reported them, while they are kept."""
        ...

    async def meter_values_of(self, transaction: TransactionRecord, paging: Paging) -> Page[MeterValueRecord]:
        """Those of one transaction."""
        ...

    async def meter_value_payload(self, number: int) -> bytes | None:
        """One MeterValues as it came: JSON."""
        ...

    async def events(self, query: EventQuery) -> Page[EventRecord]:
        """What happened."""
        ...

    async def security_events(self, query: SecurityEventQuery) -> Page[SecurityEventRecord]:
        """What bears on security, while it is kept."""
        ...

    async def kept_stops(self, query: KeptStopQuery) -> Page[KeptStopRecord]:
        """Stops that matched nothing."""
        ...

    async def kept_stop(self, number: int) -> KeptStopRecord | None:
        """One of them."""
        ...

    async def operations(self, query: OperationQuery) -> Page[OperationRecord]:
        """What was asked of charge points."""
        ...
