-- Key cards. Their keys are derived; which of them are used is a bit for each, and nothing else of them lies here.
CREATE TABLE key_card (
    id          BLOB PRIMARY KEY,
    identity_id BLOB NOT NULL,
    state       INTEGER NOT NULL,
    keys        INTEGER NOT NULL,
    used        BLOB NOT NULL,
    printed_by  BLOB,
    ordered_at  INTEGER NOT NULL,
    changed_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX key_card_of_identity ON key_card (identity_id, ordered_at, id);
CREATE UNIQUE INDEX key_card_in_use ON key_card (identity_id) WHERE state = 3;
CREATE INDEX key_card_ordered ON key_card (ordered_at, id) WHERE state = 1;
-- What the service provider of a login is to NemID.
ALTER TABLE login ADD COLUMN service_kind INTEGER NOT NULL DEFAULT 1;
