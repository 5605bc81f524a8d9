"""Which model each charge point is, and which quirks hold for it now. Knows the last boot of every one from disk.

A handshake comes before the BootNotification of its link: what holds then is what the last boot told. A boot that tells
otherwise changes it at once, for every reader; so does a charger whose configuration keys, as they are read, tell what
nobody else says of it.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping

import msgspec

from chargemon_edge.control.configuration_memory import ConfigurationMemory
from chargemon_edge.control.present import Present
from chargemon_edge.site.cards import ID_TAG_MAX, TagRules
from chargemon_edge.site.charger_model import (
    RATE_UNIT_KEY,
    UNKNOWN,
    Entry,
    Known,
    Nameplate,
    Quirks,
    known,
    rate_unit_told,
)
from chargemon_edge.site.device_facts import ConfigurationRead
from chargemon_edge.site.facts import ChargePointBooted, Fact

log = logging.getLogger(__name__)


class SiteSays(msgspec.Struct, frozen=True, kw_only=True):
    """What the site's configuration says of one charge point's model."""

    quirks: Quirks = Quirks()
    model: str | None = None
    """The catalogue's entry that it is, whatever it says itself."""


class ChargerModels:
    """Implements :class:`chargemon_edge.control.ports.QuirksOf` with :meth:`quirks`."""

    def __init__(
        self,
        catalogue: Collection[Entry],
        said: Mapping[str, SiteSays],
        present: Present,
        keys: ConfigurationMemory,
    ) -> None:
        self._catalogue = catalogue
        self._said = said
        # configuration keys that an operator above the site wants, by charge point
        self._wanted: Mapping[str, Mapping[str, str]] = {}
        self._present = present
        # follows the same facts, and since longer: it is up to date when we are told
        self._keys = keys
        self._known: dict[str, Known] = {}
        # what each was looked up by; None: it never booted
        self._nameplates: dict[str, Nameplate | None] = {}
        self._look_at_all()
        present.follow(self._booted, (ChargePointBooted,))
        present.follow(self._keys_read, (ConfigurationRead,))

    def replace(self, said: Mapping[str, SiteSays]) -> list[str]:
        """The configuration file says something else now; returns for whom something changed."""
        before = dict(self._known)
        self._said = said
        self._look_at_all()
        return [identity for identity, now in self._known.items() if now != before.get(identity, UNKNOWN)]

    def want(self, configuration: Mapping[str, Mapping[str, str]]) -> list[str]:
        """These configuration keys are wanted as well, where the configuration file says nothing of them; returns for
        whom something changed."""
        before = dict(self._known)
        self._wanted = configuration
        self._look_at_all()
        return [identity for identity, now in self._known.items() if now != before.get(identity, UNKNOWN)]

    def quirks(self, charge_point: str) -> Quirks:
        """How it differs, as far as anybody says."""
        return self.known(charge_point).quirks

    def tag_rules(self, charge_point: str) -> TagRules:
        """What it adds to the id tags it reads."""
        quirks = self.quirks(charge_point)
        return TagRules(cut_at=quirks.id_tag_cut_at, length_max=quirks.id_tag_length or ID_TAG_MAX)

    def known(self, charge_point: str) -> Known:
        """The same, with the sources."""
        return self._known.get(charge_point, UNKNOWN)

    def _booted(self, fact: Fact) -> None:
        assert isinstance(fact, ChargePointBooted)
        nameplate = _nameplate(fact)
        if self._nameplates.get(fact.charge_point) == nameplate:
            # it has said so before, and going through the catalogue takes longer than all else that a boot causes
            return
        before = self.known(fact.charge_point)
        after = self._look(fact.charge_point, nameplate)
        if after.entries != before.entries:
            log.info(
                "model cp=%s entries=%s quirks=%s",
                fact.charge_point,
                ",".join(entry.identifier for entry in after.entries) or "none",
                ",".join(one.quirk for one in after.in_force) or "none",
            )

    def _keys_read(self, fact: Fact) -> None:
        assert isinstance(fact, ConfigurationRead)
        identity = fact.charge_point
        before = self.quirks(identity).rate_unit
        if self._told(identity).rate_unit == before:
            return
        after = self._look(identity, self._nameplates.get(identity)).quirks.rate_unit
        if after != before:
            log.info("limits of cp=%s are given in %s from now on, as its configuration says", identity, after or "A")

    def _told(self, identity: str) -> Quirks:
        key = self._keys.read(identity).keys.get(RATE_UNIT_KEY)
        return Quirks(rate_unit=None if key is None else rate_unit_told(key.value))

    def _look_at_all(self) -> None:
        for identity in {**self._known, **self._wanted, **self._said, **self._present.picture.charge_points}:
            entry = self._present.picture.charge_points.get(identity)
            boot = None if entry is None else entry.boot
            self._look(identity, None if boot is None else _nameplate(boot))

    def _look(self, identity: str, nameplate: Nameplate | None) -> Known:
        said = self._said.get(identity, SiteSays())
        wanted = self._wanted.get(identity)
        if wanted:
            keys = {**wanted, **(said.quirks.configuration or {})}
            said = msgspec.structs.replace(said, quirks=msgspec.structs.replace(said.quirks, configuration=keys))
        self._nameplates[identity] = nameplate
        told = self._told(identity)
        found = self._known[identity] = known(self._catalogue, nameplate, said.quirks, said.model, told=told)
        return found


def _nameplate(boot: ChargePointBooted) -> Nameplate:
    return Nameplate(vendor=boot.vendor, model=boot.model, firmware=boot.firmware_version)
