-- samples.db: append only, in groups. No second index on reading: it would triple what is written (docs/store.md).

CREATE TABLE reading (
    number INTEGER PRIMARY KEY,
    received_utc_ms INTEGER NOT NULL,
    charge_point TEXT NOT NULL,
    connector INTEGER NOT NULL,
    transaction_id INTEGER,
    l1_ma INTEGER,
    l2_ma INTEGER,
    l3_ma INTEGER,
    power_w INTEGER,
    energy_wh INTEGER,
    offered_ma INTEGER,
    measured_utc_ms INTEGER,
    live INTEGER NOT NULL,
    derived TEXT
) STRICT;

-- The payloads of a whole group of readings as they came: a JSON array, compressed by zlib, one element for each reading
-- in the order of their numbers. The last of them has last_number, and there are "readings" of them. Chargers repeat
-- themselves so much that a payload of 800 bytes takes 60 here.
CREATE TABLE payloads (
    last_number INTEGER PRIMARY KEY,
    readings INTEGER NOT NULL,
    packed BLOB NOT NULL
) STRICT;

-- One row for each minute of a grid meter. "minute" counts from 1970 UTC; currents are signed.
CREATE TABLE meter_minute (
    meter TEXT NOT NULL,
    minute INTEGER NOT NULL,
    samples INTEGER NOT NULL,
    mean_l1_ma INTEGER NOT NULL,
    mean_l2_ma INTEGER NOT NULL,
    mean_l3_ma INTEGER NOT NULL,
    max_l1_ma INTEGER NOT NULL,
    max_l2_ma INTEGER NOT NULL,
    max_l3_ma INTEGER NOT NULL,
    mean_power_w INTEGER,
    PRIMARY KEY (meter, minute)
) STRICT, WITHOUT ROWID;
