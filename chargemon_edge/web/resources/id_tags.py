"""Cards: records of id tags, and the teach-in that makes one from a card that is tapped."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from chargemon_edge.control.cards import Cards
from chargemon_edge.control.id_tags import KnownTag, Source
from chargemon_edge.control.ports import Clock
from chargemon_edge.control.present import Present
from chargemon_edge.control.teach_in import SECONDS_MAX
from chargemon_edge.site.cards import IdTag, TagStatus, key_of, status_of
from chargemon_edge.site.token_facts import Role
from chargemon_edge.web.endpoints import Answer, Call, Endpoint, Nothing, Reply, not_found, not_stored, problem

_PATH = "/api/v1/id-tags"
_TEACH_IN = "/api/v1/teach-in"
# a charge point's list is made of them in one go, beside the balancing
RECORDS_MAX = 5_000
UTC_MS_MAX = 253_402_300_799_000
# Python's $ also stands before a last line feed, JSON Schema's does not: hence the end of it
_TAG = r"^[!-~]([ -~]{0,18}[!-~])?$(?!\n)"
Tag = Annotated[
    str, msgspec.Meta(pattern=_TAG, max_length=20, description="as the card is read; upper and lower case are the same")
]
UtcMs = Annotated[int, msgspec.Meta(ge=0, le=UTC_MS_MAX)]
# a control character in a name has no meaning and spoils a terminal
Text = Annotated[str, msgspec.Meta(pattern=r"^[^\x00-\x1f\x7f]*$(?!\n)", max_length=200)]


class IdTagWish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a card shall be."""

    status: TagStatus = "Accepted"
    expiry_utc_ms: UtcMs | None = None
    """From then on an Accepted card is Expired; may lie in the past."""
    parent_id_tag: Tag | None = None
    single_transaction: bool = False
    """Answer ConcurrentTx while it charges elsewhere."""
    name: Text | None = None
    note: Text | None = None

    def tag(self, id_tag: str) -> IdTag:
        """The card of that number."""
        return IdTag(id_tag=id_tag, **{field: getattr(self, field) for field in IdTagWish.__struct_fields__})


class TeachInWish(IdTagWish, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the next unknown card shall be, where it may be tapped, and for how long."""

    charge_point: Annotated[str, msgspec.Meta(max_length=100)] | None = None
    """null: at any."""
    seconds: Annotated[float, msgspec.Meta(gt=0, le=SECONDS_MAX)] = 60.0


class IdTagView(msgspec.Struct, frozen=True, kw_only=True):
    """A known card."""

    id_tag: str
    status: TagStatus
    """As it was written."""
    status_now: TagStatus
    """As it is answered now (but ConcurrentTx, which depends on who asks)."""
    expiry_utc_ms: int | None
    parent_id_tag: str | None
    single_transaction: bool
    name: str | None
    note: str | None
    source: Source
    configured: bool
    """The configuration has it too: that is in force again when the record is removed."""


class TaughtView(msgspec.Struct, frozen=True, kw_only=True):
    """A card that was taught in."""

    id_tag: str
    charge_point: str
    utc_ms: int


class TeachInView(msgspec.Struct, frozen=True, kw_only=True):
    """How the teach-in stands."""

    remaining_s: float | None
    """null: it is shut."""
    charge_point: str | None
    """null: any."""
    last: TaughtView | None
    """The card of the last one since the daemon started."""


class OneIdTag(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which one."""

    id_tag: Tag


class IdTagsResource:
    """The handlers."""

    def __init__(self, present: Present, cards: Cards, clock: Clock) -> None:
        self._present = present
        self._cards = cards
        self._clock = clock

    async def list(self, _call: Call[Nothing, Nothing]) -> Answer:
        """All, by tag."""
        return Reply([self._view(known) for known in self._cards.id_tags.known()])

    async def show(self, call: Call[OneIdTag, Nothing]) -> Answer:
        """One."""
        known = self._cards.id_tags.find(key_of(call.parameters.id_tag))
        return not_found("such id tag") if known is None else Reply(self._view(known))

    async def put(self, call: Call[OneIdTag, IdTagWish]) -> Answer:
        """Write its record."""
        id_tag = call.parameters.id_tag
        known = self._cards.id_tags.find(key_of(id_tag))
        if (known is None or known.source != "record") and self._cards.id_tags.records >= RECORDS_MAX:
            return problem(409, "not stored", f"there are {RECORDS_MAX} records already; remove one first")
        error = await self._cards.put(call.body.tag(id_tag), call.caller.name)
        if error is not None:
            return not_stored(error)
        written = self._cards.id_tags.find(key_of(id_tag))
        return not_found("such id tag any more") if written is None else Reply(self._view(written))

    async def remove(self, call: Call[OneIdTag, Nothing]) -> Answer:
        """Take its record away."""
        known = self._cards.id_tags.find(key_of(call.parameters.id_tag))
        if known is None:
            return not_found("such id tag")
        if known.source == "configuration":
            return problem(409, "not a record", "it is in the configuration: take it out there, or PUT it as Blocked")
        error = await self._cards.remove(known.tag.id_tag, call.caller.name)
        return Reply(status=204) if error is None else not_stored(error)

    async def teach_in(self, _call: Call[Nothing, Nothing]) -> Answer:
        """Whether a card is waited for."""
        return Reply(self._teach_in())

    async def open_teach_in(self, call: Call[Nothing, TeachInWish]) -> Answer:
        """Wait for a card."""
        wish = call.body
        if wish.charge_point is not None and wish.charge_point not in self._present.site.charge_point_by_identity:
            return not_found(f"charge point {wish.charge_point!r}")
        self._cards.teach_in.open(
            wish.tag(""), charge_point=wish.charge_point, seconds=wish.seconds, by=call.caller.name
        )
        return Reply(self._teach_in())

    async def close_teach_in(self, _call: Call[Nothing, Nothing]) -> Answer:
        """Wait no longer."""
        self._cards.teach_in.close()
        return Reply(self._teach_in())

    def _teach_in(self) -> TeachInView:
        teach_in = self._cards.teach_in
        remaining_s, wanted, last = teach_in.remaining_s(), teach_in.wanted, teach_in.last
        return TeachInView(
            remaining_s=remaining_s or None,
            charge_point=None if wanted is None else wanted.charge_point,
            last=None
            if last is None or last.taught_at is None
            else TaughtView(id_tag=last.tag.id_tag, charge_point=last.taught_at, utc_ms=last.at.utc_ms),
        )

    def _view(self, known: KnownTag) -> IdTagView:
        tag = known.tag
        return IdTagView(
            id_tag=tag.id_tag,
            status=tag.status,
            status_now=status_of(tag, self._clock.utc_ms()),
            expiry_utc_ms=tag.expiry_utc_ms,
            parent_id_tag=tag.parent_id_tag,
            single_transaction=tag.single_transaction,
            name=tag.name,
            note=tag.note,
            source=known.source,
            configured=known.source == "configuration" or known.configured is not None,
        )


def endpoints(tags: IdTagsResource) -> tuple[Endpoint[Any, Any], ...]:
    """For operators only: whoever knows a tag's number can make a card of it."""
    return (*_records(tags), *_teaching(tags))


def _records(tags: IdTagsResource) -> tuple[Endpoint[Any, Any], ...]:
    return (
        Endpoint(
            method="GET",
            path=_PATH,
            summary="List the id tags that are known",
            role=Role.OPERATOR,
            parameters=Nothing,
            body=Nothing,
            answers={200: tuple[IdTagView, ...]},
            handle=tags.list,
        ),
        Endpoint(
            method="GET",
            path=f"{_PATH}/{{id_tag}}",
            summary="Show an id tag",
            role=Role.OPERATOR,
            parameters=OneIdTag,
            body=Nothing,
            answers={200: IdTagView},
            problems=(404,),
            handle=tags.show,
        ),
        Endpoint(
            method="PUT",
            path=f"{_PATH}/{{id_tag}}",
            summary="Write the record of an id tag; it goes before the configuration",
            role=Role.OPERATOR,
            parameters=OneIdTag,
            body=IdTagWish,
            answers={200: IdTagView},
            problems=(404, 409, 503),
            handle=tags.put,
        ),
        Endpoint(
            method="DELETE",
            path=f"{_PATH}/{{id_tag}}",
            summary="Delete the record of an id tag, and mask it in past events",
            role=Role.OPERATOR,
            parameters=OneIdTag,
            body=Nothing,
            answers={204: None},
            problems=(404, 409, 503),
            handle=tags.remove,
        ),
    )


def _teaching(tags: IdTagsResource) -> tuple[Endpoint[Any, Any], ...]:
    return (
        Endpoint(
            method="GET",
            path=_TEACH_IN,
            summary="Show whether the next unknown card will be recorded, and the last one that was",
            role=Role.OPERATOR,
            parameters=Nothing,
            body=Nothing,
            answers={200: TeachInView},
            handle=tags.teach_in,
        ),
        Endpoint(
            method="POST",
            path=_TEACH_IN,
            summary="Record the next unknown card that is tapped",
            role=Role.OPERATOR,
            parameters=Nothing,
            body=TeachInWish,
            answers={200: TeachInView},
            problems=(404,),
            handle=tags.open_teach_in,
        ),
        Endpoint(
            method="DELETE",
            path=_TEACH_IN,
            summary="Wait for no card any more",
            role=Role.OPERATOR,
            parameters=Nothing,
            body=Nothing,
            answers={200: TeachInView},
            handle=tags.close_teach_in,
        ),
    )
