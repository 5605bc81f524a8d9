"""Builds what gives charge points new firmware, from the rooms that it leans on; decides nothing."""

from __future__ import annotations

from chargemon_edge.control.campaigns import Campaigns
from chargemon_edge.control.cards import Cards
from chargemon_edge.control.commands import Commands
from chargemon_edge.control.configuration_memory import ConfigurationMemory
from chargemon_edge.control.ports import ChargePoints, Clock, FirmwareFiles, QuirksOf
from chargemon_edge.control.present import Present
from chargemon_edge.control.rollout import Rollout
from chargemon_edge.control.update_request import UpdateRequest
from chargemon_edge.store.journal import Store


def rollout(
    store: Store,
    present: Present,
    charge_points: ChargePoints,
    files: FirmwareFiles,
    commands: Commands,
    cards: Cards,
    models: QuirksOf,
    keys: ConfigurationMemory,
    clock: Clock,
) -> Rollout:
    """The campaigns and what carries them out; an image that a campaign needs stays in the library."""
    campaigns = Campaigns(
        present=present,
        journal=store.journal,
        clock=clock,
        take_number=commands.take_number,
        restored=store.restored.campaigns,
    )
    files.keep(campaigns.needs)
    return Rollout(
        present=present,
        campaigns=campaigns,
        request=UpdateRequest(commands, keys.read, clock),
        charge_points=charge_points,
        files=files,
        reservations=cards.reservations,
        models=models,
        journal=store.journal,
        clock=clock,
    )
