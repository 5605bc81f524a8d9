"""What is known of a charge point's model: which entries of the catalogue fit it, and which quirks are in force."""

from __future__ import annotations

from typing import Any

import msgspec

from chargemon_edge.control.charger_models import ChargerModels
from chargemon_edge.control.present import Present
from chargemon_edge.site.charger_model import Entry, QuirkInForce
from chargemon_edge.site.token_facts import Role
from chargemon_edge.web.endpoints import Answer, Call, Endpoint, Nothing, Reply, not_found
from chargemon_edge.web.resources.charge_points import OneChargePoint


class NameplateView(msgspec.Struct, frozen=True, kw_only=True):
    """What its last BootNotification said."""

    vendor: str
    model: str
    firmware_version: str | None
    serial_number: str | None
    booted_utc_ms: int


class EntryView(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of the catalogue."""

    entry: str
    name: str
    about: str
    """What this model does."""
    general: str
    """What the daemon does about it for every charger; may be empty."""
    source: tuple[str, ...]


class QuirkView(msgspec.Struct, frozen=True, kw_only=True):
    """One quirk in force."""

    quirk: str
    value: bool | int | float | str | tuple[str, ...]
    source: str


class ModelView(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a charge point's model."""

    nameplate: NameplateView | None
    """null: it has never booted here."""
    entries: tuple[EntryView, ...]
    """Those that fit, the most particular first."""
    quirks: tuple[QuirkView, ...]


def is_known(present: Present, identity: str) -> bool:
    """Whether there is such a charge point: configured, or seen through the commissioning window."""
    return identity in present.site.charge_point_by_identity or identity in present.picture.charge_points


class ModelsResource:
    """The handlers."""

    def __init__(self, present: Present, models: ChargerModels) -> None:
        self._present = present
        self._models = models

    async def show(self, call: Call[OneChargePoint, Nothing]) -> Answer:
        """One charge point's."""
        identity = call.parameters.identity
        if not is_known(self._present, identity):
            return not_found("such charge point")
        entry = self._present.picture.charge_points.get(identity)
        boot = None if entry is None else entry.boot
        known = self._models.known(identity)
        return Reply(
            ModelView(
                nameplate=None
                if boot is None
                else NameplateView(
                    vendor=boot.vendor,
                    model=boot.model,
                    firmware_version=boot.firmware_version,
                    serial_number=boot.serial_number,
                    booted_utc_ms=boot.at.utc_ms,
                ),
                entries=tuple(_entry(one) for one in known.entries),
                quirks=tuple(_quirk(one) for one in known.in_force),
            )
        )


def endpoints(resource: ModelsResource) -> tuple[Endpoint[Any, Any], ...]:
    """To be read; what a site wants to be different stands in its configuration."""
    return (
        Endpoint(
            method="GET",
            path="/api/v1/charge-points/{identity}/model",
            summary="Show what is known of a charge point's model, and who says so",
            role=Role.VIEWER,
            parameters=OneChargePoint,
            body=Nothing,
            answers={200: ModelView},
            problems=(404,),
            handle=resource.show,
        ),
    )


def _entry(entry: Entry) -> EntryView:
    return EntryView(
        entry=entry.identifier, name=entry.name, about=entry.about, general=entry.general, source=entry.source
    )


def _quirk(one: QuirkInForce) -> QuirkView:
    return QuirkView(quirk=one.quirk, value=one.value, source=one.source)
