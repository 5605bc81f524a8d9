"""Transactions as they are on disk, and their meter values."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec.structs import replace

from chargemon_edge.control.closing import Closing, NotClosedError
from chargemon_edge.control.ports import History
from chargemon_edge.control.records import (
    MeterValueRecord,
    Page,
    Paging,
    TransactionId,
    TransactionQuery,
    TransactionRecord,
)
from chargemon_edge.log import masked
from chargemon_edge.site.token_facts import Role
from chargemon_edge.web.endpoints import Answer, Call, Caller, Endpoint, Nothing, Reply, not_found, not_stored, problem

_PATH = "/api/v1/transactions"
_ID = Annotated[TransactionId, msgspec.Meta(description="OCPP's transactionId")]


class OneTransaction(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which one."""

    transaction_id: _ID


class ValuesOfOne(Paging, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which one's, and which page of them."""

    transaction_id: _ID


class Transactions:
    """The handlers. Viewers see id tags masked: a tag opens every connector of the site."""

    def __init__(self, history: History, closing: Closing) -> None:
        self._history = history
        self._closing = closing

    async def list(self, call: Call[TransactionQuery, Nothing]) -> Answer:
        """A page."""
        if call.parameters.id_tag is not None and not call.caller.role.covers(Role.OPERATOR):
            return problem(
                403, "not allowed", "id tags are masked for viewers: to filter by one needs the role operator"
            )
        page = await self._history.transactions(call.parameters)
        return Reply(replace(page, items=tuple(_seen_by(call.caller, one) for one in page.items)))

    async def show(self, call: Call[OneTransaction, Nothing]) -> Answer:
        """One."""
        found = await self._history.transaction(call.parameters.transaction_id)
        return not_found("such transaction") if found is None else Reply(_seen_by(call.caller, found))

    async def values(self, call: Call[ValuesOfOne, Nothing]) -> Answer:
        """Its meter values."""
        found = await self._history.transaction(call.parameters.transaction_id)
        if found is None:
            return not_found("such transaction")
        return Reply(await self._history.meter_values_of(found, call.parameters))

    async def close(self, call: Call[OneTransaction, Nothing]) -> Answer:
        """End a stale one."""
        try:
            known = await self._closing.close(call.parameters.transaction_id, call.caller.name)
        except NotClosedError as refusal:
            return problem(409, "not closed", str(refusal))
        except Exception as error:  # noqa: BLE001 -- whatever the disk had against it; nothing was changed
            return not_stored(error)
        return Reply(status=204) if known else not_found("such transaction")


def _seen_by(caller: Caller, record: TransactionRecord) -> TransactionRecord:
    if caller.role.covers(Role.OPERATOR):
        return record
    stop_id_tag = None if record.stop_id_tag is None else masked(record.stop_id_tag)
    return replace(record, id_tag=masked(record.id_tag), stop_id_tag=stop_id_tag)


def endpoints(transactions: Transactions) -> tuple[Endpoint[Any, Any], ...]:
    """Transactions are written by charge points; only one whose stop will not come is ended here."""
    return (
        Endpoint(
            method="GET",
            path=_PATH,
            summary="List transactions",
            role=Role.VIEWER,
            parameters=TransactionQuery,
            body=Nothing,
            answers={200: Page[TransactionRecord]},
            problems=(503,),
            handle=transactions.list,
        ),
        Endpoint(
            method="GET",
            path=f"{_PATH}/{{transaction_id}}",
            summary="Show a transaction",
            role=Role.VIEWER,
            parameters=OneTransaction,
            body=Nothing,
            answers={200: TransactionRecord},
            problems=(404, 503),
            handle=transactions.show,
        ),
        Endpoint(
            method="POST",
            path=f"{_PATH}/{{transaction_id}}/close",
            summary="End a transaction whose stop will not come; not one that goes on",
            role=Role.OPERATOR,
            parameters=OneTransaction,
            body=Nothing,
            answers={204: None},
            problems=(404, 409, 503),
            handle=transactions.close,
        ),
        Endpoint(
            method="GET",
            path=f"{_PATH}/{{transaction_id}}/meter-values",
            summary="List the meter values of a transaction",
            role=Role.VIEWER,
            parameters=ValuesOfOne,
            body=Nothing,
            answers={200: Page[MeterValueRecord]},
            problems=(404, 503),
            handle=transactions.values,
        ),
    )
