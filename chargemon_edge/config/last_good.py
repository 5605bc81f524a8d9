"""A copy of the configuration that the daemon last ran on: what it starts with when the files have mistakes.

A box that is restarted by a power cut after a bad edit must go on charging. The copy is never ahead of what really ran,
and where the files, as far as they can be read, state a smaller fuse than the copy, the smaller one counts.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from chargemon_edge.config.files import merge, read_texts
from chargemon_edge.config.loading import ConfigError, Settings, load_texts, settings_of
from chargemon_edge.config.reader import read
from chargemon_edge.config.tables import CircuitTable
from chargemon_edge.control.not_taken import Instead, NotTaken
from chargemon_edge.site.layout import Circuit, Site, mistakes
from chargemon_edge.site.units import PerPhase
from chargemon_edge.store.backup import SETTINGS_FILE

_log = logging.getLogger(__name__)

# what is tried, in this order, where there is no copy: as many of the tables about the daemon itself as can be read
_OWN_TABLES = (("page", "store", "chargers", "log"), ("page", "store"), ("page",), ())


class Copy(msgspec.Struct, frozen=True, kw_only=True):
    """What is in the file."""

    kept_utc_ms: int
    files: dict[str, str]
    """Each file's text by its name, in the order in which they count."""


class ConfigFiles:
    """The files at *path* and in ``conf.d`` beside it, and the copy in *folder* of what was last in force.

    *folder* None: there is no place for a copy, and then files with mistakes end the start.
    """

    def __init__(self, path: Path, folder: Path | None) -> None:
        self._path = path
        self._copy = None if folder is None else folder / SETTINGS_FILE
        self._read: dict[str, str] = {}

    def read(self) -> Settings:
        """The settings in the files now; raises ConfigError."""
        self._read, unreadable = read_texts(self._path)
        return load_texts(self._read, self._path.parent, unreadable=unreadable)

    def begin(self) -> tuple[Settings, NotTaken | None]:
        """What to start with, and what is wrong with the files if that is something else than they say.

        Raises ConfigError where no copies are kept.
        """
        try:
            return self.read(), None
        except ConfigError as error:
            if self._copy is None:
                raise
            return self._instead(tuple(error.mistakes), self._copy)

    def _instead(self, wrong: tuple[str, ...], path: Path) -> tuple[Settings, NotTaken]:
        copy = _stored(path)
        # of those files that are TOML at all
        legible = merge(self._read)[0].document
        if copy is not None:
            # a password that is gone shuts out its charge point, not the others
            shut_out: list[str] = []
            try:
                settings = load_texts(copy.files, self._path.parent, shut_out=shut_out)
            except ConfigError as error:
                # kept by an older version, perhaps, that knew other settings
                _log.warning("the last good configuration is of no use: %s", "; ".join(error.mistakes))
            else:
                settings = replace(settings, site=_with_smaller_fuses(settings.site, _circuits(legible)))
                return settings, NotTaken(
                    mistakes=wrong,
                    in_force=Instead.LAST_GOOD,
                    kept_utc_ms=copy.kept_utc_ms,
                    shut_out=tuple(shut_out),
                )
        return _without_a_site(legible, self._path.parent), NotTaken(mistakes=wrong, in_force=Instead.NOTHING)

    def keep(self, now_utc_ms: int) -> None:
        """Keep what was read last: the daemon runs on all of it.

        Waits for the disk, but only when something changed. A disk that does not take it is told of, and no more.
        """
        if self._copy is None:
            return
        before = _stored(self._copy)
        if before is not None and list(before.files.items()) == list(self._read.items()):
            return
        try:
            _write(self._copy, msgspec.json.encode(Copy(kept_utc_ms=now_utc_ms, files=self._read)))
        except OSError as error:
            _log.warning("this configuration could not be kept as the last good one: %s", error.strerror)


def _stored(path: Path) -> Copy | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Copy)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        _log.warning("the last good configuration cannot be read: %s", error)
        return None


def _write(path: Path, content: bytes) -> None:
    """All or nothing, also when the power goes; for the owner's eyes alone."""
    new = path.with_suffix(".new")
    new.touch(mode=0o600)
    with new.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def _circuits(document: Mapping[str, Any]) -> Iterator[Circuit]:
    entries = document.get("circuit")
    for entry in entries if isinstance(entries, list) else ():
        table = read(CircuitTable, entry, "", []) if isinstance(entry, dict) else None
        if table is not None:
            with contextlib.suppress(ValueError, OverflowError):
                yield table.noun()


def _with_smaller_fuses(site: Site, stated: Iterator[Circuit]) -> Site:
    """*site* with what the files say of its circuits, as far as that is less."""
    circuits = {circuit.name: circuit for circuit in site.circuits}
    for one in stated:
        old = circuits.get(one.name)
        if old is not None:
            limits = [power for power in (old.max_power_w, one.max_power_w) if power is not None]
            circuits[one.name] = replace(
                old,
                fuse_ma=PerPhase(*map(min, old.fuse_ma, one.fuse_ma)),
                max_power_w=min(limits, default=None),
            )
    smaller = replace(site, circuits=tuple(circuits.values()))
    return site if mistakes(smaller) else smaller


def _without_a_site(document: Mapping[str, Any], folder: Path) -> Settings:
    for names in _OWN_TABLES:
        with contextlib.suppress(ConfigError):
            return settings_of({name: document[name] for name in names if name in document}, folder)
    raise AssertionError("a configuration without any table is good")
