"""The whole table of endpoints, from the rooms they look into. A new resource adds a member and a line here."""

from __future__ import annotations

from typing import Any

import msgspec

from chargemon_edge.control.campaigns import Campaigns
from chargemon_edge.control.cards import Cards
from chargemon_edge.control.certificates import Certificates
from chargemon_edge.control.certification import Authority
from chargemon_edge.control.charger_access import ChargerAccess
from chargemon_edge.control.charger_models import ChargerModels
from chargemon_edge.control.charging_profiles import ChargingProfiles
from chargemon_edge.control.closing import Closing
from chargemon_edge.control.collecting import Collecting
from chargemon_edge.control.commands import Commands
from chargemon_edge.control.commissioning import Commissioning
from chargemon_edge.control.configuration import Configuration
from chargemon_edge.control.erasing import Erasing
from chargemon_edge.control.file_keeping import FileKeeping
from chargemon_edge.control.keeping import Keeping
from chargemon_edge.control.kept_stops import KeptStops
from chargemon_edge.control.ports import Clock, Frames, History
from chargemon_edge.control.present import Present
from chargemon_edge.control.timekeeping import Timekeeping
from chargemon_edge.control.tokens import Tokens
from chargemon_edge.control.upstream_records import Upstreams
from chargemon_edge.web.endpoints import Endpoint
from chargemon_edge.web.resources import (
    access,
    backups,
    campaigns,
    certificates,
    charge_points,
    charger_models,
    charging_profiles,
    clock,
    commissioning,
    configuration,
    delivered_files,
    erasing,
    firmware_images,
    id_tags,
    kept_stops,
    live,
    local_lists,
    metrics,
    operations,
    recorder,
    records,
    reservations,
    security_events,
    tokens,
    transactions,
    upstreams,
)
from chargemon_edge.web.resources.description import with_description


class Rooms(msgspec.Struct, frozen=True, kw_only=True):
    """What the resources are made of."""

    present: Present
    clock: Clock
    timekeeping: Timekeeping | None = None
    """None: the clock is believed whatever it says."""
    commissioning: Commissioning
    models: ChargerModels
    configuration: Configuration
    files: FileKeeping
    collecting: Collecting
    frames: Frames
    history: History
    keeping: Keeping
    erasing: Erasing
    kept_stops: KeptStops
    cards: Cards
    tokens: Tokens
    commands: Commands
    charging_profiles: ChargingProfiles
    closing: Closing
    charger_access: ChargerAccess
    certificates: Certificates
    authority: Authority | None
    campaigns: Campaigns
    upstreams: Upstreams


def table(views: live.Live, rooms: Rooms) -> tuple[Endpoint[Any, Any], ...]:
    """Every endpoint there is."""
    return with_description(
        (
            *live.endpoints(views),
            *metrics.endpoints(metrics.Metrics(views.view, rooms.upstreams)),
            *charge_points.endpoints(charge_points.ChargePoints(rooms.present, rooms.clock)),
            *access.endpoints(access.AccessResource(rooms.charger_access)),
            *certificates.endpoints(
                certificates.CertificatesResource(rooms.certificates, rooms.authority, rooms.charger_access.book)
            ),
            *security_events.endpoints(security_events.SecurityEvents(rooms.history)),
            *transactions.endpoints(transactions.Transactions(rooms.history, rooms.closing)),
            *records.endpoints(records.Records(rooms.history)),
            *backups.endpoints(backups.BackupsResource(rooms.keeping)),
            *kept_stops.endpoints(kept_stops.StopsToJudge(rooms.history, rooms.kept_stops)),
            *clock.endpoints(clock.ClockResource(rooms.present, rooms.clock, rooms.timekeeping)),
            *commissioning.endpoints(commissioning.CommissioningWindow(rooms.commissioning)),
            *charger_models.endpoints(charger_models.ModelsResource(rooms.present, rooms.models)),
            *id_tags.endpoints(id_tags.IdTagsResource(rooms.present, rooms.cards, rooms.clock)),
            *erasing.endpoints(erasing.ErasingResource(rooms.erasing)),
            *reservations.endpoints(reservations.ReservationsResource(rooms.cards.reservations, rooms.commands)),
            *local_lists.endpoints(local_lists.LocalListsResource(rooms.present, rooms.cards.local_lists)),
            *firmware_images.endpoints(firmware_images.FirmwareImages(rooms.files, rooms.clock)),
            *delivered_files.endpoints(delivered_files.DeliveredFiles(rooms.files, rooms.collecting)),
            *recorder.endpoints(recorder.RecorderResource(rooms.present, rooms.frames)),
            *configuration.endpoints(configuration.ConfigurationResource(rooms.present, rooms.configuration)),
            *upstreams.endpoints(upstreams.UpstreamsResource(rooms.upstreams)),
            *tokens.endpoints(tokens.AccessTokens(rooms.tokens)),
            *operations.endpoints(operations.Operations(rooms.commands, rooms.charging_profiles)),
            *campaigns.endpoints(campaigns.CampaignsResource(rooms.campaigns, rooms.files, rooms.present)),
            *charging_profiles.endpoints(charging_profiles.NamedChargingProfiles(rooms.charging_profiles)),
        )
    )
