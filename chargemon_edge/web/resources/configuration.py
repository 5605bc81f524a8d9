"""A charge point's configuration keys as last read, beside what is wanted of them."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from chargemon_edge.control import configuration_plan as plan
from chargemon_edge.control.configuration import Configuration
from chargemon_edge.control.present import Present
from chargemon_edge.site.charger_model import Quirks
from chargemon_edge.site.device_facts import KeyWritten
from chargemon_edge.site.token_facts import Role
from chargemon_edge.web.endpoints import Answer, Call, Endpoint, Nothing, Reply, not_found, problem
from chargemon_edge.web.resources.charge_points import OneChargePoint
from chargemon_edge.web.resources.charger_models import is_known

_PATH = "/api/v1/charge-points/{identity}/configuration"

Standing = Literal["as wanted", "differs", "read only", "left to people", "needs a restart", "not taken"]


class KeyView(msgspec.Struct, frozen=True, kw_only=True):
    """One key."""

    key: str
    value: str | None
    """null: it gave none, or it is a secret."""
    readonly: bool
    wanted: str | None = None
    """null: nothing is wanted of it."""
    standing: Standing | None = None


class WriteView(msgspec.Struct, frozen=True, kw_only=True):
    """The last time that this value was written."""

    key: str
    value: str
    outcome: str
    utc_ms: int
    by_person: bool
    firmware: str | None


class ConfigurationView(msgspec.Struct, frozen=True, kw_only=True):
    """The whole."""

    read_utc_ms: int | None
    """When all keys were read; null: never yet."""
    keys: tuple[KeyView, ...]
    unknown: tuple[str, ...]
    """Asked for by name, and not there."""
    writes: tuple[WriteView, ...]
    """Newest first."""
    paused_until_utc_ms: int | None
    """Until then the daemon writes nothing more to it."""
    paused_reason: str | None


class ConfigurationResource:
    """The handlers."""

    def __init__(self, present: Present, configuration: Configuration) -> None:
        self._present = present
        self._configuration = configuration

    async def show(self, call: Call[OneChargePoint, Nothing]) -> Answer:
        """One charge point's."""
        identity = call.parameters.identity
        if not is_known(self._present, identity):
            return not_found("such charge point")
        memory = self._configuration.memory
        read, history, paused = memory.read(identity), memory.history(identity), memory.paused(identity)
        quirks = self._configuration.quirks(identity)
        wishes = plan.wishes(quirks)
        written = sorted(memory.written(identity).values(), key=lambda one: -one.at.utc_ms)
        return Reply(
            ConfigurationView(
                read_utc_ms=read.whole_utc_ms,
                keys=tuple(_key(key, wishes, read, history, quirks) for key in sorted(read.keys)),
                unknown=tuple(sorted(read.unknown)),
                writes=tuple(_write(one) for one in written),
                paused_until_utc_ms=None if paused is None else paused.until_utc_ms,
                paused_reason=None if paused is None else paused.reason,
            )
        )

    async def read_again(self, call: Call[OneChargePoint, Nothing]) -> Answer:
        """Have it read anew."""
        identity = call.parameters.identity
        if not is_known(self._present, identity):
            return not_found("such charge point")
        reason = self._configuration.read_again(identity)
        return Reply(status=202) if reason is None else problem(409, "not read", reason)


def endpoints(resource: ConfigurationResource) -> tuple[Endpoint[Any, Any], ...]:
    """To read what is known, and to have it read anew; to write a key is an operation."""
    return (
        Endpoint(
            method="GET",
            path=_PATH,
            summary="Show a charge point's configuration keys as last read, and what is wanted of them",
            role=Role.VIEWER,
            parameters=OneChargePoint,
            body=Nothing,
            answers={200: ConfigurationView},
            problems=(404,),
            handle=resource.show,
        ),
        Endpoint(
            method="POST",
            path=_PATH,
            summary="Read a charge point's configuration keys again, in the background",
            role=Role.OPERATOR,
            parameters=OneChargePoint,
            body=Nothing,
            answers={202: None},
            problems=(404, 409),
            handle=resource.read_again,
        ),
    )


def _key(key: str, wishes: dict[str, plan.Wish], read: plan.AsRead, history: plan.History, quirks: Quirks) -> KeyView:
    entry = read.keys[key]
    wish = wishes.get(key)
    if wish is None:
        return KeyView(key=key, value=entry.value, readonly=entry.readonly)
    return KeyView(
        key=key,
        value=entry.value,
        readonly=entry.readonly,
        wanted=wish.values[0],
        standing=_standing(key, wish, read, history, quirks),
    )


def _standing(key: str, wish: plan.Wish, read: plan.AsRead, history: plan.History, quirks: Quirks) -> Standing:
    entry = read.keys[key]
    if entry.value is not None and plan.serves(key, entry.value, wish, quirks):
        return "as wanted"
    if entry.readonly:
        return "read only"
    if plan.is_left_to_people(key, history):
        return "left to people"
    outcomes = [history.written[key, value].outcome for value in wish.values if (key, value) in history.written]
    if "RebootRequired" in outcomes:
        return "needs a restart"
    return "not taken" if len(outcomes) == len(wish.values) else "differs"


def _write(one: KeyWritten) -> WriteView:
    return WriteView(
        key=one.key,
        value=one.value,
        outcome=one.outcome,
        utc_ms=one.at.utc_ms,
        by_person=one.by_person,
        firmware=one.firmware,
    )
