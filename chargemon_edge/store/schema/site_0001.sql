-- site.db: what must not be lost, and the states that a restart takes up again.
-- No foreign keys between these tables: facts arrive in any order, and none may be refused because another is missing.

CREATE TABLE charge_point (
    identity TEXT PRIMARY KEY,
    known INTEGER NOT NULL DEFAULT 1,
    booted_utc_ms INTEGER,
    vendor TEXT,
    model TEXT,
    serial_number TEXT,
    firmware_version TEXT,
    iccid TEXT,
    imsi TEXT,
    meter_type TEXT,
    meter_serial_number TEXT
) STRICT, WITHOUT ROWID;

-- connector 0 is the charge point itself
CREATE TABLE connector (
    charge_point TEXT NOT NULL,
    number INTEGER NOT NULL,
    status TEXT,
    error_code TEXT,
    info TEXT,
    status_utc_ms INTEGER,
    status_reported_utc_ms INTEGER,
    fail_safe_ma INTEGER,
    held_limit_ma INTEGER,
    held_fallback_ma INTEGER,
    held_transaction_id INTEGER,
    held_lease_s REAL,
    PRIMARY KEY (charge_point, number)
) STRICT, WITHOUT ROWID;

-- AUTOINCREMENT: sqlite_sequence keeps the highest id ever used, also when its row is gone
CREATE TABLE charging_transaction (
    transaction_id INTEGER PRIMARY KEY AUTOINCREMENT,
    charge_point TEXT NOT NULL,
    connector INTEGER NOT NULL,
    id_tag TEXT NOT NULL,
    id_tag_status TEXT NOT NULL,
    meter_start_wh INTEGER NOT NULL,
    started_utc_ms INTEGER,
    started_text TEXT NOT NULL,
    start_received_utc_ms INTEGER NOT NULL,
    reservation_id INTEGER,
    stop_received_utc_ms INTEGER,
    stopped_utc_ms INTEGER,
    meter_stop_wh INTEGER,
    stop_reason TEXT,
    stop_id_tag TEXT,
    stop_raw BLOB
) STRICT;

-- a repeated StartTransaction finds its first row here
CREATE INDEX charging_transaction_repeat ON charging_transaction (charge_point, started_text);
CREATE INDEX charging_transaction_open ON charging_transaction (charge_point) WHERE stop_received_utc_ms IS NULL;

-- StopTransactions that matched nothing open, for a person to judge
CREATE TABLE kept_stop (
    number INTEGER PRIMARY KEY,
    received_utc_ms INTEGER NOT NULL,
    charge_point TEXT NOT NULL,
    transaction_id INTEGER NOT NULL,
    doubt TEXT NOT NULL,
    raw BLOB NOT NULL
) STRICT;

CREATE TABLE kept_message (
    number INTEGER PRIMARY KEY,
    received_utc_ms INTEGER NOT NULL,
    charge_point TEXT NOT NULL,
    action TEXT NOT NULL,
    raw BLOB NOT NULL
) STRICT;

-- The outbox: numbered in the transaction of the change it reports, so numbers rise in the order of commits.
CREATE TABLE event (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    utc_ms INTEGER NOT NULL,
    kind TEXT NOT NULL,
    charge_point TEXT,
    body TEXT NOT NULL
) STRICT;
