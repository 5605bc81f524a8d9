"""What an operator above the site wants to be, for good: taken over, and how far it is reached.

Nothing is carried out here: cards, wanted configuration keys and firmware campaigns have their own rooms, which work
towards what they are told by their own rules. What the installer wrote in the configuration stays above it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, NamedTuple

import msgspec

from chargemon_edge.control.campaigns import Campaigns, CannotChangeError, NotStoredError
from chargemon_edge.control.cards import Cards
from chargemon_edge.control.charger_models import ChargerModels
from chargemon_edge.control.configuration import Configuration
from chargemon_edge.control.configuration_memory import ConfigurationMemory
from chargemon_edge.control.redaction import is_secret
from chargemon_edge.ocpp import timestamps
from chargemon_edge.site.cards import IdTag, key_of
from chargemon_edge.site.image import Image
from chargemon_edge.site.rollout import CampaignState, Rules

NAMES = ("config", "local_list", "firmware")
TAGS_MAX = 1_000
# who decides over these decides how a charger gets in
_NOT_FROM_AFAR = frozenset({"securityprofile", "cponame", "additionalrootcertificatecheck"})

State = Literal["pending", "applied", "failed", "rejected"]


class Reached(NamedTuple):
    """How far it is."""

    state: State
    error: str | None = None


class WantedTag(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A card of ``local_list``."""

    id_tag: Annotated[str, msgspec.Meta(min_length=1, max_length=20)]
    blocked: bool = False
    expires: Annotated[str, msgspec.Meta(max_length=40)] | None = None
    parent_id_tag: Annotated[str, msgspec.Meta(min_length=1, max_length=20)] | None = None


class WantedList(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All cards that are to be known by record: others go."""

    tags: Annotated[tuple[WantedTag, ...], msgspec.Meta(max_length=TAGS_MAX)]


Value = Annotated[str, msgspec.Meta(max_length=500)]


class WantedConfiguration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Configuration keys by charge point."""

    charge_points: dict[Annotated[str, msgspec.Meta(min_length=1, max_length=48)], dict[str, Value]]


class WantedFirmware(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A campaign with an image of the library."""

    image_id: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    charge_points: tuple[str, ...]
    rules: Rules = Rules()


class Desired:
    """Lives on the event loop."""

    def __init__(
        self,
        cards: Cards,
        models: ChargerModels,
        configuration: Configuration,
        keys: ConfigurationMemory,
        campaigns: Campaigns,
        image: Callable[[str], Image | None],
    ) -> None:
        self._cards = cards
        self._models = models
        self._configuration = configuration
        self._keys = keys
        self._campaigns = campaigns
        # of the library, by its id
        self._image = image

    async def take(self, name: str, body: Mapping[str, Any], by: str, *, again: bool = False) -> Reached:
        """Take *body* over; *again*: it was taken before our restart."""
        try:
            if name == "local_list":
                return await self._list(msgspec.convert(body, WantedList), by)
            if name == "config":
                return self._config(msgspec.convert(body, WantedConfiguration))
            if name == "firmware":
                wanted = msgspec.convert(body, WantedFirmware)
                return self._campaign(by) or (Reached("pending") if again else await self._firmware(wanted, by))
        except msgspec.ValidationError as error:
            return Reached("rejected", str(error))
        return Reached("rejected", f"only {', '.join(NAMES)} can be desired")

    def standing(self, name: str, body: Mapping[str, Any], by: str) -> Reached:
        """How far it is by now, of something that was taken over."""
        if name == "config":
            return self._in_line(msgspec.convert(body, WantedConfiguration))
        if name == "firmware":
            return self._campaign(by) or Reached("pending")
        return Reached("applied")

    # ------------------------------------------------------------ cards

    async def _list(self, wanted: WantedList, by: str) -> Reached:
        tags = {}
        for one in wanted.tags:
            expiry_utc_ms = None if one.expires is None else timestamps.parse(one.expires)
            if one.expires is not None and expiry_utc_ms is None:
                return Reached("rejected", f"expires of a tag is no time: {one.expires}")
            tags[key_of(one.id_tag)] = IdTag(
                id_tag=one.id_tag,
                status="Blocked" if one.blocked else "Accepted",
                expiry_utc_ms=expiry_utc_ms,
                parent_id_tag=one.parent_id_tag,
            )
        records = {
            key_of(known.tag.id_tag): known.tag for known in self._cards.id_tags.known() if known.source == "record"
        }
        for key, tag in tags.items():
            before = records.get(key)
            after = tag
            if before is not None:
                # names, notes and the rest are the site's own
                after = msgspec.structs.replace(
                    before, status=tag.status, expiry_utc_ms=tag.expiry_utc_ms, parent_id_tag=tag.parent_id_tag
                )
            if after != before and await self._cards.put(after, by) is not None:
                return Reached("failed", "the disk does not take it")
        for key, tag in records.items():
            if key not in tags and await self._cards.remove(tag.id_tag, by) is not None:
                return Reached("failed", "the disk does not take it")
        return Reached("applied")

    # ------------------------------------------------------------ configuration keys

    def _config(self, wanted: WantedConfiguration) -> Reached:
        for keys in wanted.charge_points.values():
            for key in keys:
                if is_secret(key) or key.lower() in _NOT_FROM_AFAR:
                    return Reached("rejected", f"{key} decides how a charger gets in: only an installer may change it")
        for identity in self._models.want(wanted.charge_points):
            self._configuration.look_again(identity)
        return self._in_line(wanted)

    def _in_line(self, wanted: WantedConfiguration) -> Reached:
        """Applied once every charge point has told that it has the values."""
        for identity, keys in wanted.charge_points.items():
            read = {key.lower(): one.value for key, one in self._keys.read(identity).keys.items()}
            behind = [key for key, value in keys.items() if read.get(key.lower()) != value]
            if behind:
                return Reached("pending", f"{identity} does not have {', '.join(behind)} yet")
        return Reached("applied")

    # ------------------------------------------------------------ firmware

    async def _firmware(self, wanted: WantedFirmware, by: str) -> Reached:
        image = self._image(wanted.image_id)
        if image is None:
            return Reached("failed", "the library has no such image")
        try:
            await self._campaigns.start(image.image_id, image.version, wanted.charge_points, wanted.rules, by)
        except (CannotChangeError, NotStoredError) as error:
            return Reached("failed", str(error))
        return Reached("pending")

    def _campaign(self, by: str) -> Reached | None:
        """Where the campaign stands that was started by *by*; None: there is none."""
        campaign = next((one for one in self._campaigns.all() if one.by == by), None)
        if campaign is None:
            return None
        if campaign.state is CampaignState.FINISHED:
            return Reached("applied")
        if campaign.state is CampaignState.CANCELLED:
            return Reached("failed", "the campaign was cancelled")
        stands = None if campaign.state is CampaignState.RUNNING else f"the campaign is {campaign.state.value}"
        return Reached("pending", stands)
