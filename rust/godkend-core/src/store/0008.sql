-- Messages on their way, the right to deliver them, how far the history was followed, and whose history it is.

CREATE TABLE message (
    id          BLOB PRIMARY KEY,
    event_seq   INTEGER NOT NULL,
    identity_id BLOB NOT NULL,
    channel     INTEGER NOT NULL,
    address     TEXT,
    state       INTEGER NOT NULL,
    tries       INTEGER NOT NULL,
    due_at      INTEGER NOT NULL,
    failure     TEXT NOT NULL,
    settled_at  INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX message_due ON message (due_at) WHERE state = 1;
CREATE INDEX message_dead ON message (event_seq, id) WHERE state = 3;
CREATE INDEX message_settled ON message (settled_at) WHERE settled_at IS NOT NULL;

CREATE TABLE lease (
    name       TEXT PRIMARY KEY,
    holder     BLOB NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- `client` is empty for godkend's own.
CREATE TABLE consumer (
    client   TEXT NOT NULL,
    name     TEXT NOT NULL,
    seq      INTEGER NOT NULL,
    acked_at INTEGER NOT NULL,
    PRIMARY KEY (client, name)
) STRICT, WITHOUT ROWID;
-- Nobody is told now of what happened before there were messages.
INSERT INTO consumer SELECT '', 'notifier', max(seq), 0 FROM event HAVING max(seq) > 0;

-- One row for each event that people see: an index of all events by identity would cost every login two.
CREATE TABLE history (
    identity_id BLOB NOT NULL,
    seq         INTEGER NOT NULL,
    reported_at INTEGER,
    PRIMARY KEY (identity_id, seq)
) STRICT, WITHOUT ROWID;
INSERT INTO history (identity_id, seq)
    SELECT identity_id, seq FROM event WHERE identity_id IS NOT NULL AND kind NOT IN ('login.redeemed', 'display_code.accepted');
