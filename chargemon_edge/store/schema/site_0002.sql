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

-- an index ends with the row's id, so a filtered list comes newest first by itself
CREATE INDEX charging_transaction_of_charge_point ON charging_transaction (charge_point);
CREATE INDEX charging_transaction_of_id_tag ON charging_transaction (id_tag);

-- null: it still waits for a person
ALTER TABLE kept_stop ADD COLUMN settled_utc_ms INTEGER;
ALTER TABLE kept_stop ADD COLUMN settled_by TEXT;

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

-- cards

-- "key" is the tag without regard to case. A row without a status is no record: it removes the one before it. (A group
-- of changes is written sorted by kind, so that making and removing must be one statement.)
CREATE TABLE id_tag (
    key TEXT PRIMARY KEY,
    id_tag TEXT NOT NULL,
    status TEXT,
    expiry_utc_ms INTEGER,
    parent_id_tag TEXT,
    single_transaction INTEGER NOT NULL,
    name TEXT,
    note TEXT
) STRICT, WITHOUT ROWID;

CREATE TRIGGER id_tag_removed AFTER INSERT ON id_tag WHEN NEW.status IS NULL
BEGIN
    DELETE FROM id_tag WHERE key = NEW.key;
END;

-- one row: when an id tag lost its right most lately
CREATE TABLE card_state (
    number INTEGER PRIMARY KEY CHECK (number = 1),
    revoked_utc_ms INTEGER NOT NULL
) STRICT;

-- a charge point knows its reservations by these ids; two charge points may know the same id
CREATE TABLE reservation (
    reservation_id INTEGER NOT NULL,
    charge_point TEXT NOT NULL,
    connector INTEGER NOT NULL,
    id_tag TEXT NOT NULL,
    parent_id_tag TEXT,
    expiry_utc_ms INTEGER NOT NULL,
    state TEXT NOT NULL,
    requested_utc_ms INTEGER NOT NULL,
    changed_utc_ms INTEGER NOT NULL,
    requested_by TEXT NOT NULL,
    transaction_id INTEGER,
    PRIMARY KEY (reservation_id, charge_point)
) STRICT, WITHOUT ROWID;

-- the local authorisation list that a charge point accepted last ("entries": JSON, digests only), and its cache
CREATE TABLE local_list (
    charge_point TEXT PRIMARY KEY,
    version INTEGER,
    entries TEXT,
    changed_utc_ms INTEGER,
    unsupported_firmware TEXT,
    cache_cleared_utc_ms INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
-- access

-- how a charge point gets in, beside what the configuration says. Passwords are scrypt hashes; "pending" is a JSON array
-- of those that were or will be sent to the charge point, oldest first
CREATE TABLE charge_point_access (
    charge_point TEXT PRIMARY KEY,
    security_profile INTEGER,
    password_hash TEXT,
    pending TEXT NOT NULL,
    raising_to INTEGER,
    raise_step TEXT,
    changed_utc_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- what the built-in authority signed for charge points; taken: the charge point accepted it
CREATE TABLE issued_certificate (
    serial TEXT PRIMARY KEY,
    charge_point TEXT NOT NULL,
    ends_utc_ms INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    issued_utc_ms INTEGER NOT NULL,
    taken_utc_ms INTEGER
) STRICT, WITHOUT ROWID;

-- certificates that open a charge point's link no more; kept after their end, which frees nothing worth having
CREATE TABLE revoked_certificate (
    charge_point TEXT NOT NULL,
    serial TEXT NOT NULL,
    revoked_utc_ms INTEGER NOT NULL,
    revoked_by TEXT NOT NULL,
    PRIMARY KEY (charge_point, serial)
) STRICT, WITHOUT ROWID;

-- root certificates that a charge point has, as it last told: a JSON array of its own hash data
CREATE TABLE installed_certificate (
    charge_point TEXT NOT NULL,
    use TEXT NOT NULL,
    read_utc_ms INTEGER NOT NULL,
    hash_data TEXT NOT NULL,
    PRIMARY KEY (charge_point, use)
) STRICT, WITHOUT ROWID;

CREATE TABLE security_event (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    utc_ms INTEGER NOT NULL,
    event TEXT NOT NULL,
    source TEXT NOT NULL,
    charge_point TEXT,
    detail TEXT NOT NULL
) STRICT;

CREATE INDEX security_event_source ON security_event (source);

-- devices

CREATE TABLE configuration_key (
    charge_point TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT,
    readonly INTEGER NOT NULL,
    read_utc_ms INTEGER NOT NULL,
    PRIMARY KEY (charge_point, key)
) STRICT, WITHOUT ROWID;

-- the last outcome of each value that was ever written
CREATE TABLE configuration_write (
    charge_point TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    outcome TEXT NOT NULL,
    utc_ms INTEGER NOT NULL,
    firmware TEXT,
    by_person INTEGER NOT NULL,
    PRIMARY KEY (charge_point, key, value)
) STRICT, WITHOUT ROWID;

CREATE TABLE configuration_state (
    charge_point TEXT PRIMARY KEY,
    whole_utc_ms INTEGER,
    paused_utc_ms INTEGER,
    paused_until_utc_ms INTEGER,
    paused_reason TEXT
) STRICT, WITHOUT ROWID;

-- files

-- an image's bytes lie in a file named after its digest; "models" is a JSON array of patterns
CREATE TABLE firmware_image (
    sha256 TEXT PRIMARY KEY,
    image_id TEXT NOT NULL UNIQUE,
    size_bytes INTEGER NOT NULL,
    file_name TEXT NOT NULL,
    vendor TEXT NOT NULL,
    models TEXT NOT NULL,
    version TEXT NOT NULL,
    from_versions TEXT NOT NULL,
    signature TEXT,
    signing_certificate TEXT,
    added_utc_ms INTEGER NOT NULL,
    added_by TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- the right of a charge point to one file; digest is SHA-256 of the token in its address. Goes when it has ended
CREATE TABLE file_ticket (
    ticket_id TEXT PRIMARY KEY,
    charge_point TEXT NOT NULL,
    digest BLOB NOT NULL,
    protocol TEXT NOT NULL,
    address TEXT NOT NULL,
    image_id TEXT,
    purpose TEXT NOT NULL,
    issued_utc_ms INTEGER NOT NULL,
    expires_utc_ms INTEGER NOT NULL,
    issued_by TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- what charge points have delivered; the bytes lie in a file named after the number, which is never given twice
CREATE TABLE delivery (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    charge_point TEXT NOT NULL,
    purpose TEXT NOT NULL,
    file_name TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    received_utc_ms INTEGER NOT NULL
) STRICT;
-- upstream

-- one row for each start: the events numbered above "ep" count 1, 2, 3, … upstream, up to "last_number",
-- which is known once the next has begun
CREATE TABLE epoch (
    ep INTEGER PRIMARY KEY,
    started_utc_ms INTEGER NOT NULL,
    last_number INTEGER
) STRICT;

-- how far each upstream has heard: the number of an event, and a minute since 1970 (exclusive)
CREATE TABLE upstream_cursor (
    upstream TEXT PRIMARY KEY,
    number INTEGER NOT NULL,
    minute INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- the upstreams for which events stay until they have said that they have stored them: up to which number they have
CREATE TABLE upstream_hold (
    upstream TEXT PRIMARY KEY,
    number INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- "body" is there until the command has ended: a restart goes on with it
CREATE TABLE upstream_command (
    upstream TEXT NOT NULL,
    id TEXT NOT NULL,
    op TEXT NOT NULL,
    digest BLOB NOT NULL,
    body TEXT,
    asked_by TEXT,
    state TEXT NOT NULL,
    code TEXT,
    message TEXT,
    data TEXT,
    taken_utc_ms INTEGER NOT NULL,
    ended_utc_ms INTEGER,
    PRIMARY KEY (upstream, id)
) STRICT, WITHOUT ROWID;

-- the last limit of each source, in force or not: its number counts on
CREATE TABLE site_limit (
    source TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    n INTEGER NOT NULL,
    stage TEXT NOT NULL,
    until_utc_ms INTEGER NOT NULL,
    l1_ma INTEGER,
    l2_ma INTEGER,
    l3_ma INTEGER,
    power_w INTEGER,
    set_by TEXT
) STRICT, WITHOUT ROWID;

-- what somebody lets a connector draw at most; null: no such limit any more
CREATE TABLE connector_cap (
    charge_point TEXT NOT NULL,
    connector INTEGER NOT NULL,
    limit_ma INTEGER,
    until_utc_ms INTEGER,
    set_by TEXT NOT NULL,
    PRIMARY KEY (charge_point, connector)
) STRICT, WITHOUT ROWID;

CREATE TABLE desired_state (
    upstream TEXT NOT NULL,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    state TEXT NOT NULL,
    body TEXT NOT NULL,
    error TEXT,
    changed_utc_ms INTEGER NOT NULL,
    PRIMARY KEY (upstream, name)
) STRICT, WITHOUT ROWID;

-- rollouts

-- "rules": JSON, as they were when it was started
CREATE TABLE campaign (
    number INTEGER PRIMARY KEY,
    image TEXT NOT NULL,
    version TEXT NOT NULL,
    rules TEXT NOT NULL,
    made_by TEXT NOT NULL,
    made_utc_ms INTEGER NOT NULL,
    state TEXT NOT NULL,
    why TEXT NOT NULL,
    forgiven INTEGER,
    changed_utc_ms INTEGER NOT NULL
) STRICT;

-- each charge point of a campaign, with where it stands
CREATE TABLE campaign_update (
    campaign INTEGER NOT NULL,
    charge_point TEXT NOT NULL,
    place INTEGER NOT NULL,
    wave INTEGER NOT NULL,
    step TEXT NOT NULL,
    since_utc_ms INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    not_before_utc_ms INTEGER NOT NULL,
    request_id INTEGER,
    ticket_id TEXT,
    from_version TEXT,
    detail TEXT NOT NULL,
    under_way INTEGER NOT NULL,
    PRIMARY KEY (campaign, charge_point)
) STRICT, WITHOUT ROWID;

-- clock

-- one row: by which time the last start of the daemon records, and since which boot of the machine. offset_ms is that time
-- less the monotonic clock, which goes on as long as the boot does; without a source it is not known to be right
CREATE TABLE clock (
    number INTEGER PRIMARY KEY CHECK (number = 1),
    boot TEXT NOT NULL,
    offset_ms INTEGER NOT NULL,
    source TEXT,
    doubted_since_utc_ms INTEGER
) STRICT;

-- 1: it was started or stopped while the time was not known to be right, which is what the charge point had been told
ALTER TABLE charging_transaction ADD COLUMN times_doubted INTEGER NOT NULL DEFAULT 0;
