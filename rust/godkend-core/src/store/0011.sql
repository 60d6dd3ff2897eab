-- Acting for somebody else, and for organisations. Scopes are one service provider a line, or *; dates are
-- YYYY-MM-DD in Denmark, both inclusive.
CREATE TABLE delegation (
    id           BLOB PRIMARY KEY,
    principal_id BLOB NOT NULL,
    agent_id     BLOB NOT NULL,
    kind         INTEGER NOT NULL,
    scopes       TEXT NOT NULL,
    starts_on    TEXT NOT NULL,
    ends_on      TEXT NOT NULL,
    grounds      TEXT NOT NULL,
    recorded_by  TEXT NOT NULL,
    officer_id   TEXT NOT NULL,
    recorded_at  INTEGER NOT NULL,
    ended_at     INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX delegation_of_agent ON delegation (agent_id, ends_on) WHERE ended_at IS NULL;
CREATE INDEX delegation_of_principal ON delegation (principal_id, ends_on) WHERE ended_at IS NULL;

ALTER TABLE identity ADD COLUMN organisation TEXT;
ALTER TABLE login ADD COLUMN acting INTEGER NOT NULL DEFAULT 1;
ALTER TABLE login ADD COLUMN business_service INTEGER NOT NULL DEFAULT 0;
ALTER TABLE login ADD COLUMN delegation_id BLOB;
ALTER TABLE login ADD COLUMN principal_id BLOB;
