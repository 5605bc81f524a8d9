PRAGMA page_size = 4096;
BEGIN TRANSACTION;
CREATE TABLE access_token (
    name TEXT PRIMARY KEY,
    role TEXT NOT NULL,
    digest BLOB NOT NULL,
    issued_utc_ms INTEGER NOT NULL,
    issued_by TEXT NOT NULL,
    expires_utc_ms INTEGER
) STRICT, WITHOUT ROWID;
INSERT INTO "access_token" VALUES('grafana','viewer',X'0000000000000000000000000000000000000000000000000000000000000000',1800000000000,'command line',NULL);
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
INSERT INTO "campaign" VALUES(41,'0123456789abcdef','5.2.0','{"canaries":1,"wave":0,"at_once":2,"pause_s":0.0,"only_idle":true,"not_before_utc_ms":null,"window":[60,300],"attempts":2,"retry_s":600.0,"stop_after":2,"patience":{"turn_s":604800.0,"answer_s":120.0,"begin_s":900.0,"download_s":3600.0,"begin_install_s":1800.0,"install_s":1800.0,"boot_s":1800.0,"confirm_s":300.0}}','command line',1800000000000,'stopped','2 failed',1,1800000000000);
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
INSERT INTO "campaign_update" VALUES(41,'CP1',0,0,'installing',1800000000000,2,1799999999999,42,'00aa11bb22cc33dd','5.1.0','it reported Installing',1);
CREATE TABLE card_state (
    number INTEGER PRIMARY KEY CHECK (number = 1),
    revoked_utc_ms INTEGER NOT NULL
) STRICT;
INSERT INTO "card_state" VALUES(1,1800000000000);
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
INSERT INTO "charge_point" VALUES('CP1',1,1800000000000,'Lade & Co','Säule 2','S-1','1.2.3','8949','2620','MID','M-1');
CREATE TABLE charge_point_access (
    charge_point TEXT PRIMARY KEY,
    security_profile INTEGER,
    password_hash TEXT,
    pending TEXT NOT NULL,
    raising_to INTEGER,
    raise_step TEXT,
    changed_utc_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "charge_point_access" VALUES('CP1',1,'scrypt:14:8:1:00:ff','["scrypt:14:8:1:01:fe"]',2,'profile',1800000000000);
CREATE TABLE charging_profile (
    profile_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    body TEXT,
    stored_utc_ms INTEGER NOT NULL,
    stored_by TEXT NOT NULL
) STRICT;
INSERT INTO "charging_profile" VALUES(10001,'night','{"chargingProfileId":10001}',1800000000000,'command line');
INSERT INTO "charging_profile" VALUES(10002,'day',NULL,1800000000000,'command line');
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
, times_doubted INTEGER NOT NULL DEFAULT 0) STRICT;
INSERT INTO "charging_transaction" VALUES(7,'CP1',1,'04A1B2C3','Accepted',1200,1799999999500,'2027-01-15T07:59:59.5Z',1800000000000,NULL,1800000000000,NULL,9000,'EVDisconnected',NULL,X'7B227472616E73616374696F6E4964223A377D',0);
INSERT INTO "charging_transaction" VALUES(8,'CP1',2,'04A1B2C3','Accepted',1200,1799999999500,'2027-01-15T08:00:00Z',1800000000000,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0);
CREATE TABLE clock (
    number INTEGER PRIMARY KEY CHECK (number = 1),
    boot TEXT NOT NULL,
    offset_ms INTEGER NOT NULL,
    source TEXT,
    doubted_since_utc_ms INTEGER
) STRICT;
INSERT INTO "clock" VALUES(1,'b1',1799999005000,'chrony',NULL);
CREATE TABLE configuration_key (
    charge_point TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT,
    readonly INTEGER NOT NULL,
    read_utc_ms INTEGER NOT NULL,
    PRIMARY KEY (charge_point, key)
) STRICT, WITHOUT ROWID;
INSERT INTO "configuration_key" VALUES('CP1','AuthorizationKey',NULL,0,1800000000000);
INSERT INTO "configuration_key" VALUES('CP1','HeartbeatInterval','300',0,1800000000000);
CREATE TABLE configuration_state (
    charge_point TEXT PRIMARY KEY,
    whole_utc_ms INTEGER,
    paused_utc_ms INTEGER,
    paused_until_utc_ms INTEGER,
    paused_reason TEXT
) STRICT, WITHOUT ROWID;
INSERT INTO "configuration_state" VALUES('CP1',1800000000000,1800000000000,1800000060000,'restarted');
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
INSERT INTO "configuration_write" VALUES('CP1','WebSocketPingInterval','120','Rejected',1800000000000,'1.2.3',0);
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
INSERT INTO "connector" VALUES('CP1',1,'Charging','NoError',NULL,1800000000000,NULL,6000,13000,6000,7,120.0);
INSERT INTO "connector" VALUES('CP1',2,'Charging','NoError',NULL,1800000000000,NULL,NULL,13000,6000,8,120.0);
INSERT INTO "connector" VALUES('CP1',3,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE connector_cap (
    charge_point TEXT NOT NULL,
    connector INTEGER NOT NULL,
    limit_ma INTEGER,
    until_utc_ms INTEGER,
    set_by TEXT NOT NULL,
    PRIMARY KEY (charge_point, connector)
) STRICT, WITHOUT ROWID;
INSERT INTO "connector_cap" VALUES('CP1',1,10000,1800000600000,'upstream operator');
CREATE TABLE delivery (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    charge_point TEXT NOT NULL,
    purpose TEXT NOT NULL,
    file_name TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    received_utc_ms INTEGER NOT NULL
) STRICT;
INSERT INTO "delivery" VALUES(1,'CP1','Diagnostics','diagnostics.tar.gz',20000,'abababababababababababababababababababababababababababababababab',1800000000000);
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
INSERT INTO "desired_state" VALUES('operator','config','7','applied','{"keys":{}}',NULL,1800000000000);
CREATE TABLE epoch (
    ep INTEGER PRIMARY KEY,
    started_utc_ms INTEGER NOT NULL,
    last_number INTEGER
) STRICT;
INSERT INTO "epoch" VALUES(1800000000000,1800000000000,NULL);
CREATE TABLE event (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    utc_ms INTEGER NOT NULL,
    kind TEXT NOT NULL,
    charge_point TEXT,
    body TEXT NOT NULL
) STRICT;
INSERT INTO "event" VALUES(1800000000001,1800000000000,'DaemonStarted',NULL,'{"version":"0.1.0"}');
INSERT INTO "event" VALUES(1800000000002,1800000000000,'MeterLost',NULL,'{"meter":"grid","reason":"no answer"}');
INSERT INTO "event" VALUES(1800000000003,1800000000000,'LinkOpened','CP1','{"remote":"192.0.2.1","known":true,"security_profile":0}');
INSERT INTO "event" VALUES(1800000000004,1800000000000,'LinkClosed','CP1','{"reason":"went away"}');
INSERT INTO "event" VALUES(1800000000005,1800000000000,'ChargePointBooted','CP1','{"vendor":"Lade & Co","model":"Säule 2","serial_number":"S-1","firmware_version":"1.2.3"}');
INSERT INTO "event" VALUES(1800000000006,1800000000000,'StatusReported','CP1','{"connector":1,"status":"Charging"}');
INSERT INTO "event" VALUES(1800000000007,1800000000000,'IdTagPresented','CP1','{"id_tag":"04A1B2C3","status":"Accepted"}');
INSERT INTO "event" VALUES(1800000000008,1800000000000,'TransactionStarted','CP1','{"connector":1,"transaction_id":7,"id_tag":"04A1B2C3","id_tag_status":"Accepted","meter_start_wh":1200,"started_utc_ms":1799999999500}');
INSERT INTO "event" VALUES(1800000000009,1800000000000,'TransactionStopped','CP1','{"connector":1,"transaction_id":7,"meter_stop_wh":9000,"reason":"EVDisconnected"}');
INSERT INTO "event" VALUES(1800000000010,1800000000000,'StopKept','CP1','{"transaction_id":99,"doubt":"unknown"}');
INSERT INTO "event" VALUES(1800000000011,1800000000000,'StopSettled',NULL,'{"number":1,"by":"command line"}');
INSERT INTO "event" VALUES(1800000000012,1800000000000,'ClockBegun',NULL,'{"boot":"b1","doubted_since_utc_ms":1800000000000}');
INSERT INTO "event" VALUES(1800000000013,1800000000000,'ClockApart',NULL,'{"machine_ahead_ms":-86400000}');
INSERT INTO "event" VALUES(1800000000014,1800000000000,'ClockCorrected',NULL,'{"by_ms":5000,"source":"chrony"}');
INSERT INTO "event" VALUES(1800000000015,1800000000000,'ProfilesInDoubt','CP1','{"connector":3,"reason":"ClearChargingProfile"}');
INSERT INTO "event" VALUES(1800000000016,1800000000000,'SecurityEvent',NULL,'{"event":"login refused","source":"192.0.2.9","detail":"CP1"}');
INSERT INTO "event" VALUES(1800000000017,1800000000000,'DiagnosticsStatusReported','CP1','{"status":"Uploaded"}');
INSERT INTO "event" VALUES(1800000000018,1800000000000,'FirmwareStatusReported','CP1','{"status":"Installed","signed":true,"request_id":4}');
INSERT INTO "event" VALUES(1800000000019,1800000000000,'LogStatusReported','CP1','{"status":"Uploading","request_id":5}');
INSERT INTO "event" VALUES(1800000000020,1800000000000,'SecurityEventReported','CP1','{"event":"TamperDetectionActivated","detail":"lid"}');
INSERT INTO "event" VALUES(1800000000021,1800000000000,'OperationEnded','CP1','{"number":3,"action":"Reset","by":"command line","result":"Accepted"}');
INSERT INTO "event" VALUES(1800000000022,1800000000000,'ChargingProfileStored',NULL,'{"name":"night","profile_id":10001,"by":"command line"}');
INSERT INTO "event" VALUES(1800000000023,1800000000000,'ChargingProfileRemoved',NULL,'{"name":"day","profile_id":10002,"by":"command line"}');
INSERT INTO "event" VALUES(1800000000024,1800000000000,'CertificateRequested','CP1','{"status":"Rejected"}');
INSERT INTO "event" VALUES(1800000000025,1800000000000,'TokenIssued',NULL,'{"name":"grafana","role":"viewer","by":"command line"}');
INSERT INTO "event" VALUES(1800000000026,1800000000000,'TokenRevoked',NULL,'{"name":"former","by":"command line"}');
INSERT INTO "event" VALUES(1800000000027,1800000000000,'IdTagPut',NULL,'{"id_tag":"04C0FFEE","status":"Accepted","expiry_utc_ms":1800000000001,"parent_id_tag":"FLEET","by":"operator","taught_at":"CP1"}');
INSERT INTO "event" VALUES(1800000000028,1800000000000,'IdTagRemoved',NULL,'{"id_tag":"GO…34","by":"operator"}');
INSERT INTO "event" VALUES(1800000000029,1800000000000,'TeachInOpened',NULL,'{"seconds":60.0,"by":"operator"}');
INSERT INTO "event" VALUES(1800000000030,1800000000000,'TeachInClosed',NULL,'{"reason":"closed by hand"}');
INSERT INTO "event" VALUES(1800000000031,1800000000000,'ReservationMade','CP1','{"reservation_id":31,"connector":1,"state":"Requested"}');
INSERT INTO "event" VALUES(1800000000032,1800000000000,'ReservationChanged','CP1','{"reservation_id":31,"connector":1,"state":"Used","transaction_id":7}');
INSERT INTO "event" VALUES(1800000000033,1800000000000,'ReservationPassedOver','CP1','{"connector":1,"reservation_id":31,"transaction_id":8}');
INSERT INTO "event" VALUES(1800000000034,1800000000000,'LocalListRefused','CP1','{"outcome":"Failed"}');
INSERT INTO "event" VALUES(1800000000035,1800000000000,'LocalListUnsupported','CP1','{"firmware_version":"1.2.3"}');
INSERT INTO "event" VALUES(1800000000036,1800000000000,'LocalListHeld','CP1','{"version":4,"entries":1}');
INSERT INTO "event" VALUES(1800000000037,1800000000000,'CacheCleared','CP1','{}');
INSERT INTO "event" VALUES(1800000000038,1800000000000,'AccessRecorded','CP1','{"security_profile":1,"raising_to":2,"raise_step":"profile","keys_pending":1,"why":"raising to profile 2","by":"command line"}');
INSERT INTO "event" VALUES(1800000000039,1800000000000,'ImageAdded',NULL,'{"image_id":"0123456789abcdef","vendor":"Wallbox*","version":"5.2.0","signed":true,"by":"command line"}');
INSERT INTO "event" VALUES(1800000000040,1800000000000,'ImageRemoved',NULL,'{"image_id":"fedcba9876543210","by":"command line"}');
INSERT INTO "event" VALUES(1800000000041,1800000000000,'TicketIssued','CP1','{"ticket_id":"00aa11bb22cc33dd","protocol":"HTTP","image_id":"0123456789abcdef","by":"command line"}');
INSERT INTO "event" VALUES(1800000000042,1800000000000,'TicketEnded','CP1','{"ticket_id":"ffffffffffffffff","end":"expired"}');
INSERT INTO "event" VALUES(1800000000043,1800000000000,'TransferEnded','CP1','{"ticket_id":"00aa11bb22cc33dd","first_byte":0,"bytes_moved":65536,"whole":false,"detail":"the charge point left"}');
INSERT INTO "event" VALUES(1800000000044,1800000000000,'FileDelivered','CP1','{"number":1,"purpose":"Diagnostics","file_name":"diagnostics.tar.gz","size_bytes":20000,"ticket_id":"11aa22bb33cc44dd"}');
INSERT INTO "event" VALUES(1800000000045,1800000000000,'DeliveryRemoved','CP1','{"number":99,"by":"command line"}');
INSERT INTO "event" VALUES(1800000000046,1800000000000,'AccessRemoved','CP9','{"by":"command line"}');
INSERT INTO "event" VALUES(1800000000047,1800000000000,'CampaignRecorded',NULL,'{"number":41,"image":"0123456789abcdef","version":"5.2.0","state":"stopped","why":"2 failed","by":"this system"}');
INSERT INTO "event" VALUES(1800000000048,1800000000000,'UpdateRecorded','CP1','{"campaign":41,"step":"installing","attempt":2,"detail":"it reported Installing"}');
INSERT INTO "event" VALUES(1800000000049,1800000000000,'CertificateIssued','CP1','{"serial":"a1b2","ends_utc_ms":1863072000000,"sha256":"abababababababababababababababababababababababababababababababab"}');
INSERT INTO "event" VALUES(1800000000050,1800000000000,'CertificateTaken','CP1','{"serial":"a1b2"}');
INSERT INTO "event" VALUES(1800000000051,1800000000000,'CertificateRevoked','CP2','{"serial":"c3d4","by":"command line"}');
INSERT INTO "event" VALUES(1800000000052,1800000000000,'KeyWritten','CP1','{"key":"WebSocketPingInterval","outcome":"Rejected"}');
INSERT INTO "event" VALUES(1800000000053,1800000000000,'ConfigurationPaused','CP1','{"reason":"restarted","until_utc_ms":1800000060000}');
INSERT INTO "event" VALUES(1800000000054,1800000000000,'CommandTaken',NULL,'{"id":"01J8Z3KQ5T","op":"reset","upstream":"operator","by":"desk 4"}');
INSERT INTO "event" VALUES(1800000000055,1800000000000,'CommandEnded',NULL,'{"id":"01J8Z3KQ5T","upstream":"operator","op":"reset","state":"done","by":"desk 4"}');
INSERT INTO "event" VALUES(1800000000056,1800000000000,'SiteLimitTaken',NULL,'{"source":"upstream operator","n":4,"until_utc_ms":1800000900000,"l1_ma":32000,"l2_ma":0,"l3_ma":0}');
INSERT INTO "event" VALUES(1800000000057,1800000000000,'SiteFailsafeBegun',NULL,'{"source":"upstream operator","reason":"not renewed","until_utc_ms":1800000900000,"l1_ma":32000,"l2_ma":0,"l3_ma":0}');
INSERT INTO "event" VALUES(1800000000058,1800000000000,'SiteLimitEnded',NULL,'{"source":"upstream operator","reason":"the fail-safe has lasted"}');
INSERT INTO "event" VALUES(1800000000059,1800000000000,'ConnectorCapped','CP1','{"connector":1,"limit_ma":10000,"until_utc_ms":1800000600000,"by":"upstream operator"}');
INSERT INTO "event" VALUES(1800000000060,1800000000000,'DesiredReached',NULL,'{"name":"config","upstream":"operator","ver":"7","state":"applied"}');
INSERT INTO "event" VALUES(1800000000061,1800000000000,'TransactionStarted','CP1','{"connector":2,"transaction_id":8,"id_tag":"04A1B2C3","id_tag_status":"Accepted","meter_start_wh":1200,"started_utc_ms":1799999999500}');
INSERT INTO "event" VALUES(1800000000062,1800000000000,'StatusReported','CP1','{"connector":2,"status":"Charging"}');
INSERT INTO "event" VALUES(1800000000063,1800000000000,'StopKept','CP1','{"transaction_id":98,"doubt":"unknown"}');
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
INSERT INTO "file_ticket" VALUES('00aa11bb22cc33dd','CP1',X'000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F','HTTP','192.0.2.10','0123456789abcdef','',1800000000000,1800003600000,'command line');
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
INSERT INTO "firmware_image" VALUES('0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef','0123456789abcdef',1048576,'pulsar-5.2.bin','Wallbox*','["Pulsar*","Copper*"]','5.2.0','>= 4, < 5.2','c2lnbmF0dXJl','-----BEGIN CERTIFICATE-----
',1800000000000,'command line');
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
INSERT INTO "id_tag" VALUES('04c0ffee','04C0FFEE','Accepted',1800000000001,'FLEET',1,'Anna','blue card');
CREATE TABLE installed_certificate (
    charge_point TEXT NOT NULL,
    use TEXT NOT NULL,
    read_utc_ms INTEGER NOT NULL,
    hash_data TEXT NOT NULL,
    PRIMARY KEY (charge_point, use)
) STRICT, WITHOUT ROWID;
INSERT INTO "installed_certificate" VALUES('CP1','CentralSystemRootCertificate',1800000000000,'[["SHA256","aa","bb","0c"]]');
CREATE TABLE issued_certificate (
    serial TEXT PRIMARY KEY,
    charge_point TEXT NOT NULL,
    ends_utc_ms INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    issued_utc_ms INTEGER NOT NULL,
    taken_utc_ms INTEGER
) STRICT, WITHOUT ROWID;
INSERT INTO "issued_certificate" VALUES('a1b2','CP1',1863072000000,'abababababababababababababababababababababababababababababababab',1800000000000,1800000000000);
CREATE TABLE kept_message (
    number INTEGER PRIMARY KEY,
    received_utc_ms INTEGER NOT NULL,
    charge_point TEXT NOT NULL,
    action TEXT NOT NULL,
    raw BLOB NOT NULL
) STRICT;
INSERT INTO "kept_message" VALUES(1,1800000000000,'CP1','DataTransfer',X'7B7D');
CREATE TABLE kept_stop (
    number INTEGER PRIMARY KEY,
    received_utc_ms INTEGER NOT NULL,
    charge_point TEXT NOT NULL,
    transaction_id INTEGER NOT NULL,
    doubt TEXT NOT NULL,
    raw BLOB NOT NULL
, settled_utc_ms INTEGER, settled_by TEXT) STRICT;
INSERT INTO "kept_stop" VALUES(1,1800000000000,'CP1',99,'unknown',X'7B7D',1800000000000,'command line');
INSERT INTO "kept_stop" VALUES(2,1800000000000,'CP1',98,'unknown',X'7B7D',NULL,NULL);
CREATE TABLE local_list (
    charge_point TEXT PRIMARY KEY,
    version INTEGER,
    entries TEXT,
    changed_utc_ms INTEGER,
    unsupported_firmware TEXT,
    cache_cleared_utc_ms INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
INSERT INTO "local_list" VALUES('CP1',4,'{"a1":"b2"}',1800000000000,NULL,1800000000000);
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
INSERT INTO "operation" VALUES(3,1800000000000,'CP1','Reset','command line','{"type":"Soft"}',1800000000000,'Accepted',NULL);
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
INSERT INTO "reservation" VALUES(31,'CP1',1,'04D4E5F6','FLEET',1800000600000,'Used',1800000000000,1800000000000,'operator',7);
CREATE TABLE revoked_certificate (
    charge_point TEXT NOT NULL,
    serial TEXT NOT NULL,
    revoked_utc_ms INTEGER NOT NULL,
    revoked_by TEXT NOT NULL,
    PRIMARY KEY (charge_point, serial)
) STRICT, WITHOUT ROWID;
INSERT INTO "revoked_certificate" VALUES('CP2','c3d4',1800000000000,'command line');
CREATE TABLE security_event (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    utc_ms INTEGER NOT NULL,
    event TEXT NOT NULL,
    source TEXT NOT NULL,
    charge_point TEXT,
    detail TEXT NOT NULL
) STRICT;
INSERT INTO "security_event" VALUES(1,1800000000000,'login','','CP1','security profile 0');
INSERT INTO "security_event" VALUES(2,1800000000000,'machine''s clock set by nobody known','clock',NULL,'-86400.0 s ahead of ours');
INSERT INTO "security_event" VALUES(3,1800000000000,'clock moved','clock',NULL,'by 5.0 s: chrony');
INSERT INTO "security_event" VALUES(4,1800000000000,'login refused','192.0.2.9',NULL,'CP1');
INSERT INTO "security_event" VALUES(5,1800000000000,'TamperDetectionActivated','charge point CP1','CP1','lid');
INSERT INTO "security_event" VALUES(6,1800000000000,'token made','command line',NULL,'''grafana'', role viewer');
INSERT INTO "security_event" VALUES(7,1800000000000,'token revoked','command line',NULL,'''former''');
INSERT INTO "security_event" VALUES(8,1800000000000,'access changed','command line','CP1','raising to profile 2');
INSERT INTO "security_event" VALUES(9,1800000000000,'firmware image added','command line',NULL,'Wallbox* 5.2.0, SHA-256 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef');
INSERT INTO "security_event" VALUES(10,1800000000000,'firmware image removed','command line',NULL,'fedcba9876543210');
INSERT INTO "security_event" VALUES(11,1800000000000,'access record removed','command line','CP9','the configuration alone counts');
INSERT INTO "security_event" VALUES(12,1800000000000,'certificate signed','this system','CP1','serial a1b2');
INSERT INTO "security_event" VALUES(13,1800000000000,'certificate revoked','command line','CP2','serial c3d4');
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
INSERT INTO "site_limit" VALUES('upstream operator','upstream',4,'gone',1800000900000,NULL,NULL,NULL,NULL,NULL);
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
INSERT INTO "upstream_command" VALUES('operator','01J8Z3KQ5T','reset',X'0000000000000000000000000000000000000000000000000000000000000000',NULL,'desk 4','done',NULL,NULL,'{"status":"Accepted"}',1800000000000,1800000000000);
CREATE TABLE upstream_cursor (
    upstream TEXT PRIMARY KEY,
    number INTEGER NOT NULL,
    minute INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "upstream_cursor" VALUES('operator',1800000000003,30000000);
CREATE TABLE upstream_hold (
    upstream TEXT PRIMARY KEY,
    number INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "upstream_hold" VALUES('operator',1800000000002);
CREATE INDEX charging_transaction_repeat ON charging_transaction (charge_point, started_text);
CREATE INDEX charging_transaction_open ON charging_transaction (charge_point) WHERE stop_received_utc_ms IS NULL;
CREATE INDEX charging_transaction_of_charge_point ON charging_transaction (charge_point);
CREATE INDEX charging_transaction_of_id_tag ON charging_transaction (id_tag);
CREATE INDEX operation_of_charge_point ON operation (charge_point, number);
CREATE TRIGGER id_tag_removed AFTER INSERT ON id_tag WHEN NEW.status IS NULL
BEGIN
    DELETE FROM id_tag WHERE key = NEW.key;
END;
CREATE INDEX security_event_source ON security_event (source);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('event',1800000000063);
INSERT INTO "sqlite_sequence" VALUES('charging_transaction',8);
INSERT INTO "sqlite_sequence" VALUES('operation',3);
INSERT INTO "sqlite_sequence" VALUES('delivery',1);
INSERT INTO "sqlite_sequence" VALUES('security_event',13);
COMMIT;
PRAGMA user_version = 2;
