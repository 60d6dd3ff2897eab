-- How a subscriber can be reached, and since when by that phone number.
ALTER TABLE identity ADD COLUMN phone_number TEXT;
ALTER TABLE identity ADD COLUMN phone_number_changed_at INTEGER;
ALTER TABLE identity ADD COLUMN email TEXT;
ALTER TABLE identity ADD COLUMN language INTEGER NOT NULL DEFAULT 1;
