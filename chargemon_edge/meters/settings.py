"""What one grid meter's owner sets. Data and its checks; opens nothing."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from chargemon_edge.meters import catalogue, register_map
from chargemon_edge.meters.register_map import RegisterMap
from chargemon_edge.site.units import Rotation


class MeterSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One meter, read over Modbus TCP. Ask :func:`mistakes` before using it."""

    name: str
    circuit: str
    """The circuit whose fuse carries all the current that the meter sees."""
    host: str
    """Better an address than a name: it needs no name server when the network is half dead."""
    port: int = 502
    unit: int = 1
    """The Modbus unit (slave) id; gateways want the meter's own, many meters take 1, 0 or 255."""
    model: str | None = None
    """A name from the catalogue; either this or *map*."""
    map: RegisterMap | None = None
    poll_s: float = 1.0
    timeout_s: float = 0.5
    """How long one answer may take; after one repetition the sample counts as missed."""
    rating_ma: int = 100_000
    """The meter's (or its current transformers') rated current; a reading above 1.5 times that is dropped."""
    ct_ratio: float = 1.0
    """Multiplies currents and powers, for meters that give the secondary values of their transformers."""
    rotation: Rotation = Rotation.L1L2L3
    """Which site phases the meter's own L1, L2, L3 measure."""
    reversed_ct: tuple[bool, bool, bool] = (False, False, False)
    """Which of the meter's own phases are mounted backwards."""
    invert: bool = False
    """The whole meter counts export as positive."""
    lost_after_s: float = 10.0
    """Without a good sample for so long, the meter is lost."""
    frozen_after_s: float = 30.0
    """With every value unchanged for so long, the meter is lost; after a third of it the readings are held back."""


def register_map_of(settings: MeterSettings) -> RegisterMap:
    """The map that the settings name or contain. Raises :class:`catalogue.CatalogueError`."""
    if settings.map is not None:
        return settings.map
    return catalogue.load(settings.model or "")


def mistakes(settings: MeterSettings) -> list[str]:
    """Everything that makes the meter unreadable, one sentence each with a line of advice; empty: sound."""
    return [*_map_mistakes(settings), *_wire_mistakes(settings), *_time_mistakes(settings)]


def _map_mistakes(settings: MeterSettings) -> Iterator[str]:
    if (settings.model is None) == (settings.map is None):
        yield f"give either model (one of {', '.join(catalogue.models())}) or a map of your own, not both or neither"
        return
    if settings.map is not None:
        for words in register_map.mistakes(settings.map):
            yield f"map: {words}"
    elif settings.model not in catalogue.models():
        yield f"model {settings.model!r} is not in the catalogue; it knows {', '.join(catalogue.models())}"


def _wire_mistakes(settings: MeterSettings) -> Iterator[str]:
    if not settings.host:
        yield "host is empty; give the meter's or gateway's address"
    if not 1 <= settings.port <= 65_535:
        yield f"port {settings.port} is not between 1 and 65535; Modbus TCP normally uses 502"
    if not 0 <= settings.unit <= 255:
        yield f"unit {settings.unit} is not between 0 and 255"
    if settings.rating_ma <= 0:
        yield "the rating must be above 0 A; it is printed on the meter or its current transformers"
    if not 0 < settings.ct_ratio < 100_000:
        yield "ct_ratio must be above 0; use 1 when the meter gives primary values"
    if settings.rotation is Rotation.UNKNOWN:
        yield "the rotation of a meter must be known: step one charger alone and see which phase moves"


def _time_mistakes(settings: MeterSettings) -> Iterator[str]:
    if not 0.01 <= settings.poll_s <= 60:
        yield "poll_s must be between 0.01 and 60; 1 is right for the grid meter"
    if not 0.01 <= settings.timeout_s <= 10:
        yield "timeout_s must be between 0.01 and 10; 0.5 leaves room for one repetition in a second"
    if settings.lost_after_s < 2 * settings.poll_s:
        yield "lost_after_s must be at least two polls, or one missed answer would stop all charging"
    if settings.frozen_after_s < 6 * settings.poll_s:
        yield "frozen_after_s must be at least six polls, or a quiet moment would stop all charging"
