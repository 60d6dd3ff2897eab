-- Whose history an event belongs to, as a thread through the events: the identity names its last one, each
-- the one before it, 0 for the first; NULL is in nobody's. A table of one row for each event, in the order of
-- identities, made every durable command write a page more.
ALTER TABLE event ADD COLUMN previous_seq INTEGER;
ALTER TABLE identity ADD COLUMN last_event_seq INTEGER NOT NULL DEFAULT 0;
CREATE TABLE report (
    event_seq   INTEGER PRIMARY KEY,
    reported_at INTEGER NOT NULL
) STRICT;

DROP TRIGGER event_is_never_changed;
UPDATE event SET previous_seq = coalesce(
    (SELECT max(earlier.seq) FROM history AS earlier
     WHERE earlier.identity_id = event.identity_id AND earlier.seq < event.seq), 0)
WHERE EXISTS (SELECT 1 FROM history WHERE history.identity_id = event.identity_id AND history.seq = event.seq);
UPDATE identity SET last_event_seq =
    coalesce((SELECT max(seq) FROM history WHERE history.identity_id = identity.id), 0);
INSERT INTO report SELECT seq, reported_at FROM history WHERE reported_at IS NOT NULL;
DROP TABLE history;
CREATE TRIGGER event_is_never_changed BEFORE UPDATE ON event
    BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
