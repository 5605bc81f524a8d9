PRAGMA page_size = 1024;
BEGIN TRANSACTION;
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
INSERT INTO "meter_minute" VALUES('grid',30000000,1,1,2,3,1,2,3,NULL);
CREATE TABLE payloads (
    last_number INTEGER PRIMARY KEY,
    readings INTEGER NOT NULL,
    packed BLOB NOT NULL
) STRICT;
INSERT INTO "payloads" VALUES(2,2,X'785E8BAE564ACECFCB4B4D2EC92FF24C51B232ACD5C110890500FE650D23');
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
INSERT INTO "reading" VALUES(1,1800000000000,'CP1',1,7,16000,15900,0,7300,1300,16000,1799999999900,1,'power_w');
INSERT INTO "reading" VALUES(2,1800000000000,'CP1',2,7,16000,15900,0,7300,1500,16000,1799999999900,1,'power_w');
COMMIT;
PRAGMA user_version = 1;
