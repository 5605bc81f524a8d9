"""New settings for a daemon that runs: what can be is taken at once, no charger is dropped, the rest is named.

A setting that is not listed here waits for a restart: who adds one must decide that it can be taken, and where.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import NamedTuple, TypeVar

import msgspec
from msgspec.structs import fields

from chargemon_edge.balancing.regulator import Regulator
from chargemon_edge.config import ConfigError, Settings
from chargemon_edge.control.balance import Balance
from chargemon_edge.control.cards import Cards
from chargemon_edge.control.charger_models import ChargerModels
from chargemon_edge.control.configuration import Configuration
from chargemon_edge.control.contact import Contact
from chargemon_edge.control.present import Present
from chargemon_edge.csms.credentials import CredentialsError
from chargemon_edge.csms.server import ChargerServer
from chargemon_edge.log import set_level
from chargemon_edge.meters.polls import MeterPolls
from chargemon_edge.upstream.uplink import Uplink
from chargemon_edge.web.server import WebServer

_log = logging.getLogger(__name__)

T = TypeVar("T", bound=msgspec.Struct)

TAKEN = frozenset(
    (
        "site",
        "meters",
        "authorisation",
        "balancing",
        "log_level",
        "models",
        "upstreams",
        # for charge points that connect from now on
        "chargers.charge_points",
        "chargers.max_sockets",
        "chargers.max_handshakes_per_source",
        "chargers.handshake_timeout_s",
        "chargers.max_request_head_bytes",
        "chargers.max_message_bytes",
        "chargers.rate_per_s",
        "chargers.rate_burst",
        "chargers.flood_patience_s",
        "chargers.max_malformed_in_a_row",
        "chargers.write_buffer_bytes",
        "chargers.unread_patience_s",
        "chargers.second_connection_wait_s",
        "chargers.max_waiting_calls",
    )
)
"""Settings that a running daemon takes, as paths in :class:`Settings`."""


class Running(NamedTuple):
    """The rooms that can be told something new."""

    present: Present
    cards: Cards
    balance: Balance
    contact: Contact
    chargers: ChargerServer
    page: WebServer
    meters: MeterPolls
    models: ChargerModels
    configuration: Configuration
    uplink: Uplink


class Reloaded(NamedTuple):
    """How it went."""

    settings: Settings
    """In force now."""
    mistakes: tuple[str, ...] = ()
    """Why nothing was taken; empty: something, or all, was."""
    waiting: tuple[str, ...] = ()
    """What waits for a restart."""


def reload(settings: Settings, running: Running, read: Callable[[], Settings]) -> Reloaded:
    """Take over the settings of *read*, which may raise ConfigError; with mistakes in them, all stays as it is."""
    try:
        wanted, waiting = split(settings, read())
        _take(settings, wanted, running)
    except (ConfigError, CredentialsError) as error:
        for mistake in error.mistakes:
            _log.error("configuration not taken: %s", mistake)
        return Reloaded(settings, mistakes=tuple(error.mistakes))
    if waiting:
        _log.warning(
            "configuration taken but for settings=%s: they wait for a restart (systemctl restart chargemon-edge)",
            ",".join(waiting),
        )
    else:
        _log.info("configuration taken")
    return Reloaded(wanted, waiting=waiting)


def split(old: Settings, new: Settings) -> tuple[Settings, tuple[str, ...]]:
    """What of *new* can be taken now, on top of *old*; and the settings that wait for a restart."""
    waiting: list[str] = []
    return _split(old, new, "", waiting), tuple(waiting)


def _split(old: T, new: T, where: str, waiting: list[str]) -> T:
    changes = {}
    for field in fields(old):
        path = f"{where}{field.name}"
        before, after = getattr(old, field.name), getattr(new, field.name)
        if before == after:
            continue
        if path in TAKEN:
            changes[field.name] = after
        elif isinstance(before, msgspec.Struct) and type(before) is type(after):
            changes[field.name] = _split(before, after, f"{path}.", waiting)
        else:
            waiting.append(path)
    return msgspec.structs.replace(old, **changes)


def _take(old: Settings, new: Settings, running: Running) -> None:
    """Raises before anything was changed, or not at all."""
    regulator = None
    if (old.site, old.balancing) != (new.site, new.balancing):
        regulator = Regulator(new.site, new.balancing)
        if running.balance.armed and not regulator.armed:
            raise ConfigError([f"balancing would not arm: {regulator.why}"])
    if old.chargers != new.chargers:
        running.chargers.replace(new.chargers)
    running.cards.replace(new.authorisation)
    for identity in running.models.replace(new.models):
        running.chargers.set_quirks(identity)
        running.configuration.look_again(identity)
    set_level(new.log_level)
    if regulator is not None:
        running.present.replace_site(new.site)
        running.balance.replace(regulator, new.balancing)
        running.page.replace_meter_stale(new.balancing.meter_stale_s)
        known = set(old.site.charge_points)
        running.contact.begin_anew(one.identity for one in new.site.charge_points if one not in known)
    running.meters.replace(new.meters)
    running.uplink.replace(new.upstreams)
