"""The kinds of events: how each fact of the journal is called upstream, and what the members of its ``d`` are. Pure.

Whoever adds an event gives it a line here and a type in :mod:`.event_details`, and then runs ``make contract``. A kind
keeps its name for ever.
"""

from __future__ import annotations

from chargemon_edge.upstream import event_details as d

KINDS: dict[str, tuple[str, type[d.Detail]]] = {
    "DaemonStarted": ("sys.start", d.DaemonStarted),
    "ClockBegun": ("sys.clock_begun", d.ClockBegun),
    "ClockCorrected": ("sys.clock", d.ClockCorrected),
    "ClockApart": ("sys.clock_apart", d.ClockApart),
    "MeterLost": ("meter.lost", d.MeterLost),
    "LinkOpened": ("cp.online", d.LinkOpened),
    "LinkClosed": ("cp.offline", d.LinkClosed),
    "ChargePointBooted": ("cp.boot", d.Booted),
    "StatusReported": ("cp.status", d.StatusNews),
    "IdTagPresented": ("auth.tag", d.TagPresented),
    "TransactionStarted": ("tx.start", d.TransactionStarted),
    "TransactionStopped": ("tx.end", d.TransactionStopped),
    "StopKept": ("tx.orphan", d.StopKept),
    "StopSettled": ("tx.settled", d.StopSettled),
    "ProfilesInDoubt": ("limit.doubt", d.ProfilesInDoubt),
    "SecurityEvent": ("sec.noticed", d.SecurityNoticed),
    "SecurityEventReported": ("sec.reported", d.SecurityReported),
    "OperationEnded": ("op.done", d.OperationEnded),
    "ChargingProfileStored": ("profile.stored", d.ProfileChanged),
    "ChargingProfileRemoved": ("profile.removed", d.ProfileChanged),
    "DiagnosticsStatusReported": ("fw.diagnostics", d.Progress),
    "FirmwareStatusReported": ("fw.status", d.Progress),
    "LogStatusReported": ("fw.log", d.Progress),
    "CertificateRequested": ("cert.requested", d.Answered),
    "CertificateIssued": ("cert.issued", d.CertificateIssued),
    "CertificateTaken": ("cert.taken", d.CertificateTaken),
    "CertificateRevoked": ("cert.revoked", d.CertificateRevoked),
    "TokenIssued": ("token.issued", d.TokenIssued),
    "TokenRevoked": ("token.revoked", d.TokenRevoked),
    "AccessRecorded": ("access.changed", d.AccessRecorded),
    "AccessRemoved": ("access.removed", d.By),
    "KeyWritten": ("cfg.changed", d.KeyWritten),
    "ConfigurationPaused": ("cfg.paused", d.Paused),
    "IdTagPut": ("tag.put", d.TagPut),
    "IdTagRemoved": ("tag.removed", d.TagRemoved),
    "TeachInOpened": ("tag.teach_in", d.TeachInOpened),
    "TeachInClosed": ("tag.teach_in_closed", d.Reason),
    "ReservationMade": ("reservation.made", d.ReservationMoved),
    "ReservationChanged": ("reservation.changed", d.ReservationMoved),
    "ReservationPassedOver": ("reservation.passed_over", d.ReservationPassedOver),
    "LocalListHeld": ("list.applied", d.ListHeld),
    "LocalListRefused": ("list.refused", d.ListRefused),
    "LocalListUnsupported": ("list.unsupported", d.ListUnsupported),
    "CacheCleared": ("cache.cleared", d.Empty),
    "ImageAdded": ("fw.image_added", d.ImageAdded),
    "ImageRemoved": ("fw.image_removed", d.ImageRemoved),
    "TicketIssued": ("file.allowed", d.TicketIssued),
    "TicketEnded": ("file.ended", d.TicketEnded),
    "TransferEnded": ("file.moved", d.TransferEnded),
    "FileDelivered": ("file.delivered", d.FileDelivered),
    "DeliveryRemoved": ("file.removed", d.DeliveryRemoved),
    "CampaignRecorded": ("fw.campaign", d.CampaignMoved),
    "UpdateRecorded": ("fw.update", d.UpdateMoved),
    "CommandTaken": ("cmd.accepted", d.CommandTaken),
    "CommandEnded": ("cmd.done", d.CommandEnded),
    "SiteLimitTaken": ("limit.set", d.LimitTaken),
    "SiteFailsafeBegun": ("limit.failsafe", d.FailsafeBegun),
    "SiteLimitEnded": ("limit.ended", d.LimitEnded),
    "ConnectorCapped": ("limit.connector", d.ConnectorCapped),
    "DesiredReached": ("desired.reached", d.DesiredReached),
}
"""The fact's name in the journal → the kind upstream, and its members."""

OTHER = "other"
"""The kind of what a later or earlier release of the program has written and this one does not know."""


def kind_of(fact: str) -> str:
    """The kind of an event upstream."""
    known = KINDS.get(fact)
    return OTHER if known is None else known[0]


def passes(kind: str, wanted: tuple[str, ...]) -> bool:
    """Whether a filter lets *kind* through: ``*``, a whole kind, or a family like ``tx.*``."""
    return any(
        one in ("*", kind) or (one.endswith(".*") and kind.startswith(one[:-1]) and len(kind) >= len(one))
        for one in wanted
    )
