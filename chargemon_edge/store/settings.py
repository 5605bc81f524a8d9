"""What the configuration may say about the disk. Must never hold a secret."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec


class StoreSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where rows go, how often, and how long they stay. Ask :func:`mistakes` before using it."""

    directory: str = "/var/lib/chargemon-edge"
    """Holds ``site.db`` (transactions, states, events), ``samples.db`` (meter values) and the reserve file."""
    record_flush_s: float = 10.0
    """States and events nobody waits for are written with the next transaction, at the latest after so long."""
    samples_flush_s: float = 10.0
    """Meter values are written in groups this far apart; so much of them a power cut may cost. Longer spares flash."""
    keep_samples_days: int = 14
    """Single meter values of the chargers."""
    keep_minutes_days: int = 400
    """The grid meters' minute averages."""
    keep_events_days: int = 90
    """Events and kept messages. Transactions are never deleted."""
    samples_size_max_mb: int = 1024
    """When the samples' file holds more, the oldest go, however young."""
    site_size_max_mb: int = 512
    """When the site's file holds more, the oldest events go, however young; those of transactions last."""
    free_min_percent: int = 10
    """When less of the disk is free, the oldest samples go, and their room is given back."""
    reserve_kb: int = 2048
    """A file that is deleted on a full disk, so that running transactions can still be closed."""
    backup_hours: int = 24
    """A backup is made this often, in ``backups`` below the directory; 0: only when it is asked for."""
    keep_backups: int = 7
    """So many are kept; fewer on a short disk."""
    waiting_rows_max: int = 20_000
    """So many rows wait in memory while the disk does not take them; then the oldest are dropped and counted.
    Nothing that a charger waits for is ever among them."""
    flush_delay_s: float = 0.0
    """For trials: makes every flush this much slower, as a worn memory card does."""


def mistakes(settings: StoreSettings) -> list[str]:
    """Everything that makes the settings unusable, one sentence each; an empty list means they are sound."""
    return list(_mistakes(settings))


def _mistakes(settings: StoreSettings) -> Iterator[str]:
    if not settings.directory:
        yield "directory is empty; the service normally uses /var/lib/chargemon-edge"
    if not 0.1 <= settings.record_flush_s <= 600:
        yield "record_flush_s must be between 0.1 and 600; 10 keeps the memory card alive"
    if not 0.1 <= settings.samples_flush_s <= 600:
        yield "samples_flush_s must be between 0.1 and 600; 10 keeps the memory card alive"
    for key in ("keep_samples_days", "keep_minutes_days", "keep_events_days"):
        if not 1 <= getattr(settings, key) <= 36_500:
            yield f"{key} must be between 1 and 36500"
    if settings.samples_size_max_mb < 1:
        yield "samples_size_max_mb must be at least 1"
    if settings.site_size_max_mb < 16:
        yield "site_size_max_mb must be at least 16; a year of a busy site takes about 25"
    if not 0 <= settings.free_min_percent <= 90:
        yield "free_min_percent must be between 0 and 90"
    if not 64 <= settings.reserve_kb <= 1_048_576:
        yield "reserve_kb must be between 64 and 1048576; 2048 closes several hundred transactions"
    if not 0 <= settings.backup_hours <= 8_760:
        yield "backup_hours must be between 0 (never by itself) and 8760"
    if not 1 <= settings.keep_backups <= 1_000:
        yield "keep_backups must be between 1 and 1000"
    if settings.waiting_rows_max < 100:
        yield "waiting_rows_max must be at least 100"
    if not 0 <= settings.flush_delay_s <= 10:
        yield "flush_delay_s must be between 0 and 10; it is 0 but in trials"
