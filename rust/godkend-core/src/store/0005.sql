-- Temporary PINs are derived from the id and a key; nothing of them lies here.
CREATE TABLE temporary_pin (
    id                 BLOB PRIMARY KEY,
    identity_id        BLOB NOT NULL,
    state              INTEGER NOT NULL,
    tries_left         INTEGER NOT NULL,
    created_at         INTEGER NOT NULL,
    expires_at         INTEGER NOT NULL,
    means              INTEGER NOT NULL,
    evidence_reference TEXT NOT NULL,
    signed_in_with     BLOB
) STRICT, WITHOUT ROWID;
-- At most one of an identity is issued; the rest is history.
CREATE UNIQUE INDEX temporary_pin_issued ON temporary_pin (identity_id) WHERE state = 1;
