"""The drivers in front of a simulated charger: cards shown, accepted or not, and cables that come late or never."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chargemon_edge.sim.calls import Outgoing, Payload
from chargemon_edge.sim.outlet import Outlet

if TYPE_CHECKING:
    # the charger holds one of these; this file needs only its type
    from chargemon_edge.sim.charger import Charger

_CARD_AFTER_S = (2.0, 6.0)


class Drivers:
    """From the card to the start of a transaction."""

    def __init__(self, charger: Charger) -> None:
        self._charger = charger
        # cards accepted at connectors whose cable is still missing
        self._awaited: dict[int, str] = {}

    def cable_came(self, number: int) -> str | None:
        """The card that was accepted before the cable came, if one was."""
        self._charger.timers.cancel(f"cable {number}")
        return self._awaited.pop(number, None)

    def present_card(self, outlet: Outlet) -> None:
        """The driver shows the card a moment later."""
        wait_s = self._charger.chance.uniform(*_CARD_AFTER_S)
        self._charger.timers.after(f"card {outlet.number}", wait_s, lambda: self._authorize(outlet))

    def _authorize(self, outlet: Outlet) -> None:
        known = self._charger.local_list.status(
            outlet.id_tag,
            use_list=self._charger.configuration.truth("LocalAuthListEnabled"),
            use_cache=self._charger.configuration.truth("AuthorizationCacheEnabled"),
        )
        locally = self._charger.configuration.truth("LocalPreAuthorize") and known == "Accepted"
        if not self._charger.linked or locally:
            # offline: the driver is a known one, so the charger starts and tells later
            self._charger.begin(outlet)
            return
        self._charger.calls.add(
            Outgoing(
                action="Authorize",
                payload={"idTag": outlet.id_tag + self._charger.personality.tag_suffix},
                done=lambda confirmation: self._authorized(outlet, outlet.id_tag, confirmation),
            )
        )

    def _authorized(self, outlet: Outlet, id_tag: str, confirmation: Payload | None, *, remote: bool = False) -> None:
        if confirmation is None:
            self.present_card(outlet)
            return
        info = confirmation["idTagInfo"]
        self._charger.local_list.remember(id_tag, info)
        parent = info.get("parentIdTag")
        if info["status"] != "Accepted" or self._charger.reservations.keeps_out(outlet.number, id_tag, parent):
            outlet.await_cable(False)
        elif self._charger.personality.needs_remote_start and not remote:
            outlet.await_cable(True)
        elif outlet.vehicle is not None:
            self._charger.begin(outlet, id_tag, parent)
        else:
            self._await_cable(outlet, id_tag)

    def start_remotely(self, outlet: Outlet, id_tag: str) -> None:
        """RemoteStartTransaction was accepted (§5.11): ask first if it is configured so."""
        if not self._charger.configuration.truth("AuthorizeRemoteTxRequests"):
            self._authorized(outlet, id_tag, {"idTagInfo": {"status": "Accepted"}}, remote=True)
            return
        self._charger.calls.add(
            Outgoing(
                action="Authorize",
                payload={"idTag": id_tag},
                done=lambda confirmation: self._authorized(outlet, id_tag, confirmation, remote=True),
            )
        )

    def _await_cable(self, outlet: Outlet, id_tag: str) -> None:
        self._awaited[outlet.number] = id_tag
        outlet.await_cable(True)
        wait_s = self._charger.configuration.number("ConnectionTimeOut")
        self._charger.timers.after(f"cable {outlet.number}", wait_s, lambda: self._cable_missing(outlet))

    def _cable_missing(self, outlet: Outlet) -> None:
        self._awaited.pop(outlet.number, None)
        outlet.await_cable(False)

    def show_card(self, number: int, id_tag: str) -> None:
        """A driver shows a card at a connector before the cable is in."""
        outlet = self._charger.outlets[number]
        outlet.id_tag = id_tag
        self._authorize(outlet)
