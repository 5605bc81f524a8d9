-- Everything that an operator drives: what is wanted, what was asked, who may.

-- api

-- digest is SHA-256 of the token, which is nowhere
CREATE TABLE access_token (
    name TEXT PRIMARY KEY,
    role TEXT NOT NULL,
    digest BLOB NOT NULL,
    issued_utc_ms INTEGER NOT NULL,
    issued_by TEXT NOT NULL,
    expires_utc_ms INTEGER
) STRICT, WITHOUT ROWID;

-- operations

-- AUTOINCREMENT: sqlite_sequence keeps the highest number ever used, also when its row is gone. Without an ended_utc_ms
-- the daemon stopped before an outcome was known.
CREATE TABLE operation (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    asked_utc_ms INTEGER NOT NULL,
    charge_point TEXT NOT NULL,
    action TEXT NOT NULL,
    asked_by TEXT NOT NULL,
    payload TEXT NOT NULL,
    ended_utc_ms INTEGER,
    result TEXT,
    detail TEXT
) STRICT;

CREATE INDEX operation_of_charge_point ON operation (charge_point, number);

-- by name; a removed one leaves its row without a body, so that its id is never given again
CREATE TABLE charging_profile (
    profile_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    body TEXT,
    stored_utc_ms INTEGER NOT NULL,
    stored_by TEXT NOT NULL
) STRICT;
