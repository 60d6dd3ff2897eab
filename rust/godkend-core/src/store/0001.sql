-- The first schema. Times are Unix time in milliseconds; ids are 16 bytes.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE identity (
    id                BLOB PRIMARY KEY,
    user_id           TEXT NOT NULL,
    user_id_canonical TEXT NOT NULL UNIQUE,
    name              TEXT NOT NULL,
    birth_date        TEXT,
    level             INTEGER NOT NULL,
    blocked_at        INTEGER,
    created_at        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE authenticator (
    id              BLOB PRIMARY KEY,
    identity_id     BLOB NOT NULL,
    device_name     TEXT NOT NULL,
    key_algorithm   INTEGER NOT NULL,
    public_key      BLOB NOT NULL,
    biometrics_on   INTEGER NOT NULL,
    pin_record      BLOB NOT NULL,
    pin_version     INTEGER NOT NULL,
    charged         INTEGER NOT NULL,
    cleared         INTEGER NOT NULL,
    locked_until    INTEGER NOT NULL,
    attempts        BLOB NOT NULL,
    blocked_at      INTEGER,
    activated_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX authenticator_of_identity ON authenticator (identity_id, activated_at, id);

-- Codes are derived from the id and a key; nothing of them lies here.
CREATE TABLE code (
    id                    BLOB PRIMARY KEY,
    identity_id           BLOB NOT NULL,
    channel               INTEGER NOT NULL,
    state                 INTEGER NOT NULL,
    tries_left            INTEGER NOT NULL,
    created_at            INTEGER NOT NULL,
    expires_at            INTEGER NOT NULL,
    activation_id         BLOB,
    activation_challenge  BLOB,
    key_algorithm         INTEGER,
    public_key            BLOB,
    device_name           TEXT,
    activation_expires_at INTEGER,
    finished_by           BLOB
) STRICT, WITHOUT ROWID;
CREATE INDEX code_of_identity ON code (identity_id, state);
CREATE UNIQUE INDEX code_of_activation ON code (activation_id) WHERE activation_id IS NOT NULL;

-- Short-lived. The typed user ID lies here only as a digest.
CREATE TABLE login (
    id                BLOB PRIMARY KEY,
    front_end         TEXT NOT NULL,
    service_provider  TEXT NOT NULL,
    text              TEXT NOT NULL,
    user_id_digest    BLOB,
    source_digest     BLOB NOT NULL,
    verifier_digest   BLOB NOT NULL,
    nonce             TEXT NOT NULL,
    level_min         INTEGER NOT NULL,
    state             INTEGER NOT NULL,
    challenge         BLOB NOT NULL,
    identity_id       BLOB,
    authenticator_id  BLOB,
    user_verification INTEGER,
    attempts          BLOB NOT NULL,
    started_at        INTEGER NOT NULL,
    expires_at        INTEGER NOT NULL,
    approved_at       INTEGER,
    -- Numbers the writes of all logins, so that other processes can follow them.
    changed           INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX login_changed ON login (changed);
CREATE INDEX login_pending ON login (user_id_digest, source_digest, expires_at)
    WHERE user_id_digest IS NOT NULL AND state = 1;
CREATE INDEX login_expiry ON login (expires_at);

CREATE TABLE budget (
    key        BLOB PRIMARY KEY,
    arrival_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Append-only: the triggers refuse what the hash chain would show.
CREATE TABLE event (
    seq              INTEGER PRIMARY KEY,
    at               INTEGER NOT NULL,
    kind             TEXT NOT NULL,
    identity_id      BLOB,
    authenticator_id BLOB,
    login_id         BLOB,
    actor            TEXT NOT NULL,
    detail           TEXT NOT NULL,
    hash             BLOB NOT NULL
) STRICT;
CREATE TRIGGER event_is_never_changed BEFORE UPDATE ON event
    BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TRIGGER event_is_never_removed BEFORE DELETE ON event
    BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
