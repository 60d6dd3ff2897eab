-- Copies of the app on their way to another phone. Their QR codes are derived; nothing of them lies here.
CREATE TABLE app_copy (
    id               BLOB PRIMARY KEY,
    identity_id      BLOB NOT NULL,
    authenticator_id BLOB NOT NULL,
    state            INTEGER NOT NULL,
    requested_at     INTEGER NOT NULL,
    ready_at         INTEGER NOT NULL,
    expires_at       INTEGER NOT NULL,
    -- When it moves on without anybody calling.
    due_at           INTEGER,
    ended_at         INTEGER,
    code_id          BLOB,
    code_tries_left  INTEGER,
    code_expires_at  INTEGER,
    challenge        BLOB,
    key_algorithm    INTEGER,
    public_key       BLOB,
    device_name      TEXT,
    scanned_code_id  BLOB,
    finish_by        INTEGER,
    finished_by      BLOB
) STRICT, WITHOUT ROWID;
CREATE INDEX app_copy_of_identity ON app_copy (identity_id, requested_at, id);
CREATE INDEX app_copy_due ON app_copy (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX app_copy_ended ON app_copy (ended_at) WHERE ended_at IS NOT NULL;
-- Whether messages may be shown in an app: chosen at the end of a copy.
ALTER TABLE authenticator ADD COLUMN notifications_on INTEGER NOT NULL DEFAULT 1;
