-- Code displays and audio code readers. Their seeds are sealed.
CREATE TABLE display (
    id            BLOB PRIMARY KEY,
    serial_number TEXT NOT NULL UNIQUE,
    kind          INTEGER NOT NULL,
    algorithm     INTEGER NOT NULL,
    -- Of its clock, in seconds; 0 for one that counts its codes.
    period_s      INTEGER NOT NULL,
    seed          BLOB NOT NULL,
    state         INTEGER NOT NULL,
    identity_id   BLOB,
    -- The first counter or step whose code may be accepted.
    next          INTEGER NOT NULL,
    drift         INTEGER NOT NULL,
    resync        INTEGER,
    imported_at   INTEGER NOT NULL,
    changed_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX display_of_identity ON display (identity_id, imported_at, id)
    WHERE identity_id IS NOT NULL;
-- At most one active display for each identity.
CREATE UNIQUE INDEX display_active ON display (identity_id) WHERE state = 3;

CREATE TABLE password (
    identity_id  BLOB PRIMARY KEY,
    -- Of the request that set it.
    id           BLOB NOT NULL,
    record       BLOB NOT NULL,
    charged      INTEGER NOT NULL,
    cleared      INTEGER NOT NULL,
    locked_until INTEGER NOT NULL,
    set_at       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What anybody can try who knows a user ID; the key is a digest of it, whoever has it or nobody.
CREATE TABLE door (
    key          BLOB PRIMARY KEY,
    charged      INTEGER NOT NULL,
    cleared      INTEGER NOT NULL,
    locked_until INTEGER NOT NULL,
    charged_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX door_charged ON door (charged_at);

-- What a login is done with; those from before were done with phones.
ALTER TABLE login ADD COLUMN way INTEGER;
UPDATE login SET way = 1 WHERE authenticator_id IS NOT NULL;
