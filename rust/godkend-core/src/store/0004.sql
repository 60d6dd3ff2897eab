-- Who an identity is known by: a registrar that vouches, or what a desk recorded. Those that are there
-- were registered by registrars that vouch.
ALTER TABLE identity ADD COLUMN is_vouched INTEGER NOT NULL DEFAULT 1;
ALTER TABLE identity ADD COLUMN identified_at INTEGER;

-- Of a document's number only a keyed digest lies here.
CREATE TABLE evidence (
    id                     BLOB PRIMARY KEY,
    identity_id            BLOB NOT NULL,
    recorded_by            TEXT NOT NULL,
    officer_id             TEXT NOT NULL,
    document_kind          INTEGER NOT NULL,
    document_country       TEXT NOT NULL,
    document_number_digest BLOB NOT NULL,
    document_expires_on    TEXT NOT NULL,
    method                 INTEGER NOT NULL,
    witness_id             BLOB,
    level                  INTEGER NOT NULL,
    recorded_at            INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX evidence_of_identity ON evidence (identity_id, recorded_at, id);
CREATE INDEX evidence_of_witness ON evidence (witness_id, recorded_at) WHERE witness_id IS NOT NULL;

CREATE TABLE consent (
    id          BLOB PRIMARY KEY,
    identity_id BLOB NOT NULL,
    parent_id   BLOB NOT NULL,
    recorded_by TEXT NOT NULL,
    officer_id  TEXT NOT NULL,
    recorded_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX consent_of_identity ON consent (identity_id);
