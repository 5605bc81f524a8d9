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
