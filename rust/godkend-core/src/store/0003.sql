-- How an app became an authenticator, and the key that an activation code vouches for. What was activated
-- before is of Substantial, with a key of which nothing is known.
ALTER TABLE authenticator ADD COLUMN enrolled_level INTEGER NOT NULL DEFAULT 2;
ALTER TABLE authenticator ADD COLUMN hardware_key INTEGER NOT NULL DEFAULT 0;
ALTER TABLE code ADD COLUMN attested_key BLOB;
